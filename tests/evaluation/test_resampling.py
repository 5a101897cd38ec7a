"""Intervals and the paired test against scipy, a loop over all sign changes, and limiting cases."""

import itertools

import numpy as np
import pytest
from scipy import stats

from gnnseg.evaluation import resampling
from gnnseg.evaluation.resampling import intervals, paired


def skewed(g: np.random.Generator, shape: tuple[int, ...], share: float = 0.3) -> np.ndarray:
    """Values as ndcg has them: many zeros, the rest of a beta distribution."""
    return np.where(g.random(shape) < share, g.beta(2, 3, shape), 0.0)


def test_ends_are_those_of_scipys_bca() -> None:
    values = skewed(np.random.default_rng(1), (60, 2))
    found = intervals(values, np.random.default_rng(2))
    for m in range(2):
        theirs = stats.bootstrap(
            (values[:, m],), np.mean, n_resamples=40_000, method="BCa", random_state=3
        )
        expected, error = theirs.confidence_interval, theirs.standard_error
        assert found.low[m] == pytest.approx(expected.low, abs=0.25 * error)
        assert found.high[m] == pytest.approx(expected.high, abs=0.25 * error)


@pytest.mark.parametrize("count", [2, 5, 30, 100])
def test_intervals_hold_the_truth_as_often_as_they_say(count: int) -> None:
    g = np.random.default_rng(0)
    found = intervals(skewed(g, (count, 800)), np.random.default_rng(1))
    truth = 0.3 * 2 / 5
    assert 0.9 < ((found.low <= truth) & (truth <= found.high)).mean() <= 1


def test_one_user_and_users_alike_are_not_sure() -> None:
    """Of one user in [0, 1] next to nothing is known; of many alike, more."""
    one = intervals(np.array([[0.0, 0.4, 1.0]]), np.random.default_rng(0))
    assert one.low == pytest.approx([0, 0.4 * 0.025, 0.025])
    assert one.high == pytest.approx([0.975, 0.4 + 0.6 * 0.975, 1])
    many = intervals(np.zeros((50, 1)), np.random.default_rng(0))
    assert many.low[0] == 0
    assert many.high[0] == pytest.approx(1 - 0.025 ** (1 / 50))


def test_nobody_and_nothing_measured() -> None:
    nobody = intervals(np.empty((0, 3)), np.random.default_rng(0))
    assert np.isnan(nobody.low).tolist() == [True] * 3
    assert intervals(np.empty((5, 0)), np.random.default_rng(0)).low.shape == (0,)


def test_the_same_generator_gives_the_same_ends_and_columns_do_not_meddle() -> None:
    values = skewed(np.random.default_rng(1), (40, 2))
    first, again = (intervals(values, np.random.default_rng(5)) for _ in range(2))
    alone = intervals(values[:, :1], np.random.default_rng(5))
    assert first.low.tolist() == again.low.tolist()
    assert alone.low[0] == pytest.approx(first.low[0])


def test_many_users_are_normal(monkeypatch: pytest.MonkeyPatch) -> None:
    values = skewed(np.random.default_rng(1), (400, 1))
    drawn = intervals(values, np.random.default_rng(0))
    monkeypatch.setattr(resampling, "LARGE", 400)
    normal = intervals(values, np.random.default_rng(0))
    assert normal.low[0] == pytest.approx(drawn.low[0], abs=0.004)
    assert normal.high[0] == pytest.approx(drawn.high[0], abs=0.004)
    assert normal.low[0] != drawn.low[0]


def test_paired_equals_all_sign_changes() -> None:
    g = np.random.default_rng(4)
    mine, theirs = g.random(10), g.random(10) + 0.15
    apart = mine - theirs
    every = [
        abs(sum(s * d for s, d in zip(signs, apart, strict=True)))
        for signs in itertools.product((1, -1), repeat=10)
    ]
    exact = np.mean([total >= abs(apart.sum()) - 1e-12 for total in every])
    assert 0.02 < exact < 0.6
    assert paired(mine, theirs, np.random.default_rng(0)) == pytest.approx(exact, abs=0.04)


def test_paired_in_its_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    g = np.random.default_rng(0)
    values = g.random(300)
    assert paired(values, values, g) == 1
    assert paired(np.empty(0), np.empty(0), g) == 1
    assert paired(np.array([np.nan]), np.array([0.5]), g) == 1
    assert paired(values, values + 0.01, g) == pytest.approx(1 / resampling.DRAWS)
    other = values + g.normal(0.02, 0.2, 300)
    drawn = paired(values, other, np.random.default_rng(0))
    monkeypatch.setattr(resampling, "LARGE", 300)
    assert paired(values, other, g) == pytest.approx(drawn, abs=0.04)


def test_no_difference_is_found_as_often_as_chance_has_it() -> None:
    g = np.random.default_rng(7)
    found = [paired(g.random(25), g.random(25), g) for _ in range(200)]
    assert 0.01 < np.mean(np.array(found) < 0.05) < 0.1
