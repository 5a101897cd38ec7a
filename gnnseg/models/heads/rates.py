"""Soft segments of a trained pair network: users by what its last hidden layer says of the pairs
they took.

Shape legend: U users, I items, B users in a batch, N items asked for, K segments, H width of the
last hidden layer, E pairs.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gnnseg.models.heads.base import FLOOR, FactorScorer, memberships
from gnnseg.models.heads.segments import keep_top
from gnnseg.models.vectors import pick
from gnnseg.sparse import Csr
from gnnseg.types import Explanation

if TYPE_CHECKING:
    from gnnseg.models.heads.mlp import TowerScorer

PAIRS = (
    1 << 20
)  # of users and items scored at once, and of pairs whose hidden layers are held at once


def hidden_means(scorer: TowerScorer, pattern: Csr, unknown_H: Tensor | None = None) -> Tensor:
    """v_i = mean over the pairs (i,j) of the pattern of the last hidden layer z_L(i,j), (U,H), in
    float64 sums.

    Who has no pair has ``unknown_H``; None: the mean of the others.
    """
    users, items = pattern.row, pattern.column
    total_UH: Tensor | None = None
    for at in range(0, max(len(users), 1), PAIRS):
        some = users[at : at + PAIRS]
        z_EH = scorer.hidden(some, items[at : at + PAIRS]).double()
        if total_UH is None:
            total_UH = z_EH.new_zeros(pattern.shape[0], z_EH.shape[-1])
        total_UH.index_add_(0, some, z_EH)
    assert total_UH is not None
    degree_U = pattern.degrees()[0]
    known_U = degree_U > 0
    mean_UH = total_UH / degree_U.clamp(min=1)[:, None]
    if unknown_H is None:
        unknown_H = (
            mean_UH[known_U].mean(0) if bool(known_U.any()) else mean_UH.new_zeros(mean_UH.shape[1])
        )
    return torch.where(known_U[:, None], mean_UH, unknown_H.double()).float()


def rates(scorer: TowerScorer, alpha_UK: Tensor, items: int) -> Tensor:
    """beta_kj = sum_i alpha_ik sigmoid(s_ij) / sum_i alpha_ik, (K,I) float32: what the network
    expects of a segment's users."""
    alpha = alpha_UK.double()
    total_KI = alpha.new_zeros(alpha.shape[1], items)
    step = max(1, PAIRS // max(items, 1))
    for at in range(0, len(alpha), step):
        rows = torch.arange(at, min(at + step, len(alpha)), device=alpha.device)
        total_KI += alpha[rows].T @ scorer.block(rows).sigmoid().double()
    return (total_KI / alpha.sum(0).clamp(min=FLOOR)[:, None]).float()


class RateScorer:
    """The network's own ranking, with the segments of its users beside it.

    beta_kj is the mean chance that the network gives item j among the users of segment k (a rate:
    rows do not sum to 1). Through segments (``truncated``, ``explain``) a score is logit(sum_k
    alpha_ik beta_kj); the rest of the network's logit is personal.
    """

    kind = "rate"

    def __init__(
        self,
        tower: TowerScorer,
        vector_UH: Tensor,
        unknown_H: Tensor,
        centres_KH: Tensor,
        beta_KI: Tensor,
        tau: float,
    ) -> None:
        self._tower, self.vectors, self._unknown_H = tower, vector_UH, unknown_H
        self.prototypes, self.beta, self._tau = centres_KH, beta_KI, tau

    def memberships(self, users: Tensor | None) -> Tensor:
        return memberships(pick(self.vectors, users), self.prototypes, self._tau)

    @cached_property
    def alpha(self) -> Tensor:
        return self.memberships(None)

    def truncated(self, top: int) -> SegmentRates:
        return SegmentRates(self.alpha, self.beta, top)

    def with_users(self, user_UD: Tensor) -> RateScorer:
        """The same items before other users, of whose pairs nothing is known yet: an average user's
        segments."""
        return self._facing(
            self._tower.with_users(user_UD), self._unknown_H.expand(len(user_UD), -1)
        )

    def with_histories(self, pattern: Csr) -> RateScorer:
        """The same users, in the segments that their pairs (U,I) say."""
        return self._facing(self._tower, hidden_means(self._tower, pattern, self._unknown_H))

    def _facing(self, tower: TowerScorer, vector_UH: Tensor) -> RateScorer:
        return RateScorer(tower, vector_UH, self._unknown_H, self.prototypes, self.beta, self._tau)

    def pairs(self, users: Tensor, items: Tensor) -> Tensor:
        return self._tower.pairs(users, items)

    def block(self, users: Tensor, items: Tensor | None = None) -> Tensor:
        return self._tower.block(users, items)

    def edges(self, pattern: Csr) -> Tensor:
        return self._tower.edges(pattern)

    def hidden(self, users: Tensor, items: Tensor) -> Tensor:
        return self._tower.hidden(users, items)

    def explain(self, users: Tensor, items: Tensor) -> Explanation:
        """Shares of sum_k alpha_ik beta_kj by segment; ``bias`` holds the segment part of the
        logit, ``personal`` the rest: how much more the network expects of this user than of the
        user's segments."""
        through = SegmentRates(self.alpha, self.beta, self.beta.shape[0])
        part_B = through.pairs(users, items)
        return Explanation(
            True, through.explain(users, items).segments, part_B, self.pairs(users, items) - part_B
        )


class SegmentRates(FactorScorer):
    """logit(sum_k alpha_ik beta_kj) through each user's ``top`` largest segments, alpha
    renormalised."""

    kind = "rate"

    def __init__(self, alpha_UK: Tensor, beta_KI: Tensor, top: int) -> None:
        self.alpha = alpha_UK if top >= alpha_UK.shape[1] else keep_top(alpha_UK, top)
        self.beta = beta_KI

    def memberships(self, users: Tensor | None) -> Tensor:
        return pick(self.alpha, users)

    def truncated(self, top: int) -> SegmentRates:
        return SegmentRates(self.alpha, self.beta, top)

    def left(self, users: Tensor | None) -> Tensor:
        return self.memberships(users)

    def right(self, items: Tensor | None) -> Tensor:
        return pick(self.beta.T, items)

    def logit(self, product: Tensor, items: Tensor | None) -> Tensor:
        return product.logit(eps=1e-7)

    def explain(self, users: Tensor, items: Tensor) -> Explanation:
        parts_BK = self.memberships(users) * self.right(items)
        return Explanation(
            True,
            parts_BK / parts_BK.sum(-1, keepdim=True).clamp(min=FLOOR),
            self.pairs(users, items),
        )
