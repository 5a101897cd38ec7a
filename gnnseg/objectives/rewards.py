"""What a log's items earn in each segment: the reward model of the doubly robust policy gradient.

Shape legend: B events in a batch, R users among them, I items, K segments.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gnnseg.objectives.base import weighted_mean
from gnnseg.rng import Rng
from gnnseg.sparse import Csr
from gnnseg.types import Batch, Policy, Shape

FLOOR = 1e-12
PRIOR = 10  # effective showings (events of a user) at which an own mean weighs as much as the usual
SOME_USERS = 1024  # over whose whole catalogue a step looks, drawn anew each step


class SegmentRewards(nn.Module):
    """q_ij = sum_k alpha_ik m_kj: the mean reward of each item in each segment, by the alpha of now (detached).

    m_kj = sum_e a_e v_e r_e / max(sum_e a_e v_e, n_kj) over the showings e of item j, a_e = alpha of their users, v_e = 1/p_e where
    propensities are known, n_kj = sum a_e over all showings to users who could be shown j, which is what the a_e v_e sum to on
    average where the logger shows j to all of k: whom it never shows j is taken to give nothing for it. (Without propensities
    v = 1, and n_kj is left out.) m_kj is drawn to the item's own mean, and that to the mean of all, by ``PRIOR`` effective showings.
    Sums over the log are kept from step to step, a batch that holds a part rho of the log counting for rho (online EM, Cappe &
    Moulines 2009); with full batches they are exact.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.sums: Tensor  # (4,K,I) of a v, a v^2, a v r, and n
        self.register_buffer("sums", torch.zeros(4, shape.segments, shape.items))
        self.rows = 1  # of the log

    @torch.no_grad()
    def watch(self, scorer: Policy, batch: Batch, inverse_B: Tensor | None, seen: Csr | None) -> None:
        """A batch's events with their 1/p, (B,), where that is known."""
        assert batch.reward is not None
        users, place = torch.unique(batch.users, return_inverse=True)
        alpha_RK = scorer.memberships(users).to(self.sums.dtype)
        alpha_BK = alpha_RK[place]
        v_B = torch.ones_like(alpha_BK[:, 0]) if inverse_B is None else inverse_B.to(alpha_BK.dtype)
        found = torch.zeros_like(self.sums)
        for row, factor_B in enumerate((v_B, v_B.square(), v_B * batch.reward.to(v_B.dtype))):
            found[row] = (
                self.sums.new_zeros(self.sums.shape[:0:-1]).index_add(0, batch.items, alpha_BK * factor_B[:, None]).T
            )
        if inverse_B is not None:
            times_RK = alpha_RK * torch.bincount(place, minlength=len(users))[:, None]
            found[3] = times_RK.sum(0)[:, None]
            if seen is not None:
                where, entry = seen.entries_of(users)
                barred_IK = torch.zeros_like(found[3].T).index_add(0, seen.column[entry], times_RK[where])
                found[3] -= barred_IK.T
        part = min(1.0, len(batch.users) / self.rows)
        self.sums.copy_((1 - part) * self.sums + found)

    @property
    def mean_KI(self) -> Tensor:
        size_KI, square_KI, earned_KI, could_KI = self.sums
        size_I, square_I, earned_I, could_I = self.sums.sum(1)
        usual = earned_I.sum() / torch.maximum(size_I.sum(), could_I.sum()).clamp(min=FLOOR)
        by_item = _drawn_to(usual, size_I, square_I, earned_I, could_I)
        return _drawn_to(by_item, size_KI, square_KI, earned_KI, could_KI)

    @torch.no_grad()
    def at(self, scorer: Policy, batch: Batch) -> Tensor:
        """q of a batch's events, (B,)."""
        found: Tensor = (scorer.memberships(batch.users) * F.embedding(batch.items, self.mean_KI.T)).sum(-1)
        return found

    def value(self, scorer: Policy, batch: Batch, seen: Csr | None, top: int | None, rng: Rng) -> Tensor:
        """sum_j pi(j|i) q_ij, the mean over the batch's events, of at most ``SOME_USERS`` users drawn anew each step."""
        users, place = torch.unique(batch.users, return_inverse=True)
        weight_R = torch.zeros(len(users), dtype=batch.weight.dtype, device=users.device).index_add(
            0, place, batch.weight
        )
        some = some_of(len(users), rng, "values").to(users.device)
        users, weight_R = users[some], weight_R[some]
        pi_RI = scorer.block(users).exp()
        if seen is not None:
            where, entry = seen.entries_of(users)
            nothing = torch.zeros((), dtype=pi_RI.dtype, device=pi_RI.device)
            pi_RI = pi_RI.index_put((where, seen.column[entry]), nothing)
            pi_RI = pi_RI / pi_RI.sum(-1, keepdim=True).clamp(min=FLOOR)
        q_RI = (scorer.memberships(users).detach() @ self.mean_KI).to(pi_RI.dtype)
        if top is not None:
            q_RI = q_RI * (top * (1 - pi_RI.detach()).clamp(min=0) ** (top - 1))
        return weighted_mean((pi_RI * q_RI).sum(-1), weight_R)


def _drawn_to(usual: Tensor, size: Tensor, square: Tensor, earned: Tensor, could: Tensor) -> Tensor:
    """Mean rewards, drawn to the usual where few effective showings (Kish 1965) stand behind them."""
    showings = size.square() / square.clamp(min=FLOOR)
    mean = earned / torch.maximum(size, could).clamp(min=FLOOR)
    return (showings * mean + PRIOR * usual) / (showings + PRIOR)


def some_of(count: int, rng: Rng, name: str) -> Tensor:
    """At most ``SOME_USERS`` of ``count`` rows, ascending."""
    if count <= SOME_USERS:
        return torch.arange(count)
    return torch.randperm(count, generator=rng.torch(name))[:SOME_USERS].sort().values
