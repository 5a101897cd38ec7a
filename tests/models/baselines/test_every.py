"""What holds of every baseline that can be a run of its own."""

import inspect

import numpy as np
import pytest
import torch

from gnnseg.models import baselines
from gnnseg.models.baselines import FittedBaseline, Popularity
from gnnseg.models.baselines.scores import leading
from gnnseg.rng import Rng
from gnnseg.testing import block_graph
from gnnseg.testing.drawn import TableScorer
from gnnseg.types import Features

EVERY = sorted(
    (each for each in vars(baselines).values() if isinstance(each, type)), key=lambda c: c.__name__
)
FITTED = [each for each in EVERY if issubclass(each, FittedBaseline) and each is not FittedBaseline]
SMALL = {"factors": 8, "hidden": 32, "latent": 8, "epochs": 80, "batch_size": 20, "lr": 0.01}


def made(kind):
    """Return a baseline small enough for a few dozen users."""
    settings = inspect.signature(kind).parameters
    return kind(**{name: value for name, value in SMALL.items() if name in settings})


@pytest.mark.parametrize("kind", FITTED)
@pytest.mark.parametrize(
    ("pairs", "users", "items"),
    [
        ([], 3, 4),
        ([(0, 0)], 1, 1),
        ([(0, 0), (1, 0), (2, 0)], 4, 1),
        ([(0, 1), (0, 3)], 1, 5),
        ([(u, i) for u in range(4) for i in range(3)], 4, 3),  # everybody has everything
        ([(0, 0), (0, 1), (1, 1)], 3, 4),  # a user without history, items that nobody took
    ],
)
def test_nothing_is_too_small(kind, fitted, of_pairs, pairs, users, items):
    got = fitted(made(kind), of_pairs(pairs, users, items))
    assert got.shape == (users, items)
    assert np.isfinite(got).all()


@pytest.mark.parametrize("kind", [each for each in FITTED if each is not Popularity])
def test_items_of_ones_own_segment_come_first(kind, fitted):
    graph, label = block_graph(each=6)
    got, x = fitted(made(kind), graph), graph.pattern.dense().numpy()
    home = np.arange(graph.items) % 4
    popular = x.sum(0)
    found = []
    for scores in (got, np.tile(popular, (graph.users, 1))):
        hits = [
            (
                home[np.argsort(-np.where(x[u] > 0, -np.inf, scores[u]), kind="stable")[:5]]
                == label[u].item()
            ).mean()
            for u in range(graph.users)
        ]
        found.append(np.mean(hits))
    assert found[0] > 0.6 > found[1]


@pytest.mark.parametrize("kind", FITTED)
def test_the_state_says_all(kind, fitted, graph):
    whole = made(kind)
    before = fitted(whole, graph)
    again = made(kind)
    again.state = {name: value.clone() for name, value in whole.state.items()}
    assert all(value.is_contiguous() for value in whole.state.values())
    scores = again.scorer(graph, Features()).block(torch.arange(graph.users))
    assert np.array_equal(scores.double().numpy(), before)


def test_leading_directions_are_those_of_the_scores():
    table = torch.randn(40, 30, generator=Rng(0).torch("x")) @ torch.diag(0.7 ** torch.arange(30))
    found = leading(TableScorer(table), 40, 30, 6, Rng(0), rounds=8)
    u, s, v = torch.linalg.svd(table.double())
    best = (u[:, :6] * s[:6]) @ v[:6]
    got = found.user_UD.double() @ found.item_ID.double().T
    torch.testing.assert_close(got, best, atol=1e-3, rtol=0)
    torch.testing.assert_close(found.user_UD.norm(dim=0).double(), s[:6], atol=1e-3, rtol=0)
