"""What typed edges say of segments helps to find them again."""

import json
from pathlib import Path

import numpy as np
import pytest

from gnnseg import config
from gnnseg.runs import train as pipeline

SMALL = [
    "data=planted", "data.users=200", "data.items=100", "data.segments=4", "data.interactions=800",
    "data.relation_signal=1", "encoder=rgcn", "encoder.dim=16", "encoder.layers=1",
    "encoder.init=normal", "head.segments=4", "trainer.max_epochs=60", "trainer.eval_every=20",
    "head.start=k-means", "device=cpu",
]  # fmt: skip


def recovery(root: Path, relations: str, seed: int) -> float:
    """ARI of the segments found and the planted ones."""
    composed = config.compose(
        [*SMALL, f"runs.root={root}", f"encoder.relations={relations}", f"seed={seed}"]
    )
    config.check(composed)
    path = pipeline.train(composed, say=lambda line: None, progress=False).path
    metrics = json.loads((path / "run.json").read_text("utf-8"))["metrics"]
    return float(metrics["segment/recovery_ari"])


@pytest.mark.slow
def test_relations_of_full_signal_help_to_recover_the_segments(tmp_path: Path) -> None:
    found = {
        relations: np.mean([recovery(tmp_path, relations, seed) for seed in range(2)])
        for relations in ("typed", "none")
    }
    assert found["typed"] >= found["none"]
    assert found["typed"] > 0.5
