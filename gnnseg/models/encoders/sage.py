"""GraphSAGE (Hamilton et al. 2017): weights between layers, and neighbours averaged, maximised or
pooled.

Shape legend: R rows that receive, C rows that send, E edges, D width.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gnnseg.graph.neighbours import Block, Flow
from gnnseg.models.encoders.base import Init
from gnnseg.models.encoders.layers import Attributes, GraphEncoder, own_rows
from gnnseg.models.vectors import unit
from gnnseg.rng import Rng
from gnnseg.sparse import spmm
from gnnseg.types import Shape

Aggregate = Literal["mean", "max", "pool"]


class SAGE(GraphEncoder):
    """h_v = ReLU( W_own h_v + W_near AGG_{u in N(v)} h_u + b ), users and items with weights of
    their own; the last layer is linear.

    ``aggregate``: 'mean' (weighted by the graph's weights), 'max', or 'pool', max over ReLU(W_pool
    h_u + b_pool); nobody's neighbours say 0. ``unit``: rows of length 1 after each layer, as in the
    paper's algorithm 1. First weights: W_own and W_near are identity / 2 plus noise of ``scale``,
    so that training begins at averages of the neighbourhood and not at chance.
    """

    @classmethod
    def weighs_messages(cls, **node: Any) -> bool:
        return node.get("aggregate") == "mean"

    def __init__(
        self,
        shape: Shape,
        rng: Rng,
        *,
        dim: int,
        layers: int,
        aggregate: Aggregate,
        init: Init,
        scale: float,
        attributes: Attributes | None,
        neighbours: list[int] | None,
        combine: Literal["last", "mean"],
        unit: bool,
    ) -> None:
        super().__init__(
            shape, rng, dim=dim, layers=layers, init=init, scale=scale, attributes=attributes,
            neighbours=neighbours,
            combine=combine,
        )  # fmt: skip
        self.aggregate, self.unit = aggregate, unit
        self.own, self.near, self.pool = (nn.ModuleList() for _ in range(3))
        for layer in range(layers):
            own, near, pool = (
                {
                    name: blend(
                        dim, scale, rng.torch(f"{part}-{name}-{layer}"), bias=part != "near"
                    )
                    for name in ("user", "item")
                }
                for part in ("own", "near", "pool")
            )
            self.own.append(nn.ModuleDict(own))
            self.near.append(nn.ModuleDict(near))
            if aggregate == "pool":
                self.pool.append(nn.ModuleDict(pool))

    def convolve(
        self, layer: int, block: Block, x: Mapping[str, Tensor], rng: Rng | None
    ) -> dict[str, Tensor]:
        found = {}
        for kind in block.own:
            total: Tensor = at(self.own, layer)[kind](own_rows(block, kind, x))
            for flow in block.to(kind):
                sent = x[flow.source]
                if self.aggregate == "pool":
                    sent = F.relu(at(self.pool, layer)[kind](sent))
                total = total + at(self.near, layer)[kind](gathered(flow, sent, self.aggregate))
            if layer < self.layers - 1:
                total = F.relu(total)
            found[kind] = unit(total) if self.unit else total
        return found


def gathered(flow: Flow, sent: Tensor, aggregate: Aggregate) -> Tensor:
    """(R,D) the mean or the largest of what each row hears, by column; 0 where it hears nothing."""
    pattern = flow.pattern
    if aggregate == "mean":
        return spmm(pattern, flow.mean, sent)
    heard = F.embedding(pattern.column, sent)
    largest: Tensor = torch.segment_reduce(
        heard, "max", lengths=pattern.start.diff(), axis=0, unsafe=True
    )
    return largest.masked_fill((pattern.start.diff() == 0)[:, None], 0.0)


def blend(dim: int, scale: float, generator: torch.Generator, bias: bool) -> nn.Linear:
    """(D,) -> (D,): half of what comes in, plus noise."""
    layer = nn.Linear(dim, dim, bias=bias)
    with torch.no_grad():
        layer.weight.normal_(0, scale / dim**0.5, generator=generator)
        layer.weight += torch.eye(dim) / 2
        if bias:
            layer.bias.zero_()
    return layer


def at(parts: nn.ModuleList, layer: int) -> nn.ModuleDict:
    """A layer's weights by kind."""
    found = parts[layer]
    assert isinstance(found, nn.ModuleDict)
    return found
