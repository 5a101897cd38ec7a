"""Segments plus the user's own taste: what a segment cannot say, the pair may."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from gnnseg.graph import BipartiteGraph
from gnnseg.models.heads.base import NumberedHead, facing, temperature, temperature_by_size
from gnnseg.models.heads.dot import DotScorer
from gnnseg.models.heads.readings import SegmentScorer
from gnnseg.models.heads.segments import Segments, Start
from gnnseg.rng import Rng
from gnnseg.sparse import Csr
from gnnseg.types import Embeddings, EmbeddingScorer, Explanation, Segmentation, Shape


class Hybrid(NumberedHead):
    """Soft segments plus the user's own taste.

    logit_ij = log sum_k alpha_ik beta_kj + cos(user_i, item_j)/tau, beta the segments' item
    distributions (``Segments`` with beta='distribution'); no further bias.

    Args:
        segments: K, how many.
        tied: One prototype a segment for users and items alike, not one each.
        top: None, or how many segments a user may use, the largest, renormalised.
        tau_alpha: Temperature of the users' memberships; smaller is harder.
        tau_beta: Temperature of the segments' item distributions; smaller is sharper.
        tau: Temperature of the personal cosine; None: by the size of the graph
            (``temperature_by_size``).
        start: Of the prototypes: varimax or k-means, as in ``Segments``.
        starts: k-means: how many starts of k-means++, the tightest kept.
    """

    catalogue = True
    by_user = True

    def __init__(
        self,
        shape: Shape,
        rng: Rng,
        *,
        segments: int = 16,
        tied: bool = False,
        top: int | None = None,
        tau_alpha: float = 0.15,
        tau_beta: float = 1.0,
        tau: float | None = None,
        start: Start = "varimax",
        starts: int = 1,
    ) -> None:
        super().__init__()
        self.tau = temperature_by_size(shape) if tau is None else temperature(tau, "head.tau")
        self.group = Segments(
            shape, rng, segments=segments, beta="distribution", tied=tied, top=top, centre=True,
            tau_alpha=tau_alpha, tau_beta=tau_beta, start=start,
            starts=starts,
        )  # fmt: skip

    @classmethod
    def provides(cls, **node: Any) -> frozenset[str]:
        """Say that it has segments, and that its scores are logits."""
        return frozenset({"segments", "logits"})

    def reset(self, embeddings: Embeddings, graph: BipartiteGraph, rng: Rng) -> None:
        """Set the first prototypes, as ``Segments`` does."""
        self.group.reset(embeddings, graph, rng)

    def start_at(self, centres_KD: Tensor) -> None:
        """Start the segments' prototypes at these centres, (K,D)."""
        self.group.start_at(centres_KD)

    def renumber(self, order: Tensor) -> None:
        """Make segment k what was segment order[k], (K,)."""
        self.group.renumber(order)

    def forward(self, embeddings: Embeddings) -> HybridScorer:
        """Return the scores of these embeddings."""
        return HybridScorer(self.group(embeddings), embeddings, self.tau)

    def stored(self) -> dict[str, Tensor]:
        """Return the items' bias."""
        return self.group.stored()


class HybridScorer(EmbeddingScorer, Segmentation):
    """The sum of the segments' log-probability and a personal cosine."""

    kind = "distribution"

    def __init__(self, group: SegmentScorer, embeddings: Embeddings, tau: float) -> None:
        self._group, self._e, self._tau = group, embeddings, tau
        self._personal = DotScorer(embeddings, tau, None)

    @property
    def alpha(self) -> Tensor:
        """Return P(segment k | user i), (U,K)."""
        return self._group.alpha

    @property
    def beta(self) -> Tensor:
        """Return P(item j | segment k), (K,I)."""
        return self._group.beta

    @property
    def prototypes(self) -> Tensor:
        """Return c_k, (K,D), against which a user's alpha is read."""
        return self._group.prototypes

    def directions(self) -> dict[str, Tensor]:
        """Return c_k and c'_k, (K,D), against which users and items are read."""
        return self._group.directions()

    def memberships(self, users: Tensor | None) -> Tensor:
        """Return alpha of some user rows, (B,K); None: of all."""
        return self._group.memberships(users)

    def truncated(self, top: int) -> HybridScorer:
        """Return the scores through each user's ``top`` largest segments and the personal part."""
        return HybridScorer(self._group.truncated(top), self._e, self._tau)

    def with_users(self, user_UD: Tensor) -> HybridScorer:
        """Return a scorer of the same items, whose user row r is user_UD[r]."""
        return HybridScorer(self._group.with_users(user_UD), facing(self._e, user_UD), self._tau)

    def pairs(self, users: Tensor, items: Tensor) -> Tensor:
        """Score pairs, (B,),(B,) -> (B,), or each user's own negatives, (B,),(B,N) -> (B,N)."""
        return self._group.pairs(users, items) + self._personal.pairs(users, items)

    def block(self, users: Tensor, items: Tensor | None = None) -> Tensor:
        """Score users against shared items, (B,),(N,) -> (B,N); None: the whole catalogue."""
        return self._group.block(users, items) + self._personal.block(users, items)

    def edges(self, pattern: Csr) -> Tensor:
        """Score the pattern's entries, (E,), in its order."""
        return self._group.edges(pattern) + self._personal.edges(pattern)

    def explain(self, users: Tensor, items: Tensor) -> Explanation:
        """Return the shares of the segment part by segment, and the two parts of the logit.

        ``bias`` holds the segment part log sum_k alpha_ik beta_kj, ``personal`` the cosine part;
        together they are the logit.
        """
        shares = self._group.explain(users, items).segments
        return Explanation(
            shares=True,
            segments=shares,
            bias=self._group.pairs(users, items),
            personal=self._personal.pairs(users, items),
        )
