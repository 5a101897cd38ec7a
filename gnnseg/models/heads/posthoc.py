"""Today's practice, the thing to beat: train a plain recommender, then cluster its users and
recommend what clusters like."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from gnnseg.graph import BipartiteGraph
from gnnseg.models.heads.base import FLOOR, FactorScorer, FinishedHead, NumberedHead
from gnnseg.models.heads.dot import Dot, DotScorer
from gnnseg.models.kmeans import nearest, prototypes
from gnnseg.models.vectors import pick
from gnnseg.rng import Rng
from gnnseg.types import (
    Embeddings,
    EmbeddingScorer,
    Explanation,
    InputError,
    Segmentation,
    Shape,
)

PRIOR = 100.0  # pseudo-counts by which a cluster's item shares lean on everyone's


class Posthoc(FinishedHead, NumberedHead):
    """Segments made afterwards: trained as ``dot``, then clustered.

    k-means++ once on unit user embeddings (Lloyd 1982; Arthur & Vassilvitskii 2007), hard alpha,
    beta_kj = (n_kj + 100 n_j/E)/(n_k + 100), logit log rec_ij.

    Args:
        segments: K, how many clusters.
        similarity: While training: 'cosine' or 'dot', as in ``Dot``.
        tau: Temperature of the cosine, as in ``Dot``.
        bias: While training: the cosine's item bias, as in ``Dot``.
    """

    fitted: Tensor
    centres_KD: Tensor
    beta_KI: Tensor

    def __init__(
        self,
        shape: Shape,
        rng: Rng,
        *,
        segments: int = 16,
        similarity: Literal["cosine", "dot"] = "cosine",
        tau: float | None = None,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if segments < 1:
            raise InputError(f"head.segments is {segments}: there must be at least 1.")
        self.segments = segments
        self.dot = Dot(shape, rng, similarity=similarity, tau=tau, bias=bias)
        self.register_buffer("fitted", torch.tensor(False))
        self.register_buffer("centres_KD", torch.zeros(segments, shape.width))
        self.register_buffer("beta_KI", torch.zeros(segments, shape.items))

    @classmethod
    def provides(cls, **node: Any) -> frozenset[str]:
        """Say what ``Dot`` provides while it trains."""
        return Dot.provides(similarity=node.get("similarity"), bias=node.get("bias", True))

    def forward(self, embeddings: Embeddings) -> DotScorer | HardScorer:
        """Return ``dot``'s scores, once finished those of the users' clusters."""
        if not bool(self.fitted):
            scorer: DotScorer = self.dot(embeddings)
            return scorer
        assignment = nearest(embeddings.user_UD, self.centres_KD)
        return HardScorer(assignment, self.beta_KI, self.centres_KD)

    def fitting_scorer(self, embeddings: Embeddings) -> DotScorer:
        """Return ``dot``'s scores."""
        scorer: DotScorer = self.dot(embeddings)
        return scorer

    def finish(self, embeddings: Embeddings, graph: BipartiteGraph, rng: Rng) -> None:
        """Cluster the users and count what each cluster takes."""
        centres = prototypes(embeddings.user_UD, self.segments, rng, rounds=300)
        self.centres_KD = centres
        self.beta_KI = shares(nearest(embeddings.user_UD, centres), self.segments, graph)
        self.fitted = torch.ones_like(self.fitted)

    def renumber(self, order: Tensor) -> None:
        """Make cluster k what was cluster order[k], (K,)."""
        self.centres_KD = F.embedding(order, self.centres_KD)
        self.beta_KI = F.embedding(order, self.beta_KI)

    def stored(self) -> dict[str, Tensor]:
        """Return the items' bias of ``dot``, where there is one."""
        return self.dot.stored()


def shares(assignment_U: Tensor, segments: int, graph: BipartiteGraph) -> Tensor:
    """Compute beta_kj = (n_kj + 100 n_j/E)/(n_k + 100), (K,I) float32.

    n_kj: training pairs of cluster k's users with item j.
    """
    p = graph.pattern
    counts_KI = torch.zeros(segments * graph.items, device=p.column.device)
    counts_KI.index_add_(
        0,
        assignment_U[p.row] * graph.items + p.column,
        torch.ones(p.entries, device=p.column.device),
    )
    counts_KI = counts_KI.view(segments, graph.items)
    overall_I = p.degrees()[1].float() / max(p.entries, 1)
    return (counts_KI + PRIOR * overall_I) / (counts_KI.sum(-1, keepdim=True) + PRIOR)


def cluster(user_UD: Tensor, segments: int, graph: BipartiteGraph, rng: Rng) -> HardScorer:
    """Return ``posthoc`` on embeddings that someone else trained: the row beside any run."""
    centres = prototypes(user_UD, segments, rng, rounds=300)
    assignment = nearest(user_UD, centres)
    return HardScorer(assignment, shares(assignment, segments, graph), centres)


class HardScorer(FactorScorer, EmbeddingScorer, Segmentation):
    """Each user in the segment of the nearest centre: log beta of that segment."""

    kind = "distribution"
    increasing = True

    def __init__(self, assignment_U: Tensor, beta_KI: Tensor, centres_KD: Tensor) -> None:
        self.assignment, self._beta_KI, self._centres_KD = assignment_U, beta_KI, centres_KD

    def with_users(self, user_UD: Tensor) -> HardScorer:
        """Return a scorer of the same items, whose user row r is user_UD[r]."""
        return HardScorer(nearest(user_UD, self._centres_KD), self._beta_KI, self._centres_KD)

    @property
    def alpha(self) -> Tensor:
        """Return each user's one segment, (U,K) of 0 and 1."""
        return self.memberships(None)

    @property
    def beta(self) -> Tensor:
        """Return each cluster's smoothed shares of the items, (K,I)."""
        return self._beta_KI

    @property
    def prototypes(self) -> Tensor:
        """Return the clusters' centres among unit user embeddings, (K,D)."""
        return self._centres_KD

    def memberships(self, users: Tensor | None) -> Tensor:
        """Return alpha of some user rows, (B,K); None: of all."""
        rows = self.assignment if users is None else self.assignment[users]
        return F.one_hot(rows, len(self._beta_KI)).to(self._beta_KI.dtype)

    def truncated(self, top: int) -> HardScorer:
        """Return itself: every user has one segment."""
        return self

    def left(self, users: Tensor | None) -> Tensor:
        """Return alpha of some rows, (B,K); None: of all."""
        return self.memberships(users)

    def shared_rows(self, users: Tensor) -> tuple[Tensor, Tensor]:
        """Return each user's segment, and beta."""
        return self.assignment[users], self._beta_KI

    def right(self, items: Tensor | None) -> Tensor:
        """Return beta of some items, (N,K); None: of all."""
        return pick(self._beta_KI.T, items)

    def logit(self, product: Tensor, items: Tensor | None) -> Tensor:
        """Turn a probability into its logarithm."""
        return product.clamp(min=FLOOR).log()

    def explain(self, users: Tensor, items: Tensor) -> Explanation:
        """Return each user's one segment as the whole of the score."""
        nothing_B = torch.zeros(len(users), device=users.device)
        return Explanation(shares=True, segments=self.memberships(users), bias=nothing_B)
