"""Matrix factorisation: one free vector a user and one an item (Koren et al. 2009)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from gnnseg.graph import BipartiteGraph
from gnnseg.models.encoders.base import Encoder
from gnnseg.models.encoders.capabilities import (
    EmbedsNewUsers,
    EmbedsSomeRows,
    ShardsUsers,
    StartsAtSpectrum,
)
from gnnseg.models.encoders.tables import EmbeddingTables, Init
from gnnseg.models.vectors import pick
from gnnseg.rng import Rng
from gnnseg.types import Embeddings, Features, Shape


class MF(Encoder, EmbedsNewUsers, EmbedsSomeRows, StartsAtSpectrum, ShardsUsers):
    """user_i = p_i, item_j = q_j; no neighbours are asked.

    ``init``: normal (N(0, scale^2)) or spectral, the graph's leading singular vectors. New users,
    who have no neighbours to receive from, are solved for.
    """

    user_rows = ("tables.user",)

    def __init__(
        self,
        shape: Shape,
        rng: Rng,
        *,
        dim: int = 64,
        init: Init = "spectral",
        scale: float = 0.1,
    ) -> None:
        super().__init__()
        self.width = dim
        self.tables = EmbeddingTables(shape, rng, dim=dim, init=init, scale=scale)

    @classmethod
    def provides(cls, **settings: Any) -> frozenset[str]:
        """Return 'tables': every user and item has a vector of its own, and nothing else."""
        return frozenset({"tables"})

    def reset(self, graph: BipartiteGraph, features: Features, rng: Rng) -> None:
        """Set the first values of both tables."""
        self.tables.reset(graph)

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
        """Return the rows asked for of both tables."""
        user, item = pick(self.tables.user, users), pick(self.tables.item, items)
        return Embeddings(user, item, user, item, users, items)

    def embed_new_users(
        self, graph: BipartiteGraph, embeddings: Embeddings, features: Features
    ) -> Callable[[Tensor], Tensor]:
        """Return layer 0 as it is."""
        return lambda start_BD: start_BD
