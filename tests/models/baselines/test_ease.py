"""EASE against ridge regressions, one item at a time."""

import numpy as np
import psutil
import pytest

from gnnseg.models.baselines import EASE, ItemKNN
from gnnseg.models.baselines.base import refuse_memory
from gnnseg.types import InputError


def regressions(x, l2):
    """Return B: item j regressed on all others, by normal equations."""
    items = x.shape[1]
    found = np.zeros((items, items))
    for j in range(items):
        others = [i for i in range(items) if i != j]
        z = x[:, others]
        found[others, j] = np.linalg.solve(z.T @ z + l2 * np.eye(items - 1), z.T @ x[:, j])
    return found


@pytest.mark.parametrize("l2", [0.5, 20.0])
@pytest.mark.parametrize("shape", ["graph", "wide"])  # by items, and by users
def test_scores_equal_regressions(request, fitted, whole, shape, l2):
    graph = request.getfixturevalue(shape)
    x = whole(graph)
    got = fitted(EASE(l2=l2), graph)
    np.testing.assert_allclose(got, x @ regressions(x, l2), rtol=1e-4, atol=1e-5)


def test_blocks_are_put_together(monkeypatch, fitted, graph, wide):
    before = [fitted(EASE(l2=3.0), each) for each in (graph, wide)]
    monkeypatch.setattr("gnnseg.models.baselines.ease.BLOCK", 4)
    for each, was in zip((graph, wide), before, strict=True):
        np.testing.assert_allclose(fitted(EASE(l2=3.0), each), was, rtol=1e-5, atol=1e-6)


def test_float32_beyond_a_size_says_the_same(monkeypatch, fitted, graph):
    exact = fitted(EASE(l2=3.0), graph)
    monkeypatch.setattr("gnnseg.models.baselines.ease.DOUBLE", 2)
    np.testing.assert_allclose(fitted(EASE(l2=3.0), graph), exact, rtol=1e-3, atol=1e-4)


def test_more_memory_than_there_is_is_refused_with_both_figures(monkeypatch):
    class Free:
        available = 2e9

    monkeypatch.setattr(psutil, "virtual_memory", Free)
    with pytest.raises(InputError, match=r"baseline=ease: the inverse .* 40,000 items takes 12.8 "):
        refuse_memory("baseline=ease", EASE(), 50_000, 40_000)
    refuse_memory("baseline=ease", EASE(), 50_000, 4_000)
    refuse_memory("baseline=itemknn", ItemKNN(), 50_000, 40_000)


def test_no_penalty_is_refused():
    with pytest.raises(InputError, match="l2 is 0.0: it must be above 0"):
        EASE(l2=0.0)
