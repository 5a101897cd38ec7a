"""LightGCN (He et al. 2020) and LightGCN++ (Lee et al. 2024): propagation over the user-item graph
without weights.

Attributes may stand in layer 0, and friends may send messages beside items.
Shape legend: U users, I items, D width, E edges, L layers, F attribute columns.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from gnnseg.graph import BipartiteGraph
from gnnseg.graph.social import normalised
from gnnseg.models.encoders.base import Init
from gnnseg.models.encoders.layers import Attributes, NodeEncoder, noisy
from gnnseg.models.vectors import pick, unit
from gnnseg.rng import Rng
from gnnseg.sparse import Fixed
from gnnseg.types import Embeddings, Features, InputError, Shape


class LightGCN(NodeEncoder):
    """x_u^(l+1) = sum_i w_ui x_i^(l), x_i^(l+1) = sum_u w_iu x_u^(l); the embedding is a weighted
    sum of the layers.

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

    partial = True

    def __init__(
        self,
        shape: Shape,
        rng: Rng,
        *,
        dim: int,
        layers: int,
        layer_weights: list[float] | None,
        init: Init,
        scale: float,
        alpha: float,
        beta: float,
        gamma: float | None,
        unit: bool,
        dropout: float,
        attributes: Attributes | None,
        social: float,
    ) -> None:
        super().__init__(shape, rng, dim=dim, init=init, scale=scale, attributes=attributes)
        if layers < 0:
            raise InputError(f"encoder.layers is {layers}: it must be 0 or more.")
        if not 0 <= dropout < 1:
            raise InputError(f"encoder.dropout is {dropout}: it must be at least 0 and below 1.")
        if gamma is not None and (layer_weights is not None or layers == 0):
            raise InputError(
                "encoder.gamma takes the place of encoder.layer_weights and needs a layer: set one "
                "to null."
            )
        if gamma is not None and not 0 <= gamma <= 1:
            raise InputError(
                f"encoder.gamma is {gamma}: it must lie between 0 (none of layer 0) and 1 (layer 0 "
                "alone)."
            )
        if layer_weights is not None and len(layer_weights) != layers + 1:
            raise InputError(
                f"encoder.layer_weights has {len(layer_weights)} numbers: "
                f"encoder.layers={layers} needs {layers + 1}, layer 0 first."
            )
        if layer_weights is not None and not any(layer_weights):
            raise InputError("encoder.layer_weights are all 0: give a layer a weight.")
        self.social = social
        self.layers, self.unit, self.dropout = layers, unit, dropout
        self.exponents = (alpha, beta)
        self.layer_weights = _combination(layers, layer_weights, gamma)

    @classmethod
    def requires(cls, **node: Any) -> frozenset[str]:
        hears = node.get("social") and node.get("layers") != 0
        return super().requires(**node) | ({"social"} if hears else frozenset())

    @classmethod
    def embeds_as(cls, **node: Any) -> int | None:
        weights = _combination(node["layers"], node["layer_weights"], node["gamma"])
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
        to_user, to_item = graph.messages(*self.exponents)
        if rng is not None and self.dropout > 0:
            drawn = torch.rand(graph.pattern.entries, generator=rng.torch("dropout")).to(
                to_user.value.device
            )
            kept = (drawn >= self.dropout).to(to_user.value.dtype) / (1 - self.dropout)
            to_user = Fixed.of(graph.pattern, to_user.value * kept)
            to_item = Fixed.of(graph.pattern, to_item.back * kept).T
        friends = self._friends(graph)
        user, item = self.start("user", features), self.start("item", features)
        layers = [(pick(user, users), pick(item, items))]
        for layer in range(self.layers):
            if self.unit:
                user, item = unit(user), unit(item)
            last = layer == self.layers - 1
            to_users, to_items = (users, items) if last else (None, None)
            from_friends = 0.0 if friends is None else friends.times(user, to_users)
            user, item = to_user.times(item, to_users) + from_friends, to_item.times(user, to_items)
            if rng is not None and noise > 0:
                user = user + noisy(user, rng, f"noise-user-{layer}") * noise
                item = item + noisy(item, rng, f"noise-item-{layer}") * noise
            layers.append((user, item) if last else (pick(user, users), pick(item, items)))
        user_UD = _weighted([u for u, _ in layers], self.layer_weights)
        item_ID = _weighted([i for _, i in layers], self.layer_weights)
        return Embeddings(user_UD, item_ID, *layers[0], users, items, layers=tuple(layers))

    def embed_new_users(
        self, graph: BipartiteGraph, embeddings: Embeddings, features: Features
    ) -> Callable[[Tensor], Tensor]:
        """w_0 start + A_new sum_l w_l x_item^(l-1), and the same of friends: what was trained does
        not depend on newcomers."""
        assert embeddings.layers is not None
        own, *others = self.layer_weights
        if not others:
            return lambda start_BD: own * start_BD
        sent = [(user, item) for user, item in embeddings.layers[:-1]]
        if self.unit:
            sent = [(unit(user), unit(item)) for user, item in sent]
        to_user, _ = graph.messages(*self.exponents)
        received_BD = to_user @ _weighted([item for _, item in sent], others)
        friends = self._friends(graph)
        if friends is not None:
            received_BD = received_BD + friends @ _weighted([user for user, _ in sent], others)
        return lambda start_BD: received_BD + own * start_BD

    def _friends(self, graph: BipartiteGraph) -> Fixed | None:
        """What passes friends' messages."""
        if self.social == 0 or graph.social is None:
            return None
        weight = self.social * graph.homophily * normalised(graph.social, graph.friend_degree)
        return Fixed.of(graph.social, weight)


class LightGCNPP(LightGCN):
    """LightGCN++ (Lee et al. 2024): LightGCN under a name of its own, by which a table tells the
    two apart; its settings differ."""


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
