"""Callbacks: what they keep comes back, what they draw is of the seed, and nothing else moves."""

import random
from pathlib import Path

import numpy as np
import pytest
import torch

from gnnseg.models.encoders import MF
from gnnseg.models.heads import Dot
from gnnseg.models.model import Model
from gnnseg.models.objectives import BPR
from gnnseg.rng import Rng
from gnnseg.testing import random_graph, shape_of
from gnnseg.training.batching import Training
from gnnseg.training.callbacks import Callback, Callbacks, Moment
from gnnseg.training.checkpoint import Checkpoint, State
from gnnseg.training.events import TrainingEvents
from gnnseg.training.loop import Interrupted, fit
from gnnseg.training.settings import TrainerSettings
from gnnseg.types import Features, InputError

GRAPH = random_graph(edges=150)


class Noise(Callback):
    """Moves the weights by what the global generators draw, and remembers how far."""

    def __init__(self) -> None:
        self.moved, self.hooks = [0.0], {}

    def _note(self, hook, moment):
        self.hooks[hook] = self.hooks.get(hook, 0) + 1
        by = torch.rand(()).item() + random.random() + float(np.random.rand())
        own = torch.rand((), generator=moment.rng.torch("own")).item()
        self.moved.append(by + own + self.moved[-1] / 2)

    def begin(self, moment):
        self.moved.append(torch.rand(()).item())

    def after_step(self, moment, losses):
        self._note("step", moment)
        with torch.no_grad():
            for parameter in moment.model.parameters():
                parameter.add_(0.001 * self.moved[-1])

    def after_evaluation(self, moment, metrics):
        self._note("evaluation", moment)
        with pytest.raises(TypeError):
            metrics["x"] = 2.0

    def end(self, moment):
        self._note("end", moment)


def train(path: Path | None, stop_at: int | None = None):
    """Train with noise, and stop after a step; the callback, the weights, and whether it ended."""
    shape, noise = shape_of(GRAPH), Noise()
    encoder = MF(shape, Rng(0), dim=4, init="normal", scale=0.1)
    objective = BPR(weights=None, degree_power=0.0, negatives=1)
    model = Model(encoder, Dot(shape, Rng(0), similarity="dot", tau=1.0), objective, {})
    settings = TrainerSettings(
        max_epochs=3, batch_size=32, eval_every=1, patience=None, monitor="x",
        schedule="onecycle", clip=None, callbacks={"noise": {}},
    )  # fmt: skip
    vars(settings)["own_callbacks"] = {"noise": noise}
    pattern = GRAPH.pattern
    events = TrainingEvents(pattern.row, pattern.column, torch.full((150,), 1 / 150))
    optimizer, checkpoint = torch.optim.Adam(model.parameters()), Checkpoint(path)
    state = State()
    if checkpoint.exists():
        state, _ = checkpoint.load(model, optimizer, torch.device("cpu"))
    ended = True
    try:
        fit(
            model, optimizer, Training(GRAPH, Features(), events), settings, Rng(0), state,
            checkpoint, evaluate=lambda scorer: {"x": 1.0},
            stop=lambda: stop_at is not None and state.step >= stop_at,
        )  # fmt: skip
    except Interrupted:
        ended = False
    return noise, [p.detach().clone() for p in model.parameters()], ended


@pytest.mark.parametrize("stop_at", [1, 5, 7, 14])
def test_interrupted_and_gone_on_equals_uninterrupted(tmp_path: Path, stop_at: int) -> None:
    whole, weights, _ = train(None)
    first, _, ended = train(tmp_path / "state.pt", stop_at)
    assert not ended
    assert first.hooks["step"] == stop_at
    rest, resumed, ended = train(tmp_path / "state.pt")
    assert ended
    assert rest.moved == whole.moved
    assert rest.hooks == whole.hooks == {"step": 15, "evaluation": 3, "end": 1}
    assert all(torch.equal(a, b) for a, b in zip(weights, resumed, strict=True))


def test_the_global_generators_are_as_they_were() -> None:
    torch.manual_seed(3)
    random.seed(3)
    np.random.seed(3)
    expected = torch.rand(2), random.random(), np.random.rand(2)
    torch.manual_seed(3)
    random.seed(3)
    np.random.seed(3)
    train(None)
    assert torch.equal(torch.rand(2), expected[0])
    assert random.random() == expected[1]
    assert np.array_equal(np.random.rand(2), expected[2])


class Holder(Callback):
    def __init__(self, held: object) -> None:
        self.held = held

    def end(self, moment: Moment) -> None:
        """Look on."""


@pytest.mark.parametrize("held", [object(), [np.float64(1.0)], {"a": {1, 2}}, np.zeros(2)])
def test_what_no_checkpoint_holds_is_refused(held: object) -> None:
    with pytest.raises(InputError, match=r"trainer\.callbacks\.it: its attribute held is of type"):
        Callbacks({"it": Holder(held)}, Rng(0)).kept()


@pytest.mark.parametrize("held", [None, 1, 2.5, "x", [1, [2.0]], {"a": (torch.ones(2), None)}])
def test_plain_values_come_back(tmp_path: Path, held: object) -> None:
    kept = Callbacks({"it": Holder(held)}, Rng(0)).kept()
    torch.save(kept, tmp_path / "kept.pt")
    other = Holder(None)
    Callbacks({"it": other}, Rng(0)).restore(torch.load(tmp_path / "kept.pt", weights_only=True))
    assert str(other.held) == str(held)


def test_a_callback_that_nobody_would_call_is_refused():
    """As hooks of other libraries are called, on_epoch_end and the like."""
    with pytest.raises(InputError, match="overrides no moment of a callback; define one of begin"):
        Callbacks({"it": type("Logs", (Callback,), {"on_epoch_end": print})()}, Rng(0))
