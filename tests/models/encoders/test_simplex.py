"""SimpleX's users against loops in float64, and at their ends."""

import math
from typing import Any

import pytest
import torch

from gnnseg.models.encoders import MF, SimpleX
from gnnseg.rng import Rng
from gnnseg.testing import random_graph, shape_of
from gnnseg.types import Features, InputError

GRAPH = random_graph()
SMALL: dict[str, Any] = {"dim": 6, "init": "normal", "scale": 0.7}


def made(**options: Any) -> SimpleX:
    return SimpleX(shape_of(GRAPH), Rng(0), **{**SMALL, **options})


def share(model: SimpleX, pooling: str, own: torch.Tensor, item: torch.Tensor) -> float:
    """What an item weighs before the softmax, as a number."""
    if pooling == "mean":
        return 1.0
    assert model.key is not None
    key = torch.tanh(model.key.weight.double() @ item + model.key.bias.double())
    asked = own if model.query is None else model.query.double()
    return math.exp(float((asked * key).sum()))


@pytest.mark.parametrize("pooling", ["mean", "user_attention", "self_attention"])
@torch.no_grad()
def test_users_equal_a_loop(pooling: Any) -> None:
    model = made(pooling=pooling, gamma=0.3)
    own, item = model.tables.user.double(), model.tables.item.double()
    dense = GRAPH.pattern.dense()
    for u, found in enumerate(model(GRAPH, Features()).user_UD):
        met = dense[u].nonzero().squeeze(1).tolist()
        weight = [share(model, pooling, own[u], item[j]) for j in met]
        pooled = torch.zeros(6, dtype=torch.float64)
        for j, w in zip(met, weight, strict=True):
            pooled += w / sum(weight) * item[j]
        expected = 0.3 * own[u] + 0.7 * model.value.weight.double() @ pooled
        torch.testing.assert_close(found.double(), expected, atol=1e-5, rtol=1e-5)
    assert int(dense[-1].sum()) == 0  # somebody has met nothing


def test_gamma_1_is_matrix_factorisation_and_0_leaves_no_vector_of_ones_own() -> None:
    mf = MF(shape_of(GRAPH), Rng(0), **SMALL)
    found = made(gamma=1.0)(GRAPH, Features())
    expected = mf(GRAPH, Features())
    assert torch.equal(found.user_UD, expected.user_UD)
    assert torch.equal(found.item_ID, expected.item_ID)
    model = made(gamma=0.0)
    model(GRAPH, Features()).user_UD.sum().backward()
    assert not bool(model.tables.user.grad.any())  # type: ignore[union-attr]
    assert bool(model.tables.item.grad.any())  # type: ignore[union-attr]


def test_large_scores_of_attention_stay_finite() -> None:
    model = made(pooling="user_attention", scale=200.0)
    user_UD = model(GRAPH, Features()).user_UD
    assert bool(torch.isfinite(user_UD).all())
    user_UD.sum().backward()
    assert all(bool(torch.isfinite(p.grad).all()) for p in model.parameters() if p.grad is not None)


def test_dropout_leaves_out_entries_of_users_in_training_alone() -> None:
    model = made(dropout=0.5)
    whole = model(GRAPH, Features()).user_UD
    part = model(GRAPH, Features(), rng=Rng(1)).user_UD
    kept = part != 0
    torch.testing.assert_close(part[kept], 2 * whole[kept])
    assert 0.3 < float(kept.float().mean()) < 0.7


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"gamma": 1.5}, "encoder.gamma is 1.5"),
        ({"dropout": 1.0}, "encoder.dropout is 1.0"),
        ({"dim": 0}, "encoder.dim is 0"),
    ],
)
def test_settings_that_cannot_be_are_one_sentence(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        made(**options)
