"""Who will take something, against loops."""

import math

import numpy as np
import pytest
import torch

from gnnseg.evaluation import audiences
from gnnseg.evaluation.audiences import Own
from gnnseg.sparse import Csr
from gnnseg.types import Scorer

USERS, ITEMS = 7, 9


class Drawn(Scorer):
    """Any logits."""

    def __init__(self):
        self.logit = torch.randn(USERS, ITEMS, generator=torch.Generator().manual_seed(0))

    def pairs(self, users, items):
        return self.logit[users, items]

    def block(self, users, items=None):
        return self.logit[users] if items is None else self.logit[users][:, items]

    def edges(self, pattern):
        return self.logit[pattern.row, pattern.column]


@pytest.fixture
def own():
    g = np.random.default_rng(1)
    dense = g.integers(0, 4, (USERS, ITEMS)) * (g.random((USERS, ITEMS)) < 0.5)
    dense[3] = 0  # has nothing
    row, column = np.nonzero(dense)
    return Own(Csr.of(row, column, dense.shape), torch.from_numpy(dense[row, column])), dense


def slow_interest(scorer, asked, dense, again):
    found = []
    total, repeats = dense.sum(), (dense - (dense > 0)).sum()
    for u in range(USERS):
        e = [math.exp(float(x)) for x in scorer.logit[u]]
        share = [x / sum(e) for x in e]
        n, d = dense[u].sum(), (dense[u] > 0).sum()
        if not again:
            left = sum(s for s, c in zip(share, dense[u]) if c == 0)
            found.append(sum(share[j] / left for j in asked if dense[u, j] == 0))
            continue
        w = (n - d + audiences.SHRUNK * repeats / total) / (n + audiences.SHRUNK)
        whole = sum(share[j] for j in asked)
        found.append(whole if n == 0 else (1 - w) * whole + w * sum(dense[u, j] for j in asked) / n)
    return found


@pytest.mark.parametrize("again", [True, False])
@pytest.mark.parametrize("asked", [[4], [0, 3, 8], list(range(ITEMS))])
def test_interest_is_the_slow_sum(own, asked, again):
    pairs, dense = own
    scorer = Drawn()
    found = audiences.interest(scorer, torch.tensor(asked), pairs, again=again)
    np.testing.assert_allclose(found, slow_interest(scorer, asked, dense, again), rtol=1e-6)
    if len(asked) == ITEMS:
        np.testing.assert_allclose(found, 1, rtol=1e-6)


def test_in_pieces_it_is_the_same(own, monkeypatch):
    pairs, _ = own
    whole = audiences.interest(Drawn(), torch.tensor([2, 5]), pairs, again=False)
    monkeypatch.setattr(audiences, "CELLS", 2 * ITEMS)
    np.testing.assert_array_equal(
        whole, audiences.interest(Drawn(), torch.tensor([2, 5]), pairs, again=False)
    )


def test_of_few_items_it_is_rate_times_share_and_of_all_the_visits():
    visits, items = np.array([2.0, 5.0, 0.0]), np.array([3.0, 1.0, 4.0])
    few = audiences.expected(visits, items, np.full(3, 1e-7))
    np.testing.assert_allclose(few, visits * items * 1e-7, rtol=1e-5)
    np.testing.assert_allclose(audiences.expected(visits, items, np.ones(3)), visits)
    by_hand = audiences.expected(np.array([2.0]), np.array([3.0]), np.array([0.25]))
    assert by_hand[0] == pytest.approx(2 * (1 - 0.75**3))


def test_a_chance_is_that_of_at_least_one():
    drawn = np.random.default_rng(0).poisson(0.7, 200_000)
    assert audiences.chance(np.array([0.7]))[0] == pytest.approx((drawn > 0).mean(), abs=0.005)
    assert audiences.chance(np.array([0.0]))[0] == 0


def test_auc_counts_pairs_and_lift_the_top_with_ties_at_their_rate():
    g = np.random.default_rng(2)
    score, took = g.integers(0, 5, 40).astype(float), g.random(40) < 0.3
    pairs = [
        1.0 if score[i] > score[j] else 0.5 if score[i] == score[j] else 0.0
        for i in np.flatnonzero(took)
        for j in np.flatnonzero(~took)
    ]
    assert audiences.auc(score, took)[0] == pytest.approx(np.mean(pairs))
    hits = []
    for _ in range(4000):  # ties in any order
        order = np.lexsort((g.random(40), -score))
        hits.append(took[order[:4]].mean() / took.mean())
    assert audiences.lift(score, took)[0] == pytest.approx(np.mean(hits), rel=0.04)
    assert audiences.auc(np.zeros(40), took)[0] == 0.5
    assert audiences.lift(np.zeros(40), took)[0] == pytest.approx(1)
    assert audiences.auc(took.astype(float), took)[0] == 1


def test_a_resample_is_the_users_as_often_as_they_were_drawn():
    g = np.random.default_rng(3)
    score, took = g.integers(0, 6, 30).astype(float), g.random(30) < 0.4
    weight = g.multinomial(30, np.full(30, 1 / 30), 5).astype(float)
    for figure in (audiences.auc, audiences.lift):
        found = figure(score, took, weight=weight.T)
        for row, mine in zip(weight.astype(int), found, strict=True):
            again = figure(np.repeat(score, row), np.repeat(took, row))[0]
            assert mine == pytest.approx(again)
