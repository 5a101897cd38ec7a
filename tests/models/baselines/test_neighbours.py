"""ItemKNN, UserKNN and RP3beta against loops."""

import math

import numpy as np
import pytest

from gnnseg.models.baselines import ItemKNN, RP3beta, UserKNN
from gnnseg.models.baselines.neighbours import largest
from gnnseg.types import InputError


def cosines(rows, shrink):
    """Return <a,b>/(|a||b| + shrink) of each two rows, 0 of a row with itself."""
    n = len(rows)
    found = np.zeros((n, n))
    for a in range(n):
        for b in range(n):
            scale = math.sqrt(sum(rows[a] ** 2)) * math.sqrt(sum(rows[b] ** 2)) + shrink
            if a != b and scale > 0:
                found[a, b] = sum(rows[a] * rows[b]) / scale
    return found


def kept(values, neighbours):
    """Return a row with all but its largest positive entries 0, the lower column first."""
    values = np.asarray(values).astype(np.float32)
    order = sorted(range(len(values)), key=lambda j: (-values[j], j))[:neighbours]
    return np.array([v if j in order and v > 0 else 0 for j, v in enumerate(values)])


def bm25(documents):
    count = documents.sum(0)
    mean = documents.sum(1).mean()
    found = np.zeros_like(documents)
    for r, document in enumerate(documents):
        for t in np.flatnonzero(document):
            idf = max(math.log(len(documents) / (1 + count[t])), 0)
            found[r, t] = idf * 2.2 / (1 + 1.2 * (0.25 + 0.75 * document.sum() / mean))
    return found


def tfidf(documents):
    idf = [max(math.log(len(documents) / (1 + n)), 0) for n in documents.sum(0)]
    return documents * np.array(idf)


WEIGHT = {"none": lambda x: x, "tfidf": tfidf, "bm25": bm25}


@pytest.mark.parametrize("weighting", WEIGHT)
@pytest.mark.parametrize(("neighbours", "shrink"), [(3, 0.0), (5, 2.5), (100, 10.0)])
def test_item_neighbours_equal_a_loop(fitted, graph, whole, weighting, neighbours, shrink):
    x = whole(graph)
    like = cosines(WEIGHT[weighting](x.T), shrink)
    near = np.stack([kept(like[j], neighbours) for j in range(graph.items)])  # row j: j's own
    got = fitted(ItemKNN(neighbours=neighbours, shrink=shrink, weighting=weighting), graph)
    np.testing.assert_allclose(got, x @ near.T, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("weighting", WEIGHT)
@pytest.mark.parametrize(("neighbours", "shrink"), [(3, 0.0), (100, 10.0)])
def test_user_neighbours_equal_a_loop(fitted, graph, whole, weighting, neighbours, shrink):
    x = whole(graph)
    like = cosines(WEIGHT[weighting](x), shrink)
    near = np.stack([kept(like[u], neighbours) for u in range(graph.users)])
    got = fitted(UserKNN(neighbours=neighbours, shrink=shrink, weighting=weighting), graph)
    np.testing.assert_allclose(got, near @ x, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("neighbours", "alpha", "beta"), [(3, 1.0, 0.0), (100, 0.7, 0.6), (4, 2.0, 1.0)]
)
def test_walks_equal_a_loop(fitted, graph, whole, neighbours, alpha, beta):
    x = whole(graph)
    of_user, of_item = x.sum(1), x.sum(0)
    walk = np.zeros((graph.items, graph.items))
    for i in range(graph.items):
        for j in range(graph.items):
            if i != j:
                walk[i, j] = sum(
                    (1 / of_item[i]) ** alpha * (1 / of_user[v]) ** alpha / of_item[j] ** beta
                    for v in range(graph.users)
                    if x[v, i] and x[v, j]
                )
    near = np.stack([kept(row, neighbours) for row in walk])
    got = fitted(RP3beta(neighbours=neighbours, alpha=alpha, beta=beta), graph)
    np.testing.assert_allclose(got, x @ near, rtol=1e-5, atol=1e-9)


def test_of_ties_the_lower_columns_are_kept():
    block = np.array([[2.0, 1.0, 1.0, 1.0, -3.0], [0.0, 0.0, 0.0, 5.0, 0.0]])
    expected = [[2.0, 1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 5.0, 0.0]]
    assert largest(block, 3).tolist() == expected


@pytest.mark.parametrize("settings", [{"neighbours": 0}, {"shrink": -1.0}])
def test_what_cannot_be_is_refused(settings):
    with pytest.raises(InputError, match="must be at least"):
        ItemKNN(**settings)
