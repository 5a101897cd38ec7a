"""Stability against obvious loops, its limits, and what other packages stumble over."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnseg.evaluation.segments import stability
from gnnseg.rng import Rng

NAN = math.nan


def drawn(seed, users=60, k=4, sharp=1.0):
    logits = np.random.default_rng(seed).normal(size=(users, k)) * sharp
    found = np.exp(logits)
    return found / found.sum(1, keepdims=True)


def hard(segments, k):
    return np.eye(k)[np.asarray(segments)]


def slow_overlap(a, b):
    """1 - mean total variation, the best of all matchings tried."""
    k = a.shape[1]
    return max(
        1 - np.mean([0.5 * sum(abs(a[i, m] - b[i, p[m]]) for m in range(k)) for i in range(len(a))])
        for p in itertools.permutations(range(k))
    )


def slow_ari(a, b):
    """Hubert & Arabie by counting pairs of people."""
    pairs = list(itertools.combinations(range(len(a)), 2))
    both = sum(a[i] == a[j] and b[i] == b[j] for i, j in pairs)
    in_a, in_b = (sum(x[i] == x[j] for i, j in pairs) for x in (a, b))
    chance = in_a * in_b / len(pairs)
    return (both - chance) / ((in_a + in_b) / 2 - chance)


@pytest.mark.parametrize("seed", range(4))
def test_overlap_and_matching_are_the_best_of_all(seed):
    a, b = drawn(seed), drawn(seed + 100, sharp=3.0)
    assert stability.overlap(a, b) == pytest.approx(slow_overlap(a, b))
    order = stability.match(a, b)
    assert sorted(order) == [0, 1, 2, 3]
    assert 1 - np.abs(a - b[:, order]).sum(1).mean() / 2 == pytest.approx(slow_overlap(a, b))


@pytest.mark.parametrize("seed", range(3))
def test_a_comparison_is_what_loops_say(seed):
    a = drawn(seed, sharp=2.0)
    b = drawn(seed, sharp=2.0)[:, [2, 0, 3, 1]] * 0.7 + drawn(seed + 9, sharp=2.0) * 0.3
    found, order = stability.compare(a, b, Rng(0)), stability.match(a, b)
    mine, theirs = a.argmax(1), [list(order).index(s) for s in b.argmax(1)]
    assert found.same.tolist() == [x == y for x, y in zip(mine, theirs, strict=True)]
    for k in range(4):
        x = {i for i, s in enumerate(mine) if s == k}
        y = {i for i, s in enumerate(theirs) if s == k}
        assert found.jaccard[k] == pytest.approx(len(x & y) / len(x | y))
    assert found.ari == pytest.approx(slow_ari(mine, theirs))
    sure = [i for i in range(60) if a[i].max() >= 0.6 and b[i].max() >= 0.6]
    assert 0 < len(sure) < 60
    assert found.sure_share == len(sure) / 60
    assert found.sure_ari == pytest.approx(slow_ari(mine[sure], np.array(theirs)[sure]))
    draw = Rng(0).numpy("permuted users")
    chance = np.mean([slow_overlap(a, b[draw.permutation(60)]) for _ in range(10)])
    assert found.soft == pytest.approx((slow_overlap(a, b) - chance) / (1 - chance))


def test_renumbered_segments_agree_wholly():
    a = drawn(1, users=200, k=5)
    found = stability.compare(a, a[:, [3, 1, 4, 0, 2]], Rng(0))
    assert found.soft == pytest.approx(1)
    assert found.ari == 1
    assert found.same.min() == 1
    assert found.jaccard.tolist() == [1.0] * 5


def test_strangers_agree_as_by_chance():
    values = [
        stability.compare(drawn(s, 800, 6, 2.0), drawn(s + 50, 800, 6, 2.0), Rng(s))
        for s in range(6)
    ]
    assert abs(np.mean([v.soft for v in values])) < 0.02
    assert abs(np.mean([v.ari for v in values])) < 0.02


@given(st.integers(0, 10**6), st.integers(2, 6), st.integers(2, 6))
@settings(max_examples=25, deadline=None)
def test_bounds_and_numbers_of_segments_that_differ(seed, k, other_k):
    a, b = drawn(seed, 30, k, 2.0), drawn(seed + 1, 30, other_k, 2.0)
    found = stability.compare(a, b, Rng(0))
    assert stability.overlap(a, b) == pytest.approx(stability.overlap(b, a))
    assert 0 <= stability.overlap(a, b) <= 1
    assert found.jaccard.shape == (k,)
    assert ((found.jaccard >= 0) & (found.jaccard <= 1)).all()
    assert set(found.same) <= {0.0, 1.0}
    assert math.isnan(found.soft) or found.soft <= 1


def test_a_segment_that_only_one_side_has_stands_against_nobody():
    a = hard([0] * 5 + [1] * 5 + [2] * 5, 3)
    merged = hard([0] * 5 + [1] * 10, 2)
    found = stability.compare(a, merged, Rng(0))
    assert found.jaccard.tolist() in ([1.0, 0.5, 0.0], [1.0, 0.0, 0.5])
    assert stability.overlap(a, merged) == pytest.approx(2 / 3)
    assert found.same.sum() == 10


def test_one_segment_is_nothing_to_agree_on():
    one = np.ones((12, 1))
    found = stability.compare(one, one, Rng(0))
    assert math.isnan(found.soft)
    assert math.isnan(found.ari)
    assert found.jaccard.tolist() == [1.0]
    assert stability.verdicts(found.jaccard, beyond=False) == ["reproducible"]


def test_constant_memberships_are_nothing_to_agree_on():
    flat = np.full((20, 4), 0.25)
    found = stability.compare(flat, flat, Rng(0))
    assert math.isnan(found.soft)
    assert math.isnan(found.ari)
    assert found.sure_share == 0
    assert math.isnan(found.sure_ari)
    assert found.jaccard.tolist() == [1.0, 0.0, 0.0, 0.0]  # all in the first, nobody in the others


def test_what_nobody_is_in_does_not_come_back():
    a = hard([0, 0, 1, 1], 3)
    found = stability.compare(a, a, Rng(0))
    assert found.jaccard.tolist() == [1.0, 1.0, 0.0]
    assert stability.verdicts(found.jaccard, beyond=True) == [
        "natural", "natural", "constructive",
    ]  # fmt: skip


def test_who_is_in_one_of_both_is_left_out():
    a, b = hard([0, 0, 1, 1, 0], 2), hard([1, 1, 0, 0, 1], 2)
    a[4], b[0] = NAN, NAN
    found = stability.compare(a, b, Rng(0))
    np.testing.assert_array_equal(found.same, [NAN, 1, 1, 1, NAN])
    assert found.jaccard.tolist() == [1.0, 1.0]
    assert stability.pairwise_ari([stability.members(each) for each in (a, b, b)]) == [1.0] * 3


def test_nobody_in_both_gives_no_figure():
    a, b = hard([0, 1], 2), hard([0, 1], 2)
    a[0], b[1] = NAN, NAN
    found = stability.compare(a, b, Rng(0))
    assert math.isnan(found.soft)
    assert math.isnan(found.ari)
    assert np.isnan(found.same).all()


def test_refits_are_summed_up():
    a = hard([0] * 10 + [1] * 10 + [2] * 10, 3)
    moved = a.copy()
    moved[[0, 10]] = moved[[10, 0]]
    moved[20:26] = hard([0] * 6, 3)
    a[29] = NAN
    refits = [stability.compare(a, each, Rng(0)) for each in (a, moved)]
    members = [stability.members(each) for each in (a, moved, a)]
    assert members[0][[0, 10, 20, 29]].tolist() == [0, 1, 2, -1]
    found = stability.evaluate(refits, seeds=refits[:1], bootstrap=members)
    assert found.sure[[1, 0, 20]].tolist() == [1.0, 0.5, 0.5]
    assert math.isnan(found.sure[29])
    assert found.jaccard.shape == (2, 3)
    assert stability.verdicts(found.jaccard.mean(0), beyond=True) == [
        "natural", "natural", "constructive",
    ]  # fmt: skip
    metrics = found.metrics
    assert metrics["segment/seed_ari"] == 1
    assert "segment/seed_ari/sd" not in metrics
    once = stability.compare(a, moved, Rng(0)).ari
    assert metrics["segment/stability_ari"] == pytest.approx((1 + once) / 2)
    assert metrics["segment/stability_ari/sd"] == pytest.approx((1 - once) / 2**0.5)
    assert metrics["segment/stability_bootstrap_ari"] == pytest.approx((1 + 2 * once) / 3)


@pytest.mark.parametrize(
    ("own", "chance", "beyond"),
    [
        (0.3, [0.1] * 19, True),
        (0.3, [0.1] * 18 + [0.3], False),
        (0.3, [0.1] * 18, False),
        (0.3, [], False),
    ],
)
def test_natural_is_above_all_of_nineteen(own, chance, beyond):
    assert stability.beyond_chance(own, chance) == beyond
    stable = "natural" if beyond else "reproducible"
    assert stability.verdicts(np.array([0.75, 0.749]), beyond=beyond) == [stable, "constructive"]


def test_the_mean_decides_not_the_best_refit():
    a = hard([0] * 10 + [1] * 10, 2)
    half = hard([0] * 5 + [1] * 15, 2)
    found = stability.evaluate([stability.compare(a, each, Rng(0)) for each in (a, half)])
    assert found.jaccard.mean(0).tolist() == pytest.approx([0.75, (1 + 10 / 15) / 2])
    worse = stability.evaluate([stability.compare(a, each, Rng(0)) for each in (a, half, half)])
    assert stability.verdicts(worse.jaccard.mean(0), beyond=False) == [
        "constructive", "reproducible",
    ]  # fmt: skip
