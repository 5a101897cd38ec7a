"""Ties in both directions and what they are worth, against loops; networks that say something of
taste, and that do not."""

import math

import numpy as np
import pytest
import torch

from gnnseg.graph import build
from gnnseg.graph.social import both_ways, degrees, homophily, normalised
from gnnseg.rng import Rng
from gnnseg.sparse import Csr
from gnnseg.testing import block_graph
from gnnseg.types import Edges, Pairs


def ties(pairs: list[tuple[int, int, float]]) -> Edges:
    source, target, weight = zip(*pairs, strict=True)
    return Edges(np.array(source), np.array(target), np.array(weight, dtype=np.float64))


def test_a_tie_named_once_twice_or_from_both_ends_is_one_tie() -> None:
    found = both_ways(ties([(0, 1, 2.0), (1, 0, 3.0), (1, 2, 1.0), (1, 2, 4.0), (3, 3, 9.0)]), 5)
    expected = torch.zeros(5, 5)
    for u, v, w in [(0, 1, 3.0), (1, 2, 4.0)]:
        expected[u, v] = expected[v, u] = w
    assert torch.equal(found.dense(), expected)


def test_normalisation_equals_a_loop() -> None:
    found = both_ways(ties([(0, 1, 2.0), (1, 2, 1.0), (2, 3, 5.0), (0, 3, 0.5)]), 5)
    dense = found.dense()
    degree = dense.sum(1)
    torch.testing.assert_close(degrees(found), degree)
    got = found.with_value(normalised(found)).dense()
    for u in range(5):
        for v in range(5):
            expected = (
                0.0 if not dense[u, v] else float(dense[u, v]) / math.sqrt(degree[u] * degree[v])
            )
            assert got[u, v].item() == pytest.approx(expected)


def test_other_people_bring_their_own_degrees() -> None:
    rows = Csr.of([0, 0, 1], [2, 3, 3], (2, 5), torch.tensor([1.0, 3.0, 2.0]))
    got = normalised(rows, torch.tensor([1.0, 1.0, 4.0, 9.0, 1.0]))
    torch.testing.assert_close(
        got, torch.tensor([1 / (2 * 2), 3 / (2 * 3), 2 / (math.sqrt(2) * 3)])
    )


def friends_of(label: np.ndarray, same: float, seed: int, each: int = 6) -> Edges:
    """``each`` friends a user; with chance ``same`` of one's own segment, else anybody."""
    g = np.random.default_rng(seed)
    users, rows = len(label), []
    for user in range(users):
        own = np.flatnonzero(label == label[user])
        rows += [
            (user, int(g.choice(own) if g.random() < same else g.integers(users)), 1.0)
            for _ in range(each)
        ]
    return ties(rows)


def test_homophily_is_one_less_the_ratio_of_likeness() -> None:
    """Against the definition with every stranger: the drawn ones give it within their error."""
    graph, label = block_graph(users=80, items=60)
    social = both_ways(friends_of(label.numpy(), 0.9, 0), graph.users)
    rows = torch.nn.functional.normalize(graph.pattern.dense(), dim=-1)
    cosine = (rows @ rows.T).numpy()
    close = [cosine[u, v] for u, v in zip(social.row.tolist(), social.column.tolist(), strict=True)]
    ends = sorted(set(social.row.tolist()))
    strangers = [
        cosine[u, v]
        for u, _ in zip(social.row.tolist(), close, strict=True)
        for v in ends
        if v != u
    ]
    expected = 1 - np.mean(strangers) / np.mean(close)
    assert homophily(graph.pattern, social, Rng(0)) == pytest.approx(expected, abs=0.04)
    assert expected > 0.4


@pytest.mark.parametrize("seed", range(10))
def test_ties_by_chance_are_worth_nothing(seed: int) -> None:
    graph, label = block_graph(users=80, items=60)
    social = both_ways(friends_of(label.numpy(), 0.0, seed), graph.users)
    assert homophily(graph.pattern, social, Rng(seed)) == 0.0


def test_users_without_interactions_and_too_few_ties_say_nothing() -> None:
    pattern = Csr.of([0, 1], [0, 0], (4, 1))
    assert (
        homophily(pattern, both_ways(ties([(0, 1, 1.0), (2, 3, 1.0), (1, 2, 1.0)]), 4), Rng(0))
        == 0.0
    )


def test_the_graph_carries_ties_and_their_worth() -> None:
    train = Pairs(np.array([0, 1, 2]), np.array([1, 0, 1]), np.ones(3), np.ones(3, dtype=np.int64))
    given = ties([(0, 2, 1.0), (1, 2, 1.0)])
    assert build(train, 3, 2, weights=None).social is None
    assert build(train, 3, 2, given, weights=None, homophily="full").homophily == 1.0
    graph = build(train, 3, 2, given, weights=None, homophily="measured")
    assert graph.homophily == 0.0  # two ties are too few to tell
    assert graph.social is not None
    friends = Csr.of([0], [2], (1, 3), torch.ones(1))
    new = graph.with_users(
        Pairs(*(np.zeros(0, dtype=np.int64) for _ in range(4))), 1, None, friends
    )
    assert new.social is friends
    assert new.friend_degree is not None
    assert new.friend_degree.tolist() == [1.0, 1.0, 2.0]
