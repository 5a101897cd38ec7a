"""Where a run is not above what needs no training: said first, wherever the run is shown."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any

import numpy as np

from gnnseg.evaluation.evaluator import Evaluation
from gnnseg.evaluation.resampling import paired
from gnnseg.rng import Rng


def losing(
    evaluation: Evaluation,
    monitor: str,
    lower_is_better: bool,
    rng: Rng,
    without: Collection[str] = (),
) -> list[dict[str, Any]]:
    """Return the baselines that a run is not better than, the best of them first.

    By the test's figure of what the run was chosen by, ``trainer.monitor``; by nothing where a
    baseline has no such figure.

    Args:
        evaluation: the run's figures and the baselines'.
        monitor: the monitored figure, such as valid/ndcg@20.
        lower_is_better: whether its smallest value is the best.
        rng: of the test over users.
        without: baselines that are no others than the run itself.

    Returns:
        name, metric, value, theirs, and p, the p-value of no difference over test users
        (``resampling.paired``); None of a figure that users have no part in, such as coverage.
    """
    name = monitor.partition("/")[2]
    metric, sign = f"test/{name}", -1 if lower_is_better else 1
    mine, found = evaluation.metrics.get(metric, math.nan), []
    for who, figures in evaluation.baselines.items():
        theirs = figures.get(metric, math.nan)
        if who not in without and sign * mine <= sign * theirs:  # false of NaN
            p = _p(evaluation, who, name, rng)
            row = {"name": who, "metric": metric, "value": mine, "theirs": theirs, "p": p}
            found.append(row)
    return sorted(found, key=lambda row: -sign * row["theirs"])


def _p(evaluation: Evaluation, who: str, name: str, rng: Rng) -> float | None:
    """Return the p-value of no difference on users with training; None without their values."""
    mine, theirs = evaluation.per_user, evaluation.per_user_of.get(who, {})
    if name not in mine or name not in theirs:
        return None
    warm = ~np.asarray(mine["cold"], dtype=bool)
    return paired(mine[name][warm], theirs[name][warm], rng.child(who).numpy("coins"))
