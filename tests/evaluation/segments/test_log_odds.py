"""Log-odds with an informative prior, against the formula written out."""

import math

import numpy as np
import pytest

from gnnseg.evaluation.segments import log_odds


def slow(count, prior):
    """Monroe, Colaresi & Quinn (2008), a word and a segment at a time."""
    segments, words = len(count), len(count[0])
    total = [sum(row[w] for row in count) for w in range(words)]
    everything = sum(total)
    z = [[0.0] * words for _ in range(segments)]
    for k in range(segments):
        mine, others = sum(count[k]), everything - sum(count[k])
        for w in range(words):
            a = prior * total[w] / everything
            y, rest = count[k][w], total[w] - count[k][w]
            delta = math.log((y + a) / (mine + prior - y - a))
            delta -= math.log((rest + a) / (others + prior - rest - a))
            z[k][w] = delta / math.sqrt(1 / (y + a) + 1 / (rest + a))
    return z


@pytest.mark.parametrize("prior", [1.0, 500.0])
def test_z_scores_are_those_of_the_formula(prior):
    g = np.random.default_rng(0)
    count = g.gamma(1.0, 30.0, (4, 7))
    found, _ = log_odds.z_scores(count, prior)
    np.testing.assert_allclose(found, slow(count.tolist(), prior), rtol=1e-9)


def test_a_rarity_does_not_stand_out_and_a_habit_does():
    count = np.array([[3.0, 300.0, 5000.0], [0.0, 100.0, 5000.0]])
    (rare, often, _), _ = log_odds.z_scores(count)[0]
    assert rare < 1.5 < 5 < often


@pytest.mark.parametrize("count", [np.zeros((2, 3)), np.array([[4.0], [2.0]]), np.ones((1, 3))])
def test_where_there_is_nothing_to_compare_nothing_stands_out(count):
    found, delta = log_odds.z_scores(count)
    assert np.isfinite(found).all()
    assert np.abs(delta).max() < 1e-9 or count.shape[0] == 1


def test_pairs_are_counted_by_membership():
    g = np.random.default_rng(1)
    alpha = g.dirichlet(np.ones(3), 5)
    user, item = np.sort(g.integers(0, 5, 40)), g.integers(0, 6, 40)
    found = log_odds.taken(alpha, user, item, 6)
    for k in range(3):
        for j in range(6):
            slow = sum(alpha[u, k] for u, i in zip(user, item, strict=True) if i == j)
            assert found[k, j] == pytest.approx(slow)
