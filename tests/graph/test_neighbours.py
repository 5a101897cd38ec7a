"""Neighbour sampling: every subset as likely as any other, blocks that hold what their rows ask
for, the same by seed."""

import itertools
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnseg.graph.neighbours import by_neighbours, neighbours, sampled, share, whole_but_last
from gnnseg.rng import Rng
from gnnseg.sparse import Csr
from gnnseg.testing import on_disk, random_graph


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**20), st.integers(1, 9))
def test_each_node_is_given_different_neighbours_of_its_own(seed: int, count: int) -> None:
    graph = random_graph(seed=seed)
    p = graph.pattern
    nodes = torch.randint(graph.users, (30,), generator=torch.Generator().manual_seed(seed))
    row, edge = neighbours(p, nodes, count, Rng(seed))
    assert torch.equal(row, row.sort().values)
    assert torch.equal(p.row[edge], nodes[row])
    found = Counter(row.tolist())
    degree = p.degrees()[0]
    assert all(found[n] == min(count, int(degree[node])) for n, node in enumerate(nodes.tolist()))
    pairs = list(zip(row.tolist(), edge.tolist(), strict=True))
    assert len(set(pairs)) == len(pairs)
    again = neighbours(p, nodes, count, Rng(seed))
    assert torch.equal(edge, again[1])


def test_every_subset_is_as_likely_as_any_other() -> None:
    p = Csr.of([0] * 5, range(5), (1, 5))
    nodes = torch.zeros(20_000, dtype=torch.int64)
    for mine, theirs in zip(
        neighbours(p, nodes, 10**12, Rng(0)), neighbours(p, nodes, None, None), strict=True
    ):
        assert torch.equal(mine, theirs)  # more than anybody has: at no cost
    row, edge = neighbours(p, nodes, 2, Rng(0))
    found = Counter(map(tuple, edge.view(-1, 2).tolist()))
    assert torch.equal(row, torch.arange(20_000).repeat_interleave(2))
    assert set(found) == set(itertools.combinations(range(5), 2))
    expected = 20_000 / 10
    assert (
        sum((n - expected) ** 2 / expected for n in found.values()) < 27.9
    )  # chi-squared, 9 degrees, p = .001


def test_other_steps_draw_others() -> None:
    p = random_graph(edges=200).pattern
    nodes = torch.arange(20)
    assert not torch.equal(
        neighbours(p, nodes, 3, Rng(0).at(1))[1], neighbours(p, nodes, 3, Rng(0).at(2))[1]
    )


def test_a_pattern_on_disk_samples_the_same(tmp_path: Path) -> None:
    p = random_graph(edges=200).pattern
    stored = on_disk(p, tmp_path)
    nodes = torch.arange(20)
    for mine, theirs in zip(
        neighbours(p, nodes, 3, Rng(0)), neighbours(stored, nodes, 3, Rng(0)), strict=True
    ):
        assert torch.equal(mine, theirs)


@pytest.mark.parametrize("fanout", [[2, 3], [None, 1], [None, None]])
def test_blocks_hold_what_their_rows_ask_for(fanout: list[int | None]) -> None:
    graph = random_graph(edges=150)
    edge_types = graph.edge_types
    wanted = {"user": torch.tensor([1, 5, 22]), "item": torch.tensor([0, 16])}
    blocks = sampled(edge_types, wanted, len(fanout), by_neighbours(fanout, Rng(0)))
    assert len(blocks.layers) == len(fanout)
    sets = {
        edge_type.name: set(
            zip(edge_type.pattern.row.tolist(), edge_type.pattern.column.tolist(), strict=True)
        )
        for edge_type in edge_types
    }
    send = dict(blocks.nodes)
    for block, count in zip(blocks.layers, fanout, strict=True):
        receive = {kind: send[kind][own] for kind, own in block.own.items()}
        for edge_type in block.edge_types:
            ids = (
                receive[edge_type.target][edge_type.pattern.row],
                send[edge_type.source][edge_type.pattern.column],
            )
            met = set(zip(*(one.tolist() for one in ids), strict=True))
            assert met <= sets[edge_type.name]
            received = Counter(ids[0].tolist())
            degree = next(f for f in edge_types if f.name == edge_type.name).pattern.degrees()[0]
            assert all(
                received[node] == min(int(degree[node]), count or 10**9)
                for node in receive[edge_type.target].tolist()
            )
            torch.testing.assert_close(edge_type.pattern.dense().T, edge_type.pattern.T.dense())
        send = receive
    assert all(torch.equal(send[kind], ids) for kind, ids in wanted.items())


@pytest.mark.parametrize("layers", [1, 3])
def test_the_last_layer_ends_where_it_is_asked_to(layers: int) -> None:
    graph = random_graph(edges=150)
    graph = replace(graph, weight=torch.rand(150, generator=torch.Generator().manual_seed(0)))
    users = torch.tensor([5, 1])
    blocks = whole_but_last(
        graph.edge_types, {"user": users, "item": None}, ("user", "item"), layers
    )
    assert blocks.nodes == {"user": None, "item": None}
    assert [block.edge_types for block in blocks.layers[:-1]] == [graph.edge_types] * (layers - 1)
    to_user, to_item = blocks.layers[-1].edge_types
    assert to_item is graph.edge_types[1]
    assert blocks.layers[-1].own == {"user": users, "item": None}
    assert to_user.weight is not None
    weights = graph.pattern.with_value(graph.weight).dense()
    torch.testing.assert_close(to_user.pattern.with_value(to_user.weight).dense(), weights[users])
    asked = share(graph.edge_types, {"user": users, "item": None})
    assert asked == pytest.approx((to_user.pattern.entries + 150) / 300)
    assert share(graph.edge_types, {"user": None}) == 1.0
    assert share((), {"user": users}) == 0.0


def test_no_layer_is_the_rows_alone() -> None:
    users = torch.tensor([5, 1])
    blocks = whole_but_last(
        random_graph().edge_types, {"user": users, "item": None}, ("user", "item"), 0
    )
    assert blocks.layers == ()
    assert blocks.nodes == {"user": users, "item": None}
