"""What encoders with layers have in common: where layer 0 comes from, and passing messages over
blocks of a graph.

Shape legend: U users, I items, R rows that receive, C rows that send, B newcomers, D width, L
layers, F attribute columns.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gnnseg.graph import BipartiteGraph
from gnnseg.graph.neighbours import (
    Block,
    Draw,
    Flow,
    by_neighbours,
    sampled,
    share,
    whole,
    whole_but_last,
)
from gnnseg.models.encoders.base import EmbeddingTables, Encoder, Init, check_first_values, weights
from gnnseg.models.vectors import pick, unit
from gnnseg.rng import Rng
from gnnseg.types import Embeddings, Features, InputError, Shape

Attributes = Literal["beside", "alone"]


class NodeEncoder(Encoder):
    """An encoder whose layer 0 is a vector of one's own, what attributes say, or both.

    ``attributes``: null; 'beside': a vector of one's own plus a weighted sum of the attributes;
    'alone': that sum alone, so that whoever has attributes can be embedded (inductive). Beside a
    spectral start, which fits already, attributes learn little of whoever has no vector, or the
    opposite: ``init`` normal for newcomers (experiments/modalities).
    """

    def __init__(
        self,
        shape: Shape,
        rng: Rng,
        *,
        dim: int,
        init: Init,
        scale: float,
        attributes: Attributes | None,
    ) -> None:
        super().__init__()
        check_first_values(dim, scale)
        if attributes is not None and not shape.user_features and not shape.item_features:
            raise InputError(
                f"encoder.attributes={attributes}: this set has no attributes; give "
                "data.users=FILE or data.items=FILE, or "
                "set encoder.attributes to null."
            )
        if attributes == "alone" and not (shape.user_features and shape.item_features):
            lacking = "users" if not shape.user_features else "items"
            raise InputError(
                f"encoder.attributes=alone: this set has no attributes of {lacking}, who would all "
                "be alike; "
                f"give data.{lacking}=FILE, or set encoder.attributes=beside."
            )
        self.width = dim
        self.free_users = attributes != "alone"
        self.tables = (
            None
            if attributes == "alone"
            else EmbeddingTables(shape, rng, dim=dim, init=init, scale=scale)
        )
        widths = (
            {"user": shape.user_features, "item": shape.item_features}
            if attributes is not None
            else {}
        )
        # beside a vector of one's own, attributes begin by saying nothing
        spread = scale if attributes == "alone" else 0.0
        self.read = nn.ModuleDict(
            {
                k: weights(width, dim, spread, rng.torch(f"attributes-{k}"))
                for k, width in widths.items()
                if width
            }
        )

    @classmethod
    def requires(cls, **node: Any) -> frozenset[str]:
        return frozenset({"features"} if node.get("attributes") is not None else set())

    @classmethod
    def weighs(cls, **node: Any) -> bool:
        """In its messages, or by a spectral start."""
        starts = node.get("init") == "spectral" and node.get("attributes") != "alone"
        return starts or (node.get("layers") != 0 and cls.weighs_messages(**node))

    @classmethod
    def weighs_messages(cls, **node: Any) -> bool:
        """Does a message weigh what its edge does, with these settings?"""
        return True

    @classmethod
    def provides(cls, **node: Any) -> frozenset[str]:
        return frozenset({"view", "layers"} if node.get("layers") else set())

    def reset(self, graph: BipartiteGraph, features: Features, rng: Rng) -> None:
        if self.tables is not None:
            self.tables.reset(graph, rng)

    def expected(
        self, embeddings: Embeddings, known: Tensor, count: int, features: Features
    ) -> Tensor:
        """What attributes say, plus the mean of what else the trained users have; without
        attributes, their mean."""
        if features.user is None or "user" not in self.read:
            return super().expected(embeddings, known, count, features)
        said_BD: Tensor = self.read["user"](features.user)
        if self.tables is None:
            return said_BD
        return said_BD + self.tables.user[known].mean(0)

    def start(self, kind: str, features: Features, rows: Tensor | None = None) -> Tensor:
        """Layer 0 of some rows of a kind, None: of all."""
        own: Tensor | None = None
        if self.tables is not None:
            table: Tensor = getattr(self.tables, kind)
            own = table if rows is None else F.embedding(rows, table)
        if kind not in self.read:
            assert own is not None
            return own
        attributes: Tensor | None = getattr(features, kind)
        assert attributes is not None
        said: Tensor = self.read[kind](attributes if rows is None else attributes[rows])
        return said if own is None else own + said


class GraphEncoder(NodeEncoder):
    """L layers of messages over the user-item graph, the whole of it or a sampled neighbourhood;
    ``convolve`` is what differs.

    ``neighbours``: null, a step passes every message, of the last layer only those to the rows it
    asks for, where these hear the smaller half; else L numbers, the nearest layer last: a training
    step hears at most so many neighbours of each row it asks for, drawn anew without replacement
    (Hamilton et al. 2017), at a cost that does not grow with the graph (vectors of one's own apart,
    whose gradient has their size), in batches and under a head that asks for some items alone
    (``catalogue`` false); evaluation hears all. ``combine``: the embedding is the 'last' layer, or
    the 'mean' of layers 0..L (He et al. 2020). ``noise`` in forward adds sign(x) * unit(uniform) *
    noise at each layer (SimGCL, Yu et al. 2022).
    """

    partial = True
    samples: bool  # does a training step draw its neighbourhood?

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
        combine: Literal["last", "mean"],
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
    def embeds_as(cls, **node: Any) -> int | None:
        return node["layers"] if node.get("combine") == "last" else super().embeds_as(**node)

    @abstractmethod
    def convolve(
        self, layer: int, block: Block, x: Mapping[str, Tensor], rng: Rng | None
    ) -> dict[str, Tensor]:
        """The rows that receive, (R,D) by kind, from those that send, (C,D) by kind; ``layer``
        counts from 0; ``rng``: of a training step, None outside."""

    def flows(self, graph: BipartiteGraph, rng: Rng | None) -> tuple[Flow, ...]:
        """The relations whose messages are passed; ``rng`` where a training step draws them."""
        return graph.flows

    def draw(self, rng: Rng | None) -> Draw:
        """How a step that asks for some rows alone finds their neighbours; ``rng`` None: outside
        training."""
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
        flows = self.flows(graph, rng)
        asked, left = {"user": users, "item": items}, dict[str, Tensor | None]()
        if rng is not None and self.samples:
            device = graph.pattern.column.device
            wanted = {
                "user": torch.arange(graph.users, device=device) if users is None else users,
                "item": torch.arange(graph.items, device=device) if items is None else items,
            }
            blocks = sampled(flows, wanted, self.layers, self.draw(rng.child("neighbours")))
        elif share(flows, asked) < 0.5:
            blocks = whole_but_last(flows, asked, self.kinds(), self.layers)
        else:
            blocks, left = whole(flows, self.kinds(), self.layers), asked
        x = {
            kind: self.start(kind, features, blocks.nodes.get(kind, _nobody(graph)))
            for kind in self.kinds()
        }
        layers = [x]
        for number, block in enumerate(blocks.layers):
            x = self.convolve(
                number, block, x, None if rng is None else rng.child(f"layer-{number}")
            )
            if rng is not None and noise > 0:
                x = {
                    kind: rows + noisy(rows, rng, f"noise-{kind}-{number}") * noise
                    for kind, rows in x.items()
                }
            layers = [
                {
                    k: v if (own := block.own[k]) is None else F.embedding(own, v)
                    for k, v in y.items()
                    if k in block.own
                }
                for y in layers
            ]
            layers.append(x)
        pairs = tuple(
            (pick(y["user"], left.get("user")), pick(y["item"], left.get("item"))) for y in layers
        )
        user_UD, item_ID = (
            self._combined([user for user, _ in pairs]),
            self._combined([item for _, item in pairs]),
        )
        return Embeddings(user_UD, item_ID, *pairs[0], users, items, layers=pairs)

    def embed_new_users(
        self, graph: BipartiteGraph, embeddings: Embeddings, features: Features
    ) -> Callable[[Tensor], Tensor]:
        """Layer by layer from what the trained ones send: they hear from newcomers nothing."""
        assert embeddings.layers is not None
        block = Block(
            tuple(f for f in self.flows(graph, None) if f.target == "user"), {"user": None}
        )
        sent = embeddings.layers

        def embedded(start_BD: Tensor) -> Tensor:
            layers = [start_BD]
            for number in range(self.layers):
                users, items = sent[number]
                x = {"user": layers[-1], "item": items, "friend": users}
                layers.append(self.convolve(number, block, x, None)["user"])
            return self._combined(layers)

        return embedded

    def kinds(self) -> tuple[str, ...]:
        """Kinds of nodes that have a layer 0."""
        return ("user", "item")

    def _combined(self, layers: list[Tensor]) -> Tensor:
        return layers[-1] if self.combine == "last" else torch.stack(layers).mean(0)


def _nobody(graph: BipartiteGraph) -> Tensor:
    return graph.pattern.column[:0]


def own_rows(block: Block, kind: str, x: Mapping[str, Tensor]) -> Tensor:
    """What those who receive were themselves, (R,D)."""
    own = block.own[kind]
    return x[kind] if own is None else F.embedding(own, x[kind])


def noisy(x: Tensor, rng: Rng, name: str) -> Tensor:
    """Uniform directions of length 1 in the orthant of each row."""
    drawn = torch.rand(x.shape, generator=rng.torch(name)).to(x.device)
    return x.detach().sign() * unit(drawn)
