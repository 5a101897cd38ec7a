"""LightGCN against a dense float64 oracle and against PyG's on the same weights; its degenerate
cases."""

import numpy as np
import pytest
import torch

from gnnseg.graph import BipartiteGraph
from gnnseg.models.encoders import MF, LightGCN
from gnnseg.models.encoders.tables import spectral
from gnnseg.rng import Rng
from gnnseg.sparse import Csr
from gnnseg.types import Features, InputError, Shape

SMALL = {"dim": 8, "init": "normal"}


def graph(users: int = 11, items: int = 9, entries: int = 40, seed: int = 0) -> BipartiteGraph:
    key = np.random.default_rng(seed).choice(users * (items - 1), size=entries, replace=False)
    return BipartiteGraph(
        Csr.of(key // (items - 1), key % (items - 1), (users, items))
    )  # the last item has no edge


def lightgcn(g: BipartiteGraph, **options: object) -> LightGCN:
    shape = Shape(g.users, g.items, g.pattern.degrees()[1])
    return LightGCN(shape, Rng(0), **{**SMALL, **options})  # type: ignore[arg-type]


def oracle(
    model: LightGCN, g: BipartiteGraph, a: float, b: float, weights: list[float], unit: bool
) -> torch.Tensor:
    """All nodes in one dense float64 matrix."""
    n = g.users + g.items
    adjacency = torch.zeros(n, n, dtype=torch.float64)
    for u, i in zip(g.pattern.row.tolist(), g.pattern.column.tolist(), strict=True):
        adjacency[u, g.users + i] = adjacency[g.users + i, u] = 1
    degree = adjacency.sum(1)
    for t in range(n):
        for s in range(n):
            if adjacency[t, s]:
                adjacency[t, s] = degree[t] ** -a * degree[s] ** -b
    x = torch.cat([model.tables.user, model.tables.item]).double()
    total = weights[0] * x
    for w in weights[1:]:
        x = adjacency @ (x / x.norm(dim=1, keepdim=True).clamp(min=1e-12) if unit else x)
        total = total + w * x
    return total


@pytest.mark.parametrize(
    ("options", "a", "b", "weights", "unit"),
    [
        ({}, 0.5, 0.5, [1 / 3] * 3, False),
        (
            {"layers": 3, "layer_weights": [0.0, 0.5, 0.25, 0.25]},
            0.5,
            0.5,
            [0.0, 0.5, 0.25, 0.25],
            False,
        ),
        ({"alpha": 1.0, "beta": 0.0}, 1.0, 0.0, [1 / 3] * 3, False),
        (
            {"alpha": 0.6, "beta": -0.1, "gamma": 0.2, "unit": True},
            0.6,
            -0.1,
            [0.2, 0.4, 0.4],
            True,
        ),
    ],
)
def test_equals_a_dense_oracle(
    options: dict[str, object], a: float, b: float, weights: list[float], unit: bool
) -> None:
    g = graph()
    model = lightgcn(g, **options)
    got = model(g, Features())
    expected = oracle(model, g, a, b, weights, unit)
    torch.testing.assert_close(
        torch.cat([got.user_UD, got.item_ID]).double(), expected, atol=1e-5, rtol=1e-5
    )


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_equals_pyg_on_the_same_weights() -> None:
    from torch_geometric.nn.models import LightGCN as Theirs

    g = graph()
    model = lightgcn(g, layers=3)
    theirs = Theirs(g.users + g.items, embedding_dim=8, num_layers=3)
    theirs.embedding.weight.data = (
        torch.cat([model.tables.user, model.tables.item]).detach().clone()
    )
    index = torch.stack([g.pattern.row, g.pattern.column + g.users])
    expected = theirs.get_embedding(torch.cat([index, index.flip(0)], dim=1))
    got = model(g, Features())
    torch.testing.assert_close(
        torch.cat([got.user_UD, got.item_ID]), expected, atol=1e-5, rtol=1e-5
    )


def test_zero_layers_are_mf_and_two_are_not() -> None:
    g = graph()
    none, two = lightgcn(g, layers=0), lightgcn(g)
    mf = MF(
        Shape(g.users, g.items, g.pattern.degrees()[1]), Rng(0), dim=8, init="normal", scale=0.1
    )
    mf.load_state_dict(none.state_dict())
    assert torch.equal(none(g, Features()).user_UD, mf(g, Features()).user_UD)
    two.load_state_dict(none.state_dict())
    assert not torch.allclose(two(g, Features()).user_UD, mf(g, Features()).user_UD, atol=1e-3)


def test_messages_run_both_ways() -> None:
    """An encoder that passes only user-to-item edges is a scaled MF: users must receive from items
    and items from users."""
    g = graph()
    model = lightgcn(g, layers=1)
    model(g, Features()).user_UD.sum().backward()
    assert model.tables.item.grad is not None
    assert (
        model.tables.item.grad.abs().sum(1) > 0
    ).sum() == g.items - 1  # all but the one without an edge
    model.zero_grad()
    model(g, Features()).item_ID.sum().backward()
    assert model.tables.user.grad is not None
    assert (model.tables.user.grad.abs().sum(1) > 0).any()


def test_permuted_ids_permute_the_result() -> None:
    g = graph()
    model = lightgcn(g)
    perm = torch.randperm(g.users, generator=torch.Generator().manual_seed(1))
    moved = BipartiteGraph(Csr.of(perm[g.pattern.row], g.pattern.column, g.pattern.shape))
    other = lightgcn(moved)
    state = model.state_dict()
    state["tables.user"] = torch.empty_like(state["tables.user"]).index_copy_(
        0, perm, state["tables.user"]
    )
    other.load_state_dict(state)
    torch.testing.assert_close(other(moved, Features()).user_UD[perm], model(g, Features()).user_UD)


def test_dropout_is_a_function_of_the_draw_and_only_in_training() -> None:
    g = graph()
    model = lightgcn(g, dropout=0.5)
    a, b, c = (model(g, Features(), rng=Rng(0).at(step)).user_UD for step in (1, 1, 2))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)
    torch.testing.assert_close(model(g, Features()).user_UD, lightgcn(g)(g, Features()).user_UD)


def test_spectral_start_is_the_matrix_own_spectrum() -> None:
    g = graph()
    user, item = spectral(g, 9)
    ud, idg = (d.double() for d in g.degrees())
    dense = g.pattern.dense().double() / ud.sqrt()[:, None] / idg.clamp(min=1e-12).sqrt()
    rebuilt = (user.double() / ud.sqrt()[:, None]) @ (
        item.double() / idg.clamp(min=1e-12).sqrt()[:, None]
    ).T
    torch.testing.assert_close(rebuilt, dense, atol=1e-4, rtol=1e-4)  # full rank: nothing is lost
    shape = Shape(g.users, g.items, g.pattern.degrees()[1])
    wide = MF(shape, Rng(0), dim=12, init="spectral", scale=0.1)
    wide.reset(g, Features(), Rng(0))
    torch.testing.assert_close(wide.tables.user[:, :9], user)
    assert wide.tables.user[:, 9:].abs().sum() > 0  # beyond the rank: the normal draw stays


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"layers": -1}, "layers"),
        ({"dropout": 1.0}, "dropout"),
        ({"layer_weights": [1.0]}, "layer_weights"),
        ({"gamma": 0.2, "layer_weights": [1.0, 0.0, 0.0]}, "gamma"),
        ({"dim": 0}, "dim"),
        ({"scale": 0.0}, "scale"),
        ({"gamma": 7.0}, "gamma is 7"),
        ({"gamma": -0.5}, "gamma"),
        ({"layer_weights": [0.0, 0.0, 0.0]}, "layer_weights are all 0"),
    ],
)
def test_bad_values_are_one_sentence(options: dict[str, object], key: str) -> None:
    with pytest.raises(InputError, match=rf"encoder\.{key}"):
        lightgcn(graph(), **options)
