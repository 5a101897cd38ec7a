"""LightGCN (He et al. 2020) and LightGCN++ (Lee et al. 2024): messages without weights.

Attributes may stand in layer 0, and friends may send messages beside items.
Shape legend: U users, I items, B new users, D width, E edges, L layers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gnnseg.graph import BipartiteGraph
from gnnseg.graph.social import normalised
from gnnseg.models.encoders.capabilities import ShardsUsers
from gnnseg.models.encoders.layers import perturbed
from gnnseg.models.encoders.nodes import Attributes, NodeEncoder
from gnnseg.models.encoders.tables import Init, check_dropout
from gnnseg.models.vectors import pick, unit
from gnnseg.rng import Rng
from gnnseg.sparse import Fixed, SomeRows
from gnnseg.types import Embeddings, Features, InputError, Shape


class LightGCN(NodeEncoder, ShardsUsers):
    """x_u^(l+1) = sum_i w_ui x_i^(l), x_i^(l+1) = sum_u w_iu x_u^(l); a weighted sum of the layers.

    The weight of a message is d_target^-alpha d_source^-beta (.5, .5: LightGCN's symmetric
    normalisation). ``layer_weights``: L+1 numbers, layer 0 first; null: the mean. ``unit``: x <-
    x/|x| before each layer (LightGCN++). ``gamma``: null, or gamma x0 + (1 - gamma) mean(x1..xL)
    (LightGCN++; then ``layer_weights`` must be null). ``dropout``: share of edges left out of a
    training step, the rest scaled up by 1/(1 - dropout); the same edges in both directions and in
    every layer. ``attributes``: as every ``NodeEncoder`` reads them. ``social``: weight of friends'
    messages beside items': x_u^(l+1) += social * homophily * sum_v x_v^(l) / sqrt(d_u d_v), d
    counting friends (after DiffNet, Wu et al. 2019); 0: ties are not read. ``noise`` in forward
    adds sign(x) * unit(uniform) * noise at each layer (SimGCL, Yu et al. 2022). Of the last layer,
    a step passes the messages to the rows it asks for, and no others.
    """

    def __init__(
        self,
        shape: Shape,
        rng: Rng,
        *,
        dim: int = 64,
        layers: int = 2,
        layer_weights: list[float] | None = None,
        init: Init = "spectral",
        scale: float = 0.1,
        alpha: float = 0.5,
        beta: float = 0.5,
        gamma: float | None = None,
        unit: bool = False,
        dropout: float = 0.0,
        attributes: Attributes | None = None,
        social: float = 0.0,
    ) -> None:
        super().__init__(shape, rng, dim=dim, init=init, scale=scale, attributes=attributes)
        check_dropout(dropout)
        _check_layers(layers, layer_weights, gamma)
        self.social = social
        self.layers, self.unit, self.dropout = layers, unit, dropout
        self.user_rows = () if self.tables is None else ("tables.user",)
        self.exponents = (alpha, beta)
        self.layer_weights = _combination(layers, layer_weights, gamma)

    @property
    def shards_users(self) -> bool:
        """Return whether no edges are drawn, and no friends asked, who may be elsewhere."""
        return self.dropout == 0 and self.social == 0

    @classmethod
    def requires(cls, **settings: Any) -> frozenset[str]:
        """Return 'social' too, where friends send messages."""
        friends = settings.get("social") and settings.get("layers") != 0
        return super().requires(**settings) | ({"social"} if friends else frozenset())

    @classmethod
    def embeds_as(cls, **settings: Any) -> int | None:
        """Return the one layer that has a weight."""
        weights = _combination(settings["layers"], settings["layer_weights"], settings["gamma"])
        counted = [layer for layer, weight in enumerate(weights) if weight]
        return counted[0] if len(counted) == 1 else None

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
        """Return the rows asked for: the layers' weighted sum, and each layer."""
        user, item = self.start("user", features), self.start("item", features)
        layers = [(pick(user, users), pick(item, items))]
        for number, w in enumerate(self.messages(graph, users, items, rng)):
            user, item = self.sent(user), self.sent(item)
            user, item = w.friends @ user + w.to_user @ item, w.to_item @ user
            user = perturbed(user, noise, rng, f"noise-user-{number}")
            item = perturbed(item, noise, rng, f"noise-item-{number}")
            layers.append(w.asked(user, item))
        user_UD = _weighted([u for u, _ in layers], self.layer_weights)
        item_ID = _weighted([i for _, i in layers], self.layer_weights)
        return Embeddings(user_UD, item_ID, *layers[0], users, items, layers=tuple(layers))

    def embed_new_users(
        self, graph: BipartiteGraph, embeddings: Embeddings, features: Features
    ) -> Callable[[Tensor], Tensor]:
        """Return w_0 start + A_new sum_l w_l x_item^(l-1), and the same of friends.

        What was trained does not depend on new users.
        """
        assert embeddings.layers is not None
        own, *others = self.layer_weights
        if not others:
            return lambda start_BD: own * start_BD
        sent = [(self.sent(user), self.sent(item)) for user, item in embeddings.layers[:-1]]
        to_user, _ = graph.messages(*self.exponents)
        received_BD = to_user @ _weighted([item for _, item in sent], others)
        if (friends := self._friends(graph)) is not None:
            received_BD = received_BD + friends @ _weighted([user for user, _ in sent], others)
        return lambda start_BD: received_BD + own * start_BD

    def sent(self, x: Tensor) -> Tensor:
        """Return what a node's message says: its row, of length 1 where ``unit``."""
        return unit(x) if self.unit else x

    def messages(
        self, graph: BipartiteGraph, users: Tensor | None, items: Tensor | None, rng: Rng | None
    ) -> Iterator[Messages]:
        """Yield w of each layer, without the edges dropped; the last ends in the rows asked for."""
        to_user, to_item = graph.messages(*self.exponents)
        if rng is not None and self.dropout > 0:
            drawn = rng.stream("dropout", to_user.value.device).uniform(to_user.value.shape)
            kept = (drawn >= self.dropout).to(to_user.value.dtype)
            kept = kept / (1 - self.dropout)
            to_user = Fixed.of(graph.pattern, to_user.value * kept)
            to_item = Fixed.of(graph.pattern, to_item.back * kept).T
        friends = self._friends(graph) or NoMessages()
        for _ in range(self.layers - 1):
            yield Messages(to_user, to_item, friends, users, items)
        if self.layers:
            yield Messages(to_user.at(users), to_item.at(items), friends.at(users), None, None)

    def _friends(self, graph: BipartiteGraph) -> Fixed | None:
        """The weights of friends' messages."""
        if self.social == 0 or graph.social is None:
            return None
        weight = self.social * graph.homophily * normalised(graph.social, graph.friend_degree)
        return Fixed.of(graph.social, weight)


class LightGCNPP(LightGCN):
    """LightGCN++ (Lee et al. 2024): LightGCN with unit rows, other exponents, and gamma.

    A class of its own, by whose name a table tells the two apart.
    """

    def __init__(
        self,
        shape: Shape,
        rng: Rng,
        *,
        dim: int = 64,
        layers: int = 2,
        layer_weights: list[float] | None = None,
        init: Init = "spectral",
        scale: float = 0.1,
        alpha: float = 0.6,
        beta: float = -0.1,
        gamma: float | None = 0.2,
        unit: bool = True,
        dropout: float = 0.0,
        attributes: Attributes | None = None,
        social: float = 0.0,
    ) -> None:
        super().__init__(
            shape, rng, dim=dim, layers=layers, layer_weights=layer_weights, init=init, scale=scale,
            alpha=alpha, beta=beta, gamma=gamma, unit=unit, dropout=dropout, attributes=attributes,
            social=social,
        )  # fmt: skip


class NoMessages:
    """The messages of nobody."""

    def __matmul__(self, dense: Tensor) -> float:
        return 0.0

    def at(self, rows: Tensor | None) -> NoMessages:
        """Return the messages to some rows."""
        return self


@dataclass(frozen=True)
class Messages:
    """The weights w of one layer's messages: from items (U,I) and friends (U,U), from users (I,U).

    ``users``, ``items``: which rows of its result are asked for; None: all there are.
    """

    to_user: Fixed | SomeRows
    to_item: Fixed | SomeRows
    friends: Fixed | SomeRows | NoMessages
    users: Tensor | None
    items: Tensor | None

    def asked(self, user: Tensor, item: Tensor) -> tuple[Tensor, Tensor]:
        """Return the rows asked for of this layer's result."""
        return pick(user, self.users), pick(item, self.items)


def _check_layers(layers: int, layer_weights: list[float] | None, gamma: float | None) -> None:
    if layers < 0:
        raise InputError(f"encoder.layers is {layers}: it must be 0 or more.")
    if gamma is not None and (layer_weights is not None or layers == 0):
        raise InputError(
            "encoder.gamma takes the place of encoder.layer_weights and needs a layer: set one to "
            "null."
        )
    if gamma is not None and not 0 <= gamma <= 1:
        raise InputError(
            f"encoder.gamma is {gamma}: it must lie between 0 (none of layer 0) and 1 (layer 0 "
            "alone)."
        )
    if layer_weights is not None and len(layer_weights) != layers + 1:
        raise InputError(
            f"encoder.layer_weights has {len(layer_weights)} numbers: encoder.layers={layers} "
            f"needs {layers + 1}, layer 0 first."
        )
    if layer_weights is not None and not any(layer_weights):
        raise InputError("encoder.layer_weights are all 0: give a layer a weight.")


def _combination(layers: int, weights: list[float] | None, gamma: float | None) -> list[float]:
    """What each layer weighs in the embedding, layer 0 first."""
    if weights is not None:
        return list(weights)
    if gamma is not None:
        return [gamma] + [(1 - gamma) / max(layers, 1)] * layers
    return [1 / (layers + 1)] * (layers + 1)


def _weighted(layers: list[Tensor], weights: list[float]) -> Tensor:
    total: Tensor | None = None
    for layer, weight in zip(layers, weights, strict=True):
        if weight != 0:
            total = layer * weight if total is None else total.add(layer, alpha=weight)
    return torch.zeros_like(layers[0]) if total is None else total
