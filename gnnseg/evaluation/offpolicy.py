"""What a policy would have earned, from a log that another policy made.

V(pi) = the mean, over the log's rows, of sum_j pi(j|i) E[reward | i, j]: what one item earns,
sampled from the served policy in place of the one shown there. Rewards may depend on user, item and
position, not on what else stands in the slate. A row's weight is w = pi(j|i)/p with p its
propensity. ``estimators`` says how the rows become a figure.

Shape legend: N rows of a log, U users, I items, K segments, B users at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from gnnseg.evaluation.estimators import Estimate, PolicyRows, effective, estimate, snips
from gnnseg.evaluation.reward_model import SegmentMeans
from gnnseg.rng import Rng
from gnnseg.sparse import Csr
from gnnseg.types import Floats, InputError, Ints, Log, Policy, Scorer

if TYPE_CHECKING:
    import polars as pl

FOLDS = 5  # of cross-fitting: no row's reward model has seen its slate
SKEWED = 1.25  # times off 1, at which the mean weight is worth a warning
ROUNDED = 0.02  # how far propensities may be rounded in a log of the policy itself
FEW = 100  # effective rows below which a figure says too little
CELLS = 1 << 22  # of (users, items) at once

__all__ = [
    "Estimate",
    "OffPolicyEvaluation",
    "PolicyRows",
    "SegmentMeans",
    "effective",
    "estimate",
    "evaluate",
    "excluded",
    "metrics",
    "rows",
    "served",
    "snips",
    "weights",
]


@dataclass(frozen=True)
class OffPolicyEvaluation:
    """What a policy would have earned, from a log.

    Args:
        estimates: by the estimator's name.
        account: of the log: rows, slates, effective rows and what else is worth knowing.
        warnings: why the figures may not be trusted, a sentence each.
        segments: a row a segment, from the users whose largest it is.
    """

    estimates: Mapping[str, Estimate]
    account: Mapping[str, float]
    warnings: tuple[str, ...] = field(default=())
    segments: tuple[tuple[int, int, float, float, float, float, float], ...] = field(default=())

    def frame(self) -> pl.DataFrame:
        """Return a row an estimator: estimator, value, low, high, of one item shown."""
        import polars as pl

        rows = [(name, e.value, e.low, e.high) for name, e in self.estimates.items()]
        figures = dict.fromkeys(("value", "low", "high"), pl.Float64)
        return pl.DataFrame(rows, schema={"estimator": pl.String, **figures}, orient="row")

    def by_segment(self) -> pl.DataFrame:
        """Return a row a segment.

        segment, rows, effective rows, value (SNIPS), low, high, logger (the log's own mean reward).
        """
        import polars as pl

        figures = dict.fromkeys(("effective rows", "value", "low", "high", "logger"), pl.Float64)
        return pl.DataFrame(
            list(self.segments),
            schema={"segment": pl.Int64, "rows": pl.Int64, **figures},
            orient="row",
        )


def excluded(taken: Csr, log: Log) -> Csr:
    """Return what a policy may not show, (U,I).

    What users have taken, less what the log shows them, which was new when it was shown.
    """
    items = taken.shape[1]
    shown = torch.from_numpy(np.unique(log.user * items + log.item)).to(taken.column.device)
    keep = ~torch.isin(taken.row * items + taken.column, shown)
    return Csr.by_rows(taken.row[keep], taken.column[keep], taken.shape)


def weights(policy: Policy, log: Log, seen: Csr | None) -> Floats:
    """Return (N,) w = pi(j|i)/p of each row."""
    assert log.propensity is not None
    with torch.no_grad():
        user, item = torch.from_numpy(log.user), torch.from_numpy(log.item)
        device = policy.alpha.device
        pi_N = policy.log_prob(user.to(device), item.to(device), seen).exp()
    found: Floats = pi_N.double().cpu().numpy() / log.propensity
    return found


def rows(policy: Policy, log: Log, seen: Csr | None, rng: Rng) -> PolicyRows:
    """Read a log under a policy, the reward model cross-fitted over folds of slates."""
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
    model = np.empty(len(log))
    for f, trained in enumerate(models):
        mine = fold == f
        model[mine] = trained.at(log.user[mine], log.item[mine])
    users, place = np.unique(log.user, return_inverse=True)
    under = np.empty((folds, len(users)))
    for part, pi_BI in _served(policy, users, items, seen):
        for f, trained in enumerate(models):
            under[f, part] = trained.under(pi_BI, users[part])
    return PolicyRows(weights(policy, log, seen), log.reward, slate, model, under[fold, place])


def _served(
    policy: Scorer, users: Ints, items: int, seen: Csr | None
) -> Iterator[tuple[slice, Floats]]:
    """Yield (B,I) pi(j|i) of some users after others."""
    step = max(1, CELLS // items)
    for at in range(0, len(users), step):
        part = slice(at, at + step)
        yield part, served(policy, torch.from_numpy(users[part]), seen)


def served(policy: Scorer, users: Tensor, seen: Csr | None) -> Floats:
    """Return (B,I) the policy without what was seen, rows sum to 1."""
    with torch.no_grad():
        device = users.device if seen is None else seen.column.device
        pi_BI = policy.block(users.to(device)).double().exp()
        if seen is not None:
            where, entry = seen.entries_of(users.to(device))
            pi_BI[where, seen.column[entry]] = 0
        found: Floats = (pi_BI / pi_BI.sum(1, keepdim=True).clamp(min=1e-300)).cpu().numpy()
    return found


def evaluate(
    policy: Policy,
    log: Log,
    seen: Csr | None,
    rng: Rng,
    *,
    switch: float | None = None,
    cap: float | None = None,
) -> OffPolicyEvaluation:
    """Estimate what a policy would have earned, from a log that another policy made.

    Args:
        policy: to be evaluated.
        log: with propensities.
        seen: (U,I) what the policy may not show, or None.
        rng: of folds and bootstrap.
        switch: tau of Switch-DR; None: the square root of N.
        cap: estimates with weights no larger too; None: without.

    Returns:
        Estimates, the log's account, and why not to trust them.

    Raises:
        InputError: for a log that the policy drew itself, whose answer is its own mean.
    """
    r = rows(policy, log, seen, rng)
    if np.allclose(r.weight, 1.0, rtol=ROUNDED, atol=0):
        raise InputError(
            "the log was drawn by this policy itself (every propensity is its own probability): "
            "nothing is off-policy; its mean "
            f"reward is the answer, {log.reward.mean():.4g}."
        )
    found = estimate(r, rng, switch=switch, cap=cap)
    account = {
        "rows": float(len(log)),
        "slates": float(r.slate.max() + 1),
        "effective rows": effective(r.weight),
        "largest weight": float(r.weight.max()),
        "mean weight": float(r.weight.mean()),
    }
    segment_N = policy.alpha.detach().argmax(1).cpu().numpy()[log.user]
    parts = [(int(k) + 1, *of_segment(r, segment_N == k, rng)) for k in np.unique(segment_N)]
    return OffPolicyEvaluation(found, account, _warnings(account, parts), tuple(parts))


def _warnings(account: Mapping[str, float], parts: Sequence[tuple[Any, ...]]) -> tuple[str, ...]:
    """Say why the figures of a log may not be trusted, a sentence each."""
    found = []
    ess, mean = account["effective rows"], account["mean weight"]
    if ess < FEW:
        found.append(
            f"the {account['rows']:,.0f} rows weigh as much as {ess:.0f} of equal weight: too few "
            "to say anything; log more, or with a logger nearer to this policy"
        )
    if abs(np.log(max(mean, 1e-12))) > np.log(SKEWED):
        found.append(
            f"the weights' mean is {mean:.2f}, not about 1: the logger hardly shows what this "
            "policy would, or the propensities are not its own; IPS and DR are off by as much"
        )
    lean = [f"{row[0]} ({row[2]:.0f})" for row in parts if row[2] < FEW <= ess]
    if lean:
        found.append(
            f"too few effective rows to say anything of segment {', '.join(lean)} by itself; log "
            "more of its users"
        )
    return tuple(found)


def of_segment(
    r: PolicyRows, mine: np.ndarray[Any, Any], rng: Rng
) -> tuple[int, float, float, float, float, float]:
    """Evaluate some rows alone.

    Returns:
        How many, effective rows, SNIPS with its interval, and the log's own mean.
    """
    _, slate = np.unique(r.slate[mine], return_inverse=True)
    some = PolicyRows(r.weight[mine], r.reward[mine], slate, r.model[mine], r.direct[mine])
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
    """Return ``value``, by SNIPS, and ``value/effective_rows``; with ``rng`` all estimators."""
    if rng is None:
        weight = weights(policy, log, seen)
        return {"value": snips(weight, log.reward), "value/effective_rows": effective(weight)}
    r = rows(policy, log, seen, rng)
    found = estimate(r, rng, rounds=1)
    beside = {f"value/{name}": e.value for name, e in found.items()}
    return {"value": found["snips"].value, **beside, "value/effective_rows": effective(r.weight)}


def earned(
    scorer: Scorer,
    taken: Csr | None,
    log: Log | None,
    part: str,
    device: torch.device,
    rng: Rng | None = None,
) -> dict[str, float]:
    """Estimate PART/value of a policy on its part of a log with propensities; nothing for others.

    Args:
        scorer: the policy.
        taken: (U,I) what is not shown, as far as the log does not show it, or None.
        log: what another policy showed, or None.
        part: train, valid or test.
        device: where the scorer stands.
        rng: for the estimators that draw; None: SNIPS alone.

    Returns:
        Figures by name (``metrics``).
    """
    if log is None or log.propensity is None or log.part is None or not isinstance(scorer, Policy):
        return {}
    mine = log.rows(log.part == ("train", "valid", "test").index(part))
    if not len(mine):
        return {}
    seen = None if taken is None else excluded(taken.to(device), log)
    return {f"{part}/{name}": value for name, value in metrics(scorer, mine, seen, rng).items()}
