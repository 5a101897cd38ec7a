"""From a log's rows under a policy to a figure and its interval.

- DM (direct method): mean of d_e = sum_j pi(j|i) q(i,j), q a reward model;
- IPS (Horvitz & Thompson 1952): mean of w r; SNIPS (Swaminathan & Joachims 2015): sum of w r / sum
  of w;
- DR (Dudik et al. 2011): mean of d_e + w (r - q); Switch-DR (Wang et al. 2017): the same where w <=
  tau, else d_e.

Each is a ratio of sums over slates, which the bootstrap (Efron 1979) draws again.

Shape legend: N rows of a log, R rounds, r slates, m estimators.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gnnseg.rng import Rng
from gnnseg.types import Floats, Ints

ROUNDS = 1000  # of the bootstrap
LEVEL = 0.95
CHUNK = 1 << 24  # draws of the bootstrap at once


@dataclass(frozen=True)
class PolicyRows:
    """What estimators read of a log's rows, (N,) each.

    Args:
        weight: w = pi(j|i)/p.
        reward: r, what was earned.
        slate: which slate, from 0.
        model: q, the reward model's answer for what was shown.
        direct: d, its mean under the policy.
    """

    weight: Floats
    reward: Floats
    slate: Ints
    model: Floats
    direct: Floats


@dataclass(frozen=True)
class Estimate:
    """A value and the percentile bootstrap's interval of ``LEVEL``."""

    value: float
    low: float
    high: float


def effective(weight: Floats) -> float:
    """Return how many rows of equal weight would say as much (Kish 1965).

    (sum of w)^2 / sum of w^2.
    """
    square = float((weight**2).sum())
    return float(weight.sum()) ** 2 / square if square > 0 else 0.0


def snips(weight: Floats, reward: Floats) -> float:
    """Return sum of w r / sum of w; 0 where the policy shows nothing of the log."""
    total = float(weight.sum())
    return float((weight * reward).sum()) / total if total > 0 else 0.0


def estimate(
    r: PolicyRows,
    rng: Rng,
    *,
    switch: float | None = None,
    cap: float | None = None,
    rounds: int = ROUNDS,
) -> dict[str, Estimate]:
    """Compute all estimators with their intervals.

    Args:
        r: the log's rows under the policy.
        rng: of the bootstrap.
        switch: tau of Switch-DR; None: the square root of N, so that few rows are beyond.
        cap: IPS, SNIPS and DR too with weights no larger, under names of their own; None: without.
        rounds: of the bootstrap.

    Returns:
        Estimates by the estimator's name.
    """
    switch = float(np.sqrt(len(r.reward))) if switch is None else switch
    one = np.ones_like(r.weight)
    parts = {
        "dm": (r.direct, one),
        **_weighed(r, r.weight, ""),
        "switch-dr": (
            r.direct + np.where(r.weight <= switch, r.weight, 0.0) * (r.reward - r.model),
            one,
        ),
        **({} if cap is None else _weighed(r, r.weight.clip(max=cap), f", weights up to {cap:g}")),
        "logger": (r.reward, one),
    }
    slates = int(r.slate.max()) + 1
    sums: Floats = np.stack(
        [np.bincount(r.slate, x, minlength=slates) for pair in parts.values() for x in pair], axis=1
    ).astype(np.float64)
    value = _ratios(sums.sum(0, keepdims=True))[0]
    drawn = np.concatenate([_ratios(some) for some in _again(sums, rounds, rng)])
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail], axis=0)
    return {
        name: Estimate(float(value[n]), float(low[n]), float(high[n]))
        for n, name in enumerate(parts)
    }


def _weighed(r: PolicyRows, w: Floats, suffix: str) -> dict[str, tuple[Floats, Floats]]:
    """Return the weighted estimators' numerators and denominators, (N,) each."""
    one = np.ones_like(w)
    return {
        f"ips{suffix}": (w * r.reward, one),
        f"snips{suffix}": (w * r.reward, w),
        f"dr{suffix}": (r.direct + w * (r.reward - r.model), one),
    }


def _ratios(sums: Floats) -> Floats:
    """Divide (R,2m), numerators and denominators in turn; 0 where a denominator is 0."""
    above, below = sums[:, ::2], sums[:, 1::2]
    found: Floats = np.divide(above, below, out=np.zeros_like(above), where=below > 0)
    return found


def _again(sums: Floats, rounds: int, rng: Rng) -> Iterator[Floats]:
    """Yield sums (r,2m) of slates drawn again with replacement, some rounds at once."""
    slates = len(sums)
    g = rng.numpy("bootstrap")
    step = max(1, CHUNK // slates)
    for at in range(0, rounds, step):
        count = min(step, rounds - at)
        times = np.stack(
            [np.bincount(g.integers(slates, size=slates), minlength=slates) for _ in range(count)]
        )
        yield times.astype(np.float64) @ sums
