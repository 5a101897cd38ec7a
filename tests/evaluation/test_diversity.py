"""Intra-list diversity against a loop over sets."""

import math

import numpy as np
import pytest
import torch

from gnnseg.evaluation.diversity import SAMPLE, intra_list, sample
from gnnseg.sparse import Csr
from gnnseg.types import Pairs


def test_equals_a_loop_over_sets() -> None:
    g = np.random.default_rng(0)
    users, items = 12, 9
    key = np.sort(g.choice(users * (items - 1), 50, replace=False))  # the last item has no user
    train = Pairs(key // (items - 1), key % (items - 1), np.ones(50), np.ones(50, dtype=np.int64))
    takers = [
        {u for u, i in zip(train.user, train.item, strict=True) if i == j} for j in range(items)
    ]
    lists = [[0, 3, 8, 2], [5, 1, -1, -1], [4, -1, -1, -1], [7, 6, 5, 4]]
    got = intra_list(torch.tensor(lists), train, users, items, [2, 4])
    for k in (2, 4):
        expected = []
        for row in lists:
            shown = [j for j in row[:k] if j >= 0]
            if len(shown) < 2:
                continue
            pairs = [(a, b) for a in shown for b in shown if a < b]
            cosines = [
                len(takers[a] & takers[b])
                / math.sqrt(max(1, len(takers[a])) * max(1, len(takers[b])))
                for a, b in pairs
            ]
            expected.append(1 - sum(cosines) / len(pairs))
        assert got[f"ild@{k}"] == pytest.approx(sum(expected) / len(expected))


def test_the_sample_is_of_users_asked_about() -> None:
    asked = np.arange(1, 4000, 2)
    found = sample(Csr.of(asked, np.zeros(len(asked), dtype=int), (4001, 1)))
    assert len(found) == SAMPLE
    assert set(found) <= set(asked)
    assert len(sample(Csr.of([2], [0], (5, 1)))) == 1
