"""What a head says it stores stands in the run folder, and no more than that."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from safetensors.torch import load_file

import gnnseg
from gnnseg.data.raw import Raw
from gnnseg.testing import block_graph
from gnnseg.types import Segmentation

SMALL = [
    "encoder=linear", "encoder.dim=8", "features.derived=true", "trainer.max_epochs=1", "threads=1",
]  # fmt: skip


@pytest.mark.parametrize(
    ("head", "stored", "pulled"),
    [
        (["head.beta=affinity"], {"alpha", "beta", "inverse_norm", "bias"}, True),
        (["head=mlp", "head.layers=[6,5]"], {"alpha", "beta"}, False),
        (["head=posthoc"], {"alpha", "beta", "bias"}, False),
        (["head=protomf"], {"alpha", "beta"}, True),
    ],
)
def test_a_run_folder_keeps_what_head_and_scores_declare(
    tmp_path: Path, head: list[str], stored: set[str], pulled: bool
) -> None:
    """Prototypes of a space that is not the embeddings' own say nothing of an attribute."""
    p = block_graph(users=40, items=20)[0].pattern
    users, items = (
        [f"{kind}{n}" for n in ids.tolist()] for kind, ids in (("u", p.row), ("i", p.column))
    )
    part = np.random.default_rng(0).choice(3, p.entries, p=[0.8, 0.1, 0.1]).astype(np.int8)
    raw = Raw(name="toy", events=pl.DataFrame({"user": users, "item": items, "part": part}))
    overrides = ["split=given", f"runs.root={tmp_path}", *SMALL, *head, "head.segments=3"]
    run = gnnseg.train(raw, overrides)
    tensors = load_file(run.path / "scores.safetensors")
    assert set(tensors) == {"user", "item", "item_counts", *stored}
    groups = pl.read_parquet(run.path / "groups.parquet")
    scorer = run.stored.scorer
    assert isinstance(scorer, Segmentation)
    prototype = scorer.prototypes
    assert prototype is not None
    torch.testing.assert_close(
        torch.tensor(groups["prototype"].to_list()), prototype.detach(), atol=1e-6, rtol=1e-5
    )
    columns = pl.read_parquet(run.path / "attributes.parquet").columns
    assert any(name.startswith("segment_") for name in columns) == pulled
