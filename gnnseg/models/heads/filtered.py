"""The plain recommender, and beside it what neighbouring items of the user's own say.

Shape legend: U users, I items, B users in a batch, N items asked for, D width.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch import Tensor

from gnnseg.graph import BipartiteGraph
from gnnseg.models.heads.base import FinishedHead
from gnnseg.models.heads.dot import Dot, DotScorer
from gnnseg.rng import Rng
from gnnseg.sparse import Csr
from gnnseg.types import Embeddings, HistoryScorer, InputError, Shape

if TYPE_CHECKING:
    from gnnseg.models.baselines.gfcf import GFCF, Filters

LEAST = 1e-3  # of a user's mean filtered score, added so that every item has a logarithm


class Filtered(FinishedHead):
    """The plain recommender and a graph filter, a product of experts (Hinton 2002).

    logit_ij = dot_ij + weight log(f_ij + LEAST mean_j f_ij), f_i = x_i (P~ + alpha L), x_i what
    user i took in training, P~ and L the filters of GF-CF on the graph of items (Shen et al. 2021).
    A factor model of a few hundred dimensions cannot say which few items go together; P~ says
    nothing else. Trained as ``Dot``, whose epoch is chosen on validation; the filter comes after.

    Args:
        weight: Of the filter's logarithm beside the logit; 0: none.
        factors: How many singular vectors the ideal low-pass filter L has.
        alpha: Its weight in the filter; 0: P~ alone.
        similarity: 'cosine' or 'dot', as in ``Dot``.
        tau: Temperature of the cosine, as in ``Dot``.
        bias: The cosine's item bias, as in ``Dot``.
    """

    reads_histories = True
    fitted: Tensor
    right_ID: Tensor

    def __init__(
        self,
        shape: Shape,
        rng: Rng,
        *,
        weight: float = 1.0,
        factors: int = 256,
        alpha: float = 0.3,
        similarity: Literal["cosine", "dot"] = "cosine",
        tau: float | None = None,
        bias: bool = True,
    ) -> None:
        super().__init__()
        for name, value in (("weight", weight), ("alpha", alpha)):
            if not value >= 0:
                raise InputError(f"head.{name} is {value}: write 0 or more.")
        if factors < 1:
            raise InputError(f"head.factors is {factors}: there must be at least 1.")
        self.weight, self.factors, self.alpha = weight, factors, alpha
        self.dot = Dot(shape, rng, similarity=similarity, tau=tau, bias=bias)
        self.register_buffer("fitted", torch.tensor(False))
        self.register_buffer("right_ID", torch.zeros(shape.items, factors))

    @classmethod
    def provides(cls, **node: Any) -> frozenset[str]:
        """Say what ``Dot`` provides while it trains."""
        return Dot.provides(similarity=node.get("similarity"), bias=node.get("bias", True))

    def forward(self, embeddings: Embeddings) -> DotScorer | FilteredScorer:
        """Return ``dot``'s scores, once finished those with the filter."""
        from gnnseg.models.baselines.gfcf import Filters

        scorer: DotScorer = self.dot(embeddings)
        if not bool(self.fitted):
            return scorer
        taken = embeddings.histories
        assert taken is not None, "the training pairs come with the embeddings (reads_histories)"
        filters = Filters(taken, self.right_ID)
        return FilteredScorer(scorer, filters, self._filter(), self.weight, taken, embeddings.users)

    def fitting_scorer(self, embeddings: Embeddings) -> DotScorer:
        """Return ``dot``'s scores."""
        scorer: DotScorer = self.dot(embeddings)
        return scorer

    def finish(self, embeddings: Embeddings, graph: BipartiteGraph, rng: Rng) -> None:
        """Find the singular vectors of the training graph."""
        from scipy import sparse

        p = graph.pattern
        where = (p.row.cpu().numpy(), p.column.cpu().numpy())
        taken = sparse.csr_matrix((np.ones(p.entries), where), shape=p.shape)
        found_IR = self._filter().learn(taken, rng)["right"]
        self.right_ID.zero_()
        self.right_ID[:, : found_IR.shape[1]] = found_IR.to(self.right_ID)
        self.fitted.fill_(True)

    def stored(self) -> dict[str, Tensor]:
        """Return the items' bias of ``dot``, where there is one."""
        return self.dot.stored()

    def _filter(self) -> GFCF:
        from gnnseg.models.baselines.gfcf import GFCF

        return GFCF(factors=self.factors, alpha=self.alpha)


class FilteredScorer(HistoryScorer):
    """``dot``'s logits, and the logarithm of what a filter makes of the users' histories.

    Args:
        dot: The plain logits.
        filters: Of the training graph.
        graph_filter: Which of them, and how much of each.
        weight: Of the logarithm.
        histories: What users took, (U,I), by id.
        users: Which id each row has; None: row = id.
    """

    def __init__(
        self,
        dot: DotScorer,
        filters: Filters,
        graph_filter: GFCF,
        weight: float,
        histories: Csr,
        users: Tensor | None = None,
    ) -> None:
        from gnnseg.models.baselines.scores import RowsScorer

        self._dot, self._filters, self._filter = dot, filters, graph_filter
        self._weight, self._histories, self._users = weight, histories, users
        self._logs = RowsScorer(filters.pattern.shape[1], self._logarithms)

    def with_users(self, user_UD: Tensor) -> FilteredScorer:
        """Return the same items before other users, who have met nothing yet."""
        nothing = torch.zeros(0, dtype=torch.int64, device=user_UD.device)
        empty = Csr.of(nothing, nothing, (len(user_UD), self._histories.shape[1]))
        return self._facing(self._dot.with_users(user_UD), empty)

    def with_histories(self, pattern: Csr) -> FilteredScorer:
        """Return the same users, by what they took, (U,I)."""
        return self._facing(self._dot, pattern)

    def _facing(self, dot: DotScorer, histories: Csr) -> FilteredScorer:
        return FilteredScorer(dot, self._filters, self._filter, self._weight, histories)

    def _logarithms(self, users: Tensor) -> Tensor:
        """Compute log(f + LEAST mean f) of some rows, (B,I); 0 of who took nothing."""
        from gnnseg.models.baselines.gfcf import taken_by

        ids = users if self._users is None else self._users[users]
        taken_BI = taken_by(self._histories, ids)
        found_BI = self._filter.filtered(self._filters, taken_BI).clamp(min=0)
        mean_B1 = found_BI.mean(1, keepdim=True)
        some_B1 = mean_B1 > 0
        return torch.where(some_B1, found_BI + LEAST * mean_B1, 1.0).log()

    def block(self, users: Tensor, items: Tensor | None = None) -> Tensor:
        """Score users against shared items, (B,),(N,) -> (B,N); None: all items."""
        return self._dot.block(users, items) + self._weight * self._logs.block(users, items)

    def pairs(self, users: Tensor, items: Tensor) -> Tensor:
        """Score pairs, (B,),(B,) -> (B,); (B,),(B,N) -> (B,N)."""
        return self._dot.pairs(users, items) + self._weight * self._logs.pairs(users, items)

    def edges(self, pattern: Csr) -> Tensor:
        """Score the pattern's entries, (E,), in its order."""
        return self._dot.edges(pattern) + self._weight * self._logs.edges(pattern)
