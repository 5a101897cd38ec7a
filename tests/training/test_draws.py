"""Batches of pairs drawn by their weights: each user as often as any other, if that is what the
weights say."""

import pytest
import torch
from scipy.stats import binom
from torch import Tensor

from gnnseg.models.encoders import MF
from gnnseg.models.heads import Dot
from gnnseg.models.model import Model
from gnnseg.models.objectives import BPR, Objective, SampledSoftmax
from gnnseg.rng import Rng
from gnnseg.testing import random_graph, shape_of
from gnnseg.training.batching import Training
from gnnseg.training.checkpoint import Checkpoint, State
from gnnseg.training.events import TrainingEvents
from gnnseg.training.loop import fit
from gnnseg.training.settings import TrainerSettings
from gnnseg.types import Batch, Features, InputError

GRAPH = random_graph(edges=150)
EPOCHS = 30


def batches(
    objective: Objective, weight: Tensor, draw: str, monkeypatch: pytest.MonkeyPatch
) -> list[Batch]:
    """What training meets in EPOCHS epochs of batches of 32."""
    met: list[Batch] = []
    batch = Training.batch
    monkeypatch.setattr(Training, "batch", lambda *given: met.append(batch(*given)) or met[-1])  # type: ignore[func-returns-value]
    shape = shape_of(GRAPH)
    model = Model(
        MF(shape, Rng(0), dim=4, init="normal", scale=0.1),
        Dot(shape, Rng(0), similarity="dot", tau=1.0),
        objective,
        {},
    )
    settings = TrainerSettings(
        max_epochs=EPOCHS, batch_size=32, eval_every=EPOCHS, patience=None, monitor="x",
        schedule="constant", clip=None, draw=draw
    )  # fmt: skip  # type: ignore[arg-type]
    data = Training(
        GRAPH, Features(), TrainingEvents(GRAPH.pattern.row, GRAPH.pattern.column, weight)
    )
    optimizer = torch.optim.Adam(model.parameters())
    fit(
        model,
        optimizer,
        data,
        settings,
        Rng(0),
        State(),
        Checkpoint(),
        evaluate=lambda scorer: {"x": 1.0},
    )
    return met


@pytest.mark.parametrize("draw", ["each", "weight"])
def test_drawn_by_weight_users_are_alike_and_weigh_the_same(
    draw: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    objective, degrees = (
        BPR(weights=None, degree_power=-1.0, negatives=1),
        GRAPH.pattern.degrees()[0],
    )
    weight = objective.pair_weights(GRAPH.pattern.row, degrees, torch.ones(150))
    met = batches(objective, weight, draw, monkeypatch)
    users, weights = torch.cat([b.users for b in met]), torch.cat([b.weight for b in met])
    times = torch.bincount(users, minlength=GRAPH.users)
    assert len(users) == 150 * EPOCHS
    if draw == "each":
        assert torch.equal(times, degrees * EPOCHS)
        torch.testing.assert_close(
            weights, weight[GRAPH.pattern.entry(users, torch.cat([b.items for b in met]))]
        )
        return
    torch.testing.assert_close(weights, torch.full((150 * EPOCHS,), 1 / 150))
    active = int((degrees > 0).sum())
    for count, degree in zip(times.tolist(), degrees.tolist(), strict=True):
        share = 1 / active if degree else 0.0
        assert binom.cdf(count, len(users), share) > 1e-4
        assert binom.sf(count - 1, len(users), share) > 1e-4


@pytest.mark.parametrize("draw", ["each", "weight"])
def test_items_of_the_batch_are_corrected_by_the_chance_that_they_were_drawn(
    draw: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    objective = SampledSoftmax(
        weights=None, degree_power=0.0, sampling="in_batch", negatives=16, correct=True
    )
    items = GRAPH.pattern.column
    weight = torch.where(items % 2 == 0, 20.0, 1.0)
    weight = weight / weight.sum()
    met = batches(objective, weight, draw, monkeypatch)
    seen = torch.bincount(torch.cat([b.items for b in met]), minlength=GRAPH.items)
    log_q = met[0].log_q
    assert log_q is not None
    often = seen > 100
    assert int(often.sum()) > 5
    torch.testing.assert_close(
        log_q.exp()[often], (seen / seen.sum())[often].float(), rtol=0.3, atol=0.0
    )


@pytest.mark.parametrize("clip", [0.0, -1.0])
def test_a_clip_that_cannot_be_is_refused(clip: float) -> None:
    with pytest.raises(
        InputError, match=rf"trainer\.clip is {clip}: the largest norm must be above 0"
    ):
        TrainerSettings(
            max_epochs=1,
            batch_size=None,
            eval_every=1,
            patience=None,
            monitor="x",
            schedule="constant",
            clip=clip,
        )
