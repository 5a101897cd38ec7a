"""How attributes go with segments: against scipy, loops, all permutations, and limiting cases."""

import itertools
import math

import numpy as np
import polars as pl
import pytest
from scipy.stats import contingency

from gnnseg.evaluation.segments import association, associations
from gnnseg.evaluation.segments.association import Described, cramers_v, holm
from gnnseg.rng import Rng

U, K = 120, 3


def classes(label: np.ndarray, name: str = "a", why: str | None = None) -> Described:
    """An attribute of one class a user; below 0: unknown."""
    matrix = (label[:, None] == np.arange(max(int(label.max()) + 1, 1))).astype(float)
    return Described(name, True, matrix, label >= 0, why)


def numbers(values: np.ndarray, name: str = "x", why: str | None = None) -> Described:
    matrix = np.nan_to_num(values).reshape(len(values), -1)
    return Described(name, False, matrix, ~np.isnan(values.reshape(len(values), -1)).any(1), why)


def one(segment: np.ndarray, each: Described, k: int = K) -> dict[str, float]:
    return associations(segment, k, [each], Rng(0)).row(0, named=True)


def test_cramers_v_is_scipys_corrected_as_bergsma_has_it() -> None:
    g = np.random.default_rng(0)
    segment, label = g.integers(K, size=U), g.integers(-1, 5, size=U)
    label[segment == 1] = np.where(g.random((segment == 1).sum()) < 0.5, 2, label[segment == 1])
    known = label >= 0
    table = np.zeros((K, 5), dtype=int)
    np.add.at(table, (segment[known], label[known]), 1)
    plain = contingency.association(table, method="cramer", correction=False)
    n, phi2 = table.sum(), plain**2 * (K - 1)
    beyond = phi2 - (K - 1) * 4 / (n - 1)
    rows, columns = K - (K - 1) ** 2 / (n - 1), 5 - 16 / (n - 1)
    expected = math.sqrt(beyond / min(rows - 1, columns - 1))
    found = one(segment, classes(label))
    assert found["value"] == pytest.approx(expected)
    assert (found["users"], found["levels"]) == (n, 5)
    assert found["measure"] == "cramers_v"
    assert found["value"] < plain


def test_eta2_equals_a_loop_and_vectors_are_all_their_dimensions() -> None:
    g = np.random.default_rng(1)
    segment = g.integers(K, size=U)
    values = g.normal(size=(U, 2)) + segment[:, None] * np.array([1.0, 0.0])
    values[:10] = np.nan
    for x in (values[:, 0], values):
        there = [u for u in range(U) if u >= 10]
        flat = x.reshape(U, -1)
        between = total = 0.0
        for d in range(flat.shape[1]):
            mean = np.mean([flat[u, d] for u in there])
            total += sum((flat[u, d] - mean) ** 2 for u in there)
            for k in range(K):
                mine = [flat[u, d] for u in there if segment[u] == k]
                between += len(mine) * (np.mean(mine) - mean) ** 2
        found = one(segment, numbers(x))
        assert found["value"] == pytest.approx(between / total)
        assert found["users"] == U - 10


def test_chance_is_what_permutations_have() -> None:
    """Of eta^2 it is (K - 1)/(n - 1); corrected, Cramér's V is near 0 also with many classes."""
    g = np.random.default_rng(2)
    segment = g.integers(K, size=U)
    number = one(segment, numbers(g.normal(size=U)))
    assert number["chance"] == pytest.approx((K - 1) / (U - 1), rel=0.15)
    many = one(segment, classes(g.permutation(np.arange(U) % 60)))
    plain = math.sqrt(59 / (U - 1))  # what V would be without its correction
    assert many["chance"] < plain / 5


def test_p_is_that_of_all_permutations() -> None:
    segment = np.array([0, 0, 0, 1, 1, 1, 2])
    values = np.array([1.0, 2.0, 2.5, 3.0, 4.0, 2.0, 9.0])

    def statistic(labels: tuple[int, ...]) -> float:
        at = np.array(labels)
        return sum((at == k).sum() * values[at == k].mean() ** 2 for k in range(3))

    every = [statistic(order) for order in itertools.permutations(segment)]
    exact = np.mean(np.array(every) >= statistic(tuple(segment)) - 1e-9)
    assert one(segment, numbers(values))["p"] == pytest.approx(exact, abs=0.04)


def test_ties_count_as_reached() -> None:
    """A class that one user alone is in: each permutation is as good as the one found."""
    segment = np.arange(12) % 3
    label = np.zeros(12, dtype=int)
    label[5] = 1
    found = one(segment, classes(label))
    assert found["p"] == 1.0
    assert found["value"] == pytest.approx(0, abs=1e-6)


def test_p_is_uniform_where_nothing_goes_together() -> None:
    g = np.random.default_rng(3)
    described = [classes(g.integers(4, size=60), f"a{n}") for n in range(60)]
    described += [numbers(g.normal(size=60), f"x{n}") for n in range(60)]
    p = associations(g.integers(K, size=60), K, described, Rng(0))["p"].to_numpy()
    assert 0.4 < p.mean() < 0.6
    assert (p < 0.05).mean() < 0.12


def test_holm_equals_the_textbook() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []
    found = holm([float("nan"), 0.02])
    assert np.isnan(found[0])
    assert found[1] == 0.02


def test_the_given_are_marked_last_and_corrected_among_themselves() -> None:
    g = np.random.default_rng(4)
    segment = g.integers(K, size=U)
    described = [
        numbers(segment + 0.1 * g.normal(size=U), "made of it", "derived"),
        numbers(segment + g.normal(size=U), "weak"),
        classes(segment.copy(), "strong"),
    ]
    frame = associations(segment, K, described, Rng(0))
    assert frame["attribute"].to_list() == ["strong", "weak", "made of it"]
    assert frame["given"].to_list() == [False, False, True]
    assert frame["why"].to_list() == [None, None, "derived"]
    assert frame["p"].to_list() == pytest.approx([0.001] * 3)
    assert frame["p_holm"].to_list() == pytest.approx([0.002, 0.002, 0.001])
    assert frame["value"][0] == pytest.approx(1)


def test_many_attributes_can_still_be_significant() -> None:
    """The smallest p possible, times their number, lies below .05."""
    g = np.random.default_rng(9)
    segment = g.integers(K, size=40)
    noise = [numbers(g.normal(size=40), f"noise {n}") for n in range(79)]
    frame = associations(segment, K, [numbers(segment.astype(float)), *noise], Rng(0))
    assert frame.row(0, named=True)["p_holm"] < 0.05
    assert (frame["p_holm"] < 0.05).sum() == 1


def test_an_attribute_is_tested_the_same_whatever_stands_beside_it() -> None:
    g = np.random.default_rng(6)
    segment = g.integers(K, size=U)
    first, other = numbers(g.normal(size=U) + segment * 0.2), classes(g.integers(3, size=U), "b")
    partly = classes(g.integers(-1, 3, size=U), "c")
    alone = associations(segment, K, [first], Rng(0)).row(0, named=True)
    beside = associations(segment, K, [partly, other, first], Rng(0))
    row = beside.filter(pl.col("attribute") == "x").row(0, named=True)
    assert row["value"] == pytest.approx(alone["value"])
    assert row["p"] == alone["p"]


def test_numbers_of_segments_mean_nothing() -> None:
    g = np.random.default_rng(7)
    segment = g.integers(K, size=U)
    label = classes((segment + g.integers(2, size=U)) % 4)
    before = one(segment, label)
    after = one((segment + 1) % K + 3, label, k=9)  # others numbers, and six segments with nobody
    assert after["value"] == pytest.approx(before["value"])
    assert after["p"] == pytest.approx(before["p"], abs=0.02)


NOTHING = {
    "one class": classes(np.zeros(U, dtype=int)),
    "one value": numbers(np.full(U, 3.3)),
    "nobody known": numbers(np.full(U, np.nan)),
    "one user known": numbers(np.where(np.arange(U) == 4, 1.0, np.nan)),
    "two users known": classes(np.where(np.arange(U) < 2, np.arange(U), -1)),
}


@pytest.mark.parametrize("name", NOTHING)
def test_where_nothing_can_be_said(name: str) -> None:
    found = one(np.arange(U) % K, NOTHING[name])
    assert found["p"] is None
    assert found["p_holm"] is None
    assert found["chance"] is None


def test_one_segment_goes_with_nothing_and_nothing_goes_with_nothing() -> None:
    assert one(np.zeros(U, dtype=int), classes(np.arange(U) % 2), k=1)["p"] is None
    assert associations(np.zeros(U, dtype=int), 1, [], Rng(0)).is_empty()
    assert np.isnan(cramers_v(np.array([0.5]), 2, 2, 2)).all()


def test_a_user_of_several_classes_counts_a_part_in_each() -> None:
    segment = np.repeat([0, 1], 30)
    matrix = np.zeros((60, 3))
    matrix[:30, 0] = matrix[30:, 1] = 1
    pure = one(segment, Described("a", True, matrix, np.ones(60, dtype=bool)), k=2)
    matrix = matrix.copy()
    matrix[:, 2] = 1  # everybody also has the third
    found = one(segment, Described("a", True, matrix * 0.7, np.ones(60, dtype=bool)), k=2)
    assert pure["value"] == pytest.approx(1)
    assert 0.6 < found["value"] < 0.8  # half of the mass tells all, half nothing: phi^2 = 1/2


def test_of_very_many_users_a_sample_is_permuted(monkeypatch: pytest.MonkeyPatch) -> None:
    g = np.random.default_rng(8)
    segment = g.integers(K, size=U)
    described = [numbers(segment + g.normal(size=U)), classes(g.integers(3, size=U), "b")]
    whole = associations(segment, K, described, Rng(0))
    monkeypatch.setattr(association, "TESTED", 60)
    some = associations(segment, K, described, Rng(0))
    assert some["value"].to_list() == pytest.approx(whole["value"].to_list())
    assert some["p"][0] == pytest.approx(0.001)
    for a, rel in ((0, 0.15), (1, 0.3)):  # as it is of all users, not of the sample
        assert some["chance"][a] == pytest.approx(whole["chance"][a], rel=rel)
