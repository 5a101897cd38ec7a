"""Modularity and conductance by segment, and likeness, against loops over all pairs."""

import numpy as np
import pytest

from gnnseg.evaluation import segments
from gnnseg.types import Pairs

U, I, K = 14, 9, 4


def drawn(seed: int = 0) -> tuple[np.ndarray, np.ndarray, Pairs]:
    """Some users, items and segments have nothing."""
    g = np.random.default_rng(seed)
    key = np.sort(g.choice((U - 2) * (I - 1), 40, replace=False))
    one = np.ones(40)
    train = Pairs(key // (I - 1), key % (I - 1), one, one.astype(np.int64))
    return g.integers(K - 1, size=U), g.integers(K - 1, size=I), train


@pytest.mark.parametrize("seed", range(3))
def test_parts_of_modularity_and_conductance_equal_loops(seed: int) -> None:
    user, item, train = drawn(seed)
    found = segments.cuts(user, item, train, K)
    edges = list(zip(train.user.tolist(), train.item.tolist(), strict=True))
    nodes = [("user", u) for u in range(U)] + [("item", i) for i in range(I)]
    for k in range(K):
        part = 0.0
        for u in np.flatnonzero(user == k):
            for i in np.flatnonzero(item == k):
                d_u, d_i = (sum(e[at] == x for e in edges) for at, x in ((0, u), (1, i)))
                part += ((u, i) in edges) - d_u * d_i / len(edges)
        assert found.modularity[k] == pytest.approx(part / len(edges))
        mine = {n for n in nodes if (user if n[0] == "user" else item)[n[1]] == k}
        ends = [(("user", u) in mine, ("item", i) in mine) for u, i in edges]
        cut = sum(a != b for a, b in ends)
        volume = sum(a + b for a, b in ends)
        smaller = min(volume, 2 * len(edges) - volume)
        if smaller:
            assert found.conductance[k] == pytest.approx(cut / smaller)
        else:
            assert np.isnan(found.conductance[k])
    assert found.modularity.sum() == pytest.approx(segments.modularity(user, item, train))
    assert np.isnan(found.conductance[K - 1])  # nobody is there


def test_one_segment_and_perfect_ones() -> None:
    _, _, train = drawn()
    all_in_one = segments.cuts(np.zeros(U, dtype=int), np.zeros(I, dtype=int), train, 1)
    assert all_in_one.modularity == pytest.approx([0])
    assert np.isnan(all_in_one.conductance).all()
    one = np.ones(2)
    apart = Pairs(np.arange(2), np.arange(2), one, one.astype(np.int64))
    found = segments.cuts(np.arange(2), np.arange(2), apart, 2)
    assert found.conductance.tolist() == [0, 0]
    assert found.modularity.sum() == pytest.approx(0.5)
    crossed = segments.cuts(np.arange(2), np.array([1, 0]), apart, 2)
    assert crossed.conductance.tolist() == [1, 1]


def test_likeness_equals_a_loop_over_pairs_of_users() -> None:
    user, _, train = drawn(1)
    found = segments.likeness(user, train, I, K)
    taken = {u: set(train.item[train.user == u].tolist()) for u in range(U)}
    taken = {u: items for u, items in taken.items() if items}

    def cosine(a: int, b: int) -> float:
        return len(taken[a] & taken[b]) / np.sqrt(len(taken[a]) * len(taken[b]))

    for k in range(K):
        inside = [u for u in taken if user[u] == k]
        outside = [u for u in taken if user[u] != k]
        pairs = [cosine(a, b) for a in inside for b in inside if a != b]
        others = [cosine(a, b) for a in inside for b in outside]
        for values, value in ((pairs, found.within[k]), (others, found.across[k])):
            if values:
                assert value == pytest.approx(np.mean(values))
            else:
                assert np.isnan(value)
    alone = segments.likeness(np.zeros(U, dtype=int), train, I, 1)
    assert np.isnan(alone.across).all()
