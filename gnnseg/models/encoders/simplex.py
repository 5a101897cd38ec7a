"""SimpleX's encoder (Mao et al. 2021): users are themselves and what they have met, pooled.

Shape legend: U users, I items, B some users, E their edges, D width.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gnnseg.graph import BipartiteGraph
from gnnseg.models.encoders.base import Encoder
from gnnseg.models.encoders.capabilities import EmbedsNewUsers, EmbedsSomeRows, ReadsWeights
from gnnseg.models.encoders.tables import EmbeddingTables, Init, check_dropout
from gnnseg.models.vectors import pick
from gnnseg.rng import Rng
from gnnseg.sparse import Csr, sddmm, spmm
from gnnseg.types import Embeddings, Features, InputError, Shape

Pooling = Literal["mean", "user_attention", "self_attention"]


class SimpleX(Encoder, EmbedsNewUsers, EmbedsSomeRows, ReadsWeights):
    """user_i = gamma p_i + (1 - gamma) V sum_j a_ij q_j, item_j = q_j (SimpleX, Mao et al. 2021).

    j: the items that user i has met. ``pooling``: 'mean', a_ij = 1/n_i (by weight, where the graph
    has weights); 'user_attention', a_ij = softmax_j <p_i, k_j>; 'self_attention', softmax_j <c,
    k_j> with a learned c; k_j = tanh(W q_j + b). ``gamma`` 1 is matrix factorisation, 0 leaves the
    user no vector of their own. ``dropout``: share of a user embedding's entries left out of a
    training step, the rest scaled up. V starts at the identity beside a spectral start, in which
    users and items share a space, else at random (Glorot & Bengio 2010). New users are pooled
    likewise, and their p_i is solved for.
    """

    def __init__(
        self,
        shape: Shape,
        rng: Rng,
        *,
        dim: int = 64,
        gamma: float = 0.5,
        pooling: Pooling = "mean",
        dropout: float = 0.0,
        init: Init = "spectral",
        scale: float = 0.1,
    ) -> None:
        super().__init__()
        check_dropout(dropout)
        if not 0 <= gamma <= 1:
            raise InputError(
                f"encoder.gamma is {gamma}: the share of a user's own vector lies between 0 and 1."
            )
        self.width, self.gamma, self.pooling, self.dropout = dim, gamma, pooling, dropout
        self.tables = EmbeddingTables(shape, rng, dim=dim, init=init, scale=scale)
        self.value = nn.Linear(dim, dim, bias=False)
        self.key = None if pooling == "mean" else nn.Linear(dim, dim)
        self.query = nn.Parameter(torch.zeros(dim)) if pooling == "self_attention" else None
        with torch.no_grad():
            if init == "spectral":
                nn.init.eye_(self.value.weight)
            else:
                self.value.weight.normal_(0, dim**-0.5, generator=rng.torch("value"))
            if self.key is not None:
                self.key.weight.normal_(0, dim**-0.5, generator=rng.torch("key"))
                self.key.bias.zero_()
            if self.query is not None:
                self.query.normal_(0, dim**-0.5, generator=rng.torch("query"))

    @classmethod
    def reads_weights(cls, **settings: Any) -> bool:
        """Return whether the mean, or a spectral start, reads weights with these settings."""
        return settings.get("pooling") == "mean" or settings.get("init") == "spectral"

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
        """Return the rows asked for; layer 0 is the tables' own."""
        own_BD, item_ID = pick(self.tables.user, users), self.tables.item
        user_BD = self._user(own_BD, self._pooled(graph, users, own_BD, item_ID))
        if rng is not None and self.dropout > 0:
            drawn = rng.stream("dropout", user_BD.device).uniform(user_BD.shape)
            user_BD = user_BD * (drawn >= self.dropout) / (1 - self.dropout)
        item_ND = pick(item_ID, items)
        return Embeddings(user_BD, item_ND, own_BD, item_ND, users, items)

    def embed_new_users(
        self, graph: BipartiteGraph, embeddings: Embeddings, features: Features
    ) -> Callable[[Tensor], Tensor]:
        """Return gamma start + (1 - gamma) V of what they have met, pooled as trained."""
        item_ID = embeddings.item0_ID
        return lambda start_BD: self._user(start_BD, self._pooled(graph, None, start_BD, item_ID))

    def _user(self, own_BD: Tensor, pooled_BD: Tensor) -> Tensor:
        user_BD: Tensor = self.gamma * own_BD + (1 - self.gamma) * self.value(pooled_BD)
        return user_BD

    def _pooled(
        self, graph: BipartiteGraph, users: Tensor | None, own_BD: Tensor, item_ID: Tensor
    ) -> Tensor:
        """Compute sum_j a_ij q_j of some users, (B,D); zero of who has met nothing."""
        if self.key is None:
            return graph.messages(1.0, 0.0)[0].at(users) @ item_ID
        pattern = graph.pattern if users is None else graph.pattern.only(users)[0]
        key_ID = torch.tanh(self.key(item_ID))
        if self.query is None:
            score_E = sddmm(pattern, own_BD, key_ID)
        else:
            score_E = F.embedding(pattern.column, key_ID @ self.query[:, None]).squeeze(1)
        return spmm(pattern, softmax_of_rows(pattern, score_E), item_ID)


def softmax_of_rows(pattern: Csr, score_E: Tensor) -> Tensor:
    """Compute the softmax of a pattern's entries within each of its rows, (E,)."""
    none_R = score_E.detach().new_full((pattern.shape[0],), -torch.inf)
    top_R = none_R.scatter_reduce(0, pattern.row, score_E.detach(), "amax")
    part_E = (score_E - top_R[pattern.row]).exp()
    total_R = part_E.new_zeros(pattern.shape[0]).index_add(0, pattern.row, part_E)
    return part_E / pick(total_R[:, None], pattern.row).squeeze(1)
