"""RFM and k-means beside segments, against slow counts and sums of squares."""

import math

import numpy as np
import pytest

from gnnseg.evaluation.segments import rfm
from gnnseg.rng import Rng
from gnnseg.types import Pairs

DAY = 86_400.0


def pairs(seed=0, *, users=60, spend=True, time=True, of=None):
    g = np.random.default_rng(seed)
    met = g.random((users, 20)) < 0.3
    met[:, 0], met[-2:] = True, False  # the last two did nothing
    user, item = np.nonzero(met)
    rich = np.ones(users) if of is None else of
    n = len(user)
    last = g.integers(0, 300, n) * DAY
    return Pairs(
        user, item, np.ones(n), np.ones(n, dtype=np.int64),
        first=last if time else None, last=last if time else None,
        spend=g.gamma(2, 5, n) * rich[user] if spend else None, visits=g.random(n) + 0.5,
    )  # fmt: skip


@pytest.mark.parametrize("spend", [True, False])
def test_columns_are_those_of_a_slow_count(spend):
    train = pairs(spend=spend)
    found = rfm.columns(train, 60)
    rows = {}
    for u in range(58):
        mine = train.user == u
        row = [
            math.log1p((train.last.max() - train.last[mine].max()) / DAY),
            math.log1p(train.visits[mine].sum()),
        ]
        rows[u] = [*row, math.log1p(train.spend[mine].sum())] if spend else row
    table = np.array(list(rows.values()))
    table = (table - table.mean(0)) / table.std(0)
    np.testing.assert_allclose(found[:58], table, atol=1e-9)
    assert np.isnan(found[58:]).all()


def slow_r2(value, part):
    total = sum((y - value.mean()) ** 2 for y in value)
    inside = sum((y - value[part == g].mean()) ** 2 for y, g in zip(value, part, strict=True))
    return 1 - inside / total


def test_explained_is_one_less_the_variance_inside():
    g = np.random.default_rng(1)
    value, parts = g.gamma(1, 9, 80), [g.integers(0, 4, 80), g.integers(0, 3, 80)]
    value[parts[0] == 2] += 30
    first, second, gain = rfm.explained(value, parts, Rng(0))
    assert first.value == pytest.approx(slow_r2(value, parts[0]))
    assert second.value == pytest.approx(slow_r2(value, parts[1]))
    assert gain.value == pytest.approx(first.value - second.value)
    assert first.low < first.value < first.high
    assert gain.low > 0


def test_the_interval_is_that_of_resampled_users():
    g = np.random.default_rng(2)
    value, part = g.normal(size=50), g.integers(0, 3, 50)
    value[part == 1] += 1
    found = rfm.explained(value, [part, part], Rng(0))
    slow = []
    for _ in range(4000):
        rows = g.integers(50, size=50)
        slow.append(slow_r2(value[rows], part[rows]))
    low, high = np.quantile(slow, [0.025, 0.975])
    assert found[0].low == pytest.approx(low, abs=0.03)
    assert found[0].high == pytest.approx(high, abs=0.03)
    assert found[2] == rfm.Explained(0.0, 0.0, 0.0)


def test_segments_that_are_rfm_agree_and_those_of_chance_do_not():
    rich = np.where(np.arange(60) % 3 == 0, 50.0, 1.0)
    train, test = pairs(0, of=rich), pairs(1, of=rich)
    table = rfm.columns(train, 60)[:58]
    same = np.full((60, 3), 1 / 3)
    same[:58] = np.eye(3)[rfm.clusters(table, 3, Rng(5))]
    found = rfm.beside(same, train, test, Rng(5))
    assert found["segment/rfm_ari"] == pytest.approx(1)
    assert found["segment/rfm_soft"] == pytest.approx(1)
    assert found["segment/spend_r2"] == pytest.approx(found["segment/rfm_spend_r2"])
    assert found["segment/spend_r2"] > 0.3
    chance = np.random.default_rng(0).dirichlet(np.ones(3), 60)
    apart = rfm.beside(chance, train, test, Rng(5))
    assert abs(apart["segment/rfm_ari"]) < 0.1
    assert apart["segment/spend_r2_gain_high"] < 0


def test_without_spend_events_are_explained():
    train, test = pairs(0, spend=False), pairs(1, spend=False)
    alpha = np.eye(3)[np.arange(60) % 3]
    value = np.bincount(test.user, minlength=60)[:58].astype(float)
    found = rfm.beside(alpha, train, test, Rng(0))
    assert found["segment/spend_r2"] == pytest.approx(slow_r2(value, (np.arange(60) % 3)[:58]))


def test_nothing_is_said_without_times_or_without_anything_held_out():
    alpha = np.eye(3)[np.arange(60) % 3]
    train, nothing = pairs(0), pairs(0).rows(np.zeros(0, dtype=np.int64))
    assert rfm.beside(alpha, pairs(0, time=False), pairs(1), Rng(0)) == {}
    assert rfm.beside(np.ones((60, 1)), train, pairs(1), Rng(0)) == {}
    assert set(rfm.beside(alpha, train, nothing, Rng(0))) == {
        "segment/rfm_ari",
        "segment/rfm_soft",
    }
    assert rfm.beside(np.eye(60)[:, :59], train, pairs(1), Rng(0)) == {}
