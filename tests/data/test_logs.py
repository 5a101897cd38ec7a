"""Logs of what was shown: read or refused in one sentence, divided by slates, drawn by a declared
logger, trained on, evaluated."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

import gnnseg
from gnnseg import config
from gnnseg.cli import main
from gnnseg.data import logs
from gnnseg.data.sets.answers import Answers, logger
from gnnseg.data.tables.formats import Sheet
from gnnseg.runs import train as pipeline
from gnnseg.types import InputError

GOOD = {
    "slate": ["a", "a", "b"], "user": [1, 1, 2], "item": [10, 20, 10], "position": [1, 2, 1],
    "propensity": [0.5, 0.25, 1.0], "reward": [0.0, 2.5, 1.0],
}  # fmt: skip
SMALL = [
    "data=planted", "data.users=120", "data.items=40", "data.segments=4", "data.interactions=1200",
    "head.segments=4", "device=cpu",
]  # fmt: skip
LOG = ["data.log_events=6000", "data.logger=0.5"]
POLICY = [
    "objective=policy",
    "objective.reward=logged",
    "objective.importance=logged",
    "trainer.monitor=valid/value",
]
SHORT = ["trainer.max_epochs=20", "trainer.eval_every=10", "threads=1"]


def read(**changes: list[object]) -> pl.DataFrame:
    frame = pl.DataFrame({**GOOD, **changes}, strict=False)
    return logs.read(Sheet(Path("log.csv"), frame), propensity=True)


def test_a_log_is_read_as_it_stands() -> None:
    found = read()
    assert found.columns == ["slate", "user", "item", "position", "propensity", "reward"]
    assert found.row(1) == ("a", "1", "20", 2, 0.25, 2.5)
    bare = pl.DataFrame({"user": ["x", "y"], "item": [1, 2], "reward": ["0", "1.5"]})
    found = logs.read(Sheet(Path("log.csv"), bare), propensity=False)
    assert found["slate"].to_list() == ["0", "1"]
    assert found["position"].to_list() == [1, 1]


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"propensity": [0.5, 0.0, 1.0]}, "line 3: the propensity is 0; it is the probability"),
     ({"propensity": [0.5, 0.2, 1.5]}, "line 4: the propensity is 1.5; it is the probability"),
     ({"propensity": [0.5, None, 1.0]}, "line 3: the propensity is missing"),
     ({"reward": [0.0, None, 1.0]}, "line 3: the reward is missing or no number; write 0 where"),
     ({"user": [1, None, 2]}, "line 3: the user is missing"),
     ({"position": [1, 0, 1]}, "line 3: the position is no whole number from 1"),
     ({"propensity": [0.5, 1e-300, 1.0]}, "line 3: the propensity is 1e-300; it is the"),
     ({"position": [1, 1e30, 1]}, "line 3: the position is no whole number from 1 to 1,000,000"),
     ({"user": [1, 3, 2]}, "line 3: its slate is another user's"),
     ({"position": [1, 1, 1]}, "line 2: two items stand at one position"),
     ({"item": [10, 10, 10]}, "line 2: its item stands twice in its slate")],
)  # fmt: skip
def test_bad_rows_are_refused_by_their_line(changes: dict[str, list[object]], said: str) -> None:
    with pytest.raises(InputError, match=said):
        read(**changes)


def test_what_only_the_user_can_say_is_asked_for() -> None:
    with pytest.raises(
        InputError,
        match="line 2: its slate has several items; name their places in a column position",
    ):
        logs.read(Sheet(Path("log.csv"), pl.DataFrame(GOOD).drop("position")), propensity=True)
    texts = Sheet(Path("log.csv"), pl.DataFrame({**GOOD, "reward": ["1.250", "2.125", "3.500"]}))
    with pytest.raises(InputError, match="decimal"):
        logs.read(texts, propensity=True)
    assert logs.read(texts, propensity=True, decimal="comma")["reward"].to_list() == [
        1250.0,
        2125.0,
        3500.0,
    ]


def test_a_sharp_logger_is_a_logger_still() -> None:
    chance = np.array([[0.5, 0.25, 1e-9, 0.5]])
    found = logger(chance, np.array([[False, False, False, True]]), 2000.0)
    np.testing.assert_allclose(found, [[1.0, 0.0, 0.0, 0.0]])


def test_missing_columns_are_named() -> None:
    with pytest.raises(
        InputError, match="propensity is missing from it, which has slate, user, item"
    ):
        logs.read(Sheet(Path("log.csv"), pl.DataFrame(GOOD).drop("propensity")), propensity=True)


def test_the_planted_log_is_what_its_logger_says() -> None:
    c = config.compose([*SMALL, "data.log_events=40000", "data.logger=1.0"])
    split = pipeline.read(c, lambda line: None)
    log, answers = split.log, Answers.of(split.truth, "planted")
    assert log is not None
    assert log.propensity is not None
    assert log.part is not None
    seen = np.zeros((len(split.users), len(split.items)), dtype=bool)
    for pairs in split.parts.values():
        seen[pairs.user, pairs.item] = True
    assert not seen[log.user, log.item].any()
    np.testing.assert_allclose(
        logger(answers.chance(), seen, 1.0)[log.user, log.item], log.propensity
    )
    chance = answers.chance()[log.user, log.item]
    clicked = log.reward > 0
    assert abs(clicked.mean() - chance.mean()) < 4 * np.sqrt(chance.mean() / len(log))
    np.testing.assert_allclose(log.reward[clicked], answers.value[log.item[clicked]])
    counts = np.bincount(log.part) / len(log)
    np.testing.assert_allclose(counts, [0.8, 0.1, 0.1], atol=1e-4)
    inverse = (1 / log.propensity).mean() / np.mean((~seen).sum(1)[log.user])
    assert abs(inverse - 1) < 0.1  # every item that may be shown is, as often as said


@pytest.mark.slow
def test_a_policy_trains_on_a_log_and_is_evaluated_on_another(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = [*SMALL, *LOG, *POLICY, *SHORT, f"runs.root={tmp_path}"]
    c = config.compose(chosen)
    config.check(c)
    result = pipeline.train(c, say=lambda line: None, progress=False)
    run = gnnseg.load(result.path)
    value = run.metric("test/value")
    assert value > 2 * run.metric("test/value/logger")  # better than who made the log
    rows = run.metric("test/value/effective_rows")
    assert rows > 0
    assert any(
        "effective rows for this policy, too few" in warning for warning in run.record["alarms"]
    ) == (rows < 100)
    split = pipeline.read(
        config.compose([*SMALL, *LOG, "data.seed=0", "data.log_events=9000"]), lambda line: None
    )
    assert split.log is not None
    frame = logs.to_frame(split.log, split.users, split.items)
    path = tmp_path / "log.csv"
    frame.write_csv(path)
    assert main(["evaluate", str(result.path), "--offpolicy", str(path), "--cap", "5"]) == 0
    told = capsys.readouterr()
    for name in ("dm", "ips", "snips", "dr", "switch-dr", "logger", "weights up to 5"):
        assert name in told.out
    assert "effective rows" in told.err
    assert "by segment, SNIPS" in told.out
    assert "worst segment: " in told.err
    page = (result.path / "report.html").read_text("utf-8")
    assert "What it would earn" in page
    assert "Nobody was really shown this; logger simulated: chance of a click to the power" in page
    assert main(["evaluate", str(result.path), "--cap", "5"]) == 2
    assert (
        "--cap, --switch, --seen and --decimal go with --offpolicy LOG" in capsys.readouterr().err
    )
    with pytest.raises(InputError, match="seen='Mask': it is 'mask' or 'allow'"):
        run.offpolicy(path, seen="Mask")  # type: ignore[arg-type]
    mine = frame.filter(pl.Series(split.log.part) == 2)
    assert run.offpolicy(mine).estimates["snips"].value != pytest.approx(
        value
    )  # other rows, drawn by another number of events
    frame.with_columns(
        item=pl.when(pl.col("slate") == "3").then(pl.lit("new")).otherwise("item")
    ).write_csv(path)
    assert main(["evaluate", str(result.path), "--offpolicy", str(path)]) == 2
    assert "item 'new' is not known to" in capsys.readouterr().err


def test_a_policy_without_its_log_is_refused_in_one_sentence(tmp_path: Path) -> None:
    c = config.compose([*SMALL, *POLICY, *SHORT, f"runs.root={tmp_path}"])
    with pytest.raises(InputError, match="needs a log of what was shown, and planted has none"):
        pipeline.train(c, say=lambda line: None, progress=False)
