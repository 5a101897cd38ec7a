"""The plain recommender: no segments, the score is the user's and the item's own business."""

from __future__ import annotations

from typing import Any, Literal

from torch import Tensor

from gnnseg.models.heads.base import (
    FactorScorer,
    Head,
    ItemBias,
    facing,
    pick_bias,
    temperature,
    temperature_by_size,
)
from gnnseg.models.vectors import pick, unit
from gnnseg.rng import Rng
from gnnseg.types import Embeddings, EmbeddingScorer, Shape


class Dot(Head):
    """The plain recommender: the score of a pair is its embeddings' own.

    Args:
        similarity: 'cosine', cos(user_i, item_j)/tau + b_j, or 'dot', <user_i, item_j>, no
            temperature, no bias (LightGCN under BPR, He et al. 2020).
        tau: Temperature of the cosine; smaller is sharper. None: by the size of the graph
            (``temperature_by_size``).
        bias: The cosine's item bias b_j, learned from log popularity on; False: none, as the papers
            on the softmax loss have it (Wu et al. 2024).
    """

    by_user = True

    def __init__(
        self,
        shape: Shape,
        rng: Rng,
        *,
        similarity: Literal["cosine", "dot"] = "cosine",
        tau: float | None = None,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.tau = temperature_by_size(shape) if tau is None else temperature(tau, "head.tau")
        self.cosine = similarity == "cosine"
        self.bias = ItemBias(shape) if self.cosine and bias else None

    @classmethod
    def provides(cls, **node: Any) -> frozenset[str]:
        """Say that scores are logits, and whether the embeddings alone make them."""
        if node.get("similarity") == "dot":
            return frozenset({"logits", "embeddings"})
        alone = () if node.get("bias", True) else ("embeddings", "cosine")
        return frozenset({"logits", *alone})

    def forward(self, embeddings: Embeddings) -> DotScorer:
        """Return the scores of these embeddings."""
        bias = None if self.bias is None else self.bias(embeddings)
        return DotScorer(embeddings, self.tau if self.cosine else None, bias)

    def stored(self) -> dict[str, Tensor]:
        """Return the items' bias, where there is one."""
        return {} if self.bias is None else {"bias": self.bias.value}


class DotScorer(FactorScorer, EmbeddingScorer):
    """Cosine with a temperature, or, where ``tau`` is None, the raw product; a bias or none."""

    adds = True

    def __init__(self, embeddings: Embeddings, tau: float | None, bias: Tensor | None) -> None:
        self._e, self._tau, self._bias = embeddings, tau, bias

    def with_users(self, user_UD: Tensor) -> DotScorer:
        """Return a scorer of the same items, whose user row r is user_UD[r]."""
        return DotScorer(facing(self._e, user_UD), self._tau, self._bias)

    def left(self, users: Tensor | None) -> Tensor:
        """Return the users' factors, (B,D) of some rows; None: of all."""
        rows = pick(self._e.user_UD, users)
        return rows if self._tau is None else unit(rows) / self._tau

    def right(self, items: Tensor | None) -> Tensor:
        """Return the items' factors, (N,D) of some rows; None: of all."""
        rows = pick(self._e.item_ID, items)
        return rows if self._tau is None else unit(rows)

    def logit(self, product: Tensor, items: Tensor | None) -> Tensor:
        """Add the items' bias, where there is one."""
        return product if self._bias is None else product + pick_bias(self._bias, items)
