"""Small histories that baselines are fitted to."""

import numpy as np
import pytest
import torch

from gnnseg.graph import BipartiteGraph
from gnnseg.rng import Rng
from gnnseg.sparse import Csr
from gnnseg.testing import random_graph
from gnnseg.types import Features, Pairs


@pytest.fixture
def fitted():
    """Return a function that fits a baseline and returns everybody's scores, (U,I) float64."""

    def scores(baseline, graph, seed=0):
        p = graph.pattern
        ones = np.ones(p.entries)
        train = Pairs(p.row.numpy(), p.column.numpy(), ones, ones.astype(np.int64))
        baseline.fit(train, graph.users, graph.items, Rng(seed))
        scorer = baseline.scorer(graph, Features())
        return scorer.block(torch.arange(graph.users)).double().numpy()

    return scores


@pytest.fixture
def graph():
    """Return 23 users and 17 items, of whom the last have nothing."""
    return random_graph()


@pytest.fixture
def wide():
    """Return fewer users than items."""
    return random_graph(users=13, items=31, edges=80, seed=1)


@pytest.fixture
def whole(request):
    """Return x, (U,I) of 0 and 1."""
    return lambda graph: graph.pattern.dense().double().numpy()


@pytest.fixture
def of_pairs():
    """Return a function that makes a graph of pairs."""

    def made(pairs, users, items):
        rows, columns = zip(*pairs, strict=True) if pairs else ([], [])
        return BipartiteGraph(Csr.of(list(rows), list(columns), (users, items)))

    return made
