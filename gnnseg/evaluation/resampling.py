"""How sure a mean over users is, and whether two means over the same users differ.

Shape legend: N users, M metrics, B draws.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gnnseg.types import Floats

DRAWS = 1000
LEVEL = 0.95
FEW = 30  # users below which a drawn interval is widened
LARGE = 2_000  # users from which a mean's distribution is taken for normal
CELLS = 1 << 21  # numbers drawn at once


@dataclass(frozen=True)
class Intervals:
    """Confidence intervals of M means, low and high (M,); NaN where nobody is measured."""

    low: Floats
    high: Floats


def intervals(values_NM: Floats, rng: np.random.Generator) -> Intervals:
    """Return 95 % bootstrap intervals of the means over users of values in [0, 1].

    Users are drawn with replacement, ``DRAWS`` times, the same for every metric; the ends are
    BCa's (Efron 1987): quantiles of the drawn means, corrected for bias, z0 = Phi^-1(share of them
    below the mean), and for skewness, a = sum d^3 / (6 (sum d^2)^1.5), d = value - mean. With many
    zeros they hold the truth more often than plain percentiles. From ``LARGE`` users on, the mean
    is taken for normal. Where all users have the same value c, draws say nothing: the share of
    people who would differ is then at most 1 - .025^(1/N) (Clopper & Pearson 1934), and the
    interval is what such a share could make of c. Below ``FEW`` users bootstrap intervals are too
    narrow: they reach at least as far as Student's t, within [0, 1].

    Args:
        values_NM: each user's values, without NaN.
        rng: draws the users.
    """
    from scipy.special import ndtr, ndtri, stdtrit

    count, metrics = values_NM.shape
    if count == 0 or metrics == 0:
        nothing = np.full(metrics, np.nan)
        return Intervals(nothing, nothing)
    mean_M = values_NM.mean(0)
    apart_NM = values_NM - mean_M
    square_M = (apart_NM**2).sum(0)
    z_2 = ndtri([(1 - LEVEL) / 2, (1 + LEVEL) / 2])[:, None]
    if count >= LARGE:
        low, high = mean_M + z_2 * np.sqrt(square_M) / count
        return Intervals(low, high)
    alike_M = np.ptp(values_NM, axis=0) == 0
    drawn_BM = _means(values_NM, rng)
    below_M = ((drawn_BM < mean_M).mean(0) + (drawn_BM <= mean_M).mean(0)) / 2
    bias_M = ndtri(below_M.clip(1 / DRAWS, 1 - 1 / DRAWS))
    skew_M = (apart_NM**3).sum(0) / (6 * np.where(alike_M, 1.0, square_M) ** 1.5)
    at_2M = ndtr(bias_M + (bias_M + z_2) / (1 - skew_M * (bias_M + z_2)))
    ends = np.array([np.quantile(drawn_BM[:, m], at_2M[:, m]) for m in range(metrics)]).T
    if 1 < count < FEW:
        reach_M = stdtrit(count - 1, (1 + LEVEL) / 2) * np.sqrt(square_M / (count - 1) / count)
        ends[0] = np.minimum(ends[0], (mean_M - reach_M).clip(0))
        ends[1] = np.maximum(ends[1], (mean_M + reach_M).clip(max=1))
    unseen = 1 - ((1 - LEVEL) / 2) ** (1 / count)
    low = np.where(alike_M, mean_M * (1 - unseen), ends[0])
    return Intervals(low, np.where(alike_M, mean_M + (1 - mean_M) * unseen, ends[1]))


def paired(mine_N: Floats, theirs_N: Floats, rng: np.random.Generator) -> float:
    """Return the p-value of no difference between two lists' values of the same users.

    Two-sided Fisher randomisation: each user's two values change places by a coin, and p = (1 +
    draws whose difference is at least the one found) / (1 + draws), as Smucker, Allan & Carterette
    (2007) recommend for means of rankings. From ``LARGE`` users on, by the normal distribution.

    Args:
        mine_N: each user's values under one; NaN: not defined, and left out.
        theirs_N: the same users' under the other.
        rng: tosses the coins.
    """
    from scipy.special import ndtr

    apart_N = mine_N - theirs_N
    apart_N = apart_N[~np.isnan(apart_N)]
    total, count = abs(float(apart_N.sum())), len(apart_N)
    if count == 0 or not apart_N.any():
        return 1.0
    if count >= LARGE:
        return float(2 * ndtr(-total / np.sqrt((apart_N**2).sum())))
    reached, step = 0, max(1, CELLS // count)
    for at in range(0, DRAWS - 1, step):
        draws = min(step, DRAWS - 1 - at)
        coin_BN = rng.integers(0, 2, (draws, count), dtype=np.int8)
        sums_B = 2 * (coin_BN @ apart_N) - apart_N.sum()
        reached += int((np.abs(sums_B) >= total * (1 - 1e-12)).sum())
    return (1 + reached) / DRAWS


def _means(values_NM: Floats, rng: np.random.Generator) -> np.ndarray[Any, Any]:
    """Return the means of drawn users, (B,M)."""
    count = len(values_NM)
    step, parts = max(1, CELLS // count), []
    for at in range(0, DRAWS, step):
        draws = min(step, DRAWS - at)
        drawn_BN = rng.integers(count, size=(draws, count)) + count * np.arange(draws)[:, None]
        times = np.bincount(drawn_BN.ravel(), minlength=draws * count).reshape(draws, count)
        parts.append(times @ values_NM / count)
    return np.concatenate(parts)
