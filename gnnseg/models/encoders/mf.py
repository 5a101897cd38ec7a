"""Matrix factorisation: one free vector a user and one an item (Koren et al. 2009); no neighbours
are asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from gnnseg.graph import BipartiteGraph
from gnnseg.models.encoders.base import EmbeddingTables, Encoder, Init
from gnnseg.rng import Rng
from gnnseg.types import Embeddings, Features, Shape


class MF(Encoder):
    """user_i = p_i, item_j = q_j. ``init``: normal (N(0, scale^2)) or spectral, the graph's leading
    singular vectors."""

    @classmethod
    def weighs(cls, **node: Any) -> bool:
        return node.get("init") == "spectral"

    def __init__(self, shape: Shape, rng: Rng, *, dim: int, init: Init, scale: float) -> None:
        super().__init__()
        self.width = dim
        self.tables = EmbeddingTables(shape, rng, dim=dim, init=init, scale=scale)

    def reset(self, graph: BipartiteGraph, features: Features, rng: Rng) -> None:
        self.tables.reset(graph, rng)

    def forward(
        self,
        graph: BipartiteGraph,
        features: Features,
        users: Tensor | None = None,
        items: Tensor | None = None,
        *,
        rng: Rng | None = None,
        noise: float = 0.0,
    ) -> Embeddings:
        user, item = self.tables.user, self.tables.item
        return Embeddings(user, item, user, item)

    def embed_new_users(
        self, graph: BipartiteGraph, embeddings: Embeddings, features: Features
    ) -> Callable[[Tensor], Tensor]:
        return lambda start_BD: start_BD
