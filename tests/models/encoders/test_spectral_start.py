"""First weights by which attributes come nearest to the graph's spectrum."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from gnnseg.graph import BipartiteGraph
from gnnseg.models.encoders import DNN, Linear, TwoTower
from gnnseg.models.encoders.tables import RIDGE, fit
from gnnseg.rng import Rng
from gnnseg.sparse import Csr
from gnnseg.types import Features, Shape

USERS, ITEMS, COLUMNS = 40, 30, 5


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def blocks(seed: int = 0) -> tuple[BipartiteGraph, Features]:
    """Two blocks of users and items, and attributes of which the first tells the block."""
    rng = np.random.default_rng(seed)
    met = rng.random((USERS, ITEMS)) < 0.1
    met |= (np.arange(USERS)[:, None] % 2 == np.arange(ITEMS)[None] % 2) & (
        rng.random((USERS, ITEMS)) < 0.6
    )
    user, item = met.nonzero()
    sides = []
    for count in (USERS, ITEMS):
        x = torch.from_numpy(rng.standard_normal((count, COLUMNS))).float()
        x[:, 0] = torch.arange(count) % 2
        sides.append(x)
    return BipartiteGraph(Csr.of(user, item, (USERS, ITEMS))), Features(*sides)


def shape() -> Shape:
    counts = torch.ones(ITEMS, dtype=torch.int64)
    return Shape(USERS, ITEMS, counts, user_features=COLUMNS, item_features=COLUMNS)


def test_the_fit_is_the_ridge_regression_of_the_deviations() -> None:
    x, y, degree = draw(20, 3), draw(20, 2, seed=1), torch.arange(20)
    layer = nn.Linear(3, 4)
    fit(layer, x, y, degree, 0.1)
    share = [float(d) / float(degree.sum()) for d in degree]
    mean = [sum(share[n] * float(x[n, f]) for n in range(20)) for f in range(3)]
    middle = [sum(share[n] * float(y[n, d]) for n in range(20)) for d in range(2)]
    gram, right = np.zeros((3, 3)), np.zeros((3, 2))
    for n in range(20):
        for f in range(3):
            for g in range(3):
                gram[f, g] += share[n] * (float(x[n, f]) - mean[f]) * (float(x[n, g]) - mean[g])
            for d in range(2):
                right[f, d] += share[n] * (float(x[n, f]) - mean[f]) * (float(y[n, d]) - middle[d])
    gram += np.eye(3) * RIDGE * np.trace(gram) / 3
    weight = np.linalg.inv(gram) @ right
    given = np.array([[(float(x[n, f]) - mean[f]) for f in range(3)] for n in range(20)]) @ weight
    given *= 0.1 / np.sqrt((given**2).mean())
    with torch.no_grad():
        found = layer(x.float()).numpy()
    np.testing.assert_allclose(found[:, :2], given, atol=1e-6)
    assert (found[:, 2:] == 0).all()


@pytest.mark.parametrize(
    ("x", "y"),
    [(torch.ones(9, 2), draw(9, 3)), (draw(9, 2), torch.ones(9, 3))],
    ids=["attributes that are all alike", "a target that is the same for all"],
)
def test_what_tells_nothing_leaves_the_layer_as_it_was(x: Tensor, y: Tensor) -> None:
    layer = nn.Linear(2, 3)
    before = layer.weight.detach().clone()
    fit(layer, x, y, torch.ones(9), 0.1)
    assert torch.equal(layer.weight, before)


def test_a_table_without_columns_or_of_nobody_is_left_alone() -> None:
    layer = nn.Linear(2, 3)
    before = layer.weight.detach().clone()
    fit(layer, draw(4, 2), draw(4, 3), torch.zeros(4), 0.1)
    assert torch.equal(layer.weight, before)


@pytest.mark.parametrize("encoder", [Linear, DNN, TwoTower])
def test_the_first_embeddings_tell_blocks_apart_that_random_ones_do_not(encoder) -> None:
    graph, features = blocks()
    parted = {}
    for init in ("spectral", "normal"):
        made = encoder(shape(), Rng(0), init=init)
        made.reset(graph, features, Rng(0))
        with torch.no_grad():
            user = made(graph, features).user_UD
        user = nn.functional.normalize(user - user.mean(0), dim=-1)
        cosine = user @ user.T
        same = torch.arange(USERS)[:, None] % 2 == torch.arange(USERS)[None] % 2
        parted[init] = float(cosine[same].mean() - cosine[~same].mean())
    assert parted["spectral"] > parted["normal"] + 0.1


def test_the_linear_start_has_no_seed_and_the_size_it_is_told() -> None:
    graph, features = blocks()
    starts = []
    for seed in (0, 1):
        made = Linear(shape(), Rng(seed), scale=0.3)
        made.reset(graph, features, Rng(seed))
        starts.append(made)
    assert torch.equal(starts[0].user.weight, starts[1].user.weight)
    with torch.no_grad():
        user = starts[0](graph, features).user_UD[:, : min(USERS, ITEMS)]
    assert 0.2 < float(user.square().mean().sqrt()) < 0.45
