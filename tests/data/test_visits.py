"""Visits and what stands before them, against loops over every event."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnseg.data import repeats, visits
from gnnseg.types import Interactions

U, I = 5, 6
DAY = visits.DAY
CLOSE = {"atol": 1e-5, "rtol": 1e-4}


def drawn(seed: int, count: int = 60, *, timed: bool = True) -> Interactions:
    g = np.random.default_rng(seed)
    time = g.integers(0, 12, count).astype(np.float64) * DAY if timed else None
    return Interactions(g.integers(0, U - 1, count), g.integers(0, I, count), time=time)


def faded(
    rows: list[tuple[float, int]], half_life: float, now: float, r: dict[int, float] | None = None
) -> dict[int, float]:
    """Shares by item of (time, item), at ``now``, one event at a time; ``r`` by item."""
    weight: dict[int, float] = {}
    for time, item in rows:
        factor = 1.0 if math.isinf(half_life) else 2 ** (-(now - time) / half_life)
        weight[item] = weight.get(item, 0.0) + factor * (1.0 if r is None else r[item])
    total = sum(weight.values())
    return {item: value / total for item, value in weight.items()}


def propensities(apart: Interactions) -> tuple[np.ndarray, dict[int, dict[int, float]]]:
    """r of every pair, and by user and item."""
    found = repeats.of_pairs(apart, I)
    by: dict[int, dict[int, float]] = {}
    for key, r in zip(np.unique(apart.user * I + apart.item).tolist(), found.tolist(), strict=True):
        by.setdefault(key // I, {})[key % I] = r
    return found, by


def traits(items: list[int]) -> list[float]:
    again = len(items) - len(set(items))
    return [math.log(1 + len(items)), math.log((again + 0.5) / (len(set(items)) + 0.5))]


def test_an_item_counts_once_a_visit() -> None:
    events = Interactions(
        np.array([1, 0, 1, 1, 1]), np.array([3, 2, 3, 3, 0]), time=np.array([5.0, 1, 5, 7, 5])
    )
    found = visits.of(events)
    assert found.time is not None
    rows = list(zip(found.user, found.time, found.item, strict=True))
    assert rows == [(0, 1, 2), (1, 5, 0), (1, 5, 3), (1, 7, 3)]


@pytest.mark.parametrize("weighed", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_what_stands_before_each_event_equals_a_loop(seed: int, weighed: bool) -> None:
    apart = visits.of(drawn(seed))
    assert apart.time is not None
    half_life = visits.half_lives(apart)
    again, r = propensities(apart)
    found = visits.earlier(apart, half_life, I, again if weighed else None)
    rows = list(zip(apart.user, apart.time, apart.item, strict=True))
    pairs = sorted({(u, i) for u, _, i in rows})
    for e, (user, time, item) in enumerate(rows):
        before = [(t, i) for u, t, i in rows if u == user and t < time]
        assert pairs[int(found.pair[e])] == (user, item)
        assert bool(found.any[e]) == bool(before)
        expected = [
            faded(before, each, time, r[user] if weighed else None).get(item, 0.0)
            if before
            else 0.0
            for each in half_life
        ]
        torch.testing.assert_close(
            found.share[e].double(), torch.tensor(expected, dtype=torch.float64), **CLOSE
        )
        told = torch.tensor(traits([i for _, i in before]))
        torch.testing.assert_close(found.traits[e], told, **CLOSE)


@pytest.mark.parametrize("weighed", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_the_past_as_of_now_equals_a_loop(seed: int, weighed: bool) -> None:
    apart = visits.of(drawn(seed))
    assert apart.time is not None
    half_life = visits.half_lives(apart)
    again, r = propensities(apart)
    past = visits.latest(apart, half_life, U, I, again if weighed else None)
    assert (past.again is not None) == weighed
    assert not bool(past.any[U - 1])
    for user in range(U - 1):
        mine = [
            (t, i) for u, t, i in zip(apart.user, apart.time, apart.item, strict=True) if u == user
        ]
        for m, each in enumerate(half_life):
            weights = r[user] if weighed else None
            expected = faded(mine, each, 99 * DAY, weights)  # when it is asked does not matter
            row = past.taken.with_value(past.share[:, m]).dense()[user]
            for item in range(I):
                assert float(row[item]) == pytest.approx(expected.get(item, 0.0), abs=1e-5)
        told = torch.tensor(traits([i for _, i in mine]))
        torch.testing.assert_close(past.traits[user], told, **CLOSE)


def test_without_times_an_event_is_left_out_of_its_own_past() -> None:
    apart = visits.of(drawn(0, timed=False))
    found = visits.earlier(apart, visits.half_lives(apart), I)
    rows = list(zip(apart.user, apart.item, strict=True))
    for e, (user, item) in enumerate(rows):
        others = [i for at, (u, i) in enumerate(rows) if u == user and at != e]
        share = others.count(item) / len(others) if others else 0.0
        expected = torch.full((visits.HALF_LIVES,), share)
        torch.testing.assert_close(found.share[e], expected, **CLOSE)
        torch.testing.assert_close(found.traits[e], torch.tensor(traits(others)), **CLOSE)
        assert bool(found.any[e]) == bool(others)
    past = visits.latest(apart, visits.half_lives(apart), U, I)
    for (user, item), share in zip(
        zip(past.taken.row.tolist(), past.taken.column.tolist(), strict=True),
        past.share[:, 0].tolist(),
        strict=True,
    ):
        mine = [i for u, i in rows if u == user]
        assert share == pytest.approx(mine.count(item) / len(mine))


def test_without_times_what_others_take_again_weighs_too() -> None:
    apart = visits.of(drawn(1, timed=False))
    again, r = propensities(apart)
    found = visits.earlier(apart, visits.half_lives(apart), I, again)
    rows = list(zip(apart.user.tolist(), apart.item.tolist(), strict=True))
    for e, (user, item) in enumerate(rows):
        others = [i for at, (u, i) in enumerate(rows) if u == user and at != e]
        total = sum(r[user][i] for i in others)
        share = r[user][item] * others.count(item) / total if others else 0.0
        assert float(found.share[e, 0]) == pytest.approx(share, abs=1e-6)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 59))
def test_no_event_knows_itself_or_what_comes_after(seed: int, at: int) -> None:
    """What an event's user takes in that visit and later changes nothing of its past."""
    events = drawn(seed)
    apart = visits.of(events)
    assert apart.time is not None
    half_life = visits.half_lives(apart)
    at = at % len(apart)
    user, time = apart.user[at], apart.time[at]
    found = visits.earlier(apart, half_life, I)
    earlier = (apart.user != user) | (apart.time < time)
    alone = np.arange(len(apart)) == at
    kept = apart.rows(earlier | alone)
    again = visits.earlier(kept, half_life, I)
    there = int(np.flatnonzero((earlier | alone).nonzero()[0] == at)[0])
    torch.testing.assert_close(again.share[there], found.share[at])
    torch.testing.assert_close(again.traits[there], found.traits[at])
    assert bool(again.any[there]) == bool(found.any[at])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_a_past_is_a_distribution(seed: int, timed: bool) -> None:
    apart = visits.of(drawn(seed, timed=timed))
    past = visits.latest(apart, visits.half_lives(apart), U, I)
    for m in range(visits.HALF_LIVES):
        total = past.taken.with_value(past.share[:, m]).dense().sum(1)
        torch.testing.assert_close(total[past.any], torch.ones(int(past.any.sum())))
    found = visits.earlier(apart, visits.half_lives(apart), I)
    assert bool(((found.share >= 0) & (found.share <= 1)).all())


def test_a_pause_of_years_leaves_a_past() -> None:
    time = np.array([0.0, 1.0, 1e9, 1e9 + 5]) * DAY
    apart = Interactions(np.zeros(4, dtype=np.int64), np.array([1, 2, 1, 1]), time=time)
    found = visits.earlier(apart, np.array([DAY, np.inf]), I)
    assert bool(torch.isfinite(found.share).all())
    assert found.share[2, 0] == pytest.approx(1 / 3)  # one day fainter than item 2
    assert found.share[3, 0] == pytest.approx(1.0)
    torch.testing.assert_close(found.share[:, 1], torch.tensor([0.0, 0.0, 0.5, 2 / 3]))


def test_nothing_at_all_is_a_past_too() -> None:
    nothing = Interactions(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))
    for events in (nothing, Interactions(nothing.user, nothing.item, time=np.zeros(0))):
        apart = visits.of(events)
        past = visits.latest(apart, visits.half_lives(apart), U, I)
        assert past.taken.entries == 0
        assert not bool(past.any.any())
        assert len(visits.earlier(apart, visits.half_lives(apart), I).pair) == 0


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=40))
@settings(max_examples=60, deadline=None)
def test_shares_of_visits_sum_to_the_visits(rows: list[tuple[int, int]]) -> None:
    user, visit = (np.array([row[n] for row in rows], dtype=np.int64) for n in (0, 1))
    found = visits.shares(user, visit)
    for part, row in zip(found, rows, strict=True):
        assert part == pytest.approx(1 / rows.count(row))
    for u in range(4):
        came = {visit for one, visit in rows if one == u}
        assert found[user == u].sum() == pytest.approx(len(came))
