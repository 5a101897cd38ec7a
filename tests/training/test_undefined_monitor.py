"""A monitored figure that is not defined chooses no epoch."""

import json
import math
import random

import polars as pl
import pytest

import gnnseg
from gnnseg import config
from gnnseg.evaluation import evaluator
from gnnseg.runs import train as pipeline
from gnnseg.training.checkpoint import Checkpoint, State
from gnnseg.types import InputError

SMALL = [
    "data=planted", "data.users=40", "data.items=40", "data.segments=2", "data.interactions=400",
    "encoder=mf", "head.segments=2", "trainer.max_epochs=4", "trainer.eval_every=2",
    "trainer.patience=null",
]  # fmt: skip


def composed(root, *more):
    found = config.compose([*SMALL, f"runs.root={root}", *more])
    config.check(found)
    return found


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_the_first_epoch_is_not_the_best_because_nothing_is_above_nan(value, tmp_path, monkeypatch):
    real = evaluator.during

    def undefined(*given, **named):
        return {**real(*given, **named), "valid/ndcg@20": value}

    monkeypatch.setattr(evaluator, "during", undefined)
    said = r"trainer\.monitor=valid/ndcg@20: is not defined after epoch 2"
    with pytest.raises(InputError, match=said):
        pipeline.train(composed(tmp_path), say=lambda line: None)
    (path,) = tmp_path.glob("planted-*/run.json")
    record = json.loads(path.read_text("utf-8"), parse_constant=lambda word: pytest.fail(word))
    assert record["state"] == "failed"


def test_an_evaluation_in_between_that_is_not_defined_is_no_best(tmp_path, monkeypatch):
    real, given_values = evaluator.during, iter([0.25, math.nan])

    def sometimes(*given, **named):
        return {**real(*given, **named), "valid/ndcg@20": next(given_values)}

    monkeypatch.setattr(evaluator, "during", sometimes)
    result = pipeline.train(composed(tmp_path), say=lambda line: None)
    assert result.value == 0.25


def test_a_state_of_before_that_kept_nan_is_begun_with_anew(tmp_path):
    import torch

    model = torch.nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    checkpoint = Checkpoint(tmp_path / "state.pt")
    checkpoint.save(State(epoch=3, best_value=math.nan), model, optimizer)
    state, _ = checkpoint.load(model, optimizer, torch.device("cpu"))
    assert state.epoch == 3
    assert state.best_value is None


@pytest.mark.parametrize("part", ["valid", "test"])
def test_a_part_of_nothing_but_new_users_is_refused_before_training(part, tmp_path):
    draw = random.Random(0)
    new = range(790, 905) if part == "valid" else range(895, 1000)
    rows = [
        (f"n{t}" if t in new else f"u{draw.randrange(20)}", f"i{draw.randrange(15)}", 1.7e9 + t)
        for t in range(1000)
    ]
    table = pl.DataFrame(rows, schema=["user", "item", "time"], orient="row")
    data = gnnseg.interactions(table, time="time")
    with pytest.raises(InputError, match=rf"nobody can be judged: \d+ of \d+ users of {part}"):
        gnnseg.train(data, ["split=time", "encoder=mf", f"runs.root={tmp_path}"])


def test_a_setting_that_json_cannot_hold_is_refused():
    found = config.compose([*SMALL, "+optimizer.betas=[0.9,1e999]"])
    with pytest.raises(InputError, match=r"optimizer\.betas=inf: must be a finite number"):
        config.check(found)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (
            ["trainer.monitor=valid/revenue@20"],
            r"trainer\.monitor=valid/revenue@20: revenue needs spend, and planted has none",
        ),
        (
            ["trainer.monitor=valid/value"],
            r"trainer\.monitor=valid/value: needs a log of what was shown, and planted has none",
        ),
        (
            ["trainer.monitor=valid/revenues"],
            r"trainer\.monitor=valid/revenues: a validation of planted does not measure it; .* "
            r"valid/ndcg@10, valid/ndcg@20",
        ),
        (
            ["trainer.monitor=test/revenue@10", "evaluation.protocol=paper"],
            r"trainer\.monitor=test/revenue@10: revenue needs spend",
        ),
    ],
)
def test_a_figure_that_no_validation_measures_is_refused_before_a_folder_is_made(
    asked, said, tmp_path
):
    with pytest.raises(InputError, match=said):
        pipeline.train(composed(tmp_path, *asked), say=lambda line: None)
    assert not list(tmp_path.glob("planted-*"))


def test_revenue_is_monitored_where_there_is_spend(tmp_path):
    draw = random.Random(0)
    rows = [(f"u{n % 20}", f"i{draw.randrange(15)}", draw.random()) for n in range(600)]
    table = pl.DataFrame(rows, schema=["user", "item", "spend"], orient="row")
    chosen = ["trainer.monitor=valid/revenue@10", "encoder=mf", "head.segments=2"]
    quick = ["trainer.max_epochs=4", "trainer.eval_every=2", f"runs.root={tmp_path}"]
    data = gnnseg.interactions(table, spend="spend")
    run = gnnseg.train(data, [*chosen, *quick, "evaluation.seen=allow"])
    assert run.record["best"]["metric"] == "valid/revenue@10"
    assert run.record["best"]["value"] > 0


def test_weights_that_leave_no_number_are_one_sentence(tmp_path):
    with pytest.raises(InputError, match="training has diverged; lower optimizer.lr"):
        pipeline.train(
            composed(tmp_path, "optimizer.lr=1e38", "trainer.eval_every=1"),
            say=lambda line: None,
        )


def test_python_refuses_an_experiment_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match=r"experiment=shpo: no such choice; did you mean shop\?"):
        gnnseg.train("planted", ["experiment=shpo", f"runs.root={tmp_path}"])
    assert not list(tmp_path.iterdir())
