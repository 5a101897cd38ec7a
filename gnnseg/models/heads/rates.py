"""Soft segments of a trained pair network: users by what its last hidden layer says of the pairs
they took.

Shape legend: U users, I items, B users in a batch, N items asked for, K segments, H width of the
last hidden layer, E pairs.
"""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor

from gnnseg.models.heads.base import FLOOR, FactorScorer, memberships
from gnnseg.models.heads.readings import keep_top
from gnnseg.models.heads.tower import TowerScorer
from gnnseg.models.vectors import pick
from gnnseg.sparse import Csr
from gnnseg.types import Explanation, HistoryScorer, Segmentation

PAIRS = 1 << 20  # of users and items scored at once, and of pairs whose hidden layers are held


def hidden_means(scorer: TowerScorer, pattern: Csr, unknown_H: Tensor | None = None) -> Tensor:
    """Compute v_i = mean over the pairs (i,j) of the pattern of z_L(i,j), (U,H).

    z_L is the last hidden layer; sums are in float64. Who has no pair has ``unknown_H``; None: the
    mean of the others.
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
    """Compute beta_kj = sum_i alpha_ik sigmoid(s_ij) / sum_i alpha_ik, (K,I) float32.

    It is what the network expects of a segment's users.
    """
    alpha = alpha_UK.double()
    total_KI = alpha.new_zeros(alpha.shape[1], items)
    step = max(1, PAIRS // max(items, 1))
    for at in range(0, len(alpha), step):
        rows = torch.arange(at, min(at + step, len(alpha)), device=alpha.device)
        total_KI += alpha[rows].T @ scorer.block(rows).sigmoid().double()
    return (total_KI / alpha.sum(0).clamp(min=FLOOR)[:, None]).float()


class RateScorer(HistoryScorer, Segmentation):
    """The network's own ranking, with the segments of its users beside it.

    beta_kj is the mean chance that the network gives item j among the users of segment k (a rate:
    rows do not sum to 1). Through segments (``truncated``, ``explain``) a score is logit(sum_k
    alpha_ik beta_kj); the rest of the network's logit is personal.
    """

    kind = "rate"

    def __init__(
        self,
        tower: TowerScorer,
        *,
        vector_UH: Tensor,
        unknown_H: Tensor,
        centres_KH: Tensor,
        beta_KI: Tensor,
        tau: float,
    ) -> None:
        self._tower, self._vector_UH, self._unknown_H = tower, vector_UH, unknown_H
        self._centres_KH, self._beta_KI, self._tau = centres_KH, beta_KI, tau

    def memberships(self, users: Tensor | None) -> Tensor:
        """Return alpha of some user rows, (B,K); None: of all."""
        return memberships(pick(self._vector_UH, users), self._centres_KH, self._tau)

    @cached_property
    def alpha(self) -> Tensor:
        """Return P(segment k | user i), (U,K)."""
        return self.memberships(None)

    @property
    def beta(self) -> Tensor:
        """Return the mean chance that the network gives an item in a segment, (K,I)."""
        return self._beta_KI

    @property
    def prototypes(self) -> Tensor:
        """Return c_k among the users' mean hidden layers, (K,H)."""
        return self._centres_KH

    @property
    def vectors(self) -> Tensor:
        """Return the users' mean hidden layers v_i, (U,H)."""
        return self._vector_UH

    def truncated(self, top: int) -> SegmentRates:
        """Return the scores through each user's ``top`` largest segments, alpha renormalised."""
        return SegmentRates(self.alpha, self.beta, top)

    def with_users(self, user_UD: Tensor) -> RateScorer:
        """Return the same items before other users, who have an average user's segments.

        Nothing is known of their pairs yet.
        """
        return self._facing(
            self._tower.with_users(user_UD), self._unknown_H.expand(len(user_UD), -1)
        )

    def with_histories(self, pattern: Csr) -> RateScorer:
        """Return the same users, in the segments that their pairs (U,I) say."""
        return self._facing(self._tower, hidden_means(self._tower, pattern, self._unknown_H))

    def _facing(self, tower: TowerScorer, vector_UH: Tensor) -> RateScorer:
        return RateScorer(
            tower,
            vector_UH=vector_UH,
            unknown_H=self._unknown_H,
            centres_KH=self._centres_KH,
            beta_KI=self._beta_KI,
            tau=self._tau,
        )

    def pairs(self, users: Tensor, items: Tensor) -> Tensor:
        """Score pairs by the network, (B,),(B,) -> (B,); (B,),(B,N) -> (B,N)."""
        return self._tower.pairs(users, items)

    def block(self, users: Tensor, items: Tensor | None = None) -> Tensor:
        """Score users against shared items by the network, (B,),(N,) -> (B,N); None: all items."""
        return self._tower.block(users, items)

    def edges(self, pattern: Csr) -> Tensor:
        """Score the pattern's entries by the network, (E,), in its order."""
        return self._tower.edges(pattern)

    def hidden(self, users: Tensor, items: Tensor) -> Tensor:
        """Compute the tower's last hidden layer of pairs, (B,),(B,) -> (B,H)."""
        return self._tower.hidden(users, items)

    def explain(self, users: Tensor, items: Tensor) -> Explanation:
        """Return the shares of sum_k alpha_ik beta_kj by segment, and the two parts of the logit.

        ``bias`` holds the segment part, ``personal`` the rest: how much more the network expects of
        this user than of the user's segments.
        """
        through = SegmentRates(self.alpha, self.beta, self.beta.shape[0])
        part_B = through.pairs(users, items)
        return Explanation(
            shares=True,
            segments=through.explain(users, items).segments,
            bias=part_B,
            personal=self.pairs(users, items) - part_B,
        )


class SegmentRates(FactorScorer, Segmentation):
    """Scores logit(sum_k alpha_ik beta_kj) through each user's ``top`` largest segments alone."""

    kind = "rate"
    increasing = True

    def __init__(self, alpha_UK: Tensor, beta_KI: Tensor, top: int) -> None:
        self._alpha_UK = alpha_UK if top >= alpha_UK.shape[1] else keep_top(alpha_UK, top)
        self._beta_KI = beta_KI

    @property
    def alpha(self) -> Tensor:
        """Return what is left of P(segment k | user i), renormalised, (U,K)."""
        return self._alpha_UK

    @property
    def beta(self) -> Tensor:
        """Return the mean chance that the network gives an item in a segment, (K,I)."""
        return self._beta_KI

    def memberships(self, users: Tensor | None) -> Tensor:
        """Return alpha of some user rows, (B,K); None: of all."""
        return pick(self._alpha_UK, users)

    def truncated(self, top: int) -> SegmentRates:
        """Return the scores through each user's ``top`` largest segments, alpha renormalised."""
        return SegmentRates(self._alpha_UK, self._beta_KI, top)

    def left(self, users: Tensor | None) -> Tensor:
        """Return alpha of some rows, (B,K); None: of all."""
        return self.memberships(users)

    def right(self, items: Tensor | None) -> Tensor:
        """Return beta of some items, (N,K); None: of all."""
        return pick(self._beta_KI.T, items)

    def logit(self, product: Tensor, items: Tensor | None) -> Tensor:
        """Turn a chance into its logit."""
        return product.logit(eps=1e-7)

    def explain(self, users: Tensor, items: Tensor) -> Explanation:
        """Return the shares of sum_k alpha_ik beta_kj by segment, and the logit as ``bias``."""
        parts_BK = self.memberships(users) * self.right(items)
        return Explanation(
            shares=True,
            segments=parts_BK / parts_BK.sum(-1, keepdim=True).clamp(min=FLOOR),
            bias=self.pairs(users, items),
        )
