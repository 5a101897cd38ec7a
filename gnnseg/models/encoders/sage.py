"""GraphSAGE (Hamilton et al. 2017): neighbours averaged, maximised or pooled, weights between.

Shape legend: R rows that receive, C rows that send, E edges, D width.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gnnseg.graph.neighbours import Block, EdgeType
from gnnseg.models.encoders.layers import Combine, GraphEncoder, Nodes, own_rows
from gnnseg.models.encoders.nodes import Attributes
from gnnseg.models.encoders.tables import Init
from gnnseg.models.vectors import unit
from gnnseg.rng import Rng
from gnnseg.sparse import Csr, messages
from gnnseg.types import Shape

Aggregate = Literal["mean", "max", "pool"]


class SAGE(GraphEncoder):
    """h_v = ReLU( W_own h_v + W_near AGG_{u in N(v)} h_u + b ); the last layer is linear.

    Users and items have weights of their own. ``aggregate``: 'mean' (weighted by the graph's
    weights), 'max', or 'pool', max over ReLU(W_pool h_u + b_pool); nobody's neighbours say 0.
    ``unit``: rows of length 1 after each layer, as in the paper's algorithm 1. First weights: W_own
    and W_near are identity / 2 plus noise of ``scale``, so that training begins at averages of the
    neighbourhood and not at chance.
    """

    def __init__(
        self,
        shape: Shape,
        rng: Rng,
        *,
        dim: int = 64,
        layers: int = 2,
        aggregate: Aggregate = "mean",
        init: Init = "spectral",
        scale: float = 0.1,
        attributes: Attributes | None = None,
        neighbours: list[int] | None = None,
        combine: Combine = "mean",
        unit: bool = False,
    ) -> None:
        super().__init__(
            shape, rng, dim=dim, layers=layers, init=init, scale=scale, attributes=attributes,
            neighbours=neighbours, combine=combine,
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

    @classmethod
    def weighs_messages(cls, **settings: Any) -> bool:
        """Return whether the aggregate is a weighted mean."""
        return settings.get("aggregate") == "mean"

    def convolve(self, layer: int, block: Block, x: Nodes, rng: Rng | None) -> dict[str, Tensor]:
        """Return h_v of the rows that receive."""
        own, near, last = at(self.own, layer), at(self.near, layer), layer == self.layers - 1
        found = {}
        for kind in block.own:
            h: Tensor = own[kind](own_rows(block, kind, x[kind]))
            for edges in block.to(kind):
                h = h + near[kind](self._aggregated(layer, edges, x[edges.source]))
            h = h if last else F.relu(h)
            found[kind] = unit(h) if self.unit else h
        return found

    def _aggregated(self, layer: int, edges: EdgeType, sent: Tensor) -> Tensor:
        """AGG of what each row receives, (C,D) -> (R,D)."""
        if self.aggregate == "mean":
            return messages(edges.pattern, edges.mean, sent)
        if self.aggregate == "pool":
            sent = F.relu(at(self.pool, layer)[edges.target](sent))
        return largest(edges.pattern, sent)


def largest(pattern: Csr, sent: Tensor) -> Tensor:
    """Return the largest of what each row receives, by column, (C,D) -> (R,D); 0 where nothing."""
    found: Tensor = torch.segment_reduce(
        F.embedding(pattern.column, sent), "max", lengths=pattern.degrees()[0], axis=0, unsafe=True
    )
    return found.masked_fill((pattern.degrees()[0] == 0)[:, None], 0.0)


def blend(dim: int, scale: float, generator: torch.Generator, bias: bool) -> nn.Linear:
    """Return a layer (D,) -> (D,) that begins as half of what comes in, plus noise."""
    layer = nn.Linear(dim, dim, bias=bias)
    with torch.no_grad():
        layer.weight.normal_(0, scale / dim**0.5, generator=generator)
        layer.weight += torch.eye(dim) / 2
        if bias:
            layer.bias.zero_()
    return layer


def at(parts: nn.ModuleList, layer: int) -> nn.ModuleDict:
    """Return a layer's weights by kind."""
    found = parts[layer]
    assert isinstance(found, nn.ModuleDict)
    return found
