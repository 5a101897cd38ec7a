"""NGCF against its formula in dense matrices, and new users against one more row of them."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from gnnseg import config
from gnnseg.graph import BipartiteGraph
from gnnseg.models.encoders import NGCF
from gnnseg.rng import Rng
from gnnseg.testing import random_graph, shape_of
from gnnseg.testing.encoders import histories
from gnnseg.types import Features, InputError

SMALL: dict[str, Any] = {"dim": 6, "layers": 2, "init": "normal", "scale": 0.5}


def ngcf(graph: BipartiteGraph, **options: Any) -> NGCF:
    made = NGCF(shape_of(graph), Rng(0), **{**SMALL, **options}).double()
    made.reset(graph, Features(), Rng(0))
    return made


def tables(encoder: NGCF) -> Tensor:
    assert encoder.tables is not None
    return torch.cat([encoder.tables.user, encoder.tables.item])


def dense(encoder: NGCF, laplacian: Tensor, x: Tensor) -> list[Tensor]:
    """E^(l) = LeakyReLU( (L + I) E W_1 + (L E * E) W_2 ), equation 7 of the paper."""
    layers, eye = [x], torch.eye(len(laplacian), dtype=x.dtype)
    for layer in range(encoder.layers):
        w1, w2 = encoder.own[layer].weight, encoder.cross[layer].weight
        assert isinstance(w1, Tensor)
        assert isinstance(w2, Tensor)
        e = layers[-1]
        h = (laplacian + eye) @ e @ w1.T + (laplacian @ e * e) @ w2.T
        layers.append(torch.where(h > 0, h, 0.2 * h))
    return layers


def symmetric(adjacency: Tensor) -> Tensor:
    root = adjacency.sum(1).clamp(min=1).rsqrt()
    return root[:, None] * adjacency * root


def adjacency_of(graph: BipartiteGraph) -> Tensor:
    met, users = graph.pattern.dense().double(), graph.users
    a = torch.zeros(users + graph.items, users + graph.items, dtype=torch.float64)
    a[:users, users:], a[users:, :users] = met, met.T
    return a


def test_it_is_the_formula_in_dense_matrices() -> None:
    graph = random_graph()
    encoder = ngcf(graph)
    layers = dense(encoder, symmetric(adjacency_of(graph)), tables(encoder))
    wanted = torch.cat([layers[0], *(F.normalize(x, dim=-1) for x in layers[1:])], dim=1)
    found = encoder(graph, Features())
    assert found.user_UD.shape[1] == encoder.width == 18
    # the graph's weights are float32
    torch.testing.assert_close(found.user_UD, wanted[: graph.users], atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(found.item_ID, wanted[graph.users :], atol=1e-6, rtol=1e-6)


def test_without_layers_it_is_a_table_and_has_no_view() -> None:
    graph = random_graph()
    encoder = ngcf(graph, layers=0)
    assert torch.equal(encoder(graph, Features()).user_UD, tables(encoder)[: graph.users])
    assert NGCF.provides(layers=0) == frozenset()
    assert NGCF.provides(layers=2) == {"view"}


def test_a_new_user_is_one_more_row_whose_items_stay() -> None:
    graph = random_graph()
    encoder = ngcf(graph)
    met, start = [0, 3, 7], torch.randn(1, 6, dtype=torch.float64)
    new = graph.with_users(histories([met]), 1, None)
    with torch.no_grad():
        trained = encoder(graph, Features())
        found = encoder.embed_new_users(new, trained, Features())(start)
    assert trained.layers is not None
    degree = graph.pattern.degrees()[1].double()
    x = start[0]
    wanted = [x]
    for layer in range(2):
        w1, w2 = (part[layer].weight.detach() for part in (encoder.own, encoder.cross))
        h = w1 @ x
        for i in met:
            sent = trained.layers[layer][1][i]
            weight = (3 * degree[i].clamp(min=1)) ** -0.5
            h = h + weight * (w1 @ sent + w2 @ (sent * x))
        x = F.leaky_relu(h, 0.2)
        wanted.append(x / x.norm())
    torch.testing.assert_close(found[0], torch.cat(wanted), atol=1e-6, rtol=1e-6)


def test_dropout_takes_entries_of_training_steps_alone() -> None:
    graph = random_graph()
    encoder = ngcf(graph, layers=1, dropout=0.5)
    whole, dropped = encoder(graph, Features()), encoder(graph, Features(), rng=Rng(3))
    assert whole.layers is not None
    assert dropped.layers is not None
    kept, all_ = dropped.layers[1][0], whole.layers[1][0]
    zero = (kept == 0) & (all_ != 0)
    assert 0.3 < float(zero.double().mean()) < 0.7
    torch.testing.assert_close(kept[~zero], 2 * all_[~zero])
    assert not torch.equal(dropped.user_UD, encoder(graph, Features(), rng=Rng(4)).user_UD)


def test_the_first_weights_are_the_authors_or_the_neighbourhoods_mean() -> None:
    graph = random_graph()
    for init, spread in (("normal", (2 / 128) ** 0.5), ("spectral", 0.1 / 8)):
        options: Any = {"dim": 64, "layers": 1, "init": init}
        encoder = NGCF(shape_of(graph), Rng(0), **options)
        w1, w2 = (part[0].weight.detach() for part in (encoder.own, encoder.cross))
        mean = w1 - (torch.eye(64) / 2 if init == "spectral" else 0)
        for w in (mean, w2):
            assert float(w.std()) == pytest.approx(spread, rel=0.1)


@pytest.mark.parametrize("term", ["xsimgcl", "lightgcl", "ncl_structure"])
def test_what_compares_its_layers_with_the_embedding_is_refused(term: str) -> None:
    c = config.compose(["encoder=ngcf", f"regularisers.{term}.weight=0.1"])
    with pytest.raises(InputError, match=rf"{term}: needs an encoder of layers .* not ngcf"):
        config.check(c)
    config.check(config.compose(["encoder=ngcf", "regularisers.simgcl.weight=0.1"]))


@pytest.mark.parametrize(
    ("options", "said"), [({"layers": -1}, "encoder.layers is -1"), ({"dropout": 1.0}, "dropout")]
)
def test_what_cannot_be_is_said(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        ngcf(random_graph(), **options)
