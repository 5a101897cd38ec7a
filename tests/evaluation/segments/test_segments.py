"""Segments' evidence against loops and limiting cases."""

import math

import numpy as np
import pytest
import torch

from gnnseg.evaluation import segments
from gnnseg.types import IdMap, Pairs

U, I, K = 12, 8, 3


def drawn(seed: int = 0) -> tuple[torch.Tensor, Pairs]:
    g = np.random.default_rng(seed)
    alpha = torch.from_numpy(g.dirichlet(np.ones(K), U)).float()
    key = np.sort(g.choice(U * I, 50, replace=False))
    one = np.ones(50)
    return alpha, Pairs(key // I, key % I, one, one.astype(np.int64))


def test_sharpness_in_its_limits() -> None:
    one_each = torch.eye(K)
    assert segments.segments_per_user(one_each) == pytest.approx(1)
    assert segments.effective_k(one_each) == pytest.approx(K)
    everywhere = torch.full((5, K), 1 / K)
    assert segments.segments_per_user(everywhere) == pytest.approx(K)
    collapsed = torch.tensor([[1.0, 0.0, 0.0]]).repeat(4, 1)
    assert segments.effective_k(collapsed) == pytest.approx(1)
    alpha, _ = drawn()
    entropy = [-sum(a * math.log(a) for a in row) for row in alpha.double().tolist()]
    assert segments.segments_per_user(alpha) == pytest.approx(math.exp(sum(entropy) / U))
    mean = alpha.double().mean(0).tolist()
    assert segments.effective_k(alpha) == pytest.approx(
        math.exp(-sum(m * math.log(m) for m in mean))
    )


def test_hard_takes_the_lowest_number_on_ties() -> None:
    assert segments.hard(torch.tensor([[0.4, 0.4, 0.2], [0.1, 0.2, 0.7]])).tolist() == [0, 2]


def test_lift_equals_a_loop() -> None:
    alpha, train = drawn()
    lift, share, base = segments.lift(alpha, train, I)
    for k in range(K):
        mass = sum(float(alpha[u, k]) for u in train.user)
        for j in range(I):
            own = sum(
                float(alpha[u, k]) for u, i in zip(train.user, train.item, strict=True) if i == j
            )
            overall = sum(i == j for i in train.item) / len(train)
            assert share[k, j] == pytest.approx(own / mass)
            assert base[j] == pytest.approx(overall)
            if overall:
                assert lift[k, j] == pytest.approx(own / mass / overall)
    torch.testing.assert_close(torch.from_numpy(share.sum(1)), torch.ones(K, dtype=torch.float64))


def test_cards_rank_by_telling_and_want_support() -> None:
    user = np.repeat(np.arange(40), 2)
    item = np.stack([np.where(np.arange(40) < 20, 0, 1), np.full(40, 2)], 1).ravel()
    item[-1] = 3  # once only
    train = Pairs(user, item, np.ones(80), np.ones(80, dtype=np.int64))
    alpha = torch.zeros(40, 2)
    alpha[:20, 0] = alpha[20:, 1] = 1
    cards = segments.item_profiles(alpha, train, IdMap(np.array(list("abcd"), dtype=object)))
    first = cards.filter(cards["rank"] == 1)
    assert first["item"].to_list() == ["a", "b"]
    assert first["lift"].to_list() == pytest.approx([2.0, 2.0])
    assert first["support"].to_list() == [20, 20]
    assert "d" not in cards["item"].to_list()  # support 1 tells nothing


def test_profiles_equal_a_loop() -> None:
    g = np.random.default_rng(3)
    users, k = 60, 2
    names = (
        "age",
        "age unknown",
        "sex=f",
        "sex=m",
        "sex unknown",
        "rare=1",
        "flat",
        "share of x=1",
    )
    age_unknown, sex = g.random(users) < 0.3, g.choice(["f", "m", None], users)
    matrix = np.zeros((users, len(names)))
    matrix[:, 0] = np.where(age_unknown, 0, g.normal(size=users))
    matrix[:, 1] = age_unknown
    for at, word in ((2, "f"), (3, "m"), (4, None)):
        matrix[:, at] = (sex == word) * (
            0.7 if word else 1.0
        )  # what a class's column holds does not matter, only whether
    matrix[:4, 5] = 1
    matrix[:, 6] = 2.0
    matrix[:, 7] = g.normal(size=users)
    alpha = g.dirichlet(np.ones(k), users)
    train = Pairs(
        np.arange(50), np.zeros(50, dtype=np.int64), np.ones(50), np.ones(50, dtype=np.int64)
    )  # ten never met
    found = segments.attribute_profiles(
        torch.from_numpy(alpha), torch.from_numpy(matrix), names, train
    )
    assert found["attribute"].unique().sort().to_list() == sorted(set(names) - {"rare=1", "flat"})
    for row in found.iter_rows(named=True):
        at, name = names.index(row["attribute"]), row["attribute"]
        flag = {"age": 1, "sex=f": 4, "sex=m": 4}.get(name)
        people = [u for u in range(50) if flag is None or matrix[u, flag] == 0]
        values = [
            float(matrix[u, at]) if name in ("age", "share of x=1") else float(matrix[u, at] > 0)
            for u in people
        ]
        weight = [float(alpha[u, row["segment"] - 1]) for u in people]
        base = sum(values) / len(values)
        spread = math.sqrt(sum((v - base) ** 2 for v in values) / len(values))
        mean = sum(w * v for w, v in zip(weight, values, strict=True)) / sum(weight)
        assert row["mean"] == pytest.approx(mean)
        assert row["base"] == pytest.approx(base)
        assert row["difference"] == pytest.approx((mean - base) / spread)
        assert row["support"] == pytest.approx(sum(weight) ** 2 / sum(w * w for w in weight))
    for _, rows in found.group_by("segment"):
        ranked = rows.sort("rank")
        assert ranked["rank"].to_list() == list(range(1, len(rows) + 1))
        assert ranked["difference"].abs().to_list() == sorted(
            rows["difference"].abs().to_list(), reverse=True
        )


def test_a_segment_like_everyone_differs_in_nothing() -> None:
    train = Pairs(
        np.arange(40), np.zeros(40, dtype=np.int64), np.ones(40), np.ones(40, dtype=np.int64)
    )
    matrix = torch.from_numpy(np.random.default_rng(0).normal(size=(40, 3)))
    found = segments.attribute_profiles(torch.full((40, 2), 0.5), matrix, ("a", "b", "c"), train)
    assert found["difference"].abs().max() == pytest.approx(0, abs=1e-12)
    nobody = torch.tensor([[1.0, 0.0]]).repeat(40, 1)
    empty = segments.attribute_profiles(nobody, matrix, ("a", "b", "c"), train)
    assert empty.filter(empty["segment"] == 2)["support"].to_list() == [0.0] * 3
    assert not np.isnan(empty["difference"].to_numpy()).any()


def barber(user: np.ndarray, item: np.ndarray, train: Pairs) -> float:
    """Sum over all (user, item) pairs in one segment, one at a time."""
    edges = set(zip(train.user.tolist(), train.item.tolist(), strict=True))
    d_u, d_i = (
        np.bincount(train.user, minlength=len(user)),
        np.bincount(train.item, minlength=len(item)),
    )
    total = 0.0
    for u in range(len(user)):
        for i in range(len(item)):
            if user[u] == item[i]:
                total += ((u, i) in edges) - d_u[u] * d_i[i] / len(edges)
    return total / len(edges)


def test_modularity_equals_a_loop_and_the_trivial_segment_scores_nothing() -> None:
    alpha, train = drawn()
    user, item = segments.hard(alpha), segments.item_segments(alpha, train, I)
    assert segments.modularity(user, item, train) == pytest.approx(barber(user, item, train))
    assert segments.modularity(
        np.zeros(U, dtype=int), np.zeros(I, dtype=int), train
    ) == pytest.approx(0)


def test_alarms() -> None:
    assert segments.warnings(torch.eye(4).repeat(3, 1)) == []
    collapsed = torch.full((10, 8), 0.01)
    collapsed[:, 3] = 0.93
    said = " ".join(segments.warnings(collapsed))
    assert "collapsed" in said
    assert "segment 4 holds 93%" in said
    assert "7 of 8 segments" in said


def test_diversity_between_segments() -> None:
    assert segments.diversity(torch.tensor([[0, 1], [2, 3]])) == 1
    assert segments.diversity(torch.tensor([[0, 1], [1, 0]])) == 0
    assert segments.diversity(torch.tensor([[0, 1], [1, 2]])) == pytest.approx(0.5)
    assert segments.diversity(torch.tensor([[0, 1]])) == 0


def test_what_a_segment_wants_beyond_everyone() -> None:
    alpha = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    beta = torch.tensor([[0.5, 0.4, 0.1], [0.5, 0.1, 0.4]])
    got = segments.beyond(alpha, beta)
    expected = [
        [b * math.log(b / m) for b, m in zip(row, [0.5, 0.25, 0.25], strict=True)]
        for row in beta.tolist()
    ]
    torch.testing.assert_close(
        got, torch.tensor(expected, dtype=torch.float64), atol=1e-6, rtol=1e-6
    )
    assert got.argmax(1).tolist() == [1, 2]  # item 0, which everyone likes best, is nobody's own
    signed = torch.tensor([[1.0, -2.0], [0.0, 0.0]])
    torch.testing.assert_close(
        segments.beyond(alpha, signed), torch.tensor([[0.5, -1.0], [-0.5, 1.0]]).double()
    )


def test_agreement() -> None:
    a = np.array([0, 0, 1, 1, 2, 2])
    assert segments.agreement(a, (a + 1) % 3) == pytest.approx({"ari": 1.0, "nmi": 1.0})
    assert segments.agreement(a, np.zeros(6, dtype=int))["ari"] == pytest.approx(0)
