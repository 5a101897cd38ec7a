"""Convolutions of PyG: widths, dropout, weights, and which cannot be."""

from typing import Any

import pytest
import torch

from gnnseg.graph import BipartiteGraph
from gnnseg.models.encoders import PyG
from gnnseg.rng import Rng
from gnnseg.testing import random_graph, shape_of
from gnnseg.types import Features, InputError

SMALL: dict[str, Any] = {"dim": 8, "init": "normal", "scale": 0.5, "combine": "last"}


def pyg(graph: BipartiteGraph, conv: str, **options: Any) -> PyG:
    made = PyG(shape_of(graph), Rng(0), **{**SMALL, "conv": conv, **options})
    made.reset(graph, Features(), Rng(0))
    return made


@pytest.mark.parametrize(
    "conv", ["CGConv", "SimpleConv", "GINConv", "ResGatedGraphConv", "TransformerConv"]
)
def test_convolutions_are_given_widths_by_the_names_they_have_for_them(conv: str) -> None:
    graph = random_graph()
    found = pyg(graph, conv)(graph, Features())
    assert found.user_UD.shape == (graph.users, 8)
    assert bool(torch.isfinite(found.user_UD).all())
    assert not torch.equal(found.user_UD, found.user0_UD)


def test_dropout_of_a_convolution_is_a_function_of_the_draw_and_only_in_training() -> None:
    graph = random_graph()
    encoder = pyg(graph, "GATv2Conv", dropout=0.5)
    one, again, other, evaluated = (
        encoder(graph, Features(), rng=rng).user_UD for rng in (Rng(0), Rng(0), Rng(1), None)
    )
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert not torch.equal(one, evaluated)
    assert torch.equal(evaluated, pyg(graph, "GATv2Conv")(graph, Features()).user_UD)


def test_what_edges_weigh_reaches_the_convolutions_that_read_it() -> None:
    pattern = random_graph().pattern
    graph = BipartiteGraph(
        pattern, torch.rand(pattern.entries, generator=torch.Generator().manual_seed(0)) + 0.5
    )
    encoder = pyg(graph, "GraphConv", skip=False, layers=1)
    index = torch.stack([pattern.column, pattern.row])
    conv = encoder.convolutions[0]["to_user"]
    expected = conv((encoder.tables.item, encoder.tables.user), index, edge_weight=graph.weight)
    torch.testing.assert_close(encoder(graph, Features()).user_UD, expected, atol=1e-6, rtol=1e-5)
    alike = encoder(BipartiteGraph(pattern), Features()).user_UD
    assert not torch.allclose(alike, expected)


@pytest.mark.parametrize(
    ("conv", "options", "said"),
    [
        ("Conv9", {}, "is no convolution of torch_geometric.nn"),
        ("MessagePassing", {}, "is no convolution"),
        ("GCNConv", {}, "does not take users and items as two inputs"),
        ("SAGEConv", {"options": {"agr": "max"}}, "encoder.options.agr: SAGEConv takes aggr"),
        ("SAGEConv", {"heads": 2}, "encoder.heads=2: SAGEConv"),
        ("SAGEConv", {"dropout": 0.4}, r"encoder.dropout=0.4: SAGEConv has none; set it to 0"),
        ("GATv2Conv", {"heads": 3}, "encoder.heads=3: GATv2Conv"),
        ("GATv2Conv", {"heads": 0}, "encoder.heads is 0: there must be at least 1"),
        ("GENConv", {}, "GENConv: normalises by the batch's statistics"),
        (
            "CGConv",
            {"options": {"batch_norm": True}},
            "CGConv: normalises by the batch's statistics",
        ),
        ("SAGEConv", {"options": {"aggr": "lstm"}}, "SAGEConv: reads neighbours in an order"),
        (
            "GATv2Conv",
            {"options": {"edge_dim": 3}},
            "encoder.options.edge_dim: an interaction has no attributes",
        ),
        ("SAGEConv", {"dropout": 1.5}, "encoder.dropout is 1.5: it must be at least 0 and below 1"),
    ],
)
def test_a_convolution_that_cannot_be_is_said(
    conv: str, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        pyg(random_graph(), conv, **options)
