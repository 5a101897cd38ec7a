"""How often items are taken again, against loops; what nobody may know of themselves."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnseg.data import repeats, visits
from gnnseg.types import Interactions

U, I = 6, 5


def drawn(seed: int, count: int = 40) -> Interactions:
    g = np.random.default_rng(seed)
    time = g.integers(0, 9, count).astype(np.float64)
    return visits.of(Interactions(g.integers(0, U, count), g.integers(0, I - 1, count), time=time))


def propensity(rows: list[tuple[int, int]], item: int) -> float:
    """r of an item by (user, item) of every visit."""
    usual = len(rows) / len(set(rows)) if rows else 1.0
    mine = [row for row in rows if row[1] == item]
    own = len(mine) + repeats.SHRUNK * usual
    return math.sqrt(own / (len(set(mine)) + repeats.SHRUNK))


@pytest.mark.parametrize("seed", range(3))
def test_both_readings_equal_a_loop(seed: int) -> None:
    apart = drawn(seed)
    rows = list(zip(apart.user.tolist(), apart.item.tolist(), strict=True))
    expected = [propensity(rows, item) for item in range(I)]
    np.testing.assert_allclose(repeats.of_items(apart, I), expected)
    found = repeats.of_pairs(apart, I)
    for (user, item), r in zip(sorted(set(rows)), found, strict=True):
        others = [row for row in rows if row[0] != user]
        assert r == pytest.approx(propensity(others, item))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_what_a_user_takes_again_says_nothing_of_their_own(seed: int) -> None:
    apart = drawn(seed)
    mine = np.flatnonzero(apart.user == apart.user[0])
    more = np.concatenate([np.arange(len(apart)), np.repeat(mine, 3)])
    assert apart.time is not None
    time = apart.time[more] + np.where(np.arange(len(more)) < len(apart), 0, np.arange(len(more)))
    busier = visits.of(Interactions(apart.user[more], apart.item[more], time=time))
    key = np.unique(apart.user * I + apart.item)
    own = key // I == apart.user[0]
    before, after = (repeats.of_pairs(each, I) for each in (apart, busier))
    np.testing.assert_allclose(after[own], before[own])


def test_things_taken_once_are_all_alike() -> None:
    once = Interactions(np.repeat(np.arange(4), 3), np.tile(np.arange(3), 4))
    np.testing.assert_allclose(repeats.of_items(once, 5), 1.0)
    np.testing.assert_allclose(repeats.of_pairs(once, 5), 1.0)


def test_nothing_at_all_has_propensities_too() -> None:
    no = np.zeros(0, dtype=np.int64)
    np.testing.assert_allclose(repeats.of_items(Interactions(no, no), 3), 1.0)
    assert len(repeats.of_pairs(Interactions(no, no), 3)) == 0


def test_new_users_meet_items_as_they_are() -> None:
    history = visits.of(Interactions(np.array([1, 0, 0, 0]), np.array([2, 2, 0, 2])))
    found = repeats.of_new_users(np.array([1.0, 2.0, 3.0]), history)
    assert found.tolist() == [1.0, 3.0, 3.0]
