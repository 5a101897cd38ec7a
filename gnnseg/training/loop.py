"""The loop, a page long: batches in, steps, evaluations, the best model kept, a state to go on
from.

Every draw is a function of (seed, name, step), so that a run killed anywhere and started again ends
as if nothing had happened. Nothing here depends on the clock but when a state is saved.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from gnnseg.data import batches
from gnnseg.graph import BipartiteGraph
from gnnseg.models.model import Model
from gnnseg.models.objectives import Objective
from gnnseg.rng import Rng
from gnnseg.training.checkpoint import Checkpoint, State
from gnnseg.training.events import Events
from gnnseg.types import Batch, Features, InputError, Scorer

WARM_UP = 0.3  # one-cycle: share of steps in which the rate rises (Smith & Topin 2018)
FIRST, LAST = (
    1 / 25,
    1e-5,
)  # one-cycle: rate at the first and the last step, as parts of the largest
PATIENT = 2 / 3  # one-cycle: patience counts after this share of the epochs


class Interrupted(Exception):
    """Somebody asked to stop; the state is saved, the same command goes on."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How to train. ``batch_size`` None: full batch, an epoch is one step. ``eval_every`` in
    epochs; ``patience`` in evaluations without a better ``monitor``, None: never stop early;
    ``clip``: largest gradient norm. ``draw``: an epoch's batches hold 'each' pair once, weighing
    what the objective says, or pairs drawn with replacement by 'weight', which then weigh alike."""

    max_epochs: int
    batch_size: int | None
    eval_every: int
    patience: int | None
    monitor: str
    schedule: Literal["onecycle", "constant"]
    clip: float | None
    draw: Literal["each", "weight"] = "each"

    def __post_init__(self) -> None:
        for key in ("max_epochs", "batch_size", "eval_every", "patience"):
            value = getattr(self, key)
            if value is not None and value < 1:
                raise InputError(f"trainer.{key} is {value}: it must be at least 1.")
        if self.clip is not None and self.clip <= 0:
            raise InputError(
                f"trainer.clip is {self.clip}: the largest norm must be above 0; null lets any "
                "pass."
            )

    def rate(self, step: int, steps: int) -> float:
        """The learning rate of a step as a part of the largest."""
        if self.schedule == "constant" or steps <= 1:
            return 1.0
        rise = max(1.0, WARM_UP * steps - 1)
        if step <= rise:
            return _cosine(FIRST, 1.0, step / rise)
        return _cosine(1.0, LAST, (step - rise) / max(1.0, steps - 1 - rise))


@dataclass(frozen=True)
class Training:
    """What the loop trains on, on the model's device: the graph, the features, the events, and the
    users' classes (U,), -1 where they are not known, or None."""

    graph: BipartiteGraph
    features: Features
    events: Events
    labels: Tensor | None = None

    def batch(self, rows: Tensor | None, objective: Objective, log_q: Tensor, rng: Rng) -> Batch:
        """The events at ``rows`` with the negatives the objective wants; None: every event, as one
        full batch."""
        p, e = self.graph.pattern, self.events

        users, items, weight = (
            column if rows is None else column[rows] for column in (e.users, e.items, e.weight)
        )
        negatives, want = None, objective.sampling
        if want.kind == "shared":
            negatives = batches.uniform_shared(want.count, self.graph.items, rng).to(items.device)
        elif want.kind == "own":
            negatives = batches.uniform_own(users, want.count, p, rng)
            hard = min(want.hard, objective.epoch)
            if hard:
                negatives[:, :hard] = batches.near(
                    users, items, hard, want.hops, p, rng, negatives[:, :hard]
                )
        elif want.kind == "in_batch":
            negatives = batches.in_batch(items, want.count, rng)
        return Batch(
            users, items, weight, negatives,
            log_q=log_q if want.kind == "in_batch" else None,
            logged=None if e.logged is None else e.logged.at(rows),
            pattern=p if rows is None and (e.logged is None or e.logged.taken is None) else None,
            social=self.graph.social, homophily=self.graph.homophily, labels=self.labels,
        )  # fmt: skip


def fit(
    model: Model,
    optimizer: torch.optim.Optimizer,
    data: Training,
    settings: Settings,
    rng: Rng,
    state: State,
    checkpoint: Checkpoint,
    *,
    evaluate: Callable[[Scorer], Mapping[str, float]],
    log: Callable[[State, Mapping[str, float]], int] = lambda state, metrics: 0,
    progress: Callable[[State, int, Mapping[str, float]], None] = lambda state, per_epoch, values: (
        None
    ),
    stop: Callable[[], bool] = lambda: False,
) -> State:
    """Train from ``state`` to the end; ``checkpoint.best`` then holds the best weights.
    ``evaluate`` gives the monitored metric.

    ``log`` writes one line of metrics and returns the length of what is written so far. Raises
    Interrupted when ``stop()``.
    """
    edges = len(data.events)
    per_epoch = 1 if settings.batch_size is None else math.ceil(edges / settings.batch_size)
    largest = optimizer.defaults["lr"]
    likely, alike = data.events.weight, torch.full_like(data.events.weight, 1 / max(edges, 1))
    if settings.draw == "weight":
        data = replace(data, events=replace(data.events, weight=alike))
    drawn_by = likely if settings.draw == "weight" else alike
    log_q = batches.log_popularity(data.events.items, drawn_by, data.graph.items)
    while not state.done:
        model.begin(state.epoch)
        order = None
        if settings.batch_size is not None:
            now = rng.at(state.epoch)
            order = (
                batches.by_weight(likely, now)
                if settings.draw == "weight"
                else batches.order(edges, now)
            )
        while state.batch < per_epoch:
            now = rng.at(state.step)
            rows = None
            if order is not None and settings.batch_size is not None:
                rows = order[
                    state.batch * settings.batch_size : (state.batch + 1) * settings.batch_size
                ]
                rows = rows.to(data.events.weight.device)
            for group in optimizer.param_groups:
                group["lr"] = largest * settings.rate(state.step, per_epoch * settings.max_epochs)
            model.train()
            optimizer.zero_grad(set_to_none=True)
            losses = model.losses(
                data.graph, data.features, data.batch(rows, model.objective, log_q, now), now
            )
            total = model.total(losses)
            values = {
                "loss": total.item(),
                **{name: value.item() for name, value in losses.items()},
            }
            _refuse_nan(values, state)
            total.backward()  # type: ignore[no-untyped-call]
            if settings.clip is not None:
                torch.nn.utils.clip_grad_norm_(model.parameters(), settings.clip)
            optimizer.step()
            state.step += 1
            state.batch += 1
            state.counted += 1
            for name, value in values.items():
                state.sums[name] = state.sums.get(name, 0.0) + value
            progress(state, per_epoch, values)
            if stop():
                checkpoint.save(state, model, optimizer)
                raise Interrupted
            if checkpoint.due():
                checkpoint.save(state, model, optimizer)
        state.epoch += 1
        state.batch = 0
        if state.epoch % settings.eval_every == 0 or state.epoch >= settings.max_epochs:
            _judge(model, data, settings, state, checkpoint, evaluate, log)
            checkpoint.save(state, model, optimizer)
    return state


def _judge(
    model: Model,
    data: Training,
    settings: Settings,
    state: State,
    checkpoint: Checkpoint,
    evaluate: Callable[[Scorer], Mapping[str, float]],
    log: Callable[[State, Mapping[str, float]], int],
) -> None:
    """Evaluate, keep the best, write a line, decide whether this was the last epoch."""
    model.eval()
    with torch.no_grad():
        metrics = dict(evaluate(model.scorer(data.graph, data.features)))
    if settings.monitor not in metrics:
        raise InputError(
            f"trainer.monitor={settings.monitor} is not among what a validation measures: "
            f"{', '.join(sorted(metrics))}."
        )
    value = metrics[settings.monitor]
    if state.best_value is None or value > state.best_value:
        state.best_value, state.best_epoch, state.waited = value, state.epoch, 0
        checkpoint.keep_best(model)
    elif settings.schedule != "onecycle" or state.epoch > PATIENT * settings.max_epochs:
        state.waited += 1
    line = {f"train/{name}": total / max(state.counted, 1) for name, total in state.sums.items()}
    state.sums, state.counted = {}, 0
    state.logged_bytes = log(state, {**line, **metrics})
    out_of_patience = settings.patience is not None and state.waited >= settings.patience
    state.done = out_of_patience or state.epoch >= settings.max_epochs


def _refuse_nan(values: Mapping[str, float], state: State) -> None:
    bad = [name for name, value in values.items() if not math.isfinite(value) and name != "loss"]
    if bad or not math.isfinite(values["loss"]):
        name = bad[0] if bad else "loss"
        raise InputError(
            f"train/{name} became {values[name]} at step {state.step} (epoch {state.epoch}): "
            "training has diverged; lower optimizer.lr or raise the head's temperatures."
        )


def _cosine(start: float, end: float, part: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * min(max(part, 0.0), 1.0))) / 2
