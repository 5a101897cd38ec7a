"""Steps that are recorded and replayed are the steps taken one by one, and wait for nothing."""

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from gnnseg.config import build, compose
from gnnseg.models import logsumexp
from gnnseg.models.model import Model
from gnnseg.rng import Rng
from gnnseg.runs.assembly import assemble
from gnnseg.testing import drawn
from gnnseg.training import events
from gnnseg.training.batching import Batches, Training
from gnnseg.training.checkpoint import State
from gnnseg.training.losses import Losses
from gnnseg.training.settings import TrainerSettings
from gnnseg.training.steps import WARM, Steps, set_rate
from gnnseg.types import Features, InputError, Pairs

GRAPH = drawn.random_graph(40, 30, 300)
MODELS = {
    "lightgcn, dot": ["head=dot", "encoder.dim=8"],
    "lightgcn, bpr": ["head=dot", "objective=bpr", "encoder.dim=8", "trainer.clip=0.5"],
    "lightgcn, l2": ["head=dot", "encoder.dim=8", "regularisers.l2.weight=0.01"],
    "dropout": ["head=dot", "encoder.dim=8", "encoder.dropout=0.3"],
    "mf, dot": ["encoder=mf", "head=dot", "encoder.dim=8"],
    "hybrid": ["head=hybrid", "head.segments=3", "encoder.dim=8"],
    "affinity": ["head.beta=affinity", "head.segments=3", "encoder.dim=8"],
    "likelihood": ["head.segments=3", "encoder.dim=8"],
}
RATE = 2.0**-7  # exact in float32, as a rate in a tensor is
WAITS = {"_local_scalar_dense", "nonzero", "_unique2", "unique_dim", "masked_select", "bincount"}


class Waits(TorchDispatchMode):
    """Collects what makes the host wait for a device: sizes and numbers that depend on values."""

    def __init__(self):
        super().__init__()
        self.met = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function.name().partition("::")[2].partition(".")[0]
        by_mask = name in ("index", "index_put", "index_put_", "_index_put_impl_") and any(
            one is not None and one.dtype == torch.bool for one in args[1]
        )
        repeated = name == "repeat_interleave" and "output_size" not in (kwargs or {})
        if name in WAITS or by_mask or repeated:
            self.met.append(name)
        return function(*args, **(kwargs or {}))


def made(overrides, **options):
    """A model, and its steps, as a run makes them."""
    config = compose(["data=planted", f"optimizer.lr={RATE}", *overrides])
    config["trainer"]["batch_size"] = options.pop("size", 64)
    model: Model = assemble(config, drawn.shape_of(GRAPH), Rng(0))
    with torch.no_grad():
        model.reset(GRAPH, Features(), Rng(0))
    model.compacts = False
    ones = np.ones(GRAPH.pattern.entries)
    value = Pairs(
        GRAPH.pattern.row.numpy(), GRAPH.pattern.column.numpy(), ones, ones.astype(np.int64)
    )
    found = events.of(model.objective, GRAPH.pattern, value, None, "toy", mask=True)
    data = Training(GRAPH, Features(), found)
    settings: TrainerSettings = build(config["trainer"])
    batches = Batches(data, settings, model.objective)
    optimizer = build(config["optimizer"], model.parameters())
    steps = Steps(
        model, optimizer, data, batches, Rng(0).child("train"), limit=settings.clip, **options
    )
    return model, steps, batches, optimizer


def trained(overrides, size=64, **options):
    """Weights and losses after three epochs, the last batch of each short."""
    model, steps, batches, optimizer = made(overrides, size=size, **options)
    met, number = [], 0
    for epoch in range(3 if size else 6):
        steps.begin()
        order = batches.order(Rng(0).at(epoch))
        for at in range(batches.per_epoch):
            set_rate(optimizer, 0.5 ** (number // 4))
            losses = steps(batches.rows(at, order), number)
            met.append({name: float(value) for name, value in losses.items()})
            number += 1
    return model.state_dict(), met


@pytest.mark.parametrize("name", MODELS)
def test_replayed_steps_are_those_taken_one_by_one(name):
    size = None if name == "likelihood" else 64
    recorded = []

    def record(body):  # as a graph: the same memory each time, done when it is replayed
        recorded.append(body)
        return body

    mine, losses = trained(MODELS[name], size, record=record)
    theirs, expected = trained(MODELS[name], size)
    assert len(recorded) == 1
    assert losses == expected
    for key, value in theirs.items():
        assert torch.equal(mine[key], value), key


@pytest.mark.parametrize("name", MODELS)
def test_a_step_waits_for_no_device(name, monkeypatch):
    monkeypatch.setattr(logsumexp, "SEARCHED", ())
    size = None if name == "likelihood" else 64
    bodies = []
    trained(MODELS[name], size, record=lambda body: bodies.append(body) or body)
    with Waits() as waits:
        bodies[0]()
    assert not waits.met


def test_what_waits_is_noticed():
    with Waits() as waits:
        x = torch.arange(4)
        float(x.sum())
        x[x > 1]
        torch.unique(x)
    assert {"_local_scalar_dense", "index", "_unique2"} <= set(waits.met)


@pytest.mark.parametrize("error", [RuntimeError("operation not permitted\nmore"), TypeError("x")])
def test_what_cannot_be_recorded_is_said_and_taken_step_by_step(error):
    said = []

    def record(body):
        raise error

    mine, losses = trained(MODELS["lightgcn, dot"], record=record, say=said.append)
    theirs, expected = trained(MODELS["lightgcn, dot"])
    assert losses == expected
    assert all(torch.equal(mine[key], value) for key, value in theirs.items())
    (line,) = said
    assert "not recorded" in line
    assert "more" not in line


def test_what_draws_on_the_host_cannot_be_recorded():
    _, steps, batches, _ = made(MODELS["lightgcn, dot"], record=lambda body: (body(), body)[1])
    steps._rng = steps._rng.at(torch.tensor(1))
    with pytest.raises(TypeError, match="replayed"):
        steps._rng.torch("x")
    assert batches.per_epoch > WARM


def test_a_state_saved_on_a_gpu_goes_on_on_a_cpu():
    _, _, _, optimizer = made(MODELS["lightgcn, dot"], record=lambda body: body)
    (saved,) = optimizer.state_dict()["param_groups"]
    assert isinstance(saved["lr"], torch.Tensor)
    assert saved["capturable"]
    model, _, batches, optimizer = made(MODELS["lightgcn, dot"])
    optimizer.load_state_dict({"state": {}, "param_groups": [saved]})
    steps = Steps(model, optimizer, batches._data, batches, Rng(0))
    steps(batches.rows(0, batches.order(Rng(0))), 0)
    (group,) = optimizer.param_groups
    assert group["lr"] == RATE
    assert not isinstance(group["lr"], torch.Tensor)
    assert not group["capturable"]


def test_a_curriculum_is_recorded_anew_in_each_epoch():
    words = ["head=dot", "objective=margin", "encoder.dim=8"]
    recorded = []
    trained(words, 32, record=lambda body: recorded.append(body) or body)
    assert len(recorded) == 3


def test_losses_are_read_now_and_then_and_add_up():
    each, some = State(), State()
    one, other = Losses(each, 1), Losses(some, 3)
    for number in range(7):
        for losses in (one, other):
            losses.add({"loss": torch.tensor(number * 0.5), "bpr": torch.tensor(number * 0.25)})
        assert one.due(last=False)
        assert one.read() == {"loss": number * 0.5, "bpr": number * 0.25}
        if other.due(last=number == 6):
            assert other.read() == {"loss": number * 0.5, "bpr": number * 0.25}
    assert other.read() == other.last == {"loss": 3.0, "bpr": 1.5}
    assert each == some
    assert some.means() == {"train/loss": 1.5, "train/bpr": 0.75}


@pytest.mark.parametrize(("every", "said"), [(1, "at step 1 "), (2, "at step 1, or some")])
def test_a_loss_that_is_no_number_is_refused(every, said):
    losses = Losses(State(), every)
    with pytest.raises(InputError, match=f"train/bpr became nan {said}"):
        for value in (float("nan") if every == 2 else 1.0, float("nan")):
            losses.add({"loss": torch.tensor(value), "bpr": torch.tensor(value)})
            if losses.due(last=False):
                losses.read()
