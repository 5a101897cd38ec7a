"""LightGCL's term against the dense product of the truncated SVD, in loops."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from gnnseg.graph import BipartiteGraph
from gnnseg.models.encoders import LightGCN
from gnnseg.models.objectives import LightGCL
from gnnseg.rng import Rng
from gnnseg.testing import random_graph, shape_of
from gnnseg.types import Batch, Embeddings, Features, InputError, Step

NOBODY: Any = None  # no score is asked for
BATCH = Batch(torch.tensor([3, 1, 3, 7]), torch.tensor([0, 5, 2, 0]), torch.ones(4))
USERS, ITEMS = [1, 3, 7], [0, 2, 5]


def embedded(graph: BipartiteGraph) -> Embeddings:
    encoder = LightGCN(shape_of(graph), Rng(0), dim=6, layers=2, init="normal").double()
    return encoder(graph, Features())


def term(graph: BipartiteGraph, **options: Any) -> LightGCL:
    made = LightGCL(**options)
    made.prepare(shape_of(graph), Rng(0))
    made.reset(graph, Rng(0))
    return made.double()


def loop(z: Tensor, g: Tensor, rows: list[int], tau: float) -> float:
    z, g = z.detach(), g.detach()
    total = 0.0
    for v in rows:
        up = [math.exp(float(F.cosine_similarity(z[v], g[w], dim=0)) / tau) for w in rows]
        total -= math.log(up[rows.index(v)] / sum(up)) / len(rows)
    return total


def dense(graph: BipartiteGraph, rank: int) -> Tensor:
    """The normalised matrix cut to its leading singular values, (U,I)."""
    met = graph.pattern.dense().double()
    users, items = met.sum(1).clamp(min=1), met.sum(0).clamp(min=1)
    u, s, v = torch.linalg.svd(met / (users[:, None] * items).sqrt(), full_matrices=False)
    return u[:, :rank] * s[:rank] @ v[:rank]


@pytest.mark.parametrize("rank", [3, 17])
def test_it_is_the_dense_product_in_loops(rank: int) -> None:
    graph = random_graph()
    e, made, matrix = embedded(graph), term(graph, tau=0.3, rank=rank), dense(graph, rank)
    assert e.layers is not None
    wanted = 0.0
    for layer in (1, 2):
        (sent_u, sent_i), (user, item) = e.layers[layer - 1], e.layers[layer]
        wanted += loop(user, matrix @ sent_i, USERS, 0.3) + loop(
            item, matrix.T @ sent_u, ITEMS, 0.3
        )
    found = made(Step(e, NOBODY), BATCH, Rng(0))
    assert found.item() == pytest.approx(wanted, rel=1e-4)  # the vectors are of float32, and random


def test_of_the_whole_spectrum_it_is_the_message_itself() -> None:
    """With every singular value the other view is the layer: the loss is that of equal views."""
    graph = random_graph()
    e, made = embedded(graph), term(graph, rank=17)
    assert e.layers is not None
    users = torch.arange(graph.users)
    found = made._view(users, made.user_Uq, made.item_Iq, e.layers[0][1])
    torch.testing.assert_close(found, e.layers[1][0], atol=1e-5, rtol=1e-4)


def test_more_singular_values_than_there_are_are_all() -> None:
    graph = random_graph()
    assert term(graph, rank=99).value_q.shape == (17,)


def test_its_vectors_come_back_with_the_weights() -> None:
    graph = random_graph()
    made, other = term(graph), LightGCL()
    other.prepare(shape_of(graph), Rng(9))
    other.load_state_dict(made.state_dict())
    step = Step(embedded(graph), NOBODY)
    assert torch.equal(made(step, BATCH, Rng(0)), other.double()(step, BATCH, Rng(0)))


def test_what_cannot_be_is_said() -> None:
    with pytest.raises(InputError, match=r"rank is 0 in regularisers.lightgcl"):
        LightGCL(rank=0)
