"""Contrastive terms against a loop, on the encoder's own noisy passes."""

import math
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from gnnseg import config
from gnnseg.models.encoders import SAGE
from gnnseg.models.objectives import SimGCL, XSimGCL, contrastive
from gnnseg.rng import Rng
from gnnseg.testing import random_graph, shape_of
from gnnseg.types import Batch, Embeddings, Features, InputError, Scorer, Step

NOBODY: Any = None  # no score is asked for


def loop(a: torch.Tensor, b: torch.Tensor, rows: list[int], tau: float) -> float:
    a, b, total = a.detach(), b.detach(), 0.0
    for v in rows:
        up = [math.exp(float(F.cosine_similarity(a[v], b[w], dim=0)) / tau) for w in rows]
        total -= math.log(up[rows.index(v)] / sum(up)) / len(rows)
    return total


def a_step() -> Step:
    graph = random_graph()
    encoder = SAGE(
        shape_of(graph), Rng(0), dim=8, layers=2, aggregate="mean", init="normal", scale=0.5,
        attributes=None, neighbours=None,
        combine="mean", unit=False,
    )  # fmt: skip

    def view(rng: Rng, noise: float) -> Embeddings:
        return encoder(graph, Features(), rng=rng, noise=noise)

    scorer: Scorer = NOBODY
    return Step(encoder(graph, Features()), scorer, view)


BATCH = Batch(torch.tensor([3, 1, 3, 7]), torch.tensor([0, 5, 2, 0]), torch.ones(4))


def test_simgcl_equals_a_loop() -> None:
    step, rng = a_step(), Rng(4)
    assert step.view is not None
    one, other = step.view(rng.child("one"), 0.3), step.view(rng.child("other"), 0.3)
    wanted = loop(one.user_UD, other.user_UD, [1, 3, 7], 0.2) + loop(
        one.item_ID, other.item_ID, [0, 2, 5], 0.2
    )
    assert SimGCL(tau=0.2, noise=0.3)(step, BATCH, rng).item() == pytest.approx(wanted, rel=1e-5)
    assert not torch.allclose(one.user_UD, other.user_UD)


def test_xsimgcl_equals_a_loop() -> None:
    step, rng = a_step(), Rng(4)
    assert step.view is not None
    view = step.view(rng.child("view"), 0.3)
    assert view.layers is not None
    user, item = view.layers[1]
    wanted = loop(view.user_UD, user, [1, 3, 7], 0.2) + loop(view.item_ID, item, [0, 2, 5], 0.2)
    assert XSimGCL(tau=0.2, noise=0.3, layer=1)(step, BATCH, rng).item() == pytest.approx(
        wanted, rel=1e-5
    )


def test_of_too_many_rows_some_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contrastive, "ROWS", 3)
    ids = torch.tensor([5, 5, 1, 9, 4, 2])
    found = contrastive.some(ids, Rng(0))
    assert len(set(found.tolist())) == 3
    assert set(found.tolist()) <= {1, 2, 4, 5, 9}
    assert contrastive.some(ids[:3], Rng(0)).tolist() == [1, 5]


def test_a_layer_that_is_not_there_is_said() -> None:
    with pytest.raises(
        InputError, match=r"regularisers.xsimgcl.layer is 3: the encoder has layers 0 to 2"
    ):
        XSimGCL(tau=0.2, noise=0.3, layer=3)(a_step(), BATCH, Rng(0))


@pytest.mark.parametrize("name", ["simgcl", "xsimgcl"])
@pytest.mark.parametrize("encoder", [["encoder=mf"], ["encoder=lightgcn", "encoder.layers=0"]])
def test_without_layers_they_are_refused(name: str, encoder: list[str]) -> None:
    with pytest.raises(InputError, match=rf"regularisers.{name}: needs an encoder of layers"):
        config.check(config.compose([*encoder, f"regularisers.{name}.weight=0.1"]))
    config.check(config.compose(["encoder=sage", f"regularisers.{name}.weight=0.1"]))
