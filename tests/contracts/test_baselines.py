"""Every baseline of ours obeys the laws; its scores against a loop."""

import numpy as np
import pytest
import torch

from gnnseg.data import repeats, visits
from gnnseg.models.baselines import (
    BSPM,
    EASE,
    GFCF,
    IALS,
    NMF,
    PLSA,
    SLIM,
    FadingHistory,
    ItemKNN,
    MacridVAE,
    MultVAE,
    OwnHistory,
    Popularity,
    PureSVD,
    RP3beta,
    UserKNN,
)
from gnnseg.rng import Rng
from gnnseg.testing import BaselineContract, random_graph
from gnnseg.testing.drawn import drawn_visits
from gnnseg.types import Features, Pairs


class TestPopularity(BaselineContract):
    def make(self):
        return Popularity()


class TestOwnHistory(BaselineContract):
    def make(self):
        return OwnHistory()


class TestItemKNN(BaselineContract):
    def make(self):
        return ItemKNN(neighbours=4)


class TestUserKNN(BaselineContract):
    def make(self):
        return UserKNN(neighbours=4)


class TestRP3beta(BaselineContract):
    def make(self):
        return RP3beta(neighbours=4)


class TestEASE(BaselineContract):
    def make(self):
        return EASE(l2=5.0)


class TestPureSVD(BaselineContract):
    def make(self):
        return PureSVD(factors=5)


class TestGFCF(BaselineContract):
    def make(self):
        return GFCF(factors=5)


class TestIALS(BaselineContract):
    def make(self):
        return IALS(factors=5)


class TestSLIM(BaselineContract):
    def make(self):
        return SLIM(neighbours=5, l1=0.1)


class TestNMF(BaselineContract):
    def make(self):
        return NMF(factors=5)


class TestPLSA(BaselineContract):
    def make(self):
        return PLSA(factors=5)


class TestBSPM(BaselineContract):
    def make(self):
        return BSPM(factors=5)


class TestMultVAE(BaselineContract):
    def make(self):
        return MultVAE(hidden=8, latent=4, epochs=5, batch_size=10)


class TestMacridVAE(BaselineContract):
    def make(self):
        return MacridVAE(concepts=3, hidden=8, latent=4, epochs=5, batch_size=10)


def drawn_past(weighed=False):
    graph = random_graph()
    apart = drawn_visits(graph)
    again = repeats.of_pairs(apart, graph.items) if weighed else None
    return visits.latest(apart, visits.half_lives(apart), graph.users, graph.items, again)


class TestFadingHistory(BaselineContract):
    def make(self):
        return FadingHistory(drawn_past(), 2)


def test_faded_visits_come_first_and_popularity_fills_up():
    graph, past = random_graph(), drawn_past()
    p, baseline = graph.pattern, FadingHistory(past, 2)
    ones = np.ones(p.entries)
    train = Pairs(p.row.numpy(), p.column.numpy(), ones, ones.astype(np.int64))
    baseline.fit(train, graph.users, graph.items, Rng(0))
    got = baseline.scorer(graph, Features()).block(torch.arange(graph.users))
    popular = np.bincount(train.item, minlength=graph.items)
    expected = np.tile(1e-6 * popular / (1 + popular.max()), (graph.users, 1))
    for user, item, share in zip(past.taken.row, past.taken.column, past.share[:, 2], strict=True):
        expected[int(user), int(item)] += float(share)
    np.testing.assert_allclose(got.numpy(), expected, rtol=1e-5, atol=1e-9)


def test_visits_weigh_alike_where_repeats_are_not_asked_for():
    graph, weighed = random_graph(), drawn_past(weighed=True)
    p, every = graph.pattern, torch.arange(graph.users)
    train = Pairs(p.row.numpy(), p.column.numpy(), np.ones(p.entries), np.ones(p.entries, int))
    found = []
    for past, asked in ((drawn_past(), True), (weighed, False), (weighed, True)):
        baseline = FadingHistory(past, 2, repeats=asked)
        baseline.fit(train, graph.users, graph.items, Rng(0))
        found.append(baseline.scorer(graph, Features()).block(every))
    torch.testing.assert_close(found[0], found[1])
    assert float((found[0] - found[2]).abs().max()) > 1e-3


@pytest.mark.parametrize("kind", [Popularity, OwnHistory])
def test_scores_equal_a_loop(kind):
    graph = random_graph()
    p, users = graph.pattern, torch.arange(graph.users)
    count = np.arange(p.entries) % 3 + 1
    baseline = kind()
    train = Pairs(p.row.numpy(), p.column.numpy(), count.astype(np.float64), count)
    baseline.fit(train, graph.users, graph.items, Rng(0))
    popular = [int((p.column == j).sum()) for j in range(graph.items)]
    own = {(int(u), int(j)): int(n) for u, j, n in zip(p.row, p.column, count, strict=True)}
    expected = [
        [
            popular[j]
            if kind is Popularity
            else own.get((u, j), 0) + popular[j] / (1 + max(popular))
            for j in range(graph.items)
        ]
        for u in range(graph.users)
    ]
    got = baseline.scorer(graph, Features()).block(users)
    torch.testing.assert_close(got, torch.tensor(expected, dtype=torch.float32))
