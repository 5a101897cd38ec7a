"""The loop, a page long: batches in, steps, evaluations, the best model kept, a state to go on.

Every draw is a function of (seed, name, step), so that a run killed anywhere and started again ends
as if nothing had happened. Nothing here depends on the clock but when a state is saved, and, on a
GPU, which of several sparse kernels is taken (``gnnseg.sparse.kernels``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch

from gnnseg.models.model import Model
from gnnseg.rng import Rng
from gnnseg.training.batching import Batches, Training
from gnnseg.training.callbacks import Callbacks
from gnnseg.training.checkpoint import Checkpoint, State
from gnnseg.training.losses import EVERY, Losses
from gnnseg.training.settings import TrainerSettings
from gnnseg.training.steps import Steps, cuda_graph, set_rate
from gnnseg.types import InputError, Scorer

Evaluate = Callable[[Scorer], Mapping[str, float]]
Log = Callable[[State, Mapping[str, float]], int]
Show = Callable[[State, int, Mapping[str, float]], None]


class Interrupted(Exception):
    """Somebody asked to stop; the state is saved, the same command goes on."""


def fit(
    model: Model,
    optimizer: torch.optim.Optimizer,
    data: Training,
    settings: TrainerSettings,
    rng: Rng,
    state: State,
    checkpoint: Checkpoint,
    *,
    evaluate: Evaluate | None,
    epochs: int | None = None,
    log: Log = lambda state, metrics: 0,
    progress: Show = lambda state, per_epoch, losses: None,
    stop: Callable[[], bool] = lambda: False,
    lower_is_better: bool = False,
    read_every: int = EVERY,
    say: Callable[[str], None] = lambda line: None,
) -> State:
    """Train from ``state`` to the end; ``checkpoint.best`` then holds the best weights.

    ``evaluate`` gives the metrics of a validation; None: nothing is held out, and the last weights
    are kept. ``epochs``: where training ends, if before ``settings.max_epochs``, whose schedule it
    keeps. ``log`` writes a line of metrics and returns the length of what is written; ``progress``
    is shown each step; ``lower_is_better``: of what is monitored. On a GPU, without callbacks,
    losses are read every ``read_every`` steps and steps replayed (``say``: why not); 0: neither.

    Raises:
        Interrupted: when ``stop()``; the state is saved.
        InputError: where a loss is no number, or nothing measures what is monitored.
    """
    batches = Batches(data, settings, model.objective)
    last = epochs or settings.max_epochs
    callbacks = _looking_on(model, settings, rng, state, checkpoint)
    ahead = data.device.type != "cpu" and not settings.own_callbacks and read_every > 0
    losses = Losses(state, read_every if ahead else 1)
    take = _steps(model, optimizer, data, batches, rng, settings, ahead, say)
    while not state.done:
        _begin(model, data, settings, state, last, rng)
        take.begin()
        order = batches.order(rng.at(state.epoch))
        while state.batch < batches.per_epoch:
            _set_rate(optimizer, settings, state.step, batches.per_epoch)
            losses.add(take(batches.rows(state.batch, order), state.step))
            if losses.due(last=state.batch == batches.per_epoch):
                callbacks.call("after_step", model, state.epoch, state.step, losses.read())
                progress(state, batches.per_epoch, losses.last)
            stopped, due = data.ranks.any([stop(), checkpoint.due()], data.device)
            if stopped or due:
                _save(state, checkpoint, model, optimizer, callbacks, losses, stopped)
        state.epoch, state.batch = state.epoch + 1, 0
        if state.epoch % settings.eval_every == 0 or state.epoch >= last:
            metrics = _evaluated(model, data, settings.monitor, evaluate)
            _keep(state, checkpoint, model, metrics, settings, lower_is_better)
            state.logged_bytes = log(state, {**state.means(), **metrics})
            state.done = _is_over(settings, state, last)
            if evaluate is not None:
                callbacks.call("after_evaluation", model, state.epoch, state.step, metrics)
            checkpoint.save(state, model, optimizer, callbacks.kept())
    callbacks.call("end", model, state.epoch, state.step)
    return state


def _looking_on(
    model: Model, settings: TrainerSettings, rng: Rng, state: State, checkpoint: Checkpoint
) -> Callbacks:
    """Return the user's own callbacks, told that training begins, as they were where it goes on."""
    callbacks = Callbacks(settings.own_callbacks, rng)
    callbacks.call("begin", model, state.epoch, state.step)
    callbacks.restore(checkpoint.kept)
    return callbacks


def _steps(
    model: Model,
    optimizer: torch.optim.Optimizer,
    data: Training,
    batches: Batches,
    rng: Rng,
    settings: TrainerSettings,
    ahead: bool,
    say: Callable[[str], None],
) -> Steps:
    """Return what takes steps; where the host runs ahead of the device, recorded ones."""
    model.compacts = not ahead
    record = cuda_graph if ahead and data.ranks.alone else None
    return Steps(
        model, optimizer, data, batches, rng,
        limit=settings.clip, precision=settings.precision, record=record, say=say,
    )  # fmt: skip


def _begin(
    model: Model,
    data: Training,
    settings: TrainerSettings,
    state: State,
    last: int,
    rng: Rng,
) -> None:
    """Begin an epoch, or go on with it; before the last a warm-up is over at the latest."""
    model.begin(state.epoch)
    if state.batch == 0:
        progress = 1.0 if state.epoch + 1 >= last else state.epoch / settings.max_epochs
        model.warm_up(progress, data.graph, data.features, rng.at(state.epoch), data.labels)


def _save(
    state: State,
    checkpoint: Checkpoint,
    model: Model,
    optimizer: torch.optim.Optimizer,
    callbacks: Callbacks,
    losses: Losses,
    stopped: bool,
) -> None:
    """Save the state within an epoch, and end there where somebody asked to stop."""
    losses.read()
    checkpoint.save(state, model, optimizer, callbacks.kept())
    if stopped:
        raise Interrupted


def _keep(
    state: State,
    checkpoint: Checkpoint,
    model: Model,
    metrics: Mapping[str, float],
    settings: TrainerSettings,
    lower_is_better: bool,
) -> None:
    """Keep the weights where they are the best so far; without a validation the last ones.

    Of a warm-up none are, nor is patience lost in it: what is validated is not what is trained.
    """
    if model.waiting:
        return
    value = metrics.get(settings.monitor)
    if value is not None and state.best_value is None:
        _refuse_undefined(settings.monitor, value, state)
    if value is None or _is_better(value, state.best_value, lower_is_better):
        state.best_value, state.best_epoch = value, state.epoch
        state.validation, state.waited = dict(metrics), 0
        checkpoint.keep_best(model)
    elif state.epoch > settings.rates.patient_from * settings.max_epochs:
        state.waited += 1


def _set_rate(
    optimizer: torch.optim.Optimizer, settings: TrainerSettings, step: int, per_epoch: int
) -> None:
    """Set the step's learning rate."""
    rate = settings.rates.rate(step, per_epoch * settings.max_epochs)
    if not 0 <= rate < math.inf:
        name = type(settings.rates).__name__
        raise InputError(
            f"trainer.schedule: {name} gave {rate} at step {step}; it must be 0 or more."
        )
    set_rate(optimizer, rate)


def _evaluated(
    model: Model, data: Training, monitor: str, evaluate: Evaluate | None
) -> dict[str, float]:
    """Return the metrics of a validation, the monitored one among them; none without one."""
    model.eval()
    if evaluate is None:
        return {}
    metrics: dict[str, float]
    with torch.no_grad():
        metrics = data.ranks.told(dict(evaluate(data.scorer(model))))
    if monitor not in metrics:
        raise InputError(
            f"trainer.monitor={monitor} is not among what a validation measures: "
            f"{', '.join(sorted(metrics))}."
        )
    return metrics


def _is_better(value: float, best: float | None, lower_is_better: bool) -> bool:
    """Return whether a value is a new best; one that is not defined never is."""
    return best is None or (value < best if lower_is_better else value > best)


def _is_over(settings: TrainerSettings, state: State, last: int) -> bool:
    """Return whether patience or the epochs are at their end."""
    out_of_patience = settings.patience is not None and state.waited >= settings.patience
    return out_of_patience or state.epoch >= last


def _refuse_undefined(monitor: str, value: float, state: State) -> None:
    """Refuse to begin with a best epoch to which none could be compared."""
    if not math.isfinite(value):
        raise InputError(
            f"trainer.monitor={monitor}: is not defined after epoch {state.epoch} ({value}), so no "
            "epoch can be chosen by it: nobody, or nothing that it measures, is in that part of "
            "the data; choose another monitor or another split."
        )
