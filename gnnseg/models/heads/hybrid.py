"""Segments plus the user's own taste: what a segment cannot say, the pair may."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from gnnseg.graph import BipartiteGraph
from gnnseg.models.heads.base import Head, facing, temperature
from gnnseg.models.heads.segments import Segments, SegmentScorer
from gnnseg.models.vectors import pick, unit
from gnnseg.rng import Rng
from gnnseg.sparse import Csr, sddmm
from gnnseg.types import Embeddings, Explanation, Shape


class Hybrid(Head):
    """logit_ij = log sum_k alpha_ik beta_kj + cos(user_i, item_j)/tau, beta the segments' item
    distributions; no further bias."""

    catalogue = True

    def __init__(
        self,
        shape: Shape,
        rng: Rng,
        *,
        segments: int,
        tied: bool,
        top: int | None,
        tau_alpha: float,
        tau_beta: float,
        tau: float,
        starts: int = 1,
    ) -> None:
        super().__init__()
        self.tau = temperature(tau, "head.tau")
        self.group = Segments(
            shape, rng, segments=segments, beta="distribution", tied=tied, top=top, centre=True,
            tau_alpha=tau_alpha, tau_beta=tau_beta, tau=tau, starts=starts,
        )  # fmt: skip

    @classmethod
    def provides(cls, **node: Any) -> frozenset[str]:
        return frozenset({"segments", "logits"})

    def reset(self, embeddings: Embeddings, rng: Rng) -> None:
        self.group.reset(embeddings, rng)

    def renumber(self, order: Tensor) -> None:
        self.group.renumber(order)

    def forward(self, embeddings: Embeddings) -> HybridScorer:
        return HybridScorer(self.group(embeddings), embeddings, self.tau)

    def finish(self, embeddings: Embeddings, graph: BipartiteGraph, rng: Rng) -> None:
        self.group.finish(embeddings, graph, rng)


class HybridScorer:
    """The sum of the segments' log-probability and a personal cosine."""

    kind = "distribution"

    def __init__(self, group: SegmentScorer, embeddings: Embeddings, tau: float) -> None:
        self._group, self._e, self._tau = group, embeddings, tau

    @property
    def alpha(self) -> Tensor:
        return self._group.alpha

    @property
    def beta(self) -> Tensor:
        return self._group.beta

    @property
    def prototypes(self) -> Tensor:
        return self._group.prototypes

    @property
    def item_prototypes(self) -> Tensor:
        return self._group.item_prototypes

    def memberships(self, users: Tensor | None) -> Tensor:
        return self._group.memberships(users)

    def truncated(self, top: int) -> HybridScorer:
        return HybridScorer(self._group.truncated(top), self._e, self._tau)

    def with_users(self, user_UD: Tensor) -> HybridScorer:
        return HybridScorer(self._group.with_users(user_UD), facing(self._e, user_UD), self._tau)

    def _units(self, users: Tensor | None, items: Tensor | None) -> tuple[Tensor, Tensor]:
        left = unit(pick(self._e.user_UD, users)) / self._tau
        return left, unit(pick(self._e.item_ID, items))

    def pairs(self, users: Tensor, items: Tensor) -> Tensor:
        left, right = self._units(users, items.reshape(-1))
        right = right.view(*items.shape, right.shape[-1])
        personal = (left * right).sum(-1) if items.dim() == 1 else (left[:, None] * right).sum(-1)
        return self._group.pairs(users, items) + personal

    def block(self, users: Tensor, items: Tensor | None = None) -> Tensor:
        left, right = self._units(users, items)
        return self._group.block(users, items) + left @ right.T

    def edges(self, pattern: Csr) -> Tensor:
        return self._group.edges(pattern) + sddmm(pattern, *self._units(None, None))

    def explain(self, users: Tensor, items: Tensor) -> Explanation:
        """Shares of the segment part by segment, and the two parts of the logit: ``bias`` holds the
        segment part log sum_k alpha_ik beta_kj, ``personal`` the cosine part; together they are the
        logit."""
        left, right = self._units(users, items)
        shares = self._group.explain(users, items).segments
        return Explanation(True, shares, self._group.pairs(users, items), (left * right).sum(-1))
