"""Training in mixed precision: the same quality, the same bits each time, float32 left behind."""

import json
from pathlib import Path

import pytest
import torch

from gnnseg import config
from gnnseg.runs import train as pipeline

SMALL = [
    "data=planted", "data.users=400", "data.items=200", "data.interactions=8000",
    "data.segments=4", "encoder.dim=16",
]  # fmt: skip
RUNS = {
    "likelihood": ["head.segments=4", "trainer.max_epochs=40"],
    "softmax": ["head=dot", "trainer.max_epochs=10"],
    "bpr": ["head=dot", "objective=bpr", "trainer.max_epochs=10"],
    "hybrid": ["head=hybrid", "head.segments=4", "trainer.max_epochs=10"],
    "ngcf": ["encoder=ngcf", "encoder.dim=16", "head=dot", "trainer.max_epochs=10"],
}


def run(root: Path, *overrides: str) -> tuple[list[float], dict[str, float]]:
    composed = config.compose([f"runs.root={root}", *SMALL, *overrides])
    config.check(composed)
    path = pipeline.train(composed, say=lambda line: None).path
    lines = [json.loads(line) for line in (path / "metrics.jsonl").read_text("utf-8").splitlines()]
    record = json.loads((path / "run.json").read_text("utf-8"))
    return [line["train/loss"] for line in lines], record["metrics"]


@pytest.mark.parametrize("name", list(RUNS))
def test_quality_in_bf16_is_that_of_float32(name: str, tmp_path: Path) -> None:
    whole, low = (
        run(tmp_path, *RUNS[name], f"trainer.precision={precision}")
        for precision in ("float32", "bf16")
    )
    assert low[0] != whole[0]  # it was another computation
    assert low[0] == pytest.approx(whole[0], rel=1e-3)
    for metric in ("valid/ndcg@20", "test/ndcg@20", "test/recall@20"):
        assert low[1][metric] == pytest.approx(whole[1][metric], abs=0.005)


def test_bf16_repeats_itself_bit_for_bit_on_a_cpu(tmp_path: Path) -> None:
    chosen = [*RUNS["bpr"], "trainer.precision=bf16", "trainer.max_epochs=3"]
    first, second = (run(tmp_path / str(number), *chosen) for number in range(2))
    assert first == second


def test_tf32_is_float32_on_a_cpu_and_what_torch_multiplies_in_is_as_before(tmp_path: Path) -> None:
    chosen = [*RUNS["bpr"], "trainer.max_epochs=2"]
    before = torch.get_float32_matmul_precision()
    whole, same = (
        run(tmp_path, *chosen, f"trainer.precision={precision}", "device=cpu")
        for precision in ("float32", "tf32")
    )
    assert whole == same
    assert torch.get_float32_matmul_precision() == before


def test_an_unknown_precision_is_refused() -> None:
    from gnnseg.types import InputError

    with pytest.raises(InputError, match=r"trainer\.precision='fp8': must be one of float32, tf32"):
        config.check(config.compose([*SMALL, "trainer.precision=fp8"]))
