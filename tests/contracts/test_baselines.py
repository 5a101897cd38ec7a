"""Every baseline of ours obeys the laws; its scores against a loop."""

import numpy as np
import pytest
import torch

from gnnseg.models.baselines import OwnHistory, Popularity
from gnnseg.rng import Rng
from gnnseg.testing import BaselineContract, random_graph
from gnnseg.types import Features, Pairs


class TestPopularity(BaselineContract):
    def make(self):
        return Popularity()


class TestOwnHistory(BaselineContract):
    def make(self):
        return OwnHistory()


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
