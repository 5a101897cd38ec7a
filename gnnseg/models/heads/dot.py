"""The plain recommender: no segments, the score is the user's and the item's own business."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from gnnseg.models.heads.base import FactorScorer, Head, ItemBias, facing, pick_bias, temperature
from gnnseg.models.vectors import pick, unit
from gnnseg.rng import Rng
from gnnseg.types import Embeddings, Shape


class Dot(Head):
    """``cosine``: cos(user_i, item_j)/tau + b_j. ``dot``: <user_i, item_j>, no temperature, no bias
    (LightGCN under BPR)."""

    def __init__(
        self, shape: Shape, rng: Rng, *, similarity: Literal["cosine", "dot"], tau: float
    ) -> None:
        super().__init__()
        self.tau = temperature(tau, "head.tau")
        self.bias = ItemBias(shape) if similarity == "cosine" else None

    def forward(self, embeddings: Embeddings) -> DotScorer:
        return DotScorer(embeddings, self.tau, None if self.bias is None else self.bias(embeddings))


class DotScorer(FactorScorer):
    """Cosine with temperature and bias, or, where ``bias`` is None, the raw product."""

    def __init__(self, embeddings: Embeddings, tau: float, bias: Tensor | None) -> None:
        self._e, self._tau, self._bias = embeddings, tau, bias

    def with_users(self, user_UD: Tensor) -> DotScorer:
        return DotScorer(facing(self._e, user_UD), self._tau, self._bias)

    def left(self, users: Tensor | None) -> Tensor:
        rows = pick(self._e.user_UD, users)
        return rows if self._bias is None else unit(rows) / self._tau

    def right(self, items: Tensor | None) -> Tensor:
        rows = pick(self._e.item_ID, items)
        return rows if self._bias is None else unit(rows)

    def logit(self, product: Tensor, items: Tensor | None) -> Tensor:
        return product if self._bias is None else product + pick_bias(self._bias, items)
