"""The rule that recommends a number of segments, against a slow and obvious version of itself."""

import math
import statistics

import numpy as np
import pytest

from gnnseg.evaluation.segments.how_many import (
    JACCARD,
    Candidate,
    difference,
    recommend,
    standard_error,
)


def slow(candidates: list[Candidate], least: float) -> tuple[int, bool]:
    """The rule in words, one user and one candidate at a time."""
    best = None
    for each in sorted(candidates, key=lambda each: each.segments):
        mean = sum(each.recall) / len(each.recall)
        if best is None or mean > sum(best.recall) / len(best.recall):
            best = each
    near = []
    for each in sorted(candidates, key=lambda each: each.segments):
        users = len(best.recall)
        error = statistics.stdev(best.recall) / math.sqrt(users) if users > 1 else 0.0
        if sum(each.recall) / users >= sum(best.recall) / users - error:
            near.append(each)
    for each in near:
        if each.jaccard >= least:
            return each.segments, True
    most = near[0]
    for each in near[1:]:
        if each.jaccard > most.jaccard or (math.isnan(most.jaccard) and each.jaccard >= 0):
            most = each
    return most.segments, False


@pytest.mark.parametrize("seed", range(40))
def test_the_rule_is_the_slow_one(seed: int) -> None:
    draw = np.random.default_rng(seed)
    users, count = int(draw.integers(1, 40)), int(draw.integers(1, 9))
    base = draw.random(users)
    rise = draw.choice([0.0, 0.05, 0.3])
    jaccard = draw.choice([*draw.random(3), 0.6, 0.6, math.nan], count)
    given = [
        Candidate(int(k), base * 0.5 + rise * n + draw.normal(0, 0.1, users).round(1), float(j))
        for n, (k, j) in enumerate(zip(draw.permutation(40)[:count] + 2, jaccard, strict=True))
    ]
    found = recommend(given)
    assert (found.segments, found.stable) == slow(given, JACCARD)
    again = recommend(given[::-1])  # the order they come in says nothing
    assert (again.segments, again.best, again.stable) == (found.segments, found.best, found.stable)
    assert again.behind == found.behind[::-1]


def test_what_users_have_in_common_cancels() -> None:
    easy = np.random.default_rng(0).random(500)
    better, worse = easy, easy - 0.01
    gap = difference(better, worse)
    assert gap.mean == pytest.approx(0.01)
    assert gap.error < 1e-10 < standard_error(easy) / 2  # by user it is certain
    named = recommend([Candidate(2, worse, 1.0), Candidate(4, better, 1.0)])
    assert named.behind == [gap, difference(better, better)]
    assert named.error == standard_error(better)
    assert (named.segments, named.best, named.near) == (2, 4, [2, 4])  # the mean is not so certain
    far = easy - 1.1 * standard_error(easy)
    named = recommend([Candidate(2, far, 1.0), Candidate(4, better, 1.0)])
    assert (named.segments, named.near) == (4, [4])


def test_the_standard_error_is_that_of_a_mean() -> None:
    values = np.array([1.0, 2.0, 4.0])
    assert standard_error(values) == pytest.approx(statistics.stdev(values) / math.sqrt(3))
    assert math.isnan(standard_error(values[:1]))
    assert difference(values[1:2], values[:1]).error == 0
    one = [Candidate(2, values[:1], 1.0), Candidate(3, values[1:2], 1.0)]
    assert recommend(one).near == [3]  # of one user there is no error


def near(*jaccards: float) -> list[Candidate]:
    """Candidates of 2, 3, 4 … segments that all rank alike."""
    recall = np.array([0.2, 0.4, 0.1])
    return [Candidate(k, recall, j) for k, j in enumerate(jaccards, 2)]


@pytest.mark.parametrize(
    ("jaccards", "named", "stable"),
    [
        ((0.7, 0.9), 2, True),  # the smallest, though another comes back more often
        ((0.59, 0.6, 1.0), 3, True),  # .6 is enough
        ((0.3, 0.5, 0.5), 3, False),  # none comes back: the most stable, the smaller of equals
        ((math.nan, 0.1), 3, False),
        ((math.nan, 0.7), 3, True),
        ((math.nan, math.nan), 2, False),
        ((0.2,), 2, False),
        ((1.0,), 2, True),
    ],
)
def test_ties_what_is_not_defined_and_one_alone(jaccards, named, stable) -> None:
    found = recommend(near(*jaccards))
    assert (found.segments, found.stable) == (named, stable)
    assert found.best == 2
    assert found.near == list(range(2, 2 + len(jaccards)))


def test_what_ranks_worse_is_never_named_however_stable() -> None:
    draw = np.random.default_rng(1).random(50)
    found = recommend([Candidate(2, draw - 0.3, 1.0), Candidate(8, draw, 0.1)])
    assert (found.segments, found.stable) == (8, False)


def test_more_recall_everywhere_never_names_fewer() -> None:
    """Of candidates that come back: lowering a smaller one's recall cannot make it the named."""
    draw = np.random.default_rng(2)
    for _ in range(30):
        given = [Candidate(k, draw.random(30), 0.9) for k in (2, 4, 8)]
        before = recommend(given)
        lower = [
            Candidate(each.segments, each.recall - (each.segments < before.segments), 0.9)
            for each in given
        ]
        assert recommend(lower).segments == before.segments
