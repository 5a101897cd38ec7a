"""What a log's items earn in each segment: the reward model of the doubly robust policy gradient.

Shape legend: B events in a batch, R users among them, I items, K segments.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gnnseg.models.objectives.base import weighted_mean
from gnnseg.rng import Rng
from gnnseg.sparse import Csr
from gnnseg.types import Batch, Policy, Shape

FLOOR = 1e-12
PRIOR = 10  # effective showings (events of a user) at which an own mean weighs as much as the usual
SURE = 2.0  # deviations by which showings must fall short before the logger counts as never showing
SOME_USERS = 1024  # over whose whole catalogue a step looks, drawn anew each step


class SegmentRewards(nn.Module):
    """Mean rewards by segment, less some of their standard errors.

    q_ij = m_kj - ``pessimism`` s_kj, m_kj the mean reward of item j in segment k, user i's largest
    (users are assigned hard: classification EM, Celeux & Govaert 1992). The best of many noisy
    means is too good to be true; the best lower bound is less so (pessimism, Jeunen & Goethals
    2021). ``pessimism`` below 0 is optimism, which shows what little is known of.

    m_kj = sum_e v_e r_e / max(sum_e v_e, n_kj - 2 d_kj) over the showings e of item j to the users
    of k: v_e = 1/p_e where propensities are known; n_kj, their showings in all while they could be
    shown j, is what the v_e sum to on average where the logger shows j to everybody in k, d_kj =
    sqrt(sum_e v_e^2) how far that is off by chance. What falls short by more is taken to have
    earned nothing: a logger that shows j only to those few who like it says nothing of the others.
    Without propensities v = 1, and n_kj is left out. m_kj is drawn to the item's own mean, and that
    to the mean of all, by ``PRIOR`` effective showings; s_kj is the standard deviation of the
    item's rewards over the root of as many more: of all segments' rewards, since few showings say
    as little of their variance as of their mean. Sums over the log are kept from step to step, a
    batch that holds a part rho of the log counting for rho (online EM, Cappe & Moulines 2009); with
    full batches they are exact.
    """

    def __init__(self, shape: Shape, pessimism: float) -> None:
        super().__init__()
        self.pessimism = pessimism
        self.sums: Tensor  # (5,K,I) of v, v^2, v r, v r^2, and n
        self.register_buffer("sums", torch.zeros(5, shape.segments, shape.items))
        self.rows = 1  # of the log

    @torch.no_grad()
    def watch(
        self, scorer: Policy, batch: Batch, inverse_B: Tensor | None, seen: Csr | None
    ) -> None:
        """Take in a batch's events with their 1/p, (B,), where that is known."""
        assert batch.logged is not None
        kind, (_, segments, items) = self.sums.dtype, self.sums.shape
        users, place = torch.unique(batch.users, return_inverse=True)
        segment_R = largest(scorer, users)
        segment_B = segment_R[place]
        v_B = torch.ones_like(batch.weight, dtype=kind) if inverse_B is None else inverse_B.to(kind)

        def summed(cell: Tensor, weight: Tensor) -> Tensor:
            return torch.zeros(segments * items, dtype=kind, device=cell.device).index_add(
                0, cell, weight
            )

        cell_B = segment_B * items + batch.items
        reward_B = batch.logged.reward.to(kind)
        weights = (v_B, v_B.square(), v_B * reward_B, v_B * reward_B.square())
        found = [summed(cell_B, weight_B) for weight_B in weights]
        could_KI = torch.zeros(segments, items, dtype=kind, device=cell_B.device)
        if inverse_B is not None:
            could_KI += torch.bincount(segment_B, minlength=segments)[:, None]
            if seen is not None:
                where, entry = seen.entries_of(users)
                times_R = torch.bincount(place, minlength=len(users)).to(kind)
                could_KI -= summed(
                    segment_R[where] * items + seen.column[entry], times_R[where]
                ).view_as(could_KI)
        part = min(1.0, len(batch.users) / self.rows)
        self.sums.copy_(
            (1 - part) * self.sums + torch.stack([*found, could_KI.view(-1)]).view_as(self.sums)
        )

    @property
    def mean_KI(self) -> Tensor:
        """Return m, (K,I)."""
        everything, by_item = self.sums.sum((1, 2)), self.sums.sum(1)
        return _drawn_to(_drawn_to(_mean(everything), by_item), self.sums)

    @property
    def lower_KI(self) -> Tensor:
        """Return m - pessimism s, (K,I)."""
        by_item = self.sums.sum(1)
        variance_I = (by_item[3] / _known(by_item) - _mean(by_item).square()).clamp(min=0)
        return self.mean_KI - self.pessimism * (variance_I / (_showings(self.sums) + PRIOR)).sqrt()

    @torch.no_grad()
    def at(self, scorer: Policy, batch: Batch) -> Tensor:
        """Return q of a batch's events, (B,)."""
        found: Tensor = self.lower_KI[largest(scorer, batch.users), batch.items]
        return found

    def value(
        self, scorer: Policy, batch: Batch, taken: Csr | None, top: int | None, rng: Rng
    ) -> Tensor:
        """Compute sum_j pi(j|i) q_ij, pi without what is ``taken``.

        The mean over the batch's events, of at most ``SOME_USERS`` users drawn anew each step.
        """
        users, place = torch.unique(batch.users, return_inverse=True)
        weight_R = torch.zeros(len(users), dtype=batch.weight.dtype, device=users.device).index_add(
            0, place, batch.weight
        )
        some = some_of(len(users), rng, "values", users.device)
        users, weight_R = users[some], weight_R[some]
        pi_RI = without(scorer.block(users).exp(), users, taken)
        q_RI = F.embedding(largest(scorer, users), self.lower_KI).to(pi_RI.dtype)
        if top is not None:
            q_RI = q_RI * (top * (1 - pi_RI.detach()).clamp(min=0) ** (top - 1))
        return weighted_mean((pi_RI * q_RI).sum(-1), weight_R)


def _known(sums: Tensor) -> Tensor:
    """Return what (5,...) sums of rewards are divided by."""
    size, square, could = sums[0], sums[1], sums[4]
    return torch.maximum(size, could - SURE * square.sqrt()).clamp(min=FLOOR)


def _mean(sums: Tensor) -> Tensor:
    return sums[2] / _known(sums)


def _showings(sums: Tensor) -> Tensor:
    """Return how many effective ones there are (Kish 1965)."""
    return sums[0].square() / sums[1].clamp(min=FLOOR)


def _drawn_to(usual: Tensor, sums: Tensor) -> Tensor:
    """Return mean rewards, drawn to the usual where few showings stand behind them."""
    showings = _showings(sums)
    return (showings * _mean(sums) + PRIOR * usual) / (showings + PRIOR)


def largest(scorer: Policy, users: Tensor) -> Tensor:
    """Return each user's largest segment, (B,)."""
    return scorer.memberships(users).argmax(1)


def without(pi_BI: Tensor, users: Tensor, taken: Csr | None) -> Tensor:
    """Return users' policies without what they have taken, rows sum to 1; None: as they are."""
    if taken is None:
        return pi_BI
    where, entry = taken.entries_of(users)
    pi_BI = pi_BI.index_put(
        (where, taken.column[entry]), torch.zeros((), dtype=pi_BI.dtype, device=pi_BI.device)
    )
    return pi_BI / pi_BI.sum(-1, keepdim=True).clamp(min=FLOOR)


def some_of(count: int, rng: Rng, name: str, device: torch.device) -> Tensor:
    """Draw at most ``SOME_USERS`` of ``count`` rows, ascending."""
    if count <= SOME_USERS:
        return torch.arange(count, device=device)
    return rng.stream(name, device).permutation(count)[:SOME_USERS].sort().values
