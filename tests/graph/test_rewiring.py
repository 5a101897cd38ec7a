import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnseg.graph.rewiring import rewired, trade
from gnnseg.rng import Rng
from gnnseg.types import Pairs


def pairs(seed, users=25, items=18, share=0.3):
    user, item = np.nonzero(np.random.default_rng(seed).random((users, items)) < share)
    weight = np.arange(1.0, len(user) + 1)
    return Pairs(user, item, weight, np.ones(len(user), dtype=int), spend=weight * 2)


@given(st.integers(0, 10**6), st.floats(0.0, 1.0))
@settings(max_examples=25, deadline=None)
def test_degrees_stay_exactly_and_no_pair_stands_twice(seed, share):
    before = pairs(seed, share=share)
    after = rewired(before, Rng(seed))
    for name in ("user", "item"):
        assert (
            np.bincount(getattr(before, name), minlength=25)
            == np.bincount(getattr(after, name), minlength=25)
        ).all()
    assert (np.diff(after.user * 18 + after.item) > 0).all()


def test_a_users_weights_stay_theirs_and_in_step():
    before, after = pairs(0), rewired(pairs(0), Rng(1))
    assert after.weight.tolist() != before.weight.tolist()
    assert (after.spend == 2 * after.weight).all()
    for user in range(25):
        mine = (sorted(p.weight[p.user == user]) for p in (before, after))
        assert next(mine) == next(mine)


def test_a_trade_leaves_common_items_and_sizes():
    draw = np.random.default_rng(0)
    a, b = trade(np.array([1, 2, 3, 9]), np.array([3, 4]), draw)
    assert {3} == set(a) & set(b)
    assert (len(a), len(b)) == (4, 2)
    assert set(a) | set(b) == {1, 2, 3, 4, 9}


def test_every_graph_of_the_degrees_is_as_likely():
    """Small enough to list: users of degrees 2, 1, 1 and items of 2, 1, 1."""
    rows = [list(itertools.combinations(range(3), d)) for d in (2, 1, 1)]
    graphs = {
        one for one in itertools.product(*rows)
        if np.bincount([i for row in one for i in row], minlength=3).tolist() == [2, 1, 1]
    }  # fmt: skip
    first = next(iter(sorted(graphs)))
    user = [u for u, row in enumerate(first) for _ in row]
    item = [i for row in first for i in row]
    start = Pairs(np.array(user), np.array(item), np.ones(4), np.ones(4, dtype=int))
    counts = Counter()
    for n in range(1500):
        after = rewired(start, Rng(0).at(n))
        counts[tuple(tuple(after.item[after.user == u].tolist()) for u in range(3))] += 1
    assert set(counts) == graphs
    for count in counts.values():
        assert count / 1500 == pytest.approx(1 / len(graphs), abs=0.05)


def test_structure_is_gone():
    """Two blocks that share nothing: after rewiring half of the pairs cross."""
    user, item = np.nonzero(np.kron(np.eye(2), np.ones((20, 20))))
    kept = np.random.default_rng(0).random(len(user)) < 0.5
    before = Pairs(user[kept], item[kept], np.ones(kept.sum()), np.ones(kept.sum(), dtype=int))
    after = rewired(before, Rng(0))
    assert np.mean((after.user < 20) == (after.item < 20)) == pytest.approx(0.5, abs=0.1)


def test_a_graph_of_nobody_and_of_one_stays():
    nothing = np.array([], dtype=np.int64)
    assert len(rewired(Pairs(nothing, nothing, nothing * 1.0, nothing), Rng(0))) == 0
    one = Pairs(np.zeros(2, int), np.array([1, 3]), np.ones(2), np.ones(2, dtype=int))
    assert rewired(one, Rng(0)).item.tolist() == [1, 3]
