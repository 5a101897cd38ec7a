"""What a policy would have earned, from a log that another policy made.

V(pi) = the mean, over the log's rows, of sum_j pi(j|i) E[reward | i, j]: what one item earns,
sampled from the served policy in place of the one shown there. Rewards may depend on user, item and
position, not on what else stands in the slate. A row's weight is w = pi(j|i)/p with p its
propensity.

- DM (direct method): mean of d_e = sum_j pi(j|i) q(i,j), q a reward model;
- IPS (Horvitz & Thompson 1952): mean of w r; SNIPS (Swaminathan & Joachims 2015): sum of w r / sum
  of w;
- DR (Dudik et al. 2011): mean of d_e + w (r - q); Switch-DR (Wang et al. 2017): the same where w <=
  tau, else d_e.

Each is a ratio of sums over slates, which the bootstrap (Efron 1979) draws again.

Shape legend: N rows of a log, S slates, U users, I items, K segments, B users at once, R rounds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from gnnseg.rng import Rng
from gnnseg.sparse import Csr
from gnnseg.types import Floats, InputError, Ints, Log, Policy, Scorer

if TYPE_CHECKING:
    import polars as pl

ROUNDS = 1000  # of the bootstrap
LEVEL = 0.95
FOLDS = 5  # of cross-fitting: no row's reward model has seen its slate
PRIOR = 10.0  # showings at which an item's own mean reward in a segment weighs as much as its mean over all
SKEWED = 1.25  # times off 1, at which the mean weight is an alarm
ROUNDED = 0.02  # how far propensities may be rounded in a log of the policy itself
FEW = 100  # effective rows below which a figure says too little
CELLS = 1 << 22  # of (users, items) at once
CHUNK = 1 << 24  # draws of the bootstrap at once


@dataclass(frozen=True)
class Rows:
    """What estimators read, (N,) each: weight w, reward r, slate, and of the reward model q at what
    was shown and d = its mean under the policy."""

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


@dataclass(frozen=True)
class OffPolicyEvaluation:
    """Estimates by name; ``account`` of the log: rows, slates, effective sample size and what else
    is worth knowing; ``alarms``: why the figures may not be trusted, a sentence each; ``segments``:
    a row a segment, from the users whose largest it is."""

    estimates: Mapping[str, Estimate]
    account: Mapping[str, float]
    warnings: tuple[str, ...] = field(default=())
    segments: tuple[tuple[int, int, float, float, float, float, float], ...] = field(default=())

    def frame(self) -> pl.DataFrame:
        """estimator, value, low, high: of one item shown."""
        import polars as pl

        rows = [(name, e.value, e.low, e.high) for name, e in self.estimates.items()]
        figures = dict.fromkeys(("value", "low", "high"), pl.Float64)
        return pl.DataFrame(rows, schema={"estimator": pl.String, **figures}, orient="row")

    def by_segment(self) -> pl.DataFrame:
        """segment, rows, effective rows, value (SNIPS), low, high, logger (the log's own mean
        reward)."""
        import polars as pl

        figures = dict.fromkeys(("effective rows", "value", "low", "high", "logger"), pl.Float64)
        return pl.DataFrame(
            list(self.segments),
            schema={"segment": pl.Int64, "rows": pl.Int64, **figures},
            orient="row",
        )


def barred(taken: Csr, log: Log) -> Csr:
    """What a policy may not show, (U,I): what users have taken, less what the log shows them, which
    was new when it was shown."""
    items = taken.shape[1]
    shown = torch.from_numpy(np.unique(log.user * items + log.item)).to(taken.column.device)
    keep = ~torch.isin(taken.row * items + taken.column, shown)
    return Csr.by_rows(taken.row[keep], taken.column[keep], taken.shape)


def weights(policy: Policy, log: Log, seen: Csr | None) -> Floats:
    """w = pi(j|i)/p of each row, (N,)."""
    assert log.propensity is not None
    with torch.no_grad():
        user, item = torch.from_numpy(log.user), torch.from_numpy(log.item)
        device = policy.alpha.device
        pi_N = policy.log_prob(user.to(device), item.to(device), seen).exp()
    found: Floats = pi_N.double().cpu().numpy() / log.propensity
    return found


def effective(weight: Floats) -> float:
    """(sum of w)^2 / sum of w^2: rows of equal weight that would say as much (Kish 1965)."""
    square = float((weight**2).sum())
    return float(weight.sum()) ** 2 / square if square > 0 else 0.0


def snips(weight: Floats, reward: Floats) -> float:
    """sum of w r / sum of w; 0 where the policy shows nothing of the log."""
    total = float(weight.sum())
    return float((weight * reward).sum()) / total if total > 0 else 0.0


class SegmentMeans:
    """q(i,j) = sum_k alpha_ik m_kj, m_kj the mean reward of item j in segment k: rewards weighed by
    alpha/p (a logger shows items to those who like them, which a plain mean takes for the taste of
    all), drawn to the item's own mean, and that to the mean of all, by ``PRIOR`` effective showings
    (Kish 1965) each."""

    def __init__(self, alpha_UK: Floats, log: Log, items: int) -> None:
        self.alpha_UK = alpha_UK
        assert log.propensity is not None
        inverse = 1 / log.propensity
        sums_IK = np.zeros((3, items, alpha_UK.shape[1]))  # of alpha/p, alpha/p^2, alpha r/p
        for kept, factor in zip(sums_IK, (inverse, inverse**2, inverse * log.reward), strict=True):
            np.add.at(kept, log.item, alpha_UK[log.user] * factor[:, None])
        size, _, earned = sums_IK.sum((1, 2))
        item_I = _drawn_to(earned / size if size > 0 else 0.0, sums_IK.sum(2))
        self.mean_KI: Floats = _drawn_to(item_I[:, None], sums_IK).T

    def at(self, user: Ints, item: Ints) -> Floats:
        """(N,) of rows."""
        found: Floats = (self.alpha_UK[user] * self.mean_KI.T[item]).sum(1)
        return found

    def under(self, pi_BI: Floats, user: Ints) -> Floats:
        """sum_j pi(j|i) q(i,j), (B,)."""
        found: Floats = ((pi_BI @ self.mean_KI.T) * self.alpha_UK[user]).sum(1)
        return found


def _drawn_to(usual: Floats | float, sums: Floats) -> Floats:
    """Means of (3,...) sums of weight, squared weight and reward, drawn to the usual by ``PRIOR``
    effective showings."""
    size, square, earned = sums
    showings = np.divide(size**2, square, out=np.zeros_like(size), where=square > 0)
    mean = np.divide(earned, size, out=np.zeros_like(size), where=size > 0)
    found: Floats = (showings * mean + PRIOR * usual) / (showings + PRIOR)
    return found


def rows(policy: Policy, log: Log, seen: Csr | None, rng: Rng) -> Rows:
    """A log under a policy, the reward model cross-fitted over ``FOLDS`` folds of slates."""
    alpha_UK: Floats = policy.alpha.detach().double().cpu().numpy()
    items = policy.beta.shape[1]
    _, slate = np.unique(log.slate, return_inverse=True)
    slates = int(slate.max()) + 1
    folds = min(FOLDS, slates)
    fold = (rng.numpy("folds").permutation(slates) % folds)[slate]
    models = [
        SegmentMeans(alpha_UK, log.rows(fold != f) if folds > 1 else log, items)
        for f in range(folds)
    ]
    model, direct = np.empty(len(log)), np.empty(len(log))
    for f, train_pairs in enumerate(models):
        mine = fold == f
        model[mine] = train_pairs.at(log.user[mine], log.item[mine])
    users, place = np.unique(log.user, return_inverse=True)
    under = np.empty((folds, len(users)))
    for part, pi_BI in _served(policy, users, items, seen):
        for f, train_pairs in enumerate(models):
            under[f, part] = train_pairs.under(pi_BI, users[part])
    direct = under[fold, place]
    return Rows(weights(policy, log, seen), log.reward, slate, model, direct)


def _served(
    policy: Scorer, users: Ints, items: int, seen: Csr | None
) -> Iterator[tuple[slice, Floats]]:
    """pi(j|i) of some users after others, (B,I)."""
    step = max(1, CELLS // items)
    for at in range(0, len(users), step):
        part = slice(at, at + step)
        yield part, served(policy, torch.from_numpy(users[part]), seen)


def served(policy: Scorer, users: Tensor, seen: Csr | None) -> Floats:
    """(B,I) the policy without what was seen, rows sum to 1."""
    with torch.no_grad():
        device = users.device if seen is None else seen.column.device
        pi_BI = policy.block(users.to(device)).double().exp()
        if seen is not None:
            where, entry = seen.entries_of(users.to(device))
            pi_BI[where, seen.column[entry]] = 0
        found: Floats = (pi_BI / pi_BI.sum(1, keepdim=True).clamp(min=1e-300)).cpu().numpy()
    return found


def estimate(
    r: Rows,
    rng: Rng,
    *,
    switch: float | None = None,
    cap: float | None = None,
    rounds: int = ROUNDS,
) -> dict[str, Estimate]:
    """All estimators with their intervals. ``switch``: tau of Switch-DR (None: the square root of
    N, so that few rows are beyond); ``cap``: IPS, SNIPS and DR too with weights no larger, under
    names of their own."""
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


def _weighed(r: Rows, w: Floats, suffix: str) -> dict[str, tuple[Floats, Floats]]:
    one = np.ones_like(w)
    return {
        f"ips{suffix}": (w * r.reward, one),
        f"snips{suffix}": (w * r.reward, w),
        f"dr{suffix}": (r.direct + w * (r.reward - r.model), one),
    }


def _ratios(sums: Floats) -> Floats:
    """(R,2m) numerators and denominators in turn -> (R,m); 0 where a denominator is 0."""
    above, below = sums[:, ::2], sums[:, 1::2]
    found: Floats = np.divide(above, below, out=np.zeros_like(above), where=below > 0)
    return found


def _again(sums: Floats, rounds: int, rng: Rng) -> Iterator[Floats]:
    """Sums (r,2m) of slates drawn again with replacement, as many as there are, some rounds at
    once."""
    slates = len(sums)
    g = rng.numpy("bootstrap")
    step = max(1, CHUNK // slates)
    for at in range(0, rounds, step):
        count = min(step, rounds - at)
        times = np.stack(
            [np.bincount(g.integers(slates, size=slates), minlength=slates) for _ in range(count)]
        )
        yield times.astype(np.float64) @ sums


def judge(
    policy: Policy,
    log: Log,
    seen: Csr | None,
    rng: Rng,
    *,
    switch: float | None = None,
    cap: float | None = None,
) -> OffPolicyEvaluation:
    """A log under a policy: estimates, the log's account, and why not to trust them. InputError for
    a log that the policy drew itself, whose answer is its own mean."""
    r = rows(policy, log, seen, rng)
    if np.allclose(r.weight, 1.0, rtol=ROUNDED, atol=0):
        raise InputError(
            "the log was drawn by this policy itself (every propensity is its own probability): "
            "nothing is off-policy; its mean "
            f"reward is the answer, {log.reward.mean():.4g}."
        )
    found = estimate(r, rng, switch=switch, cap=cap)
    ess = effective(r.weight)
    account = {
        "rows": float(len(log)), "slates": float(r.slate.max() + 1), "effective rows": ess,
        "largest weight": float(r.weight.max()), "mean weight": float(r.weight.mean()),
    }  # fmt: skip
    segment_N = policy.alpha.detach().argmax(1).cpu().numpy()[log.user]
    parts = [(int(k) + 1, *of_segment(r, segment_N == k, rng)) for k in np.unique(segment_N)]
    warnings = []
    if ess < FEW:
        warnings.append(
            f"the {len(log):,} rows weigh as much as {ess:.0f} of equal weight: too few to say "
            "anything; log more, or with a "
            "logger nearer to this policy"
        )
    if abs(np.log(max(account["mean weight"], 1e-12))) > np.log(SKEWED):
        warnings.append(
            f"the weights' mean is {account['mean weight']:.2f}, not about 1: the logger hardly "
            "shows what this policy would, or "
            "the propensities are not its own; IPS and DR are off by as much"
        )
    lean = [f"{row[0]} ({row[2]:.0f})" for row in parts if row[2] < FEW <= ess]
    if lean:
        warnings.append(
            f"too few effective rows to say anything of segment {', '.join(lean)} by itself; log "
            "more of its users"
        )
    return OffPolicyEvaluation(found, account, tuple(warnings), tuple(parts))


def of_segment(
    r: Rows, mine: np.ndarray[Any, Any], rng: Rng
) -> tuple[int, float, float, float, float, float]:
    """Of some rows: how many, effective rows, SNIPS with its interval, and the log's own mean."""
    _, slate = np.unique(r.slate[mine], return_inverse=True)
    some = Rows(r.weight[mine], r.reward[mine], slate, r.model[mine], r.direct[mine])
    value = estimate(some, rng)["snips"]
    return (
        int(mine.sum()),
        effective(some.weight),
        value.value,
        value.low,
        value.high,
        float(some.reward.mean()),
    )


def metrics(policy: Policy, log: Log, seen: Csr | None, rng: Rng | None = None) -> dict[str, Any]:
    """``value``, by SNIPS, and ``value/effective_rows``; with ``rng`` the other estimators' values
    too."""
    if rng is None:
        weight = weights(policy, log, seen)
        return {"value": snips(weight, log.reward), "value/effective_rows": effective(weight)}
    r = rows(policy, log, seen, rng)
    found = estimate(r, rng, rounds=1)
    beside = {f"value/{name}": e.value for name, e in found.items()}
    return {"value": found["snips"].value, **beside, "value/effective_rows": effective(r.weight)}
