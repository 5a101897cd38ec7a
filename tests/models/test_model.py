"""A step over the rows it touches gives the losses and gradients of a step over all."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from gnnseg.models.encoders import DNN, EmbedsSomeRows, Encoder, LightGCN, TwoTower
from gnnseg.models.heads import MLP, Dot, Head, Segments
from gnnseg.models.model import Model
from gnnseg.models.objectives import BCE, BPR, L2, Balance, Objective, SampledSoftmax
from gnnseg.rng import Rng
from gnnseg.testing import random_graph, shape_of, telling_features, with_ties
from gnnseg.training.batching import Training
from gnnseg.training.events import TrainingEvents

GRAPH = with_ties(random_graph())
FEATURES = telling_features(GRAPH)
SHAPE = shape_of(GRAPH, 6, FEATURES)
PLAIN = {"weights": None, "degree_power": 0.0}
EVENTS = TrainingEvents(GRAPH.pattern.row, GRAPH.pattern.column, torch.ones(GRAPH.pattern.entries))
SEGMENTS = {
    "segments": 3,
    "tied": False,
    "top": None,
    "centre": True,
    "tau_alpha": 0.3,
    "tau_beta": 0.3,
    "tau": 0.3,
}

LIGHT: dict[str, Any] = {
    "dim": 6, "layers": 3, "layer_weights": None, "init": "normal", "scale": 0.3, "alpha": 0.5,
    "beta": 0.5, "gamma": None,
    "unit": False, "dropout": 0.0, "attributes": "beside", "social": 0.0,
}  # fmt: skip
LIGHTS: dict[str, dict[str, Any]] = {
    "lightgcn": {"social": 0.4},
    "lightgcnpp": {"layers": 2, "beta": -0.1, "gamma": 0.2, "unit": True, "dropout": 0.3},
    "lightgcn, no layer": {"layers": 0},
}


def model(encoder: str, head: str, objective: Objective) -> Model:
    heads: dict[str, Head] = {
        "dot": Dot(SHAPE, Rng(0), similarity="cosine", tau=0.2),
        "mlp": MLP(SHAPE, Rng(0), layers=[5], segments=None, tau_alpha=0.2),
        **{
            beta: Segments(SHAPE, Rng(0), beta=beta, **SEGMENTS)  # type: ignore[arg-type]
            for beta in ("distribution", "membership", "affinity")
        },
    }
    encoders: dict[str, Callable[[], Encoder]] = {
        "dnn": lambda: DNN(SHAPE, Rng(0), layers=[8, 6], dropout=0.0),
        "two_tower": lambda: TwoTower(SHAPE, Rng(0), dim=5, layers=[8, 6], scale=0.3, dropout=0.0),
        **{
            name: lambda options=options: LightGCN(SHAPE, Rng(0), **{**LIGHT, **options})
            for name, options in LIGHTS.items()
        },
    }
    return Model(
        encoders[encoder](),
        heads[head],
        objective,
        {"l2": (0.1, L2()), **({"balance": (0.2, Balance())} if head in SEGMENTS_OF else {})},
    )


SEGMENTS_OF = ("distribution", "membership", "affinity")
CASES = [
    ("dot", SampledSoftmax(**PLAIN, sampling="uniform", negatives=7, correct=True)),  # type: ignore[arg-type]
    ("dot", SampledSoftmax(**PLAIN, sampling="in_batch", negatives=4, correct=True)),  # type: ignore[arg-type]
    ("mlp", BCE(**PLAIN, negatives=2)),  # type: ignore[arg-type]
    ("distribution", BPR(**PLAIN, negatives=2)),  # type: ignore[arg-type]
    ("membership", BPR(**PLAIN, negatives=1)),  # type: ignore[arg-type]
    ("affinity", SampledSoftmax(**PLAIN, sampling="uniform", negatives=5, correct=True)),  # type: ignore[arg-type]
]


@pytest.mark.parametrize("events", [2, 7])  # rows with few of the edges, and with most of them
@pytest.mark.parametrize("encoder", ["dnn", "two_tower", *LIGHTS])
@pytest.mark.parametrize(("head", "objective"), CASES)
def test_rows_or_all_it_is_the_same_step(
    encoder: str, head: str, objective: Objective, events: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    m = model(encoder, head, objective)
    data = Training(GRAPH, FEATURES, EVENTS)
    log_q = torch.randn(GRAPH.items, generator=torch.Generator().manual_seed(3))
    batch = data.batch(torch.arange(0, 3 * events, 3), objective, log_q, Rng(0))
    found = []
    for partial in (True, False):
        asked = EmbedsSomeRows if partial else type("Nobody", (), {})
        monkeypatch.setattr("gnnseg.models.model.EmbedsSomeRows", asked)
        losses = m.losses(GRAPH, FEATURES, batch, Rng(0))
        grads = torch.autograd.grad(m.total(losses), list(m.parameters()), allow_unused=True)
        found.append((losses, grads))
    for name, value in found[0][0].items():
        torch.testing.assert_close(value, found[1][0][name], atol=1e-6, rtol=1e-5)
    for some, whole in zip(found[0][1], found[1][1], strict=True):
        assert (some is None) == (whole is None)
        if some is not None:
            torch.testing.assert_close(some, whole, atol=1e-5, rtol=1e-4)


def test_a_batch_by_rows_says_which_they_are() -> None:
    m = model("dnn", *CASES[2])
    batch = Training(GRAPH, FEATURES, EVENTS).batch(
        torch.arange(5), m.objective, torch.zeros(GRAPH.items), Rng(0)
    )
    small, users, items = batch.compact()
    assert users is not None
    assert items is not None
    assert small.negatives is not None
    assert torch.equal(users[small.users], batch.users)
    assert torch.equal(items[small.items], batch.items)
    assert batch.negatives is not None
    assert torch.equal(items[small.negatives], batch.negatives)
    assert batch.compact(users=False, items=False) == (batch, None, None)
