"""Layers of messages over blocks of a graph: the whole of it, or a sampled neighbourhood.

Shape legend: U users, I items, R rows that receive, C rows that send, B new users, D width, L
layers.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, Literal

import torch
from torch import Tensor

from gnnseg.graph import BipartiteGraph
from gnnseg.graph.neighbours import (
    Block,
    Blocks,
    Draw,
    EdgeType,
    by_neighbours,
    sampled,
    share,
    whole,
    whole_but_last,
)
from gnnseg.models.encoders.capabilities import SamplesNeighbours
from gnnseg.models.encoders.nodes import Attributes, NodeEncoder
from gnnseg.models.encoders.tables import Init
from gnnseg.models.vectors import pick, unit
from gnnseg.rng import Rng
from gnnseg.types import Embeddings, Features, InputError, Shape

Combine = Literal["last", "mean"]
Nodes = Mapping[str, Tensor]  # rows by kind
Asked = dict[str, Tensor | None]  # ids by kind; None: all


class GraphEncoder(NodeEncoder, SamplesNeighbours):
    """L layers of messages over the user-item graph; ``convolve`` is what differs.

    ``neighbours``: null, a step passes every message, of the last layer only those to the rows it
    asks for, where these receive the smaller half; else L numbers, the nearest layer last: a
    training step reads at most so many neighbours of each row it asks for, drawn anew without
    replacement (Hamilton et al. 2017), at a cost that does not grow with the graph (vectors of
    one's own apart, whose gradient has their size), in batches and under a head that asks for some
    items alone (``catalogue`` false); evaluation reads all. ``combine``: the embedding is the
    'last' layer, or the 'mean' of layers 0..L (He et al. 2020). ``noise`` in forward adds sign(x) *
    unit(uniform) * noise at each layer (SimGCL, Yu et al. 2022).
    """

    def __init__(
        self,
        shape: Shape,
        rng: Rng,
        *,
        dim: int,
        layers: int,
        init: Init,
        scale: float,
        attributes: Attributes | None,
        neighbours: list[int] | None,
        combine: Combine,
    ) -> None:
        super().__init__(shape, rng, dim=dim, init=init, scale=scale, attributes=attributes)
        if layers < 0:
            raise InputError(f"encoder.layers is {layers}: it must be 0 or more.")
        if neighbours is not None and (len(neighbours) != layers or min(neighbours, default=1) < 1):
            raise InputError(
                f"encoder.neighbours is {neighbours}: give encoder.layers={layers} numbers, each 1 "
                "or more, or null."
            )
        self.layers, self.neighbours, self.combine = layers, neighbours, combine
        self.samples = neighbours is not None

    @classmethod
    def embeds_as(cls, **settings: Any) -> int | None:
        """Return the last layer, where the embedding is that one."""
        if settings.get("combine") == "last":
            last: int = settings["layers"]
            return last
        return super().embeds_as(**settings)

    @abstractmethod
    def convolve(self, layer: int, block: Block, x: Nodes, rng: Rng | None) -> dict[str, Tensor]:
        """Return the rows that receive, (R,D) by kind, from those that send, (C,D) by kind.

        Args:
            layer: Counts from 0.
            block: Who sends to whom.
            x: The previous layer.
            rng: Of a training step, None outside.
        """

    def edge_types(self, graph: BipartiteGraph, rng: Rng | None) -> tuple[EdgeType, ...]:
        """Return the edges whose messages are passed; ``rng`` where a training step draws them."""
        return graph.edge_types

    def kinds(self) -> tuple[str, ...]:
        """Return the kinds of nodes that have a layer 0."""
        return ("user", "item")

    def draw(self, rng: Rng | None) -> Draw:
        """Return how a step finds neighbours: so many of each as ``neighbours`` says."""
        return by_neighbours(
            [None] * self.layers if self.neighbours is None else self.neighbours, rng
        )

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
        """Return the rows asked for, layer by layer from layer 0."""
        blocks, left = self._blocks(graph, {"user": users, "item": items}, rng)
        nobody = graph.pattern.column[:0]
        x = {
            kind: self.start(kind, features, blocks.nodes.get(kind, nobody))
            for kind in self.kinds()
        }
        layers = [x]
        for number, block in enumerate(blocks.layers):
            x = self.convolve(number, block, x, rng and rng.child(f"layer-{number}"))
            x = {
                kind: perturbed(rows, noise, rng, f"noise-{kind}-{number}")
                for kind, rows in x.items()
            }
            layers = [received(block, y) for y in layers] + [x]
        pairs = tuple(
            (pick(y["user"], left.get("user")), pick(y["item"], left.get("item"))) for y in layers
        )
        user_UD, item_ID = (self._combined(list(rows)) for rows in zip(*pairs, strict=True))
        return Embeddings(user_UD, item_ID, *pairs[0], users, items, layers=pairs)

    def embed_new_users(
        self, graph: BipartiteGraph, embeddings: Embeddings, features: Features
    ) -> Callable[[Tensor], Tensor]:
        """Return new users layer by layer from what the trained ones send, who receive nothing."""
        assert embeddings.layers is not None
        to_user = tuple(e for e in self.edge_types(graph, None) if e.target == "user")
        block, sent = Block(to_user, {"user": None}), embeddings.layers

        def embedded(start_BD: Tensor) -> Tensor:
            layers = [start_BD]
            for number in range(self.layers):
                users, items = sent[number]
                x = {"user": layers[-1], "item": items, "friend": users}
                layers.append(self.convolve(number, block, x, None)["user"])
            return self._combined(layers)

        return embedded

    def _blocks(self, graph: BipartiteGraph, asked: Asked, rng: Rng | None) -> tuple[Blocks, Asked]:
        """The messages of a pass, and which rows are still to be picked from their result."""
        edge_types = self.edge_types(graph, rng)
        if rng is not None and self.samples:
            device, sizes = graph.pattern.column.device, {"user": graph.users, "item": graph.items}
            ids = {
                kind: torch.arange(sizes[kind], device=device) if rows is None else rows
                for kind, rows in asked.items()
            }
            return sampled(edge_types, ids, self.layers, self.draw(rng.child("neighbours"))), {}
        if share(edge_types, asked) < 0.5:
            return whole_but_last(edge_types, asked, self.kinds(), self.layers), {}
        return whole(edge_types, self.kinds(), self.layers), asked

    def _combined(self, layers: list[Tensor]) -> Tensor:
        return layers[-1] if self.combine == "last" else torch.stack(layers).mean(0)


def received(block: Block, x: Nodes) -> dict[str, Tensor]:
    """Return an earlier layer's rows, (R,D) by kind, of those who receive in a block."""
    return {kind: own_rows(block, kind, rows) for kind, rows in x.items() if kind in block.own}


def own_rows(block: Block, kind: str, x: Tensor) -> Tensor:
    """Return what those who receive were themselves, (C,D) -> (R,D)."""
    return pick(x, block.own[kind])


def perturbed(x: Tensor, noise: float, rng: Rng | None, name: str) -> Tensor:
    """Return x + noise * sign(x) * unit(uniform), drawn by ``name`` (SimGCL, Yu et al. 2022).

    ``rng`` None, or ``noise`` 0: x as it is.
    """
    if rng is None or noise <= 0:
        return x
    drawn = rng.stream(name, x.device).uniform(x.shape)
    return x + x.detach().sign() * unit(drawn) * noise
