"""PinSage (Ying et al. 2018): neighbours are whom random walks meet most often, and count for as
much as they are met.

Shape legend: R rows that receive, C rows that send, E edges, D width.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gnnseg.graph import BipartiteGraph, walks
from gnnseg.graph.neighbours import Block, Draw, Flow
from gnnseg.models.encoders.base import Init
from gnnseg.models.encoders.layers import Attributes, GraphEncoder, own_rows
from gnnseg.models.encoders.sage import at, blend
from gnnseg.models.vectors import unit
from gnnseg.rng import Rng
from gnnseg.sparse import Csr, spmm
from gnnseg.types import InputError, Shape


class PinSage(GraphEncoder):
    """n_v = sum_u w_vu ReLU(Q h_u + q), z_v = ReLU(W [h_v ; n_v] + w), h_v <- z_v/|z_v|; at last
    G_2 ReLU(G_1 h_v + g).

    A user's neighbours are the ``top`` items that ``walks`` walks with restart from the user meet
    most often, an item's the users; w: how often, summing to 1 (importance pooling). Users and
    items have weights of their own. ``refresh``: training draws the neighbourhoods of all nodes
    anew each 'epoch', or each 'step', then, where ``batched``, of the nodes it asks for alone;
    evaluation reads one draw that is always the same. ``batched``: a step embeds the rows it asks
    for, and whom they hear, alone. Every edge is walked alike, whatever its weight; walks are drawn
    by row, so that other ids meet others. First weights as ``SAGE``'s.
    """

    @classmethod
    def weighs_messages(cls, **node: Any) -> bool:
        return False

    def __init__(
        self,
        shape: Shape,
        rng: Rng,
        *,
        dim: int,
        layers: int,
        walks: int,
        hops: int,
        restart: float,
        top: int,
        refresh: Literal["epoch", "step"],
        batched: bool,
        init: Init,
        scale: float,
        attributes: Attributes | None,
        combine: Literal["last", "mean"],
    ) -> None:
        super().__init__(
            shape,
            rng,
            dim=dim,
            layers=layers,
            init=init,
            scale=scale,
            attributes=attributes,
            neighbours=None,
            combine=combine,
        )
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

    def flows(self, graph: BipartiteGraph, rng: Rng | None) -> tuple[Flow, ...]:
        """The neighbourhoods of all: the one draw that evaluation reads, or in training this
        epoch's, or this step's."""
        if rng is None:
            return self._remembered(graph, "judged", Rng(int(self.seed)))
        if self.refresh == "epoch":
            return self._remembered(
                graph, "epoch", Rng(int(self.seed)).child("epoch").at(self.epoch)
            )
        return graph.flows if self.samples else self._drawn(graph, rng)

    def draw(self, rng: Rng | None) -> Draw:
        if rng is None or self.refresh == "epoch":
            return super().draw(None)

        def drawn(flow: Flow, nodes: Tensor, layer: int) -> tuple[Tensor, Tensor, Tensor | None]:
            inner = rng.child(f"{layer}/{flow.name}")
            return walks.importance(flow.pattern, flow.pattern, nodes, **self.how, rng=inner)

        return drawn

    def convolve(
        self, layer: int, block: Block, x: Mapping[str, Tensor], rng: Rng | None
    ) -> dict[str, Tensor]:
        found = {}
        for kind in block.own:
            total: Tensor = at(self.own, layer)[kind](own_rows(block, kind, x))
            for flow in block.to(kind):
                sent = F.relu(at(self.send, layer)[kind](x[flow.source]))
                total = total + at(self.near, layer)[kind](spmm(flow.pattern, flow.mean, sent))
            found[kind] = unit(F.relu(total))
            if layer == self.layers - 1:
                found[kind] = self.out(F.relu(self.hidden(found[kind])))
        return found

    def _remembered(self, graph: BipartiteGraph, name: str, rng: Rng) -> tuple[Flow, ...]:
        """One draw of each name is kept with the graph: the latest."""
        key, drawn_by = ("walks", name, *self.how.values()), (rng.seed, rng.scope, rng.step)
        if key not in graph.memo or graph.memo[key][0] != drawn_by:
            graph.memo[key] = drawn_by, self._drawn(graph, rng)
        flows: tuple[Flow, ...] = graph.memo[key][1]
        return flows

    def _drawn(self, graph: BipartiteGraph, rng: Rng) -> tuple[Flow, ...]:
        """Newcomers walk from what they have met into the graph that they join, all by the same
        draws; nobody there meets them."""
        flows = []
        joined = (graph if graph.joins is None else graph.joins).flows
        for flow, across in zip(graph.flows, joined, strict=True):
            if graph.joins is not None and flow.target != "user":
                continue
            nodes = torch.arange(flow.pattern.shape[0], device=flow.pattern.column.device)
            row, column, weight = walks.importance(
                flow.pattern,
                across.pattern,
                nodes,
                **self.how,
                rng=rng.child(flow.name),
                alike=graph.joins is not None,
            )
            flows.append(
                Flow(
                    flow.name,
                    flow.source,
                    flow.target,
                    Csr.by_rows(row, column, flow.pattern.shape),
                    weight,
                )
            )
        return tuple(flows)
