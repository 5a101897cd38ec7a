"""What each user did, against a slow count of their events."""

import numpy as np
import pytest

from gnnseg.data import customers
from gnnseg.types import Interactions

USERS = 6


def drawn(seed=0, *, spend=True, time=True, order=False):
    g = np.random.default_rng(seed)
    n = 200
    user = g.integers(0, USERS - 1, n)  # the last one did nothing
    day = g.integers(0, 40, n).astype(float) * 86_400
    return Interactions(
        user,
        g.integers(0, 9, n),
        spend=g.random(n) * 10 if spend else None,
        time=day if time else None,
        order=g.integers(0, 30, n) if order else None,
    )


@pytest.mark.parametrize("spend", [True, False])
@pytest.mark.parametrize("order", [True, False])
def test_sums_are_those_of_a_slow_count(spend, order):
    events = drawn(spend=spend, order=order)
    found = customers.of(events, USERS)
    begin, end = events.time.min(), events.time.max()
    assert found.end == end
    for u in range(USERS):
        rows = [n for n in range(len(events)) if events.user[n] == u]
        visit = events.order if order else events.time
        assert found.events[u] == len(rows)
        assert found.visits[u] == pytest.approx(len({visit[n] for n in rows}))
        money = [events.spend[n] if spend else 1.0 for n in rows]
        if spend:
            assert found.spend[u] == pytest.approx(sum(money))
        quarter = (end - begin) / 4
        late = [m for n, m in zip(rows, money, strict=True) if events.time[n] > end - quarter]
        before = [
            m
            for n, m in zip(rows, money, strict=True)
            if end - 2 * quarter < events.time[n] <= end - quarter
        ]
        assert found.recent[u] == pytest.approx(sum(late))
        assert found.former[u] == pytest.approx(sum(before))
        if rows:
            assert found.first[u] == min(events.time[n] for n in rows)
            assert found.last[u] == max(events.time[n] for n in rows)
        else:
            assert np.isnan(found.first[u])
            assert np.isnan(found.last[u])


def test_without_times_nothing_is_said_of_time():
    found = customers.of(drawn(time=False), USERS)
    assert (found.visits == found.events).all()
    assert found.first is found.last is found.recent is found.former is found.end is None


def test_one_moment_has_no_quarters():
    events = Interactions(np.array([0, 1]), np.array([0, 0]), time=np.array([5.0, 5.0]))
    found = customers.of(events, 2)
    assert found.end == 5
    assert found.recent is None
