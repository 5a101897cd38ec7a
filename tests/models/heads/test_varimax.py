"""The start without a seed: varimax against its criterion, factors against planted memberships."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import ortho_group
from sklearn.metrics import adjusted_rand_score

from gnnseg.graph import BipartiteGraph
from gnnseg.models.heads import varimax
from gnnseg.sparse import Csr
from gnnseg.testing.drawn import block_graph, random_graph


def criterion(y: np.ndarray[Any, Any]) -> float:
    """The sum over columns of the variance of squares, one number at a time."""
    total = 0.0
    for k in range(y.shape[1]):
        square = [float(v) ** 2 for v in y[:, k]]
        mean = sum(square) / len(square)
        total += sum((s - mean) ** 2 for s in square) / len(square)
    return total


def test_no_rotation_in_a_plane_is_better_than_varimax() -> None:
    """Kaiser's own way turns pairs of axes: none can be turned any further."""
    g = np.random.default_rng(0)
    x = g.gamma(0.3, size=(400, 5)) @ ortho_group.rvs(5, random_state=1)
    rotation = varimax.varimax(x)
    np.testing.assert_allclose(rotation.T @ rotation, np.eye(5), atol=1e-10)
    reached = criterion(x @ rotation)
    assert reached > 1.2 * criterion(x)
    for a, b in itertools.combinations(range(5), 2):
        for angle in np.linspace(-np.pi / 4, np.pi / 4, 41):
            turn = np.eye(5)
            turn[[a, a, b, b], [a, b, a, b]] = (
                np.cos(angle),
                -np.sin(angle),
                np.sin(angle),
                np.cos(angle),
            )
            assert criterion(x @ rotation @ turn) <= reached * (1 + 1e-6)


def test_sparse_factors_come_back_out_of_any_rotation() -> None:
    """Signs and order apart, what was sparse before it was turned is found again."""
    g = np.random.default_rng(1)
    truth = np.where(g.random((500, 4)) < 0.25, g.gamma(2.0, size=(500, 4)), 0.0)
    found = truth @ ortho_group.rvs(4, random_state=2)
    found = found @ varimax.varimax(found)
    alike = np.abs(np.corrcoef(truth.T, found.T)[:4, 4:])
    assert (alike.max(1) > 0.97).all()
    assert sorted(alike.argmax(1)) == [0, 1, 2, 3]


def test_factors_are_the_planted_blocks_and_know_no_seed() -> None:
    graph, truth = block_graph()
    found = varimax.factors(graph, 4)
    assert adjusted_rand_score(truth, found.argmax(1)) > 0.95
    size = np.bincount(found.argmax(1), minlength=4)
    assert (np.diff(size) <= 0).all(), "the factor of most users stands first"
    assert ((found**3).sum(0) >= 0).all(), "skewed towards those who have it"
    state = np.random.get_state()[1].copy()  # type: ignore[index,union-attr]
    assert np.array_equal(found, varimax.factors(graph, 4))
    assert np.array_equal(state, np.random.get_state()[1])  # type: ignore[index,arg-type]


def test_factors_equal_a_dense_computation() -> None:
    """Entries damped one at a time, numpy's whole decomposition, and no plane left to turn.

    Each direction weighs the root of its singular value.
    """
    graph, _ = block_graph()
    a = np.zeros((graph.users, graph.items))
    a[graph.pattern.row.numpy(), graph.pattern.column.numpy()] = 1.0
    users, items = a.sum(1), a.sum(0)
    for i, j in np.argwhere(a):
        a[i, j] /= math.sqrt((users[i] + users.mean()) * (items[j] + items.mean()))
    left, s, _ = np.linalg.svd(a)
    left = np.stack([left[:, k] * math.sqrt(graph.users * s[k]) for k in range(4)], axis=1)
    found = varimax.factors(graph, 4)
    rotation = np.linalg.lstsq(left, found, rcond=None)[0]
    np.testing.assert_allclose(left @ rotation, found, atol=1e-6)
    np.testing.assert_allclose(rotation.T @ rotation, np.eye(4), atol=1e-6)
    for k, other in itertools.combinations(range(4), 2):
        for angle in (0.01, -0.01, 0.3, -0.3):
            turned = found.copy()
            turned[:, k] = math.cos(angle) * found[:, k] + math.sin(angle) * found[:, other]
            turned[:, other] = math.cos(angle) * found[:, other] - math.sin(angle) * found[:, k]
            assert criterion(turned) < criterion(found)


def test_users_reordered_have_the_same_factors() -> None:
    """A relabelled graph gives relabelled rows: no draw goes by position."""
    graph, _ = block_graph()
    order = np.random.default_rng(0).permutation(graph.users)
    p = graph.pattern
    other = BipartiteGraph(Csr.of(np.argsort(order)[p.row.numpy()], p.column.numpy(), p.shape))
    np.testing.assert_allclose(
        np.abs(varimax.factors(graph, 4)[order]), np.abs(varimax.factors(other, 4)), atol=1e-6
    )


def test_a_prototype_is_the_weighted_mean_of_unit_rows() -> None:
    graph = random_graph()
    user = torch.randn(graph.users, 6, generator=torch.Generator().manual_seed(0))
    lean = np.maximum(varimax.factors(graph, 3), 0)
    for k, centre in enumerate(varimax.prototypes(user, graph, 3)):
        rows = [user[i].double() / user[i].double().norm() * lean[i, k] for i in range(len(user))]
        torch.testing.assert_close(
            centre.double(), sum(rows) / lean[:, k].sum(), rtol=1e-5, atol=1e-6
        )


@pytest.mark.parametrize(
    ("users", "items", "segments"), [(5, 3, 5), (3, 9, 3), (2, 2, 1), (4, 1, 4)]
)
def test_more_segments_than_factors_still_part(users: int, items: int, segments: int) -> None:
    """The rest are rows of users, each another than the ones before."""
    key = np.arange(users * items)[:: 2 if users * items > 4 else 1]
    graph = BipartiteGraph(Csr.of(key // items, key % items, (users, items)))
    user = torch.eye(users)
    found = varimax.prototypes(user, graph, segments)
    assert found.shape == (segments, users)
    assert torch.isfinite(found).all()


def test_nobody_without_interactions_leans_anywhere() -> None:
    graph = random_graph()
    assert (varimax.factors(graph, 3)[-1] == 0).all()


def test_two_populations_without_an_item_in_common_part() -> None:
    """Components of the graph: each is a factor of its own."""
    g = np.random.default_rng(0)
    user = np.repeat(np.arange(60), 6)
    item = np.concatenate([g.choice(20, 6, replace=False) + 20 * (u >= 30) for u in range(60)])
    graph = BipartiteGraph(Csr.of(user, item, (60, 40)))
    assert adjusted_rand_score(np.arange(60) >= 30, varimax.factors(graph, 2).argmax(1)) == 1.0


def test_users_alike_are_one_factor_and_the_rest_start_at_their_rows() -> None:
    """Directions that the graph does not have are none: a prototype of zeros has no cosine."""
    graph = BipartiteGraph(Csr.of(np.repeat(np.arange(5), 3), np.tile(np.arange(3), 5), (5, 3)))
    assert varimax.factors(graph, 3).shape == (5, 1)
    user = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    assert (varimax.prototypes(user, graph, 3).norm(dim=1) > 0.1).all()
    user[1:] = 0.0  # nobody but one has a row: the rest part from it by noise
    found = varimax.prototypes(user, graph, 3)
    assert (found.norm(dim=1) > 0.1).all()
    assert torch.cdist(found, found)[~torch.eye(3, dtype=torch.bool)].min() > 1e-3
