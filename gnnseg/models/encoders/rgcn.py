"""Relational graph convolution (Schlichtkrull et al. 2018): a weight matrix a relation.

Shape legend: R rows that receive, C rows that send, E edges, D width, B bases, M relations.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gnnseg.graph import BipartiteGraph
from gnnseg.graph.neighbours import Block, EdgeType
from gnnseg.models.encoders.layers import Combine, GraphEncoder, Nodes, own_rows
from gnnseg.models.encoders.nodes import Attributes
from gnnseg.models.encoders.tables import Init
from gnnseg.models.vectors import pick
from gnnseg.rng import Rng
from gnnseg.sparse import messages
from gnnseg.types import Features, InputError, Shape

INTERACTIONS = ("to_user", "to_item")
FRIENDS = "friends"


class RGCN(GraphEncoder):
    """h_v = ReLU( W_0 h_v + sum_r mean_{u in N_r(v)} W_r h_u + b ), W_r = sum_b a_rb V_b.

    The last layer is linear.
    Relations: the interactions in both directions, and those of the set in both directions
    ('typed'), or distinguished by the kinds of nodes they join alone ('merged'), or none. ``ties``:
    friends are a relation too, worth what train says of them (``graph.homophily``). Entities have a
    vector of their own, and attributes none. New users receive from items and friends; what other
    relations would say of them is not known. ``bases``: B; null: each W_r is free. First weights:
    W_0 and the interactions' W_r are identity / 2 plus noise of ``scale``; other relations begin by
    saying little.
    """

    def __init__(
        self,
        shape: Shape,
        rng: Rng,
        *,
        dim: int = 64,
        layers: int = 2,
        relations: Literal["typed", "merged", "none"] = "typed",
        ties: bool = False,
        bases: int | None = 4,
        init: Init = "spectral",
        scale: float = 0.1,
        attributes: Attributes | None = None,
        neighbours: list[int] | None = None,
        combine: Combine = "mean",
    ) -> None:
        super().__init__(
            shape, rng, dim=dim, layers=layers, init=init, scale=scale, attributes=attributes,
            neighbours=neighbours, combine=combine,
        )  # fmt: skip
        if bases is not None and bases < 1:
            raise InputError(f"encoder.bases is {bases}: it must be 1 or more, or null.")
        self.relations, self.ties = relations, ties
        between = (f"{source} to {target}" for source, target in shape.relations.values())
        beside = {
            "typed": tuple(shape.relations),
            "merged": tuple(dict.fromkeys(between)),
            "none": (),
        }[relations]
        self.names = (*INTERACTIONS, *((FRIENDS,) if ties else ()), *beside)
        entities = shape.entities if relations != "none" and layers else {}
        self.entity_kinds = tuple(entities)
        self.entities = nn.ParameterList(
            nn.Parameter(
                torch.empty(count, dim).normal_(0, scale, generator=rng.torch(f"entity-{kind}"))
            )
            for kind, count in entities.items()
        )
        self.own, self.basis, self.share = nn.ModuleList(), nn.ParameterList(), nn.ParameterList()
        for layer in range(layers):
            self._add_layer(bases, scale, rng.torch(f"relations-{layer}"))

    @torch.no_grad()
    def _add_layer(self, bases: int | None, scale: float, noise: torch.Generator) -> None:
        """A layer's W_0, V_b (B,D,D) and a_rb (M,B)."""
        dim, count = self.width, len(self.names) if bases is None else bases
        own = nn.Linear(dim, dim)
        basis = torch.empty(count, dim, dim).normal_(0, scale / dim**0.5, generator=noise)
        share = torch.empty(len(self.names), count).normal_(0, scale, generator=noise)
        own.weight.normal_(0, scale / dim**0.5, generator=noise).add_(torch.eye(dim) / 2)
        own.bias.zero_()
        if bases is None:
            basis[:2] += torch.eye(dim) / 2
        else:
            basis[0] += torch.eye(dim) / 2
            share[:2, 0] += 1
        self.own.append(own)
        self.basis.append(nn.Parameter(basis))
        if bases is not None:
            self.share.append(nn.Parameter(share))

    @classmethod
    def requires(cls, **settings: Any) -> frozenset[str]:
        """Return 'relations' and 'social' too, where there are layers that read them."""
        if settings.get("layers") == 0:
            return super().requires(**settings)
        asked = {"relations"} if settings.get("relations") != "none" else set()
        return (
            super().requires(**settings) | asked | ({"social"} if settings.get("ties") else set())
        )

    def kinds(self) -> tuple[str, ...]:
        """Return users, items and the kinds of entities."""
        return ("user", "item", *self.entity_kinds)

    def start(self, kind: str, features: Features, rows: Tensor | None = None) -> Tensor:
        """Return layer 0, (R,D): of entities their own vectors."""
        if kind not in self.entity_kinds:
            return super().start(kind, features, rows)
        return pick(self.entities[self.entity_kinds.index(kind)], rows)

    def edge_types(self, graph: BipartiteGraph, rng: Rng | None) -> tuple[EdgeType, ...]:
        """Return the interactions, friends and typed relations, as they are set."""
        found = (*graph.edge_types, *self._friends(graph))
        if self.relations == "none":
            return found
        return (*found, *(graph.relations if self.relations == "typed" else graph.merged))

    def convolve(self, layer: int, block: Block, x: Nodes, rng: Rng | None) -> dict[str, Tensor]:
        """Return h_v of the rows that receive; entities have no last layer."""
        w = dict(zip(self.names, self.weights(layer), strict=True))
        last = layer == self.layers - 1
        found = {}
        for kind in block.own:
            if last and kind in self.entity_kinds:
                continue
            h: Tensor = self.own[layer](own_rows(block, kind, x[kind]))
            for edges in block.to(kind):
                rows, pattern = edges.receiving
                received = messages(pattern, edges.mean, x[edges.source]) @ w[edges.name].T
                h = h + received if rows is None else h.index_add(0, rows, received)
            found[kind] = h if last else F.relu(h)
        return found

    def weights(self, layer: int) -> Tensor:
        """Return W_r, (M,D,D) of a layer, by relation."""
        basis = self.basis[layer]
        return torch.einsum("mb,bij->mij", self.share[layer], basis) if len(self.share) else basis

    def _friends(self, graph: BipartiteGraph) -> tuple[EdgeType, ...]:
        """Ties as an edge type; new users' friends are among the users of old."""
        ties = graph.social
        if not self.ties or ties is None:
            return ()
        among = graph.friend_degree is None and ties.shape[0] == ties.shape[1]
        source = "user" if among else "friend"
        return (EdgeType(FRIENDS, source, "user", ties, ties.value, worth=graph.homophily),)
