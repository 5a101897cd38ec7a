"""Segments of two runs matched, named and told from noise, against loops and all permutations."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnseg.evaluation.segments import through_time as tt


def drawn(people, segments, seed):
    return np.random.default_rng(seed).dirichlet(np.full(segments, 0.3), people)


def slow_jaccard(a, b):
    found = np.zeros((a.shape[1], b.shape[1]))
    for l in range(a.shape[1]):
        for k in range(b.shape[1]):
            both = sum(min(x, y) for x, y in zip(a[:, l], b[:, k]))
            either = sum(max(x, y) for x, y in zip(a[:, l], b[:, k]))
            found[l, k] = both / either
    return found


@settings(deadline=None)
@given(st.integers(1, 5), st.integers(1, 5), st.integers(0, 99))
def test_jaccard_equals_the_loop(earlier, later, seed):
    a, b = drawn(9, earlier, seed), drawn(9, later, seed + 1)
    np.testing.assert_allclose(tt.jaccard(a, b), slow_jaccard(a, b), atol=1e-12)


def test_jaccard_of_hard_members_is_that_of_their_sets():
    a, b = np.eye(3)[[0, 0, 0, 1, 2]], np.eye(2)[[0, 0, 1, 1, 1]]
    assert tt.jaccard(a, b)[0].tolist() == pytest.approx([2 / 3, 1 / 5])


@settings(deadline=None)
@given(st.integers(2, 5), st.integers(0, 99))
def test_a_match_is_the_best_of_all_permutations(segments, seed):
    g = np.random.default_rng(seed)
    members, tastes = 0.5 + g.random((segments, segments)) / 2, g.random((segments, segments))
    both = members + tastes
    best = max(sum(both[k, p[k]] for k in range(segments)) for p in permutations(range(segments)))
    found = tt.match(members, tastes)
    assert sum(both[was, now] for was, now in found.items()) == pytest.approx(best)


def test_segments_that_share_few_people_are_not_one():
    assert tt.match(np.array([[0.9, 0.0], [0.0, 0.29]]), np.eye(2)) == {0: 0}


@settings(deadline=None)
@given(st.integers(2, 6), st.integers(0, 99))
def test_renumbered_segments_are_found_again(segments, seed):
    g = np.random.default_rng(seed)
    alpha, order = drawn(60, segments, seed), g.permutation(segments)
    beta = g.dirichlet(np.ones(20), segments)
    matched = tt.match(tt.jaccard(alpha, alpha[:, order]), tt.tastes(beta, beta[order]))
    assert [order[matched[k]] for k in range(segments)] == list(range(segments))
    assert (alpha[:, order][:, tt.numbering(matched, segments)] == alpha).all()
    assert (alpha[:, order][:, tt.align(alpha, alpha[:, order])] == alpha).all()


def test_tastes_are_what_is_wanted_beyond_everybody():
    beta = np.array([[0.5, 0.3, 0.2], [0.5, 0.2, 0.3]])
    assert tt.tastes(beta, beta) == pytest.approx(np.eye(2))
    signed = np.array([[1.0, -1.0, 0.0], [-1.0, 1.0, 0.0]])
    assert tt.tastes(signed, signed) == pytest.approx(np.eye(2))
    assert not tt.tastes(beta[:, :1], beta[:, :1]).any()


@settings(deadline=None)
@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 99))
def test_numbers_stay_where_they_can_and_each_is_used_once(earlier, later, seed):
    g = np.random.default_rng(seed)
    count = int(g.integers(0, min(earlier, later) + 1))
    matched = dict(
        zip(g.permutation(earlier)[:count].tolist(), g.permutation(later)[:count].tolist())
    )
    order = tt.numbering(matched, later)
    assert sorted(order.tolist()) == list(range(later))
    for was, now in matched.items():
        assert was >= later or order[was] == now


def test_moves_count_everybody_once():
    was, now = np.array([0, 0, 1, 2]), np.array([1, 1, 0, 0])
    assert tt.moves(was, now, 3, 2).tolist() == [[0, 2], [1, 0], [1, 0]]


def test_split_and_birth_are_told_apart():
    moved = np.array([[50, 0, 40, 10], [0, 60, 2, 9], [0, 0, 0, 9]])
    events = {e.to: e for e in tt.events(moved, {0: 0, 1: 1}) if e.kind != "merged"}
    assert (events[2].kind, events[2].was, events[2].beside) == ("split", 0, 0)
    assert events[2].share == pytest.approx(40 / 42)
    assert events[3].kind == "born"
    assert events[3].was is None


def test_merge_and_death_are_told_apart():
    moved = np.array([[50, 0], [0, 60], [30, 1]])
    events = {e.was: e for e in tt.events(moved, {0: 0, 1: 1})}
    assert (events[2].kind, events[2].to, events[2].beside) == ("merged", 0, 0)
    moved = np.array([[50, 0, 0], [0, 60, 0], [0, 0, 9], [4, 4, 4]])
    events = tt.events(moved, {0: 0, 1: 1, 2: 2})
    assert [(e.kind, e.was, e.users) for e in events] == [("dissolved", 3, 12)]


def test_nothing_happens_to_segments_that_are_kept():
    assert tt.events(np.array([[9, 3], [1, 9]]), {0: 0, 1: 1}) == []


def test_noise_is_what_refits_move():
    was = np.array([0, 0, 0, 1])
    refits = [np.array([0, 0, 1, 1]), np.array([0, 0, 0, 1])]
    noise = tt.noise(was, refits, 2, 2, np.array([0, 1]))
    assert noise.expected.tolist() == [[2.5, 0.5], [0, 1]]
    assert noise.moved(np.eye(2, dtype=bool)).tolist() == [0.25, 0]
    assert noise.stays_C.tolist() == [1, 1, 0.5, 1]
    assert noise.limit[0, 1] == pytest.approx(0.5 + 2)
    assert (noise.limit >= noise.counts_RLK.max(0)).all()


def test_of_a_segment_that_goes_on_as_none_nobody_stays():
    noise = tt.noise(np.array([0, 1]), [np.array([0, 0])], 2, 1, np.array([0, -1]))
    assert noise.stays_C.tolist() == [1, 0]
