"""Training by a plan: inside a run's folder, begun or gone on with, or in memory alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch

from gnnseg.config import build
from gnnseg.config.extensions import parts
from gnnseg.data import visits
from gnnseg.distributed.ranks import ALONE, Ranks
from gnnseg.evaluation import evaluator
from gnnseg.models.finished import Recommending
from gnnseg.models.fitted import FittedModel
from gnnseg.models.heads import FinishedHead
from gnnseg.models.model import Model
from gnnseg.runs import environment, profiling, reasons
from gnnseg.runs.earlier import EarlierRun
from gnnseg.runs.identity import component
from gnnseg.runs.inputs import Inputs
from gnnseg.runs.job import Job, Watch
from gnnseg.runs.plan import Plan
from gnnseg.tracking import Tracker
from gnnseg.training import events, sharding
from gnnseg.training.batching import Training
from gnnseg.training.checkpoint import Checkpoint, State
from gnnseg.training.loop import Log, Show, fit
from gnnseg.training.losses import EVERY
from gnnseg.training.progress import Progress
from gnnseg.types import Earlier, Embeddings, Scorer


def fit_in(
    job: Job,
    model: Model,
    given: Inputs,
    tracker: Tracker,
    *,
    before: EarlierRun | None = None,
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
    plan, settings, exact, state = job.plan, job.plan.settings, True, State()
    checkpoint = Checkpoint(job.folder.file("state.pt"), plan.ranks)
    begin_anew = not checkpoint.exists()
    if begin_anew:
        _begin(plan, model, given, before)
    training = _training(plan, model, given, before, checkpoint, job.say)
    optimizer = build(plan.config["optimizer"], model.parameters())
    if not begin_anew:
        state, exact = checkpoint.load(model, optimizer, plan.device)
        job.say(f"going on at epoch {state.epoch + 1}, step {state.step + 1}")
        if not exact:
            job.say(
                "this machine or torch differs from the one before: the result may differ in the "
                "last digits"
            )
    tracker.truncate(state.logged_bytes)
    last = settings.max_epochs if epochs is None else epochs
    watched = _Watched(job.watch)
    with (
        Progress(
            last, settings.monitor, name=job.folder.path.name, shown=job.progress, say=job.say
        ) as progress,
        environment.stopped_by_signals() as stop,
        profiling.steps(job, model) as stepped,
    ):
        state = _trained(
            plan, model, given, training, optimizer, state, checkpoint, before=before,
            epochs=epochs, log=watched.log(_log(tracker, optimizer)),
            progress=_with_losses(progress, tracker, stepped),
            stop=lambda: stop() or watched.over, say=job.say,
        )  # fmt: skip
    return state, exact and plan.ranks.alone


def _with_losses(progress: Show, tracker: Tracker, stepped: Callable[[], None]) -> Show:
    """Return what is shown each step, with its losses given to the tracker, and told to stepped."""

    def shown(state: State, per_epoch: int, losses: Mapping[str, float]) -> None:
        progress(state, per_epoch, losses)
        tracker.losses(losses, state.step)
        stepped()

    return shown


class _Watched:
    """Whoever looks on is told of validations, and may end the training."""

    def __init__(self, watch: Watch | None) -> None:
        self._watch, self.over = watch, False

    def log(self, log: Log) -> Log:
        """Return what the loop logs by, with whoever looks on told after it."""

        def told(at: State, metrics: Mapping[str, float]) -> int:
            length = log(at, metrics)
            self.over = self._watch is not None and self._watch(at.epoch, metrics)
            return length

        return told


def _earlier(given: Inputs) -> Earlier | None:
    """Return what stands before each item of a visit, where the head learns habits."""
    apart, past = given.visits, given.graph.past
    if apart is None or past is None:
        return None
    again = None if past.again is None else past.again.cpu().numpy()
    return visits.earlier(apart, visits.half_lives(apart), given.graph.items, again)


def fit_in_memory(
    plan: Plan,
    model: Model,
    given: Inputs,
    *,
    before: EarlierRun | None = None,
    epochs: int | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> State:
    """Train from the start, and leave the best weights in the model; nothing is written or shown.

    The same plan gives the weights that ``fit_in`` gives, whose arguments these are; ``stop``:
    whether to end with ``Interrupted``.
    """
    _begin(plan, model, given, before)
    checkpoint = Checkpoint(None, plan.ranks)
    training = _training(plan, model, given, before, checkpoint)
    optimizer = build(plan.config["optimizer"], model.parameters())
    return _trained(
        plan, model, given, training, optimizer, State(), checkpoint, before=before,
        epochs=epochs, stop=stop,
    )  # fmt: skip


def fit_once(job: Job, model: FittedModel, tracker: Tracker) -> tuple[State, bool]:
    """Fit a baseline; what it was chosen by is known once it is evaluated (``settle``)."""
    plan, name = job.plan, component(job.plan.config, "baseline")
    users, items = len(plan.split.users), len(plan.split.items)
    job.say(f"fitting {name} to {len(plan.train_pairs):,} pairs")
    tracker.truncate(0)
    model.fit(plan.train_pairs, users, items, plan.rng.child(f"baseline {name}"))
    return State(epoch=1, step=1, best_epoch=1, done=True), True


def settle(record: dict[str, Any], tracker: Tracker) -> None:
    """Note of a baseline what it is chosen by, from its figures, and log its one line of them."""
    best, metrics = record["best"], record["metrics"]
    best["value"] = metrics.get(best["metric"])
    part = best["metric"].partition("/")[0]
    found = {name: value for name, value in metrics.items() if name.startswith(f"{part}/")}
    tracker.log({"epoch": 1, **found, "seconds": record["seconds"]["train"]}, 1)


def best_value(plan: Plan, state: State, metrics: Mapping[str, float]) -> float | None:
    """Return what the kept weights were chosen by: of everybody, where training asked some."""
    if state.best_value is None or plan.settings.eval_users is None:
        return state.best_value
    return metrics.get(plan.settings.monitor, state.best_value)


def finished(plan: Plan, model: Recommending, given: Inputs) -> tuple[Embeddings, Scorer]:
    """Return everybody's embeddings and scores by a trained model, which is finished by that."""
    with torch.no_grad():
        embeddings = model.embed(given.graph, given.features)
        model.finish(embeddings, given.graph, plan.rng.child("finish"))
        scorer = model.score(embeddings)
    return embeddings, scorer


def evaluated(
    plan: Plan,
    model: Recommending,
    given: Inputs,
    embeddings: Embeddings,
    scorer: Scorer,
    clusters: int,
    ranks: Ranks = ALONE,
    validation: Mapping[str, float] | None = None,
) -> evaluator.Evaluation:
    """Return what a finished model is worth (``evaluator.final``).

    ``validation``: what training measured of these weights; a head that is made once after the last
    step is measured again, and everybody is asked where training asked some.
    """
    once = isinstance(model, Model) and isinstance(model.head, FinishedHead)
    if once or plan.settings.eval_users is not None:
        validation = None
    return evaluator.final(
        scorer, embeddings, given.graph, plan.split, plan.train_pairs, plan.protocol, clusters,
        plan.rng, model.negatives, baselines=parts(plan.config, "baselines"),
        features=given.features, ranks=ranks, validation=validation,
        placed=reasons.placed(plan.config, given, embeddings.user_UD),
    )  # fmt: skip


def _begin(plan: Plan, model: Model, given: Inputs, before: EarlierRun | None) -> None:
    """Set the model's first values, and what of an earlier run they are."""
    known = given.known(plan.device)
    with torch.no_grad():
        model.reset(given.graph, given.features, plan.rng, known)
        if before is not None:
            before.begin(model, given, plan.rng, known)
    plan.ranks.copied(model.state_dict().values())


def _training(
    plan: Plan,
    model: Model,
    given: Inputs,
    before: EarlierRun | None,
    checkpoint: Checkpoint,
    say: Callable[[str], None] = lambda line: None,
) -> Training:
    """Return what the model is trained on; of several processes, where it can be, a part of it.

    The model and the checkpoint then know these users alone.
    """
    made_of = events.of(
        model.objective, given.graph.pattern, plan.train_pairs, plan.split.log, plan.split.name,
        mask=plan.protocol.seen == "mask", earlier=_earlier(given),
    )  # fmt: skip
    known = given.known(plan.device)
    training = Training(given.graph, given.features, made_of, known, ranks=plan.ranks)
    if plan.ranks.alone:
        return training
    why = "segments.since" if before is not None else None
    why = why or sharding.obstacle(model, training, plan.settings, plan.config["optimizer"])
    count = plan.ranks.count
    if why is not None:
        say(f"{count} processes share each batch, and each has all users ({why})")
        return training
    say(f"{count} processes, each with its users and their edges")
    checkpoint.shards = sharding.Shards(model, given.graph.pattern, plan.ranks)
    checkpoint.shards.take(model)
    return checkpoint.shards.training(training)


def _trained(
    plan: Plan,
    model: Model,
    given: Inputs,
    training: Training,
    optimizer: torch.optim.Optimizer,
    state: State,
    checkpoint: Checkpoint,
    *,
    before: EarlierRun | None,
    epochs: int | None,
    log: Log = lambda state, metrics: 0,
    progress: Show = lambda state, per_epoch, losses: None,
    stop: Callable[[], bool] = lambda: False,
    say: Callable[[str], None] = lambda line: None,
) -> State:
    """Train from ``state`` to the end, an earlier run's segments pulling while it goes on."""
    if before is not None:
        before.attach(model)
        model.to(plan.device)
    state = fit(
        model, optimizer, training, plan.settings, plan.rng.child("train"), state, checkpoint,
        evaluate=_validation(plan, given) if epochs is None else None, epochs=epochs, log=log,
        progress=progress, stop=stop,
        lower_is_better=plan.protocol.lower_is_better(plan.settings.monitor),
        read_every=0 if plan.config["profile"] else plan.config["tracking"].get("every") or EVERY,
        say=say,
    )  # fmt: skip
    if before is not None:
        before.detach(model)
    if training.shards is not None:
        training.shards.give_back(model)
    checkpoint.restore_best(model)
    model.eval()
    return state


def _validation(plan: Plan, given: Inputs) -> Callable[[Scorer], dict[str, float]]:
    """Return what the loop evaluates by: validation, under ``paper`` the test."""
    rules = plan.protocol.asking(plan.settings.eval_users)
    task = replace(rules.valid_task(plan.split), ranks=plan.ranks)
    part = "test" if plan.protocol.protocol == "paper" else "valid"
    known = plan.protocol.training_pairs(plan.split)
    placed = reasons.placed(plan.config, given)

    def evaluate(scorer: Scorer) -> dict[str, float]:
        return evaluator.during(
            scorer, task, plan.protocol, known, part, plan.device, plan.split.log, placed
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
