"""Normalisations against loops; PyG and back."""

import numpy as np
import pytest
import torch

from gnnseg.graph import BipartiteGraph, build
from gnnseg.sparse import Csr
from gnnseg.types import InputError, Pairs


def small(weight: torch.Tensor | None = None) -> BipartiteGraph:
    pattern = Csr.of([0, 0, 1, 2, 2, 2], [0, 1, 1, 0, 1, 3], (4, 5), weight)
    return BipartiteGraph(pattern.with_value(None), pattern.value)


@pytest.mark.parametrize(("a", "b"), [(0.5, 0.5), (1.0, 0.0), (0.0, 1.0), (0.6, -0.1)])
@pytest.mark.parametrize("weighted", [False, True])
def test_normalisation_equals_a_loop(a: float, b: float, weighted: bool) -> None:
    g = small(torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]) if weighted else None)
    w = [1.0] * 6 if g.weight is None else g.weight.tolist()
    users, items = [0.0] * 4, [0.0] * 5
    edges = list(zip(g.pattern.row.tolist(), g.pattern.column.tolist(), w, strict=True))
    for u, i, v in edges:
        users[u] += v
        items[i] += v
    to_user = torch.tensor([v * users[u] ** -a * items[i] ** -b for u, i, v in edges])
    to_item = torch.tensor([v * items[i] ** -a * users[u] ** -b for u, i, v in edges])
    torch.testing.assert_close(g.normalised(a, b), (to_user, to_item))


def test_left_normalisation_is_a_mean() -> None:
    g = small()
    sums = torch.zeros(4).index_add(0, g.pattern.row, g.normalised(1.0, 0.0)[0])
    torch.testing.assert_close(sums, torch.tensor([1.0, 1.0, 1.0, 0.0]))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_pyg_and_back() -> None:
    g = small(torch.arange(1.0, 7.0))
    data = g.to_hetero()
    assert data["user"].num_nodes == 4
    assert torch.equal(
        data["item", "rev_to", "user"].edge_index, data["user", "to", "item"].edge_index.flip(0)
    )
    back = BipartiteGraph.from_hetero(data)
    assert torch.equal(back.pattern.dense(), g.pattern.dense())
    torch.testing.assert_close(back.weight, g.weight)


def test_weights_of_a_graph() -> None:
    pairs = Pairs(np.array([0, 1]), np.array([1, 0]), np.array([3.0, 5.0]), np.array([1, 1]))
    assert build(pairs, 2, 2, weights=None).weight is None
    torch.testing.assert_close(build(pairs, 2, 2, weights="value").weight, torch.tensor([3.0, 5.0]))
    torch.testing.assert_close(
        build(pairs, 2, 2, weights="log").weight, torch.tensor([4.0, 6.0]).log()
    )


def test_edges_may_weigh_what_was_spent() -> None:
    both = np.array([0, 1]), np.array([1, 0]), np.array([3.0, 5.0]), np.array([1, 1])
    paid = Pairs(*both, spend=np.array([2.5, -1.0]))
    graph = build(paid, 2, 2, weights="spend")
    torch.testing.assert_close(graph.weight, torch.tensor([2.5, 0.0]))
    with pytest.raises(InputError, match=r"graph\.weights=spend: this set has no spend"):
        build(Pairs(*both), 2, 2, weights="spend")
    torch.testing.assert_close(
        graph.with_users(Pairs(*both), 2, "spend").weight, torch.tensor([1.25, 1.25])
    )  # the mean
    torch.testing.assert_close(graph.with_users(paid, 2, "spend").weight, torch.tensor([2.5, 0.0]))


def test_who_comes_later_receives_what_the_trained_do_however_little_edges_weigh() -> None:
    """The same history is the same messages; an item nobody met weighs as if one had."""
    graph = small(torch.full((6,), 0.1))
    met = Pairs(
        np.array([0, 0, 0]), np.array([0, 1, 3]), np.full(3, 0.1), np.ones(3, dtype=np.int64)
    )  # as user 2
    new = graph.with_users(met, 1, "value").normalised()[0]
    torch.testing.assert_close(new, graph.normalised()[0][graph.pattern.row == 2])
    torch.testing.assert_close(new, small().normalised()[0][graph.pattern.row == 2])
    assert graph.with_users(met, 1, "value").item_degree.tolist()[4] == 1.0
