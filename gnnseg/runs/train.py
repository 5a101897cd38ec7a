"""What a run does, top to bottom.

table -> Interactions -> Split -> BipartiteGraph -> training -> Segmentation -> evaluation -> run
folder.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from gnnseg import data, tracking
from gnnseg.config import build
from gnnseg.data import split as splitting
from gnnseg.data.raw import Raw
from gnnseg.distributed.joining import joined
from gnnseg.distributed.ranks import ALONE, Lost
from gnnseg.evaluation import askable, evaluator
from gnnseg.models.finished import Recommending
from gnnseg.models.fitted import FittedModel
from gnnseg.models.model import Model
from gnnseg.runs import (
    earlier,
    environment,
    evidence,
    naming,
    persistence,
    reasons,
    refit,
    since,
    stability,
    standing,
    summary,
    together,
    weights,
    writer,
)
from gnnseg.runs.fitting import best_value, evaluated, finished, fit_in, fit_once, settle
from gnnseg.runs.folder import RunFolder
from gnnseg.runs.identity import Identity, identify, source_digest, what_changed
from gnnseg.runs.inputs import Inputs
from gnnseg.runs.job import Job, Watch, split_name
from gnnseg.runs.ready import Ready, RunRequest, assembled
from gnnseg.runs.self_assign import with_self_assign
from gnnseg.runs.standing import Result
from gnnseg.training.loop import Interrupted
from gnnseg.types import Embeddings, InputError, Scorer, Split, Step

Say = Callable[[str], None]


def train(
    config: Mapping[str, Any],
    *,
    say: Say = lambda line: print(line, file=sys.stderr),
    fresh: bool = False,
    sweep: str | None = None,
    job: int | None = None,
    raw: Raw | None = None,
    progress: bool = True,
    wait: bool = False,
    watch: Watch | None = None,
) -> Result:
    """Do a run, or find it again finished, or go on with it.

    Args:
        config: The run, checked by ``config.check``.
        say: Where a line goes about how it stands.
        fresh: Whether to do again what stands there, which stays until that is done.
        sweep: The name of the sweep that the run is of.
        job: The run's place in it.
        raw: The interactions themselves, where they were handed over in Python (data=given).
        progress: Whether to show a bar on a terminal, lines about long work elsewhere.
        wait: Whether to wait for another process that does this run.
        watch: Told of each validation; where it answers true, training is interrupted.

    Raises:
        Busy: Another process does this run.
        InputError: Something that the user can mend.
        Interrupted: Somebody asked to stop; the state is saved, the same call goes on.
    """
    begun = time.monotonic()
    _refuse_unread(config, sweep)
    wanted = stability.asked_of(config, say)
    with joined() as ranks, environment.threads(config["threads"]), environment.arrays(config):
        say, progress = (say, progress) if ranks.first else (together.nothing, False)
        device, why = environment.choose_device(str(config["device"]), ranks)
        environment.forget_peak(device)
        say(f"device {device}: {why}; {torch.get_num_threads()} threads")
        split = read(config, say, raw)
        before = None if config["segments"]["since"] is None else earlier.digest_of(config)
        identity = identify(config, split.fingerprint, before)
        root = Path(config["runs"]["root"]).expanduser().absolute()
        folder = RunFolder(root / identity.name)
        asked = RunRequest(
            config=config, split=split, identity=identity, device=device, why=why, sweep=sweep,
            number=job, say=say, progress=progress, watch=watch, ranks=ranks,
        )  # fmt: skip
        if not ranks.first:
            return together.follow(asked, folder)
        with together.leading(ranks) as lead:
            # what is whole is read without a lock, as others do
            if not fresh and standing.is_whole(folder, config, wanted):
                result = lead.found(standing.found(folder, config, sweep, say))
            else:
                with folder.locked(say if wait else None):
                    result = _held(asked, folder, lead, begun, fresh=fresh)
            naming.as_asked(folder.path, config, say)
    if config["trainer"]["refit"]:
        refit.refit(result.path, say=say, progress=progress)
    return result


def _held(
    asked: RunRequest, folder: RunFolder, lead: together.Lead, begun: float, *, fresh: bool
) -> Result:
    """Do a run in its folder, which is held; anew where it is ``fresh``."""
    _say_what_changed(folder, asked.identity, asked.say)
    with folder.anew(_same_code) if fresh else contextlib.nullcontext(folder) as place:
        told = replace(asked, say=folder.naming(place, asked.say))
        result = _done(told, place, lead, begun)
    return replace(result, path=folder.path)


def _refuse_unread(config: Mapping[str, Any], sweep: str | None) -> None:
    """Refuse, before data are read, a dashboard or a file of names that cannot be used."""
    tracking.resolved(build(config["tracking"]), os.environ, sweep=sweep)
    naming.asked_of(config)


def _say_what_changed(folder: RunFolder, identity: Identity, say: Say) -> None:
    """Say why a run that stood there under another hash is done again."""
    why = what_changed(folder.path.parent, identity) if folder.state() is None else None
    if why is not None:
        say(why)


def _same_code(record: Mapping[str, Any]) -> bool:
    return bool(record.get("source") == source_digest())


def _done(asked: RunRequest, folder: RunFolder, lead: together.Lead, begun: float) -> Result:
    """Train and evaluate in a folder that is held, or find it done; see ``train``.

    What refuses the settings does so before the first file is written.
    """
    config, say = asked.config, asked.say
    if folder.state() == "finished":
        found = lead.found(standing.found(folder, config, asked.sweep, say))
        if stability.asked_of(config):
            standing.add_evidence(folder.path, config, say, asked.progress)
        return found
    lead.begin()
    begun += environment.import_ahead(*environment.TRAINING)
    job = asked.job(folder)
    read = round(time.monotonic() - begun, 3)
    ready = assembled(job)
    record = job.record(asked.why, asked.sweep, asked.number)
    record["seconds"]["data"] = read
    return _do(job, ready, record, begun)


def read(config: Mapping[str, Any], say: Say, raw: Raw | None = None) -> Split:
    """Return the data set, cleaned, indexed and split; what it is, is said."""
    root = Path(config["data"]["root"]).expanduser().absolute()
    cache = environment.cache_root(config)
    dataset = data.load(config["data"], root=root, cache=cache, say=say, raw=raw)
    dataset = replace(dataset, interactions=dataset.interactions.in_files())
    if (unread := weights.unread(config, dataset.interactions.weight)) is not None:
        say(unread)
    split = splitting.make(dataset, config["split"], visits=bool(config["head"].get("habit")))
    say(
        f"data {split.name} ({split.fingerprint[:16]}): {len(split.users):,} users, "
        f"{len(split.items):,} items; split {split_name(config)}: {len(split.train):,} train, "
        f"{len(split.valid):,} valid, {len(split.test):,} test pairs"
    )
    if (heavy := askable.heavy_user(split)) is not None:
        say(heavy)
    return split


def fetch(config: Mapping[str, Any], name: str, root: Path, *, say: Say) -> Path:
    """Bring a named set to ``root``, or to the cache where that is read-only; return its folder."""
    from gnnseg.data.sets.fetching import Place

    place = Place(root.expanduser().absolute(), environment.cache_root(config), say)
    return place.fetch(name)


def _do(job: Job, ready: Ready, record: dict[str, Any], begun: float) -> Result:
    """Do the run; its record says how it ended, whatever happens."""
    folder, config, failed = job.folder, job.plan.config, True
    folder.write_json(record)
    tracker = tracking.open_tracker(
        build(config["tracking"]), folder.path, record=record, say=job.say
    )
    try:
        _route(job, ready, record, tracker, begun)
        failed = False
        if stability.asked_of(config):
            standing.add_evidence(folder.path, config, job.say, job.progress, tracker)
    except Interrupted:
        folder.write_json({**record, "state": "interrupted"})
        job.say(f"stopped and saved; the same command goes on: {folder.path}")
        raise
    except Exception as error:
        if not failed:  # the run is whole; what was asked of it is not
            raise
        record["state"] = "interrupted" if isinstance(error, Lost) else "failed"
        record["error"] = f"{error}" or type(error).__name__
        with contextlib.suppress(InputError):
            folder.write_json(record)
        raise
    finally:
        tracker.finish(failed)
    return Result(folder.path, record["best"]["value"], reused=False)


def _route(
    job: Job, ready: Ready, record: dict[str, Any], tracker: tracking.Tracker, begun: float
) -> None:
    """Go from the untrained model to the finished folder."""
    plan, model, given, before = job.plan, ready.model, ready.given, ready.before
    record["data"] |= given.account()
    started = time.monotonic()
    if isinstance(model, FittedModel):
        best, exact = fit_once(job, model, tracker)
    else:
        with environment.deterministic(plan.device):
            best, exact = fit_in(job, model, given, tracker, before=before)
    record["exact"], record["parameters"] = record["exact"] and exact, model.size
    record["seconds"]["train"] = round(time.monotonic() - started, 3)
    record["best"] = {
        "epoch": best.best_epoch, "metric": plan.settings.monitor, "value": best.best_value
    }  # fmt: skip
    begun += environment.import_ahead(*environment.EVALUATION)
    started = time.monotonic()
    with torch.no_grad():
        embeddings, _ = finished(plan, model, given)
        through = None
        if isinstance(model, Model):
            through = since.through(before, job, given, model, embeddings, best.best_epoch)
        scorer = model.score(embeddings)  # its segments in the earlier run's order
        ranks = plan.ranks if before is None else ALONE  # what follows that one, one process does
        validation = best.validation if before is None else None
        result = evaluated(plan, model, given, embeddings, scorer, job.clusters, ranks, validation)
        result = with_self_assign(
            result, model, given, plan.config["graph"]["weights"], plan.train_pairs, scorer,
            plan.rng,
        )  # fmt: skip
        classes_UC = model.predict(Step(embeddings, scorer))
        if given.labels is not None and classes_UC is not None:
            result = evaluator.with_labels(result, classes_UC, given.labels)
            writer.write_labels(job.folder, plan.split.users, given.labels, classes_UC)
        record["metrics"], record["baselines"] = result.metrics, result.baselines
        record["alarms"] = result.warnings
        record["best"]["value"] = best_value(plan, best, result.metrics)
        if best.best_value is None:
            settle(record, tracker)
        since.note(through, record)
        record["losing"] = evidence.losing(job, scorer, result)
        record["seconds"]["evaluate"] = round(time.monotonic() - started, 3)
        _write(job, given, model, embeddings, scorer, result)
        since.store(through, job.folder, job.identity)
        naming.put(job.folder, naming.asked_of(plan.config), job.say)
        started = time.monotonic()
        record["metrics"] |= evidence.write(
            job.folder, given, plan.split, plan.train_pairs, scorer, result.per_user,
            plan.rng.child("evidence"), reasons.placed(plan.config, given, embeddings.user_UD),
        )  # fmt: skip
        record["seconds"]["evidence"] = round(time.monotonic() - started, 3)
    record["seconds"]["total"] = round(time.monotonic() - begun, 3)
    record["memory_mb"] = environment.peak_memory_mb(plan.device)
    record["state"] = "finished"
    writer.finish(job.folder, record, tracker, job.say)


def _write(
    job: Job, given: Inputs, model: Recommending, embeddings: Embeddings, scorer: Scorer,
    result: evaluator.Evaluation,
) -> None:  # fmt: skip
    """Write what the run's folder answers from."""
    plan, folder = job.plan, job.folder
    why = reasons.of_users(plan.config, given, embeddings.user_UD)
    writer.write(
        folder, plan.split, plan.train_pairs, model, embeddings, scorer, result, why,
        plan.protocol.seen,
    )  # fmt: skip
    persistence.store(folder, given, plan.split, plan.protocol)
    summary.store(folder, plan.split)
    writer.write_attributes(
        folder, given.features, given.columns, plan.train_pairs, model.trained, scorer
    )
    writer.write_profiles(folder, given.people, given.people_columns, plan.train_pairs, scorer)
