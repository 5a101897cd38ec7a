"""Visits a day of late, against a loop and a steady visitor."""

import math

import numpy as np
import pytest

from gnnseg.data import customers
from gnnseg.types import Interactions

DAY = 86_400.0


def test_a_pace_is_the_slow_sum():
    g = np.random.default_rng(0)
    user, time = g.integers(0, 5, 60), g.integers(0, 30, 60) * DAY
    found = customers.of(Interactions(user, g.integers(0, 9, 60), time=time), 6).pace
    end, half_life = time.max(), (time.max() - time.min()) / 4
    for u in range(6):
        visits = {t for who, t in zip(user, time) if who == u}
        slow = sum(0.5 ** ((end - t) / half_life) for t in visits)
        assert found[u] == pytest.approx(slow * math.log(2) / (half_life / DAY))
    assert found[5] == 0


def test_who_comes_every_day_has_nearly_one_visit_a_day():
    time = np.arange(400) * DAY
    found = customers.paces(np.zeros(400, dtype=np.int64), time, np.ones(400), 1)
    assert found[0] == pytest.approx(1 - 2.0**-4, rel=0.01)  # but for what was before the data


def test_without_times_there_is_none_and_at_one_moment_there_is():
    zero = np.zeros(3, dtype=np.int64)
    assert customers.of(Interactions(zero, zero), 2).pace is None
    found = customers.of(Interactions(zero, zero, time=np.full(3, 5.0)), 2)
    assert np.isfinite(found.pace).all()
    assert found.recent is None
    assert len(customers.paces(zero[:0], np.zeros(0), np.zeros(0), 2)) == 2
