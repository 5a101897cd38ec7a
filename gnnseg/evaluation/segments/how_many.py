"""How many segments: the one-standard-error rule on validation, among those that come back.

Shape legend: V validated users, N numbers of segments.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gnnseg.types import Floats

JACCARD = 0.6  # the median over segments from which on a number of segments comes back


@dataclass(frozen=True)
class Candidate:
    """A number of segments, and what is known of it.

    ``recall`` (V,) by validated user, the same users in every candidate; ``jaccard`` the median
    over segments of how far their members come back, NaN where that is not defined.
    """

    segments: int
    recall: Floats
    jaccard: float


@dataclass(frozen=True)
class Difference:
    """How far a candidate's recall is behind the best one's, user by user.

    ``mean`` over users, and the standard ``error`` of that mean.
    """

    mean: float
    error: float


@dataclass(frozen=True)
class Recommendation:
    """What the rule recommends.

    ``best`` has the largest mean recall, ``error`` is that mean's standard error, ``near`` are the
    candidates at most so far below it; ``behind`` of each candidate in the order given; ``stable``:
    whether the recommended one comes back; if not, none of those near does.
    """

    segments: int
    best: int
    error: float
    near: list[int]
    behind: list[Difference]
    stable: bool


def standard_error(values_V: Floats) -> float:
    """Return s / sqrt(V), the standard error of a mean; NaN of fewer than two values."""
    count = len(values_V)
    return float(values_V.std(ddof=1) / math.sqrt(count)) if count > 1 else math.nan


def difference(best_V: Floats, recall_V: Floats) -> Difference:
    """Return how far the same users' recall is behind, user by user.

    What users have in common (some are easy to recommend to, some are not) cancels, so that the
    standard error is far smaller than that of either mean. Of one user there is none: 0.
    """
    gap_V = np.asarray(best_V, dtype=np.float64) - recall_V
    return Difference(float(gap_V.mean()), _known(standard_error(gap_V)))


def recommend(candidates: Sequence[Candidate], least: float = JACCARD) -> Recommendation:
    """Return the smallest number of segments that ranks as the best one does and comes back.

    One-standard-error rule (Breiman et al. 1984): of the candidates whose mean recall is at most
    one standard error (over users) below the largest, the smallest whose ``jaccard`` is at least
    ``least``. Where none of them is, the one of the largest ``jaccard``; the smaller of equals,
    everywhere.

    The error is that of the best one's mean, not of the difference by user: of many candidates that
    rank alike the best is so by chance, often by more than one standard error of a difference.

    Args:
        candidates: one at least, of different numbers, in any order.
        least: the median Jaccard of segments that come back.
    """
    assert candidates, "of nothing nothing can be chosen"
    means = {each.segments: float(np.mean(each.recall)) for each in candidates}
    best = min(candidates, key=lambda each: (-means[each.segments], each.segments))
    behind = [difference(best.recall, each.recall) for each in candidates]
    error = _known(standard_error(best.recall))
    least_mean = means[best.segments] - error
    near = [each for each in candidates if means[each.segments] >= least_mean]
    close = sorted(each.segments for each in near)
    stable = [each.segments for each in near if each.jaccard >= least]
    if stable:
        return Recommendation(min(stable), best.segments, error, close, behind, stable=True)
    known = [-math.inf if math.isnan(each.jaccard) else each.jaccard for each in near]
    most = min(zip(known, near, strict=True), key=lambda pair: (-pair[0], pair[1].segments))[1]
    return Recommendation(most.segments, best.segments, error, close, behind, stable=False)


def _known(error: float) -> float:
    """Return a standard error, 0 where there is none."""
    return 0.0 if math.isnan(error) else error
