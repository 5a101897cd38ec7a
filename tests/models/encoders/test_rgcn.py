"""RGCN against PyG on equal weights; relations that say nothing."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from gnnseg.graph import BipartiteGraph
from gnnseg.models.encoders import RGCN
from gnnseg.models.encoders.pyg import convolutions
from gnnseg.rng import Rng
from gnnseg.testing import random_graph, shape_of, with_relations, with_ties
from gnnseg.types import Features

SMALL: dict[str, Any] = {"dim": 8, "init": "normal", "scale": 0.5, "combine": "last"}


def rgcn(graph: BipartiteGraph, **options: Any) -> RGCN:
    made = RGCN(shape_of(graph), Rng(0), **{**SMALL, "relations": "none", "bases": 2, **options})
    made.reset(graph, Features(), Rng(0))
    return made


@pytest.mark.parametrize("bases", [None, 3])
@pytest.mark.parametrize("relations", ["typed", "merged", "none"])
def test_rgcn_equals_pyg(bases: int | None, relations: str) -> None:
    graph = with_ties(with_relations(random_graph()))
    encoder = rgcn(graph, relations=relations, ties=True, bases=bases)
    kinds = {
        "user": graph.users,
        "item": graph.items,
        **(graph.entities if relations != "none" else {}),
    }
    start, total = {}, 0
    for kind, count in kinds.items():
        start[kind], total = total, total + count
    edge_types = encoder.edge_types(graph, None)
    index, types = [], []
    for edge_type in edge_types:
        ends = torch.stack(
            [
                edge_type.pattern.column + start[edge_type.source],
                edge_type.pattern.row + start[edge_type.target],
            ]
        )
        copies = (
            1
            if edge_type.weight is None or edge_type.name == "friends"
            else edge_type.weight.long()
        )  # a weight is so many edges
        ends = ends.repeat_interleave(copies, dim=1) if isinstance(copies, Tensor) else ends
        index.append(ends)
        types.append(torch.full((ends.shape[1],), encoder.names.index(edge_type.name)))
    x = torch.cat([encoder.start(kind, Features()) for kind in kinds])
    for layer in range(2):
        conv = convolutions().RGCNConv(8, 8, len(encoder.names), num_bases=bases, aggr="mean")
        own = encoder.own[layer]
        conv.weight.data = encoder.basis[layer].transpose(1, 2).contiguous()
        if bases is not None:
            conv.comp.data = encoder.share[layer].data
        conv.root.data, conv.bias.data = own.weight.T, own.bias.data
        x = conv(x, torch.cat(index, dim=1), torch.cat(types))
        x = F.relu(x) if layer == 0 else x
    found = encoder(graph, Features())
    torch.testing.assert_close(found.user_UD, x[: graph.users], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(
        found.item_ID, x[graph.users : graph.users + graph.items], atol=1e-5, rtol=1e-5
    )


def test_a_relation_of_homophily_0_says_nothing() -> None:
    graph = replace(with_ties(random_graph()), homophily=0.0)
    encoder = rgcn(graph, ties=True)
    without = BipartiteGraph(graph.pattern)
    assert torch.equal(encoder(graph, Features()).user_UD, encoder(without, Features()).user_UD)


def test_a_relational_encoder_of_no_layer_has_no_entities() -> None:
    graph = with_relations(random_graph())
    encoder = rgcn(graph, relations="typed", layers=0)
    assert torch.equal(encoder(graph, Features()).user_UD, encoder.tables.user)
    assert {name for name, _ in encoder.named_parameters()} == {"tables.user", "tables.item"}
