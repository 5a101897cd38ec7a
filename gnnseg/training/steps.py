"""Training steps: taken one by one, or, on a GPU, recorded once and replayed as a CUDA graph.

A step of a small model is some hundred short kernels, which a GPU ends before the host has called
the next. What is recorded is called at once. It can be, where a step has the same shape each time,
waits for nothing, and reads what differs, which rows and which step, from tensors.

Shape legend: B events in a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import torch
from torch import Tensor
from torch.profiler import record_function

from gnnseg.models.model import Model
from gnnseg.models.objectives import RenewedObjective
from gnnseg.rng import Rng
from gnnseg.sparse import mixed_precision
from gnnseg.training.batching import Batches, Training
from gnnseg.training.reducing import clip, reduced
from gnnseg.types import InputError

WARM = 3  # steps that are taken before one is recorded: libraries allocate in the first ones
PHASES = ("batch", "forward", "backward", "optimizer")  # of a step, as a profile names them
Say = Callable[[str], None]
Body = Callable[[], dict[str, Tensor]]


class Recorder(Protocol):
    """Records what a body does, and returns what does it again."""

    def __call__(self, body: Body) -> Body:
        """Record the body once; what it returns lies in the same memory each time."""


def cuda_graph(body: Body) -> Body:
    """Record a body as a CUDA graph, without doing it."""
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        found = body()

    def again() -> dict[str, Tensor]:
        graph.replay()
        return found

    return again


class Steps:
    """Takes the steps of a training, each a function of its rows, its number and the weights.

    Args:
        model: what is trained.
        optimizer: of its parameters.
        data: what it is trained on.
        batches: which make the batch of rows.
        rng: of the training.
        limit: largest norm of the gradient; None: any.
        precision: in which type messages are passed, as ``sparse.mixed_precision`` names it.
        record: records steps; None: each is taken for itself.
        say: where a line goes if steps cannot be recorded.
    """

    def __init__(
        self,
        model: Model,
        optimizer: torch.optim.Optimizer,
        data: Training,
        batches: Batches,
        rng: Rng,
        *,
        limit: float | None = None,
        precision: str = "float32",
        record: Recorder | None = None,
        say: Say = lambda line: None,
    ) -> None:
        self._model, self._optimizer, self._data, self._batches = model, optimizer, data, batches
        self._rng, self._limit, self._say = rng, limit, say
        self._precision = precision
        self._record = record if "capturable" in optimizer.defaults else None
        self._recorded: Body | None = None
        self._warm, self._waiting = 0, model.waiting
        device = data.device
        self._step = torch.zeros((), dtype=torch.int64, device=device)
        self._rows: Tensor | None = None
        _read_on_device(optimizer, device, on=self._record is not None)

    def begin(self) -> None:
        """Begin an epoch: what changes with it is recorded anew."""
        if _changes(self._model) or self._model.waiting != self._waiting:
            self._recorded, self._waiting = None, self._model.waiting

    def __call__(self, rows: Tensor | None, step: int) -> Mapping[str, Tensor]:
        """Take a step down the gradient; return the losses it began at, 'loss' their sum.

        Args:
            rows: (B,) which events; None: all.
            step: its number.
        """
        if not self._records(rows):
            return self._taken(rows, self._rng.at(step))
        self._step.fill_(step)
        if rows is not None:
            self._rows = rows.clone() if self._rows is None else self._rows.copy_(rows)
        if self._recorded is None:
            self._recorded = self._recording()
        return self._recorded() if self._recorded is not None else self._body()

    def _records(self, rows: Tensor | None) -> bool:
        """Return whether a step is one to be recorded: of full size, after some that warm up."""
        if self._record is None or self._batches.is_short(rows):
            return False
        self._warm += 1
        return self._warm > WARM

    def _recording(self) -> Body | None:
        """Record a step; None, and a line, where it waits for the device or draws on the host."""
        assert self._record is not None
        self._optimizer.zero_grad(set_to_none=True)
        try:
            return self._record(self._body)
        except (RuntimeError, TypeError) as error:
            self._record = None
            self._optimizer.zero_grad(set_to_none=True)
            reason = f"{error}".strip().partition("\n")[0]
            self._say(f"steps are not recorded as a CUDA graph, and so slower: {reason}")
            return None

    def _body(self) -> dict[str, Tensor]:
        return self._taken(self._rows, self._rng.at(self._step))

    def _taken(self, rows: Tensor | None, rng: Rng) -> dict[str, Tensor]:
        model, data = self._model, self._data
        model.train()
        self._optimizer.zero_grad(set_to_none=True)
        batch, forward, backward, optimizer = map(record_function, PHASES)
        with batch:
            found = self._batches.of(rows, rng)
        with forward, mixed_precision(self._precision) as precision:
            losses = model.losses(data.graph, data.features, found, rng, data.ranks)
            total = model.total(losses)
        if self._precision != "float32" and not precision.read:
            raise InputError(
                f"trainer.precision={self._precision}: this model passes no messages along the "
                "edges of the graph, so that nothing would be another; leave it out."
            )
        with backward:
            total.backward()  # type: ignore[no-untyped-call]
        with optimizer:
            told = reduced(model, {"loss": total, **losses}, data.ranks, data.own)
            if self._limit is not None:
                clip(model, self._limit, data.ranks, data.own)
            self._optimizer.step()
        return told


def _changes(model: Model) -> bool:
    """Return whether a step is another one in another epoch: a curriculum, terms renewed."""
    renewed = any(isinstance(part, RenewedObjective) for part in model.parts())
    return renewed or model.objective.sampling.hard > 0


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate to a part of its largest; where it is a tensor, in place."""
    value = optimizer.defaults["lr"] * rate
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(value)
        else:
            group["lr"] = value


def _read_on_device(optimizer: torch.optim.Optimizer, device: torch.device, *, on: bool) -> None:
    """Let an optimiser read its rate and its steps from the device, as a recorded step must.

    Not ``on``: from the host, also where the state it goes on from was saved on a GPU.
    """
    if "capturable" not in optimizer.defaults:
        return
    for group in optimizer.param_groups:
        rate = float(group["lr"])
        group["lr"] = torch.tensor(rate, device=device) if on else rate
        group["capturable"] = on or optimizer.defaults["capturable"]
