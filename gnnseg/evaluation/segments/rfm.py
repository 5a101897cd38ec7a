"""What most shops have: RFM (recency, frequency, money) and k-means, beside a run's segments.

Shape legend: U users, N of them with training pairs, K segments, B draws.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gnnseg.evaluation.segments import stability
from gnnseg.rng import Rng
from gnnseg.types import Floats, Ints, Pairs

DAY = 86_400.0  # seconds
STARTS = 20  # of k-means, of which the best is kept
FITTED = 10_000  # drawn users that k-means is fitted on, at most, and soft agreement is taken of
CELLS = 10_000_000  # users times draws, at most; between 100 and 1,000 draws
MOST, LEAST = 1_000, 100
AT_ONCE = 1 << 21


@dataclass(frozen=True)
class Explained:
    """Share of variance that a partition explains, and the 95 % interval from resampled users."""

    value: float
    low: float
    high: float


def columns(train: Pairs, users: int) -> Floats:
    """Return log recency, log frequency and log spend of the training part, (U,2) or (U,3).

    log (1 + days since the last event), log (1 + visits), log (1 + spend), each with mean 0 and
    deviation 1 over the users with training pairs; rows of the others are NaN. Spend is left out
    where it is not known, a column without spread everywhere.
    """
    assert train.last is not None, "without times nothing is recent"
    last = np.full(users, -np.inf)
    np.maximum.at(last, train.user, train.last)
    came = train.count if train.visits is None else train.visits
    found = [
        np.log1p((train.last.max() - last) / DAY),
        np.log1p(np.bincount(train.user, came, minlength=users)),
    ]
    if train.spend is not None:
        spend = np.bincount(train.user, train.spend, minlength=users)
        found.append(np.log1p(np.maximum(spend, 0.0)))
    met = np.isfinite(last)
    table = np.stack(found, axis=1)[met]
    spread = table.std(0)
    table = (table - table.mean(0))[:, spread > 1e-12] / spread[spread > 1e-12]
    whole: Floats = np.full((users, table.shape[1]), np.nan)
    whole[met] = table
    return whole


def clusters(table_NF: Floats, k: int, rng: Rng) -> Ints:
    """Return each row's cluster by k-means (20 starts), (N,): of many rows fitted on a draw."""
    from sklearn.cluster import KMeans

    draw = rng.numpy("k-means")
    fitted = table_NF
    if len(table_NF) > FITTED:
        fitted = table_NF[draw.choice(len(table_NF), FITTED, replace=False)]
    seed = int(draw.integers(2**31))
    model = KMeans(k, n_init=STARTS, random_state=seed).fit(fitted)
    return np.asarray(model.predict(table_NF), dtype=np.int64)


def explained(value_N: Floats, parts: list[Ints], rng: Rng) -> list[Explained]:
    """Return the share of a value's variance that each partition explains, and their differences.

    R² = sum_g n_g (m_g - m)² / sum_i (y_i - m)², m_g the mean of group g. All partitions are of the
    same draws of users, so that the last entry, first less second, has an interval of its own.

    Args:
        value_N: y.
        parts: Two partitions of the same users.
        rng: draws users.
    """
    sizes = [int(part.max()) + 1 for part in parts]
    one_hot = [np.eye(size)[part] for size, part in zip(sizes, parts, strict=True)]
    sums = [np.concatenate([each, each * value_N[:, None]], axis=1) for each in one_hot]
    table = np.concatenate([*sums, value_N[:, None] ** 2], axis=1)
    whole = _shares(table.sum(0)[None, :], sizes)[0]
    count, draw = len(value_N), rng.numpy("users")
    draws = int(np.clip(CELLS // count, LEAST, MOST))
    step, found = max(1, AT_ONCE // count), []
    for at in range(0, draws, step):
        rows = min(step, draws - at)
        drawn = draw.integers(count, size=(rows, count)) + count * np.arange(rows)[:, None]
        times = np.bincount(drawn.ravel(), minlength=rows * count).reshape(rows, count)
        found.append(_shares(times @ table, sizes))
    shares_BP = np.concatenate(found)
    gain_B = shares_BP[:, [0]] - shares_BP[:, [1]]
    low, high = np.quantile(np.concatenate([shares_BP, gain_B], axis=1), [0.025, 0.975], axis=0)
    values = [*whole, whole[0] - whole[1]]
    return [Explained(*map(float, each)) for each in zip(values, low, high, strict=True)]


def _shares(sums_BC: Floats, sizes: list[int]) -> Floats:
    """Return R² of each draw and partition from their groups' counts and sums."""
    found, at = [], 0
    for size in sizes:
        count, total = sums_BC[:, at : at + size], sums_BC[:, at + size : at + 2 * size]
        mean = total.sum(1) ** 2 / count.sum(1)
        between = (total**2 / np.maximum(count, 1e-300)).sum(1) - mean
        found.append(between / np.maximum(sums_BC[:, -1] - mean, 1e-300))
        at += 2 * size
    return np.stack(found, axis=1)


def beside(alpha_UK: Floats, train: Pairs, test: Pairs, rng: Rng) -> dict[str, float]:
    """Return how far segments are those of RFM and k-means, and which tells future spend apart.

    segment/rfm_ari and rfm_soft: agreement with as many k-means clusters, of first segments and of
    memberships (``stability.soft``). segment/spend_r2, rfm_spend_r2: the share of the variance of
    held-out spend that either explains, or of held-out events where there is no spend, over users
    with training pairs; spend_r2_gain: their difference; each with _low and _high. Nothing without
    times, or where there are fewer kinds of customers than segments.
    """
    k = alpha_UK.shape[1]
    if train.last is None or k < 2:
        return {}
    table = columns(train, len(alpha_UK))
    (met,) = np.nonzero(np.isfinite(table).all(1) & (table.shape[1] > 0))
    if not len(met) or len(np.unique(table[met], axis=0)) < k:
        return {}
    mine, theirs = alpha_UK[met].argmax(1).astype(np.int64), clusters(table[met], k, rng)
    some = np.arange(len(met))
    if len(met) > FITTED:
        some = rng.numpy("agreement").choice(some, FITTED, replace=False)
    found = {
        "segment/rfm_ari": stability.ari(mine, theirs),
        "segment/rfm_soft": stability.soft(alpha_UK[met[some]], np.eye(k)[theirs[some]], rng),
    }
    next_ = test.count if test.spend is None else test.spend
    value = np.bincount(test.user, next_, minlength=len(alpha_UK))[met].astype(np.float64)
    if len(test) and np.ptp(value) > 0:
        names = ("spend_r2", "rfm_spend_r2", "spend_r2_gain")
        for name, each in zip(names, explained(value, [mine, theirs], rng), strict=True):
            found |= {
                f"segment/{name}": each.value,
                f"segment/{name}_low": each.low,
                f"segment/{name}_high": each.high,
            }
    return found
