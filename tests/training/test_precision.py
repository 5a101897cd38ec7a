"""Training in mixed precision: the same quality, the same bits each time, float32 left behind."""

import json
from pathlib import Path

import pytest

from gnnseg import config
from gnnseg.runs import train as pipeline
from gnnseg.types import InputError

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


@pytest.mark.parametrize("encoder", ["sage", "pinsage", "rgcn", "lightgcnpp"])
def test_encoders_that_pass_messages_pass_them_in_bf16(encoder: str, tmp_path: Path) -> None:
    chosen = [
        f"encoder={encoder}", "encoder.dim=16", "head=dot", "trainer.max_epochs=2",
        "data.relation_signal=1",
    ]  # fmt: skip
    whole, low = (
        run(tmp_path, *chosen, f"trainer.precision={precision}")
        for precision in ("float32", "bf16")
    )
    assert low[0] != whole[0]
    assert low[0] == pytest.approx(whole[0], rel=1e-3)


@pytest.mark.parametrize("encoder", ["mf", "two_tower", "pyg"])
def test_bf16_is_refused_where_it_would_change_nothing(encoder: str, tmp_path: Path) -> None:
    chosen = [f"encoder={encoder}", "encoder.dim=16", "head=dot", "trainer.precision=bf16"]
    with pytest.raises(InputError, match=r"trainer\.precision=bf16: this model passes no messages"):
        run(tmp_path, *chosen)


def test_an_unknown_precision_is_refused() -> None:
    with pytest.raises(InputError, match=r"trainer\.precision='fp8': must be one of float32, bf16"):
        config.check(config.compose([*SMALL, "trainer.precision=fp8"]))
