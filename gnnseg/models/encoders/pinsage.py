"""PinSage (Ying et al. 2018): neighbours are whom random walks meet most often.

Shape legend: R rows that receive, C rows that send, E edges, D width.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gnnseg.graph import BipartiteGraph, walks
from gnnseg.graph.neighbours import Block, Draw, Drawn, EdgeType
from gnnseg.models.encoders.layers import Combine, GraphEncoder, Nodes, own_rows
from gnnseg.models.encoders.nodes import Attributes
from gnnseg.models.encoders.sage import at, blend
from gnnseg.models.encoders.tables import Init
from gnnseg.models.vectors import unit
from gnnseg.rng import Rng
from gnnseg.sparse import Csr, messages
from gnnseg.types import InputError, Shape


class PinSage(GraphEncoder):
    """n_v = sum_u w_vu ReLU(Q h_u + q), z_v = ReLU(W [h_v ; n_v] + w), h_v <- z_v/|z_v|.

    The last layer's rows are G_2 ReLU(G_1 h_v + g). A user's neighbours are the ``top`` items that
    ``walks`` walks with restart from the user meet most often, an item's the users; w: how often,
    summing to 1 (importance pooling). Users and items have weights of their own. ``refresh``:
    training draws the neighbourhoods of all nodes anew each 'epoch', or each 'step', then, where
    ``batched``, of the nodes it asks for alone; evaluation reads one draw that is always the same.
    ``batched``: a step embeds the rows it asks for, and their neighbours, alone. Every edge is
    walked alike, whatever its weight; walks are drawn by row, so that other ids meet others. First
    weights as ``SAGE``'s.
    """

    def __init__(
        self,
        shape: Shape,
        rng: Rng,
        *,
        dim: int = 64,
        layers: int = 2,
        walks: int = 50,
        hops: int = 2,
        restart: float = 0.5,
        top: int = 20,
        refresh: Literal["epoch", "step"] = "epoch",
        batched: bool = False,
        init: Init = "spectral",
        scale: float = 0.1,
        attributes: Attributes | None = None,
        combine: Combine = "mean",
    ) -> None:
        super().__init__(
            shape, rng, dim=dim, layers=layers, init=init, scale=scale, attributes=attributes,
            neighbours=None, combine=combine,
        )  # fmt: skip
        for key, value in (("walks", walks), ("hops", hops), ("top", top)):
            if value < 1:
                raise InputError(f"encoder.{key} is {value}: it must be 1 or more.")
        if not 0 <= restart <= 1:
            raise InputError(f"encoder.restart is {restart}: it must lie between 0 and 1.")
        self.samples = batched
        self.refresh = refresh
        self.how: dict[str, Any] = {"walks": walks, "hops": hops, "restart": restart, "top": top}
        self.send, self.own, self.near = (nn.ModuleList() for _ in range(3))
        for layer in range(layers):
            for part, name in ((self.send, "send"), (self.own, "own"), (self.near, "near")):
                made = {
                    kind: blend(
                        dim, scale, rng.torch(f"{name}-{kind}-{layer}"), bias=name != "near"
                    )
                    for kind in ("user", "item")
                }
                part.append(nn.ModuleDict(made))
        if layers:
            self.hidden = blend(dim, scale, rng.torch("hidden"), bias=True)
            self.out = blend(dim, scale, rng.torch("out"), bias=False)
        self.seed: Tensor
        self.register_buffer("seed", torch.tensor(rng.number("walks") >> 1))

    @classmethod
    def weighs_messages(cls, **settings: Any) -> bool:
        """Return that walks take every edge alike."""
        return False

    def edge_types(self, graph: BipartiteGraph, rng: Rng | None) -> tuple[EdgeType, ...]:
        """Return the neighbourhoods of all: the one draw of evaluation, this epoch's or step's."""
        if rng is None:
            return self._remembered(graph, "evaluation", Rng(int(self.seed)))
        if self.refresh == "epoch":
            return self._remembered(
                graph, "epoch", Rng(int(self.seed)).child("epoch").at(self.epoch)
            )
        return graph.edge_types if self.samples else self._drawn(graph, rng)

    def draw(self, rng: Rng | None) -> Draw:
        """Return how a step finds neighbours: in this epoch's draw, or by walks of its own."""
        if rng is None or self.refresh == "epoch":
            return super().draw(None)

        def drawn(edges: EdgeType, nodes: Tensor, layer: int) -> Drawn:
            inner = rng.child(f"{layer}/{edges.name}")
            return walks.importance(edges.pattern, edges.pattern, nodes, **self.how, rng=inner)

        return drawn

    def convolve(self, layer: int, block: Block, x: Nodes, rng: Rng | None) -> dict[str, Tensor]:
        """Return h_v of the rows that receive; of the last layer, what follows it too."""
        send, own, near = (at(part, layer) for part in (self.send, self.own, self.near))
        found = {}
        for kind in block.own:
            z: Tensor = own[kind](own_rows(block, kind, x[kind]))
            for edges in block.to(kind):
                sent = F.relu(send[kind](x[edges.source]))
                z = z + near[kind](messages(edges.pattern, edges.mean, sent))
            found[kind] = unit(F.relu(z))
            if layer == self.layers - 1:
                found[kind] = self.out(F.relu(self.hidden(found[kind])))
        return found

    def _remembered(self, graph: BipartiteGraph, name: str, rng: Rng) -> tuple[EdgeType, ...]:
        """One draw of each name is kept with the graph: the latest."""
        key, drawn_by = ("walks", name, *self.how.values()), (rng.seed, rng.scope, rng.step)
        if key not in graph.memo or graph.memo[key][0] != drawn_by:
            graph.memo[key] = drawn_by, self._drawn(graph, rng)
        edge_types: tuple[EdgeType, ...] = graph.memo[key][1]
        return edge_types

    def _drawn(self, graph: BipartiteGraph, rng: Rng) -> tuple[EdgeType, ...]:
        """Neighbourhoods of all by walks.

        New users walk from what they have met into the graph that they join, all by the same draws;
        nobody there meets them.
        """
        found = []
        alike = graph.joins is not None
        joined = (graph if graph.joins is None else graph.joins).edge_types
        for edges, across in zip(graph.edge_types, joined, strict=True):
            if alike and edges.target != "user":
                continue
            nodes = torch.arange(edges.pattern.shape[0], device=edges.pattern.column.device)
            inner = rng.child(edges.name)
            row, column, weight = walks.importance(
                edges.pattern, across.pattern, nodes, **self.how, rng=inner, alike=alike
            )
            pattern = Csr.by_rows(row, column, edges.pattern.shape)
            found.append(replace(edges, pattern=pattern, weight=weight))
        return tuple(found)
