"""CPU and GPU agree: the same draws, losses within 1e-4, ndcg within .002. Skipped where there is
no CUDA."""

import json
from pathlib import Path

import pytest
import torch

from gnnseg import config
from gnnseg.runs import train as pipeline

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch has no CUDA here"),
]
SMALL = [
    "data=planted",
    "data.users=400",
    "data.items=200",
    "data.interactions=8000",
    "data.segments=4",
    "encoder.dim=16",
]
RUNS = {
    "likelihood": ["head.segments=4", "trainer.max_epochs=30"],
    "affinity": ["head.segments=4", "head.beta=affinity", "trainer.max_epochs=3"],
    "hybrid": ["head=hybrid", "head.segments=4", "trainer.max_epochs=3"],
    "sage sampled, margin, simgcl": [
        "encoder=sage",
        "encoder.dim=16",
        "encoder.neighbours=[4,3]",
        "head=dot",
        "objective=margin",
        "regularisers.simgcl.weight=0.1",
        "trainer.max_epochs=3",
        "trainer.eval_every=1",
    ],
    "pinsage, bsl": [
        "encoder=pinsage",
        "encoder.dim=16",
        "head=dot",
        "objective=bsl",
        "trainer.max_epochs=3",
    ],
    "rgcn": [
        "data.relation_signal=1",
        "encoder=rgcn",
        "encoder.dim=16",
        "head.segments=4",
        "trainer.max_epochs=20",
    ],
    "pyg": ["encoder=pyg", "encoder.dim=16", "head=dot", "trainer.max_epochs=3"],
    "policy": [
        "data.log_events=5000",
        "experiment=policy",
        "head.segments=4",
        "trainer.max_epochs=20",
    ],
    "dropout and bpr": [
        "encoder.dropout=0.2",
        "head=dot",
        "objective=bpr",
        "trainer.max_epochs=3",
        "trainer.eval_every=1",
    ],
}


def run(root: Path, device: str, overrides: list[str]) -> tuple[list[float], float]:
    composed = config.compose(
        [f"runs.root={root / device}", f"device={device}", *SMALL, *overrides]
    )
    config.check(composed)
    path = pipeline.train(composed, say=lambda line: None).path
    lines = [json.loads(line) for line in (path / "metrics.jsonl").read_text("utf-8").splitlines()]
    record = json.loads((path / "run.json").read_text("utf-8"))
    assert record["device"]["name"].startswith(device)
    return [line["train/loss"] for line in lines], record["metrics"]["test/ndcg@20"]


@pytest.mark.parametrize("name", list(RUNS))
def test_cpu_and_gpu_agree(name: str, tmp_path: Path) -> None:
    cpu, gpu = run(tmp_path, "cpu", RUNS[name]), run(tmp_path, "cuda", RUNS[name])
    assert gpu[0] == pytest.approx(cpu[0], rel=1e-4)
    assert gpu[1] == pytest.approx(cpu[1], abs=0.002)
