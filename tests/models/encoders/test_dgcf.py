"""DGCF against loops over edges, and new users against one more row of the graph."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from gnnseg.graph import BipartiteGraph
from gnnseg.models.encoders import DGCF
from gnnseg.rng import Rng
from gnnseg.testing import random_graph, shape_of
from gnnseg.testing.encoders import histories
from gnnseg.types import Features, InputError

SMALL: dict[str, Any] = {
    "dim": 6, "layers": 2, "intents": 3, "iterations": 2, "init": "normal", "scale": 0.5,
}  # fmt: skip
Node = tuple[str, int]
Edge = tuple[Node, Node]  # head, who receives, and tail, who sends


def dgcf(graph: BipartiteGraph, **options: Any) -> DGCF:
    made = DGCF(shape_of(graph), Rng(0), **{**SMALL, **options}).double()
    made.reset(graph, Features(), Rng(0))
    return made


def edges_of(graph: BipartiteGraph) -> list[Edge]:
    pairs = zip(graph.pattern.row.tolist(), graph.pattern.column.tolist(), strict=True)
    both = [(("user", u), ("item", i)) for u, i in pairs]
    return both + [(tail, head) for head, tail in both]


def unit(x: Tensor) -> Tensor:
    return x / max(float(x.norm()), 1e-12)


def looped(
    start: dict[Node, Tensor], edges: list[Edge], layers: int, intents: int, iterations: int,
    met: list[Edge] | None = None,
) -> dict[Node, Tensor]:  # fmt: skip
    """Every edge and intent by itself. ``met``: edges of somebody new, who sends nothing."""
    met = met or []
    logit = {edge: [0.0] * intents for edge in edges + met}
    x, total = dict(start), dict(start)
    for _ in range(layers):
        chunk = {node: value.chunk(intents) for node, value in x.items()}
        for _ in range(iterations):
            share = {
                edge: [math.exp(r) / sum(map(math.exp, row)) for r in row]
                for edge, row in logit.items()
            }
            degree = {node: [0.0] * intents for node in x}
            for (head, _), row in share.items():
                for k in range(intents):
                    degree[head][k] += row[k]
            h = {node: [torch.zeros_like(c) for c in chunk[node]] for node in x}
            for (head, tail), row in share.items():
                for k in range(intents):
                    theirs = degree[tail][k] or 1 / intents
                    weight = row[k] / math.sqrt(degree[head][k] * theirs)
                    h[head][k] = h[head][k] + weight * chunk[tail][k]
            for (head, tail), row in logit.items():
                for k in range(intents):
                    row[k] += float(unit(h[head][k]) @ unit(chunk[tail][k]).tanh())
        x = {node: torch.cat(parts) for node, parts in h.items()}
        total = {node: total[node] + value for node, value in x.items()}
    return {node: value / (layers + 1) for node, value in total.items()}


def nodes(encoder: DGCF) -> dict[Node, Tensor]:
    assert encoder.tables is not None
    found = {("user", u): x.detach() for u, x in enumerate(encoder.tables.user)}
    return found | {("item", i): x.detach() for i, x in enumerate(encoder.tables.item)}


@pytest.mark.parametrize(("layers", "intents", "iterations"), [(2, 3, 2), (1, 2, 3), (2, 1, 2)])
def test_it_is_a_loop_over_edges_and_intents(layers: int, intents: int, iterations: int) -> None:
    graph = random_graph()
    encoder = dgcf(graph, layers=layers, intents=intents, iterations=iterations)
    wanted = looped(nodes(encoder), edges_of(graph), layers, intents, iterations)
    found = encoder(graph, Features())
    for u in range(graph.users):
        torch.testing.assert_close(found.user_UD[u].detach(), wanted["user", u])
    for i in range(graph.items):
        torch.testing.assert_close(found.item_ID[i].detach(), wanted["item", i])


def test_one_intent_is_lightgcn() -> None:
    graph = random_graph()
    encoder = dgcf(graph, layers=1, intents=1)
    x = encoder(graph, Features())
    weight = graph.normalised()[0].double()
    matrix = graph.pattern.with_value(weight).dense()
    wanted = (x.user0_UD + matrix @ x.item0_ID) / 2
    torch.testing.assert_close(x.user_UD, wanted, atol=1e-6, rtol=1e-6)


def test_routing_has_a_gradient() -> None:
    """What it shares out is learned too: one step of differences, against a detached routing."""
    graph = random_graph()
    encoder = dgcf(graph, layers=1)
    assert encoder.tables is not None
    table = encoder.tables.user
    away = torch.randn(graph.items, 6, dtype=torch.float64)

    def loss() -> Tensor:
        return (encoder(graph, Features()).item_ID * away).sum()

    (slope,) = torch.autograd.grad(loss(), [table])
    with torch.no_grad():
        u = int(graph.pattern.row[0])
        before = table[u, 2].item()
        table[u, 2] = before + 1e-5
        up = loss()
        table[u, 2] = before - 1e-5
        down = loss()
        table[u, 2] = before
    assert float(up - down) / 2e-5 == pytest.approx(float(slope[u, 2]), rel=1e-5)


def test_a_new_user_is_one_more_row_whose_items_stay() -> None:
    graph = random_graph()
    encoder = dgcf(graph)
    last = graph.items - 1  # nobody met it
    met, start = [[0, 3, last], [5]], torch.randn(2, 6, dtype=torch.float64)
    new = graph.with_users(histories(met), 2, None)
    with torch.no_grad():
        trained = encoder(graph, Features())
        found = encoder.embed_new_users(new, trained, Features())(start)
    theirs: list[Edge] = [(("new", b), ("item", i)) for b, items in enumerate(met) for i in items]
    everybody = nodes(encoder) | {("new", b): start[b] for b in range(2)}
    wanted = looped(everybody, edges_of(graph), 2, 3, 2, met=theirs)
    for b in range(2):
        torch.testing.assert_close(found[b], wanted["new", b])


def test_intents_are_offered_where_there_are_several() -> None:
    assert DGCF.provides(layers=1, intents=4) == {"view", "layers", "intents"}
    assert DGCF.provides(layers=1, intents=1) == {"view", "layers"}
    assert dgcf(random_graph())(random_graph(), Features()).intents == 3


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"intents": 4}, r"encoder.intents is 4: it must be 1 or more and divide encoder.dim=6"),
        ({"iterations": 0}, r"encoder.iterations is 0"),
        ({"layers": -1}, r"encoder.layers is -1"),
    ],
)
def test_what_cannot_be_is_said(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        dgcf(random_graph(), **options)
