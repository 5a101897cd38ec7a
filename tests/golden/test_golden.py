"""Golden trajectories: a refactor keeps the losses. A change that moves one raises
``folder.NUMERICS`` and says so.

To store them anew: GNNSEG_GOLDEN=write python -m pytest tests/golden
"""

import json
from pathlib import Path

import pytest

from gnnseg import config
from gnnseg.runs import train as pipeline
from gnnseg.runs.numerics import NUMERICS

STORED = Path(__file__).parent / "losses.json"
SMALL = [
    "data=planted", "data.users=150", "data.items=80", "data.interactions=2500", "data.segments=4",
    "encoder.dim=16", "threads=1",
]  # fmt: skip
RUNS = {
    "likelihood, full batch": ["head.segments=4", "trainer.max_epochs=20", "trainer.eval_every=4"],
    "affinity, sampled softmax": [
        "head.segments=4", "head.beta=affinity", "trainer.max_epochs=3", "trainer.batch_size=512",
        "trainer.eval_every=1",
    ],
    "membership, in batch": [
        "head.segments=4", "head.beta=membership", "objective.sampling=in_batch",
        "objective.negatives=64",
        "trainer.max_epochs=3", "trainer.batch_size=512", "trainer.eval_every=1",
    ],
    "lightgcn++, bpr, l2, dropout": [
        "encoder=lightgcnpp", "encoder.dim=16", "encoder.dropout=0.1", "head=dot",
        "head.similarity=dot", "objective=bpr",
        "regularisers.l2.weight=0.0001", "trainer.max_epochs=4", "trainer.batch_size=512",
        "trainer.eval_every=1",
    ],
    "hybrid, balance, entropy": [
        "head=hybrid", "head.segments=4", "head.tau=0.14",
        "regularisers.balance.weight=0.1",
        "regularisers.entropy.weight=0.05",
        "trainer.max_epochs=3", "trainer.batch_size=512", "trainer.eval_every=1",
    ],
    "sage sampled, margin, simgcl": [
        "encoder=sage", "encoder.dim=16", "encoder.neighbours=[4,3]", "head=dot",
        "head.tau=0.12", "objective=margin",
        "regularisers.simgcl.weight=0.1", "trainer.max_epochs=4", "trainer.batch_size=512",
        "trainer.eval_every=1",
    ],
    "policy on a log, entropy, learned weights": [
        "data.log_events=3000", "objective=policy", "objective.reward=logged",
        "objective.importance=learned", "objective.baseline=user",
        "objective.entropy=0.05", "objective.top=3", "head.segments=4", "trainer.max_epochs=12",
        "trainer.eval_every=3",
    ],
    "policy on a log, doubly robust, in batches": [
        "data.log_events=3000", "experiment=policy", "head.segments=4", "trainer.batch_size=512",
        "trainer.max_epochs=4",
        "trainer.eval_every=1",
    ],
    "pinsage, bsl": [
        "encoder=pinsage", "encoder.dim=16", "head=hybrid", "head.segments=4", "head.tau=0.14",
        "objective=bsl",
        "objective.positives=user",
        "objective.power=0.9", "trainer.max_epochs=3", "trainer.batch_size=512",
        "trainer.eval_every=1",
    ],
}  # fmt: skip


def losses(root: Path, overrides: list[str]) -> list[dict[str, float]]:
    composed = config.compose([f"runs.root={root}", *SMALL, *overrides])
    config.check(composed)
    path = pipeline.train(composed, say=lambda line: None).path
    lines = [json.loads(line) for line in (path / "metrics.jsonl").read_text("utf-8").splitlines()]
    return [{k: v for k, v in line.items() if k.startswith("train/")} for line in lines]


@pytest.mark.parametrize("name", list(RUNS))
@pytest.mark.slow
def test_losses_are_the_stored_ones(name: str, tmp_path: Path, exported: dict[str, str]) -> None:
    got = losses(tmp_path, RUNS[name])
    stored = json.loads(STORED.read_text("utf-8")) if STORED.exists() else {}
    if exported.get("GNNSEG_GOLDEN") == "write":
        STORED.write_text(
            json.dumps({**stored, "numerics": NUMERICS, name: got}, indent=1) + "\n", "utf-8"
        )
        return
    assert stored["numerics"] == NUMERICS, "numerics were raised: store the trajectories anew"
    assert len(got) == len(stored[name])
    for line, expected in zip(got, stored[name], strict=True):
        assert line == pytest.approx(expected, rel=1e-4), name
