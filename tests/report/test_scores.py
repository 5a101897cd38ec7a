"""Scores are shown with their unit: a probability in per cent where scores are logs of one."""

import math
import re

import polars as pl
import pytest
import torch

from gnnseg.cli.command import main
from gnnseg.report import scores
from gnnseg.runs.run import Run


def _lines(said):
    return [line.strip() for line in said.splitlines() if line.strip()]


KINDS = ["distribution", "membership", "affinity", "hybrid", "dot"]


@pytest.mark.parametrize("kind", KINDS)
def test_probabilities_are_what_sums_to_one(make_run, kind):
    """Whether a run's scores are called so is read off its record; here off the scores."""
    path, scorer = make_run(kind)
    whole = scorer.block(torch.arange(12)).double().exp().sum(1)
    sums = bool(((whole - 1).abs() < 1e-4).all())
    config = Run(path).record["config"]
    assert scores.are_probabilities(config) == sums == (kind == "distribution")


@pytest.mark.parametrize(
    ("target", "beta", "expected"),
    [
        ("gnnseg.models.heads.segments.Segments", None, True),
        ("gnnseg.heads.segments.Segments", "affinity", False),
        ("gnnseg.models.heads.posthoc.Posthoc", None, True),
        ("gnnseg.models.heads.hybrid.Hybrid", "distribution", False),
        ("gnnseg.models.heads.mlp.MLP", None, False),
        ("somebody.elses.Head", None, False),
    ],
)
def test_a_head_says_what_its_scores_are(target, beta, expected):
    head = {"_target_": target, **({} if beta is None else {"beta": beta})}
    assert scores.are_probabilities({"head": head}) == expected


def test_a_list_shows_per_cent_and_not_the_logit(make_run):
    path, scorer = make_run()
    run = Run(path, scorer)
    found = run.recommend("u1", 4)
    said = scores.lists(found, run.record["config"])
    head, _, *lines = _lines(said)[:6]
    assert head.split()[-2:] == ["probability", "(%)"]
    shown = [float(line.split()[-1]) for line in lines]
    slow = [
        100 * float(scorer.block(torch.tensor([1])).exp()[0, int(item[1:])])
        for item in found["item"]
    ]
    assert shown == pytest.approx(slow, abs=0.05)
    assert scores.ORDER in said  # no objective is known to have taught probabilities
    config = run.record["config"] | {"objective": {"_target_": "gnnseg.objectives.x.Likelihood"}}
    assert scores.ORDER not in scores.lists(found, config)


@pytest.mark.parametrize("kind", ["membership", "affinity", "hybrid", "dot"])
def test_what_is_no_probability_is_called_a_logit(make_run, kind):
    run = Run(*make_run(kind))
    found = run.recommend("u1", 4)
    said = scores.lists(found, run.record["config"])
    assert "score (logit)" in _lines(said)[0]
    assert "%" not in said
    assert f"{found['score'][0]:.4f}" in said


def test_a_segments_list_shows_its_share_beside_everyones():
    table = pl.DataFrame({"rank": [1, 2], "item": ["a", "b"], "score": [0.2, 0.1]})
    said = scores.wants(table, [0.5, 0.125], [0.25, 0.0625])
    said = _lines(said)
    assert re.split(r"\s{2,}", said[0]) == ["rank", "item", "segment (%)", "everyone (%)"]
    assert [line.split() for line in said[-2:]] == [
        ["1", "a", "50.0", "25.0"],
        ["2", "b", "12.5", "6.2"],
    ]


def test_an_explanation_says_of_what_each_value_is(make_run):
    path, scorer = make_run("affinity")
    run = Run(path, scorer)
    said = scores.explanation(run.explain("u1", "i2"), run.record["config"])
    assert "user u1, item i2 (The item 2)" in said
    assert "%" not in said
    assert [line.split()[-1] for line in said.splitlines()[2:] if "bias" in line] == ["logit"]
    path, scorer = make_run("distribution", name="other")
    run = Run(path, scorer)
    lines = _lines(scores.explanation(run.explain("u1", "i2"), run.record["config"]))
    assert sum("of the score" in line for line in lines) == 3
    (score,) = [line for line in lines if line.startswith("score")]
    known = 100 * float(scorer.pairs(torch.tensor([1]), torch.tensor([2])).exp()[0])
    assert float(score.split()[1].rstrip("%")) == pytest.approx(known, rel=0.01)
    assert score.split()[2] == "probability"


def test_percentages_have_as_many_decimals_as_are_needed():
    assert scores.percentages([0.5, 0.004]) == ["50.0", "0.4"]
    assert scores.percentages([0.00321, 0.0004]) == ["0.321", "0.040"]
    assert scores.percentages([0.2, 0.00001, 0.0]) == ["20.0", "<0.1", "0.0"]
    assert scores.percentages([1e-300]) == ["<0.00000001"]
    assert scores.percentages([]) == []
    assert scores.one(math.log(0.0321), {"head": {"_target_": "x.Segments"}}) == "3.21%"
    assert scores.one(-1.2, {"head": {"_target_": "x.Dot"}}) == "logit −1.20"


@pytest.mark.parametrize(
    ("kind", "shown"),
    [
        ("distribution", "everyone (%)"),
        ("hybrid", "everyone (%)"),
        ("membership", "score (nats)"),
        ("affinity", "score (logit)"),
    ],
)
def test_the_command_shows_a_segments_list_in_its_unit(make_run, kind, shown, capsys):
    path, scorer = make_run(kind)
    assert main(["recommend", str(path), "--segment", "2", "-k", "3"]) == 0
    head, _, first, *_ = _lines(capsys.readouterr().out)
    assert shown in head
    if kind == "distribution":
        beta, best = scorer.beta, Run(path).recommend_segment(2, 1)["item"][0]
        at = int(best[1:])
        everyone = sum(float(scorer.alpha[:, k].mean() * beta[k, at]) for k in range(3))
        shares = [float(cell) for cell in first.split()[-2:]]
        assert shares == pytest.approx([100 * float(beta[1, at]), 100 * everyone], abs=0.06)
