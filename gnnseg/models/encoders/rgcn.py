"""Relational graph convolution (Schlichtkrull et al. 2018): a weight matrix a relation, shared
through a few bases.

Shape legend: R rows that receive, C rows that send, E edges, D width, B bases, M relations.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gnnseg.graph import BipartiteGraph
from gnnseg.graph.neighbours import Block, Flow
from gnnseg.models.encoders.base import Init
from gnnseg.models.encoders.layers import Attributes, GraphEncoder, own_rows
from gnnseg.rng import Rng
from gnnseg.sparse import spmm
from gnnseg.types import Features, InputError, Shape

INTERACTIONS = ("to_user", "to_item")
FRIENDS = "friends"


class RGCN(GraphEncoder):
    """h_v = ReLU( W_0 h_v + sum_r mean_{u in N_r(v)} W_r h_u + b ), W_r = sum_b a_rb V_b; the last
    layer is linear.

    Relations: the interactions in both directions, and those of the set in both directions
    ('typed'), or told apart by the kinds of nodes they join alone ('merged'), or none. ``ties``:
    friends are a relation too, worth what train says of them (``graph.homophily``). Entities have a
    vector of their own, and attributes none. Newcomers hear items and friends; what other relations
    would say of them is not known. ``bases``: B; null: each W_r is free. First weights: W_0 and the
    interactions' W_r are identity / 2 plus noise of ``scale``; other relations begin by saying
    little.
    """

    def __init__(
        self,
        shape: Shape,
        rng: Rng,
        *,
        dim: int,
        layers: int,
        relations: Literal["typed", "merged", "none"],
        ties: bool,
        bases: int | None,
        init: Init,
        scale: float,
        attributes: Attributes | None,
        neighbours: list[int] | None,
        combine: Literal["last", "mean"],
    ) -> None:
        super().__init__(
            shape, rng, dim=dim, layers=layers, init=init, scale=scale, attributes=attributes,
            neighbours=neighbours,
            combine=combine,
        )  # fmt: skip
        if bases is not None and bases < 1:
            raise InputError(f"encoder.bases is {bases}: it must be 1 or more, or null.")
        self.relations, self.ties = relations, ties
        beside = {
            "typed": tuple(shape.relations),
            "merged": tuple(
                dict.fromkeys(
                    f"{source} to {target}" for source, target in shape.relations.values()
                )
            ),
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
        count = len(self.names) if bases is None else bases
        self.own, self.basis, self.share = nn.ModuleList(), nn.ParameterList(), nn.ParameterList()
        for layer in range(layers):
            noise = rng.torch(f"relations-{layer}")
            own = nn.Linear(dim, dim)
            basis = torch.empty(count, dim, dim).normal_(0, scale / dim**0.5, generator=noise)
            share = torch.empty(len(self.names), count).normal_(0, scale, generator=noise)
            with torch.no_grad():
                own.weight.normal_(0, scale / dim**0.5, generator=noise).add_(torch.eye(dim) / 2)
                own.bias.zero_()
                if bases is None:
                    share = torch.eye(count)
                    basis[:2] += torch.eye(dim) / 2
                else:
                    basis[0] += torch.eye(dim) / 2
                    share[:2, 0] += 1
            self.own.append(own)
            self.basis.append(nn.Parameter(basis))
            if bases is not None:
                self.share.append(nn.Parameter(share))

    @classmethod
    def requires(cls, **node: Any) -> frozenset[str]:
        if node.get("layers") == 0:
            return super().requires(**node)
        asked = {"relations"} if node.get("relations") != "none" else set()
        return super().requires(**node) | asked | ({"social"} if node.get("ties") else set())

    def kinds(self) -> tuple[str, ...]:
        return ("user", "item", *self.entity_kinds)

    def start(self, kind: str, features: Features, rows: Tensor | None = None) -> Tensor:
        if kind not in self.entity_kinds:
            return super().start(kind, features, rows)
        table = self.entities[self.entity_kinds.index(kind)]
        return table if rows is None else F.embedding(rows, table)

    def flows(self, graph: BipartiteGraph, rng: Rng | None) -> tuple[Flow, ...]:
        found = graph.flows
        if self.ties and graph.social is not None:
            source = (
                "user"
                if graph.social.shape[0] == graph.social.shape[1] and graph.friend_degree is None
                else "friend"
            )
            found = (
                *found,
                Flow(
                    FRIENDS, source, "user", graph.social, graph.social.value, worth=graph.homophily
                ),
            )
        if self.relations == "typed":
            return (*found, *graph.relations)
        return (*found, *graph.merged) if self.relations == "merged" else found

    def convolve(
        self, layer: int, block: Block, x: Mapping[str, Tensor], rng: Rng | None
    ) -> dict[str, Tensor]:
        weights_MDD = self.weights(layer)
        place = {name: at for at, name in enumerate(self.names)}
        last = layer == self.layers - 1
        found = {}
        for kind in block.own:
            if last and kind in self.entity_kinds:
                continue
            total: Tensor = self.own[layer](own_rows(block, kind, x))
            for flow in block.to(kind):
                rows, pattern = flow.heard
                heard = spmm(pattern, flow.mean, x[flow.source]) @ weights_MDD[place[flow.name]].T
                total = total + heard if rows is None else total.index_add(0, rows, heard)
            found[kind] = total if last else F.relu(total)
        return found

    def weights(self, layer: int) -> Tensor:
        """(M,D,D) of a layer, by relation."""
        basis = self.basis[layer]
        return torch.einsum("mb,bij->mij", self.share[layer], basis) if len(self.share) else basis
