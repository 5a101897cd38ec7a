"""Scores with their unit, for who reads them: a probability in per cent, else a logit.

Files keep ``score`` as the model has it. Where beta is a distribution that is log rec_ij, and
rec_ij is the probability that the next thing user i takes is item j.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from gnnseg.report import columns

READINGS = {  # of heads that have no setting for it, or have it at its default
    "segments": "distribution", "posthoc": "distribution", "hybrid": "distribution", "mlp": "rate",
    "protomf": "affinity",
}  # fmt: skip
PROBABILITY, LOGIT = "probability (%)", "score (logit)"
SOFTMAX = ("likelihood", "sampledsoftmax")  # objectives whose scores' softmax is a probability
ORDER = (
    "this run's objective learns an order, not probabilities: trust the ranks, not the size of "
    "chances"
)


def are_probabilities(config: Mapping[str, Any]) -> bool:
    """Return whether a run's scores are log rec_ij, with rec_ij of a user summing to 1.

    Args:
        config: The run's, as run.json has it.
    """
    personal = _class(config["head"]) == "hybrid"  # to whose log rec a personal part is added
    return reading(config) == "distribution" and not personal


def reading(config: Mapping[str, Any]) -> str:
    """Return how a run's beta is read: distribution, membership, affinity, rate; '' not known."""
    head = config["head"]
    return str(head.get("beta") or READINGS.get(_class(head), ""))


def trusted(config: Mapping[str, Any]) -> bool:
    """Return whether an objective learns probabilities, not an order alone."""
    return "objective" in config and _class(config["objective"]) in SOFTMAX


def lists(table: pl.DataFrame, config: Mapping[str, Any]) -> str:
    """Return lists of items for people as text, the scores with their unit.

    Args:
        table: kind, id, rank, item, name, score.
        config: The run's.
    """
    if not are_probabilities(config):
        unit = LOGIT if config.get("head") else "score"  # a baseline's is in units of its own
        return _table(table, {unit: [f"{value:.4f}" for value in table["score"]]})
    chances = [math.exp(value) for value in table["score"]]
    shown = _table(table, {PROBABILITY: percentages(chances)})
    note = "probability: that the next thing they take is this item"
    return "\n".join([shown, note, *([] if trusted(config) else [ORDER])])


def one(score: float, config: Mapping[str, Any]) -> str:
    """Return a score with its unit: '3.21%' or 'logit −1.20'."""
    if are_probabilities(config):
        return f"{percentages([math.exp(score)])[0]}%"
    return f"logit {score:.2f}".replace("-", "−")


def wants(table: pl.DataFrame, own: Sequence[float], everyone: Sequence[float]) -> str:
    """Return what a segment wants beyond everyone as text, by the probabilities it is made of.

    Args:
        table: kind, id, rank, item, name, score.
        own: The probability of each item in the segment.
        everyone: Of an average user.
    """
    written = percentages([*own, *everyone])
    beside = {"segment (%)": written[: len(own)], "everyone (%)": written[len(own) :]}
    return _table(table, beside)


def beyond(table: pl.DataFrame, *, divergence: bool) -> str:
    """Return what a segment wants beyond everyone as text, of a beta that is no probability.

    Args:
        table: kind, id, rank, item, name, score.
        divergence: Whether the score is one (beta is not negative), else a difference of logits.
    """
    unit = "score (nats)" if divergence else LOGIT
    return _table(table, {unit: [f"{value:.4f}" for value in table["score"]]})


def explanation(table: pl.DataFrame, config: Mapping[str, Any]) -> str:
    """Return why an item is shown to a user, as ``Run.explain`` gives it, as text."""
    probable, rows = are_probabilities(config), []
    for part in table.iter_rows(named=True):
        value = part["value"]
        if part["share"]:
            rows.append([part["part"], f"{value:.1%}", "of the score"])
        elif part["part"] == "score" and probable:
            rows.append([part["part"], f"{percentages([math.exp(value)])[0]}%", "probability"])
        else:
            rows.append([part["part"], f"{value:+.4f}", "logit"])
    title = ""
    if len(table):
        user, item, name = table.select("user", "item", "name").row(0)
        title = f"user {user}, item {item}" + (f" ({name})" if name != item else "")
    return columns.render(["part", "value", "unit"], rows, title, left=[2])


def percentages(shares: Sequence[float]) -> list[str]:
    """Return shares in per cent, with as many decimals as the largest needs for three digits."""
    largest = max((100 * share for share in shares), default=0.0)
    decimals = min(8, max(1, 2 - math.floor(math.log10(largest)))) if largest > 0 else 1
    least = 10.0**-decimals

    def written(share: float) -> str:
        value = 100 * share
        if 0 < value < least / 2:
            return f"<{least:.{decimals}f}"
        return f"{value:.{decimals}f}"

    return [written(share) for share in shares]


def _class(part: Mapping[str, Any]) -> str:
    return str(part.get("_target_", "")).rsplit(".", 1)[-1].lower()


def _table(table: pl.DataFrame, last: Mapping[str, Sequence[str]]) -> str:
    """Return a table of lists with these columns in place of the score."""
    words = [[str(cell) for cell in row] for row in table.drop("score").iter_rows()]
    rows = [[*row, *cells] for row, *cells in zip(words, *last.values(), strict=True)]
    titles = [*table.drop("score").columns, *last]
    text = [n for n, title in enumerate(titles) if title in ("kind", "id", "item", "name")]
    return columns.render(titles, rows, right=0, left=text)
