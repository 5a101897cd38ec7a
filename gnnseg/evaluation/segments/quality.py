"""How well each segment's people are recommended to.

Shape legend: U users, K segments, N users of a segment, M metrics.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from gnnseg.evaluation.resampling import intervals
from gnnseg.rng import Rng
from gnnseg.types import Ints

if TYPE_CHECKING:
    import polars as pl

MEASURED = ("precision", "recall", "f1", "ndcg")


def quality(
    segment_U: Ints, per_user: Mapping[str, np.ndarray[Any, Any]], segments: int, rng: Rng
) -> pl.DataFrame:
    """Return precision, recall, F1 and ndcg of each segment's people, with their intervals.

    A user counts for their first segment. As in the run's own figures, users without a test item
    or without training are left out, so that the segments' means, weighed by ``n``, are the run's.

    Args:
        segment_U: each user's segment, from 0.
        per_user: the test's values by user, as an evaluation has them: 'user', 'cold', 'ndcg@20' …
        segments: K.
        rng: draws the intervals (``resampling.intervals``).

    Returns:
        segment (from 1), n, and of each metric at each length of list measured: its mean, as in
        'ndcg@20', and the ends of its 95 % interval, 'ndcg@20_low' and 'ndcg@20_high'; null in
        segments without users.
    """
    import polars as pl

    names = [name for name in per_user if re.fullmatch(rf"({'|'.join(MEASURED)})@\d+", name)]
    warm = ~per_user["cold"]
    at = segment_U[per_user["user"][warm]]
    values = np.array([per_user[name][warm] for name in names]).reshape(len(names), len(at)).T
    count_K = np.bincount(at, minlength=segments)
    mean, low, high = np.full((3, segments, len(names)), np.nan)
    for k in np.flatnonzero(count_K):
        mine_NM = values[at == k]
        found = intervals(mine_NM, rng.child(f"segment {k + 1}").numpy("intervals"))
        mean[k], low[k], high[k] = mine_NM.mean(0), found.low, found.high
    columns = {"segment": np.arange(1, segments + 1), "n": count_K.astype(np.int64)}
    for m, name in enumerate(names):
        columns |= {name: mean[:, m], f"{name}_low": low[:, m], f"{name}_high": high[:, m]}
    return pl.DataFrame(columns).fill_nan(None)
