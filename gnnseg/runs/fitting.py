"""Training inside a run's folder: begun, or gone on with where it stood."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import torch

from gnnseg.config import build
from gnnseg.evaluation import evaluator
from gnnseg.models.model import Model
from gnnseg.runs import environment
from gnnseg.runs.earlier import Earlier
from gnnseg.runs.inputs import Inputs
from gnnseg.runs.job import Job
from gnnseg.tracking import Tracker
from gnnseg.training import events
from gnnseg.training.batching import Training
from gnnseg.training.checkpoint import Checkpoint, State
from gnnseg.training.loop import fit
from gnnseg.training.progress import Progress
from gnnseg.types import Scorer


def fit_in(
    job: Job,
    model: Model,
    given: Inputs,
    tracker: Tracker,
    *,
    before: Earlier | None = None,
    epochs: int | None = None,
) -> tuple[State, bool]:
    """Train, or go on training, and leave the best weights in the model.

    Args:
        job: What is done.
        model: Assembled.
        given: What the model is given.
        tracker: Where figures go.
        before: The run it starts from; None: from nothing.
        epochs: Train so many, without validation (a refit on all events); None: as set.

    Returns:
        Where training ended, and whether that is exactly where training in one go would have.
    """
    known, settings = given.known(job.device), job.settings
    checkpoint, exact = Checkpoint(job.folder.file("state.pt")), True
    begin_anew = not checkpoint.exists()
    _first_values(job, model, given, before, begin_anew)
    optimizer = build(job.config["optimizer"], model.parameters())
    state = State()
    if not begin_anew:
        state, exact = checkpoint.load(model, optimizer, job.device)
        job.say(f"going on at epoch {state.epoch + 1}, step {state.step + 1}")
        if not exact:
            job.say(
                "this machine or torch differs from the one before: the result may differ in the "
                "last digits"
            )
    tracker.truncate(state.logged_bytes)
    made_of = events.of(
        model.objective, given.graph.pattern, job.train_pairs, job.split.log, job.split.name,
        mask=job.protocol.seen == "mask",
    )  # fmt: skip
    training = Training(given.graph, given.features, made_of, known)
    with (
        Progress(settings.max_epochs, settings.monitor, shown=job.progress) as progress,
        environment.stopped_by_signals() as stop,
    ):
        state = fit(
            model, optimizer, training, settings, job.rng.child("train"), state, checkpoint,
            evaluate=_validation(job) if epochs is None else None, epochs=epochs,
            log=_log(tracker, optimizer), progress=progress, stop=stop,
            lower_is_better=job.protocol.lower_is_better(settings.monitor),
        )  # fmt: skip
    if before is not None:
        before.detach(model)
    assert checkpoint.best is not None
    model.load_state_dict(checkpoint.best)
    model.eval()
    return state, exact


def _first_values(
    job: Job, model: Model, given: Inputs, before: Earlier | None, begin_anew: bool
) -> None:
    """Set first values where training begins, and what of an earlier run acts while it goes on."""
    known = given.known(job.device)
    if begin_anew:
        with torch.no_grad():
            model.reset(given.graph, given.features, job.rng, known)
            if before is not None:
                before.begin(model, given, job.rng, known)
    if before is not None:
        before.attach(model)
        model.to(job.device)


def _validation(job: Job) -> Callable[[Scorer], dict[str, float]]:
    """Return what the loop evaluates by: validation, under ``paper`` the test."""
    task = job.protocol.valid_task(job.split)
    part = "test" if job.protocol.protocol == "paper" else "valid"

    def evaluate(scorer: Scorer) -> dict[str, float]:
        return evaluator.during(
            scorer, task, job.protocol, job.train_pairs, part, job.device, job.split.log
        )

    return evaluate


def _log(
    tracker: Tracker, optimizer: torch.optim.Optimizer
) -> Callable[[State, Mapping[str, float]], int]:
    """Return what the loop logs by; it answers how long metrics.jsonl is then."""
    begun = time.monotonic()

    def log(at: State, metrics: Mapping[str, float]) -> int:
        rate, seconds = optimizer.param_groups[0]["lr"], time.monotonic() - begun
        tracker.log({"epoch": at.epoch, **metrics, "lr": rate, "seconds": seconds}, at.step)
        return int(tracker.position())

    return log
