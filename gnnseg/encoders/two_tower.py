"""Two towers: a user is what they have met and their attributes, an item its own vector and its attributes.

Shape legend: U users, I items, E training pairs, B pairs of a batch, D width, F attribute columns.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from gnnseg.encoders.base import Encoder
from gnnseg.encoders.dnn import perceptron, run
from gnnseg.graph import BipartiteGraph
from gnnseg.rng import Rng
from gnnseg.sparse import spmm
from gnnseg.types import Embeddings, Features, InputError, Shape


class TwoTower(Encoder):
    """user_i = MLP([sum_j a_ij q_j / sum_j a_ij ; x_i]) and item_j = MLP([q_j ; y_j]) (Covington et al. 2016).

    The bag of history is weighted by ``graph.weights`` (plays, quantity; null: alike). While training, what a step asks for
    is not in the bag: a mini-batch's own pairs are left out, under a full batch each pair with probability 1/2. The paper's
    age of an example does not fit one embedding a user and is left out; an item's age at the end of train is one of its
    attributes. ``dim``: width of q; ``layers``: widths of both towers, the last is D; ``scale``: standard deviation of first
    values; ``dropout``: of hidden units.
    """

    free_users = False

    @classmethod
    def wants(cls, **node: Any) -> frozenset[str]:
        return frozenset({"features"})

    def __init__(self, shape: Shape, rng: Rng, *, dim: int, layers: list[int], scale: float, dropout: float) -> None:
        super().__init__()
        if dim < 1 or not layers or min(layers) < 1:
            raise InputError(f"encoder.dim is {dim}, encoder.layers is {layers}: each width must be 1 or more.")
        if not 0 <= dropout < 1:
            raise InputError(f"encoder.dropout is {dropout}: it must be at least 0 and below 1.")
        self.width, self.dropout = layers[-1], dropout
        self.met = nn.Parameter(torch.empty(shape.items, dim).normal_(0, scale, generator=rng.torch("items")))
        self.user = perceptron([dim + shape.user_features, *layers], rng.torch("user"))
        self.item = perceptron([dim + shape.item_features, *layers], rng.torch("item"))

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
        weight_E = torch.ones_like(graph.pattern.column, dtype=self.met.dtype) if graph.weight is None else graph.weight
        if rng is not None:
            weight_E = weight_E * self._left(graph, users, items, rng).to(weight_E.dtype)
        user = self._tower(self.user, self._bag(graph, weight_E), features.user, rng, "user")
        item = self._tower(self.item, self.met, features.item, rng, "item")
        return Embeddings(user, item, user, self.met)

    def newcomers(
        self, graph: BipartiteGraph, embeddings: Embeddings, features: Features
    ) -> Callable[[Tensor], Tensor]:
        """From the bag of what they have met and their attributes; where these are not known, those of nobody in particular: zero."""
        weight_E = torch.ones_like(graph.pattern.column, dtype=self.met.dtype) if graph.weight is None else graph.weight
        first = self.user[0]
        assert isinstance(first, nn.Linear)
        columns = first.in_features - self.met.shape[1]
        attributes = features.user
        if attributes is None and columns:
            attributes = self.met.new_zeros(graph.users, columns)
        user_BD = self._tower(self.user, self._bag(graph, weight_E), attributes, None, "user")
        return lambda start_BD: user_BD

    def _bag(self, graph: BipartiteGraph, weight_E: Tensor) -> Tensor:
        """(U,dim): the weighted mean of what each user has met; zero where that is nothing."""
        total_U = weight_E.new_zeros(graph.users).index_add(0, graph.pattern.row, weight_E)
        return spmm(graph.pattern, weight_E, self.met) / total_U.clamp(min=1e-12)[:, None]

    def _left(self, graph: BipartiteGraph, users: Tensor | None, items: Tensor | None, rng: Rng) -> Tensor:
        """(E,) bool: the pairs that stay in the bag in this step."""
        pattern = graph.pattern
        if users is None or items is None or len(users) > pattern.entries // 2:
            drawn = torch.rand(pattern.entries, generator=rng.torch("bag"))
            return (drawn < 0.5).to(pattern.column.device)
        asked = torch.unique(users * graph.items + items)
        key = pattern.row * graph.items + pattern.column
        at = torch.searchsorted(asked, key).clamp(max=len(asked) - 1)
        kept: Tensor = asked[at] != key
        return kept

    def _tower(
        self, layers: nn.ModuleList, own: Tensor, attributes: Tensor | None, rng: Rng | None, kind: str
    ) -> Tensor:
        x = own if attributes is None else torch.cat([own, attributes], dim=-1)
        return run(layers, x, self.dropout, None if rng is None else rng.child(kind))
