import numpy as np
import pytest

from gnnseg.data import resampling
from gnnseg.rng import Rng
from gnnseg.types import Interactions, Pairs


def pairs(seed=0, users=30, items=20, most=6, spend=True):
    draw = np.random.default_rng(seed)
    key = np.unique(
        np.concatenate([draw.integers(0, users * items, 150), np.arange(users) * items])
    )
    count = draw.integers(1, most + 1, len(key))
    return Pairs(
        key // items, key % items, count * 2.5, count,
        spend=count * 3.0 if spend else None,
    )  # fmt: skip


def test_most_events_stay_and_a_pair_keeps_its_part_of_them():
    before = pairs()
    after = resampling.thinned(before, 0.9, Rng(3))
    had, has = (np.bincount(p.user, p.count, minlength=30) for p in (before, after))
    assert (has >= np.maximum(np.floor(0.9 * had), 1)).all()
    assert (has <= np.ceil(0.9 * had)).all()
    key = {k: n for n, k in enumerate(zip(before.user, before.item, strict=True))}
    row = [key[k] for k in zip(after.user, after.item, strict=True)]
    assert row == sorted(row)
    assert (after.count <= before.count[row]).all()
    assert after.count.min() > 0
    np.testing.assert_allclose(after.weight, before.weight[row] * after.count / before.count[row])
    np.testing.assert_allclose(after.spend, after.count * 3.0)
    assert after.count.sum() < before.count.sum()


def test_one_event_is_kept_and_short_histories_lose_a_tenth_on_average():
    once = Pairs(np.arange(400), np.zeros(400, int), np.ones(400), np.ones(400, dtype=int))
    assert len(resampling.thinned(once, 0.9, Rng(0))) == 400
    twice = Pairs(
        np.repeat(np.arange(400), 2), np.tile([0, 1], 400), np.ones(800), np.ones(800, dtype=int)
    )
    kept = len(resampling.thinned(twice, 0.9, Rng(0)))
    assert kept / 800 == pytest.approx(0.9, abs=0.03)


def test_draws_are_a_function_of_the_seed():
    a, b, c = (resampling.thinned(pairs(), 0.9, Rng(0).at(n)) for n in (1, 1, 2))
    assert a.count.tolist() == b.count.tolist()
    assert a.item.tolist() == b.item.tolist()
    assert a.item.tolist() != c.item.tolist() or a.count.tolist() != c.count.tolist()


def test_which_event_stays_is_even():
    both = Pairs(np.zeros(2, int), np.arange(2), np.array([9.0, 1.0]), np.array([9, 1]))
    lost = [resampling.thinned(both, 0.5, Rng(0).at(n)).count.sum() for n in range(50)]
    assert set(lost) == {5}
    rare = np.mean([1 in resampling.thinned(both, 0.5, Rng(0).at(n)).item for n in range(400)])
    assert rare == pytest.approx(0.5, abs=0.08)


def test_a_sample_holds_each_person_with_all_they_have():
    before, people = pairs(), resampling.resampled(30, Rng(1))
    assert len(set(people)) < len(people) == 30
    after = resampling.pairs_of(before, people)
    assert (np.diff(after.user * 20 + after.item) > 0).all()
    for row, person in enumerate(people):
        mine, theirs = after.user == row, before.user == person
        for name in ("item", "weight", "count", "spend"):
            assert getattr(after, name)[mine].tolist() == getattr(before, name)[theirs].tolist()
    rows = resampling.first_rows(people, 30)
    for person in range(30):
        drawn = np.flatnonzero(people == person)
        assert rows[person] == (drawn[0] if len(drawn) else -1)


def test_copies_are_what_a_loop_says():
    people = np.array([0, 0, 2, 3, 3, 3])
    column = np.array([3, 1, 0, 2])
    source, row = resampling.copies(column, people)
    expected = [(n, r) for n, u in enumerate(column) for r, p in enumerate(people) if p == u]
    assert list(zip(source, row, strict=True)) == expected


def visits_of(before, most=1):
    """One visit an event, or several lines in each."""
    times = -(-before.count // most)
    pair = np.repeat(np.arange(len(before)), times)
    return Interactions(
        before.user[pair], before.item[pair], time=np.arange(len(pair), dtype=float)
    )


def test_a_pair_keeps_as_many_visits_as_events_where_each_is_one():
    before = pairs()
    after = resampling.thinned(before, 0.5, Rng(3))
    left = resampling.thinned_visits(visits_of(before), before, after, 20, Rng(3))
    _, found = np.unique(left.user * 20 + left.item, return_counts=True)
    assert found.tolist() == after.count.tolist()
    assert (np.diff(left.user) >= 0).all()
    whole = visits_of(before)
    rows = {*zip(whole.user, whole.item, whole.time, strict=True)}
    assert rows > {*zip(left.user, left.item, left.time, strict=True)}


def test_a_visit_of_several_lines_stays_in_proportion_and_one_at_least():
    before = pairs(most=9)
    whole = visits_of(before, most=3)
    kept = []
    for n in range(30):
        after = resampling.thinned(before, 0.9, Rng(0).at(n))
        left = resampling.thinned_visits(whole, before, after, 20, Rng(0).at(n))
        key, times = np.unique(left.user * 20 + left.item, return_counts=True)
        assert key.tolist() == (after.user * 20 + after.item).tolist()
        assert times.min() >= 1
        kept.append(len(left) / len(whole))
    assert np.mean(kept) == pytest.approx(0.9, abs=0.03)


def test_which_visit_stays_is_even():
    before = Pairs(np.zeros(1, int), np.zeros(1, int), np.array([4.0]), np.array([4]))
    after = Pairs(np.zeros(1, int), np.zeros(1, int), np.array([1.0]), np.array([1]))
    left = [
        resampling.thinned_visits(visits_of(before), before, after, 1, Rng(0).at(n)).time.tolist()
        for n in range(400)
    ]
    first = np.mean([times == [0.0] for times in left])
    assert {len(times) for times in left} == {1}
    assert first == pytest.approx(0.25, abs=0.07)
