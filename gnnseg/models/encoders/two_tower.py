"""Two towers: a user's history and attributes, an item's own vector and attributes.

Shape legend: U users, I items, E training pairs, B pairs of a batch, D width, F attribute columns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gnnseg.graph import BipartiteGraph
from gnnseg.models.encoders.base import Encoder
from gnnseg.models.encoders.capabilities import (
    EmbedsNewUsers,
    EmbedsSomeRows,
    ReadsHistories,
    ReadsWeights,
)
from gnnseg.models.encoders.dnn import check_widths, fit_last, perceptron, run
from gnnseg.models.encoders.tables import Init, check_dropout, check_first_values, spectral
from gnnseg.models.vectors import pick
from gnnseg.rng import Rng
from gnnseg.sparse import spmm
from gnnseg.types import Embeddings, Features, Shape


class TwoTower(Encoder, EmbedsNewUsers, EmbedsSomeRows, ReadsHistories, ReadsWeights):
    """user_i = MLP([sum_j a_ij q_j / sum_j a_ij ; x_i]), item_j = MLP([q_j ; y_j]).

    After Covington et al. 2016. The bag of history is weighted by ``graph.weights`` (plays,
    quantity; null: alike). While training, what a step asks for is not in the bag: a mini-batch's
    own pairs are hidden, under a full batch each pair with probability 1/2. The paper's age of an
    example does not fit one embedding a user and is left out; an item's age at the end of train is
    one of its attributes. ``dim``: width of q; ``layers``: widths of both towers, the last is D;
    ``init``: first values, normal, or spectral, q of the graph's leading singular vectors and the
    last layers as near to them as what stands before them comes (``tables.fit``); ``scale``:
    standard deviation of q's entries; ``dropout``: of hidden units.
    """

    free_users = False

    def __init__(
        self,
        shape: Shape,
        rng: Rng,
        *,
        dim: int = 64,
        layers: Sequence[int] = (128, 64),
        init: Init = "spectral",
        scale: float = 0.1,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        check_first_values(dim, scale)
        check_widths(layers)
        check_dropout(dropout)
        self.width, self.init, self.dropout = layers[-1], init, dropout
        self.scale = scale
        self.met = nn.Parameter(
            torch.empty(shape.items, dim).normal_(0, scale, generator=rng.torch("items"))
        )
        self.user = perceptron([dim + shape.user_features, *layers], rng.torch("user"))
        self.item = perceptron([dim + shape.item_features, *layers], rng.torch("item"))

    @classmethod
    def requires(cls, **settings: Any) -> frozenset[str]:
        """Return that it reads attributes."""
        return frozenset({"features"})

    @torch.no_grad()
    def reset(self, graph: BipartiteGraph, features: Features, rng: Rng) -> None:
        """Set the first weights of the last layers; an item nobody met has no vector: zero."""
        self.met[graph.pattern.degrees()[1] == 0] = 0.0
        if self.init == "spectral":
            item_Id = spectral(graph, self.met.shape[1])[1].to(self.met)
            size = item_Id.square().mean().sqrt().clamp(min=1e-12)
            self.met[:, : item_Id.shape[1]] = item_Id * self.scale / size
            bag, met = self._bag(graph, None), self.met
            given = (_beside(bag, features.user), _beside(met, features.item))
            fit_last((self.user, self.item), given, graph, self.width)

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
        """Return both towers' rows of those asked for; layer 0 is what the towers read."""
        bag, met = self._bag(graph, users), pick(self.met, items)
        user = self._tower(self.user, bag, _some(features.user, users), rng, "user")
        item = self._tower(self.item, met, _some(features.item, items), rng, "item")
        return Embeddings(user, item, user, met, users, items)

    def embed_new_users(
        self, graph: BipartiteGraph, embeddings: Embeddings, features: Features
    ) -> Callable[[Tensor], Tensor]:
        """Return the tower of what they have met and their attributes.

        Where these are not known, they are those of nobody in particular: zero.
        """
        first = self.user[0]
        assert isinstance(first, nn.Linear)
        columns = first.in_features - self.met.shape[1]
        attributes = features.user
        if attributes is None and columns:
            attributes = self.met.new_zeros(graph.users, columns)
        user_BD = self._tower(self.user, self._bag(graph, None), attributes, None, "user")
        return lambda start_BD: user_BD

    def _bag(self, graph: BipartiteGraph, users: Tensor | None) -> Tensor:
        """(U,dim), or (B,dim) of some users: the weighted mean of what each has met; zero where
        that is nothing."""
        pattern = graph.pattern
        weight_E = (
            torch.ones_like(pattern.column, dtype=self.met.dtype)
            if graph.weight is None
            else graph.weight
        )
        if users is None:
            total = weight_E.new_zeros(graph.users).index_add(0, pattern.row, weight_E)
            return spmm(pattern, weight_E, self.met) / total.clamp(min=1e-12)[:, None]
        where, entry = pattern.entries_of(users)
        weight_e = weight_E[entry]
        total = weight_e.new_zeros(len(users)).index_add(0, where, weight_e)
        met = F.embedding(pattern.column[entry], self.met) * weight_e[:, None]
        bag = met.new_zeros(len(users), met.shape[1]).index_add(0, where, met)
        return bag / total.clamp(min=1e-12)[:, None]

    def _tower(
        self,
        layers: nn.ModuleList,
        own: Tensor,
        attributes: Tensor | None,
        rng: Rng | None,
        kind: str,
    ) -> Tensor:
        x = _beside(own, attributes)
        return run(layers, x, self.dropout, None if rng is None else rng.child(kind))


def _beside(own: Tensor, attributes: Tensor | None) -> Tensor:
    return own if attributes is None else torch.cat([own, attributes], dim=-1)


def _some(table: Tensor | None, rows: Tensor | None) -> Tensor | None:
    return table if table is None or rows is None else table[rows]
