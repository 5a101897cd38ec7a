"""profile=true: the steps that were asked for, in the folder; the run is the same run."""

import json

import polars as pl
import pytest

from gnnseg import config
from gnnseg.runs import profiling, schema
from gnnseg.runs import train as pipeline
from gnnseg.types import InputError

SMALL = [
    "data=planted", "data.users=60", "data.items=40", "data.interactions=600", "data.segments=3",
    "head.segments=3", "encoder.dim=4", "device=cpu", "threads=1", "trainer.eval_every=20",
]  # fmt: skip


def train(root, *overrides):
    composed = config.compose([*SMALL, f"runs.root={root}", *overrides])
    config.check(composed)
    said = []
    return pipeline.train(composed, say=said.append).path, said


@pytest.mark.slow
def test_a_few_steps_are_recorded_and_the_run_is_the_same(tmp_path):
    plain, _ = train(tmp_path / "plain", "trainer.max_epochs=20")
    path, said = train(tmp_path / "profiled", "trainer.max_epochs=20", "profile=true")
    assert path.name == plain.name
    scores = "scores.safetensors"
    assert (path / scores).read_bytes() == (plain / scores).read_bytes()
    assert not (plain / profiling.TABLE).exists()
    assert schema.check(path) == schema.check(plain) == []
    assert any(line.startswith("profile of 10 steps") for line in said)

    found = pl.read_parquet(path / profiling.TABLE)
    phases = dict(found.filter(pl.col("kind") == "phase").select("name", "calls").iter_rows())
    assert phases == dict.fromkeys(("batch", "forward", "backward", "optimizer"), 10)
    parts = dict(found.filter(pl.col("kind") == "part").select("name", "cpu_ms").iter_rows())
    assert parts.keys() == {"encoder", "head", "objective"}
    assert all(value > 0 for value in parts.values())
    forward = found.filter(pl.col("name") == "forward")["cpu_ms"].item()
    assert parts["encoder"] + parts["head"] + parts["objective"] <= forward
    assert "operator" in found["kind"]

    trace = json.loads((path / profiling.TRACE).read_text("utf-8"))["traceEvents"]
    steps = {each["name"] for each in trace if each["name"].startswith("ProfilerStep#")}
    first = profiling.WAIT + profiling.WARMUP
    assert steps == {f"ProfilerStep#{first + n}" for n in range(10)}


def test_too_short_a_training_says_so(tmp_path):
    path, said = train(tmp_path, "trainer.max_epochs=2", "profile=true")
    assert not (path / profiling.TABLE).exists()
    assert any(line.startswith("profile: nothing is recorded") for line in said)


def test_a_training_that_ends_meanwhile_leaves_what_there_is(tmp_path):
    path, _ = train(tmp_path, "trainer.max_epochs=8", "profile=true")
    found = pl.read_parquet(path / profiling.TABLE)
    assert found.filter(pl.col("name") == "forward")["calls"].item() == 3


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["profile=2"], "profile"),
        (["baseline=ease", "profile=true"], "profile=true: baseline=ease is fitted at once"),
    ],
)
def test_what_cannot_be_profiled_is_refused(overrides, said):
    with pytest.raises(InputError, match=said):
        config.check(config.compose(["data=planted", *overrides]))
