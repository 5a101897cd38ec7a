"""The laws every metric obeys: above all, that it equals its own slow oracle.

Shape legend: U users, I items, E relevant pairs, T length of a list.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gnnseg.evaluation import ranking
from gnnseg.evaluation.metrics import CatalogueMetric, Metric, OracleUser, UserMetric
from gnnseg.sparse import Csr
from gnnseg.testing.drawn import TableScorer
from gnnseg.types import Pairs


@dataclass(frozen=True)
class RankingCase:
    """Scores of a small catalogue, what is hidden, and what is asked."""

    scores_UI: Tensor
    hidden: list[set[int]]
    relevant: list[set[int]]
    spend_E: Tensor
    train: Pairs

    @staticmethod
    def drawn(seed: int, users: int = 9, items: int = 14, levels: int = 5) -> RankingCase:
        """Draw a case with many ties; some users are asked nothing, some have few items left."""
        g = np.random.default_rng(seed)
        scores = torch.from_numpy(g.integers(0, levels, (users, items)).astype(np.float32))
        relevant = [_some(g, items, int(g.integers(0, 6))) for _ in range(users)]
        relevant[0] = relevant[0] or {0}
        hidden = [_some(g, items, int(g.integers(0, items))) - asked for asked in relevant]
        spend = torch.from_numpy(g.random(sum(map(len, relevant))) + 0.1)
        key = np.sort(g.choice(users * items, users * items // 3, replace=False))
        train = Pairs(key // items, key % items, np.ones(len(key)), np.ones(len(key), np.int64))
        return RankingCase(scores, hidden, relevant, spend, train)

    def measured(self, metric: Metric, k: int, chunk: int | None = None) -> ranking.Ranking:
        """Measure one metric as a run does."""
        shape = (len(self.relevant), self.scores_UI.shape[1])
        counts = np.bincount(self.train.item, minlength=shape[1])
        return ranking.evaluate(
            TableScorer(self.scores_UI),
            _csr(self.relevant, shape),
            _csr(self.hidden, shape),
            ks=[k],
            item_counts=torch.from_numpy(counts),
            spend=self.spend_E,
            chunk=chunk,
            metrics={"it": metric},
            train_pairs=self.train,
            sampled=True,
        )

    def expected(self, metric: Metric, k: int) -> tuple[list[float], float]:
        """Ask the oracle: each user's values, of a metric of users, and the figure."""
        lists = {u: self._list(u, k) for u, asked in enumerate(self.relevant) if asked}
        items = self.scores_UI.shape[1]
        if isinstance(metric, CatalogueMetric):
            return [], metric.oracle(list(lists.values()), items)
        assert isinstance(metric, UserMetric)
        values = [metric.oracle(self._user(u, listed, k)) for u, listed in lists.items()]
        defined = [value for value in values if not math.isnan(value)]
        return values, sum(defined) / len(defined) if defined else math.nan

    def _list(self, user: int, k: int) -> list[int]:
        row = self.scores_UI[user].tolist()
        left = (j for j in range(len(row)) if j not in self.hidden[user])
        return sorted(left, key=lambda j: (-row[j], j))[:k]

    def _user(self, user: int, listed: list[int], k: int) -> OracleUser:
        items = range(self.scores_UI.shape[1])
        pairs = set(zip(self.train.user.tolist(), self.train.item.tolist(), strict=True))
        takers = [{u for u, i in pairs if i == j} for j in items]
        asked = [(u, j) for u, wanted in enumerate(self.relevant) for j in sorted(wanted)]
        spend = {j: float(v) for (u, j), v in zip(asked, self.spend_E, strict=True) if u == user}
        return OracleUser(
            listed=listed,
            relevant=self.relevant[user],
            k=k,
            spend=spend,
            takers=takers,
            counts=[len(t) for t in takers],
            users=len(self.relevant),
        )


class MetricContract:
    """Laws of a metric: it equals its oracle, whatever the lists are like.

    from gnnseg.testing import MetricContract

    class TestMine(MetricContract):
        def make(self):
            return Mine()
    """

    def make(self) -> Metric:
        """Return the metric; to be overridden."""
        raise AssertionError("say how to make the metric")

    def test_it_equals_its_oracle_on_random_lists(self) -> None:
        """Ties, hidden items, short lists, and lists longer than the catalogue."""
        for seed in range(12):
            for k in (1, 3, 14, 20):
                self._equal(RankingCase.drawn(seed), k)

    def test_it_equals_its_oracle_where_every_score_is_tied(self) -> None:
        """The list is then the first items by number."""
        self._equal(RankingCase.drawn(0, levels=1), 4)

    def test_it_equals_its_oracle_on_an_empty_list(self) -> None:
        """A user whose every item is hidden is shown nothing."""
        case = RankingCase.drawn(1)
        case.hidden[0] = set(range(case.scores_UI.shape[1]))
        self._equal(case, 3)

    def test_it_does_not_depend_on_how_many_users_are_ranked_at_once(self) -> None:
        """Nor does any user's value."""
        case, metric = RankingCase.drawn(2), self.make()
        one, all_ = (case.measured(metric, 5, chunk) for chunk in (1, 100))
        assert set(one.per_user) == set(all_.per_user)
        for name, values in one.per_user.items():
            np.testing.assert_allclose(values, all_.per_user[name], atol=1e-12)
        np.testing.assert_allclose(one.metrics["it@5"], all_.metrics["it@5"], atol=1e-12)

    def _equal(self, case: RankingCase, k: int) -> None:
        metric = self.make()
        found = case.measured(metric, k)
        values, figure = case.expected(metric, k)
        np.testing.assert_allclose(found.metrics[f"it@{k}"], figure, atol=1e-9)
        if f"it@{k}" in found.per_user:
            np.testing.assert_allclose(found.per_user[f"it@{k}"], values, atol=1e-9)


def _some(g: np.random.Generator, items: int, size: int) -> set[int]:
    return set(g.choice(items, size, replace=False).tolist())


def _csr(sets: list[set[int]], shape: tuple[int, int]) -> Csr:
    pairs = [(u, j) for u, chosen in enumerate(sets) for j in chosen]
    return Csr.of([u for u, _ in pairs], [j for _, j in pairs], shape)
