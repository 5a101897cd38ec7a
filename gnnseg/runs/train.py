"""What a run does, top to bottom.

table -> Interactions -> Split -> BipartiteGraph -> training -> Segmentation -> evaluation -> run
folder.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from gnnseg import data, tracking
from gnnseg.config import build
from gnnseg.config.extensions import parts
from gnnseg.data.raw import Raw
from gnnseg.evaluation import evaluator
from gnnseg.runs import earlier, environment, inputs, persistence, refit, since, writer
from gnnseg.runs.assembly import assemble, say_what_is_sampled
from gnnseg.runs.fitting import fit_in
from gnnseg.runs.folder import RunFolder
from gnnseg.runs.identity import identify, source_digest, what_changed
from gnnseg.runs.job import Job, split_name
from gnnseg.training.loop import Interrupted
from gnnseg.types import InputError, Scorer, Split, Step

Say = Callable[[str], None]


@dataclass(frozen=True)
class Result:
    """A run's folder, and the monitored metric's best value.

    ``reused``: the run stood there finished already.
    """

    path: Path
    value: float | None
    reused: bool


def train(
    config: Mapping[str, Any],
    *,
    say: Say = lambda line: print(line, file=sys.stderr),
    fresh: bool = False,
    sweep: str | None = None,
    job: int | None = None,
    raw: Raw | None = None,
    progress: bool = True,
) -> Result:
    """Do a run, or find it again finished, or go on with it.

    Args:
        config: The run, checked by ``config.check``.
        say: Where a line goes about how it stands.
        fresh: Whether to begin again what stands there.
        sweep: The name of the sweep that the run is of.
        job: The run's place in it.
        raw: The interactions themselves, where they were handed over in Python (data=given).
        progress: Whether to show a bar where standard error is a terminal.

    Raises:
        InputError: Something that the user can mend.
        Interrupted: Somebody asked to stop; the state is saved, the same call goes on.
    """
    result = _trained(config, say, fresh, sweep, job, raw, progress)
    if config["trainer"]["refit"]:
        refit.refit(result.path, say=say, progress=progress)
    return result


def _trained(
    config: Mapping[str, Any],
    say: Say,
    fresh: bool,
    sweep: str | None,
    job: int | None,
    raw: Raw | None,
    progress: bool,
) -> Result:
    """Train and evaluate, or find it done; see ``train``."""
    begun = time.monotonic()
    device, why = environment.choose_device(str(config["device"]))
    environment.forget_peak(device)
    with environment.threads(config["threads"]):
        say(f"device {device}: {why}; {torch.get_num_threads()} threads")
        split = read(config, say, raw)
        before = None if config["segments"]["since"] is None else earlier.digest_of(config)
        identity = identify(config, split.fingerprint, before)
        root = Path(config["runs"]["root"]).expanduser().absolute()
        folder = RunFolder(root / identity.name)
        with folder.locked():
            if fresh:
                folder.clear()
            if folder.state() == "finished":
                return _found(folder, say)
            if folder.state() is None and (why_again := what_changed(root, identity)) is not None:
                say(why_again)
            begun += environment.import_ahead()
            todo = Job(
                config=config, identity=identity, split=split, folder=folder, device=device,
                protocol=build(config["evaluation"], parts(config, "metrics")), say=say,
                progress=progress,
            )  # fmt: skip
            record = todo.record(why, sweep, job)
            record["seconds"]["data"] = round(time.monotonic() - begun, 3)
            return _do(todo, record, begun)


def read(config: Mapping[str, Any], say: Say, raw: Raw | None = None) -> Split:
    """Return the data set, cleaned, indexed and split; what it is, is said."""
    root = Path(config["data"]["root"]).expanduser().absolute()
    cache = environment.cache_root(config)
    dataset = data.load(config["data"], root=root, cache=cache, say=say, raw=raw)
    split = data.split.make(dataset, config["split"])
    say(
        f"data {split.name} ({split.fingerprint[:16]}): {len(split.users):,} users, "
        f"{len(split.items):,} items; split {split_name(config)}: {len(split.train):,} train, "
        f"{len(split.valid):,} valid, {len(split.test):,} test pairs"
    )
    return split


def fetch(config: Mapping[str, Any], name: str, root: Path, *, say: Say) -> Path:
    """Bring a named set to ``root``, or to the cache where that is read-only; return its folder."""
    from gnnseg.data.sets.fetching import Place

    place = Place(root.expanduser().absolute(), environment.cache_root(config), say)
    return place.fetch(name)


def _found(folder: RunFolder, say: Say) -> Result:
    record, note = folder.read_json(), ""
    if record["source"] != source_digest():
        note = " (with other code than this: its digest differs; --fresh recomputes)"
    say(f"finished before{note}: {folder.path}")
    return Result(folder.path, record["best"]["value"], reused=True)


def _do(job: Job, record: dict[str, Any], begun: float) -> Result:
    """Do the run; its record says how it ended, whatever happens."""
    folder, failed = job.folder, True
    folder.write_json(record)
    tracker = tracking.open_tracker(
        build(job.config["tracking"]), folder.path, config=dict(job.config), name=record["name"],
        group=record["sweep"], say=job.say,
    )  # fmt: skip
    try:
        _route(job, record, tracker, begun)
        failed = False
    except Interrupted:
        folder.write_json({**record, "state": "interrupted"})
        job.say(f"stopped and saved; the same command goes on: {folder.path}")
        raise
    except Exception as error:
        record["state"], record["error"] = "failed", f"{error}" or type(error).__name__
        with contextlib.suppress(InputError):
            folder.write_json(record)
        raise
    finally:
        tracker.finish(failed)
    return Result(folder.path, record["best"]["value"], reused=False)


def _route(job: Job, record: dict[str, Any], tracker: tracking.Tracker, begun: float) -> None:
    """Go from the split to the finished folder."""
    given = inputs.of(job.config, job.split, job.train_pairs, job.say).to(job.device)
    record["data"] |= given.account()
    model = assemble(job.config, given.shape, job.rng).to(job.device)
    say_what_is_sampled(model, job.settings.batch_size, job.say)
    record["parameters"] = sum(p.numel() for p in model.parameters())
    before = earlier.of(job.config, job.split, given)
    started = time.monotonic()
    with environment.deterministic(job.device):
        best, exact = fit_in(job, model, given, tracker, before=before)
    record["exact"] = record["exact"] and exact
    record["seconds"]["train"] = round(time.monotonic() - started, 3)
    record["best"] = {
        "epoch": best.best_epoch, "metric": job.settings.monitor, "value": best.best_value
    }  # fmt: skip
    started = time.monotonic()
    with torch.no_grad():
        embeddings = model.embed(given.graph, given.features)
        model.finish(embeddings, given.graph, job.rng.child("finish"))
        through = since.through(before, job, given, model, embeddings, best.best_epoch)
        scorer: Scorer = model.head(embeddings)
        result = evaluator.final(
            scorer, embeddings, given.graph, job.split, job.train_pairs, job.protocol,
            job.clusters, job.rng, model.negatives, baselines=parts(job.config, "baselines"),
            features=given.features,
        )  # fmt: skip
        classes_UC = model.predict(Step(embeddings, scorer))
        if given.labels is not None and classes_UC is not None:
            result = evaluator.with_labels(result, classes_UC, given.labels)
            writer.write_labels(job.folder, job.split.users, given.labels, classes_UC)
        record["metrics"], record["baselines"] = result.metrics, result.baselines
        record["alarms"] = result.warnings
        since.note(through, record)
        record["seconds"]["evaluate"] = round(time.monotonic() - started, 3)
        writer.write(job.folder, job.split, job.train_pairs, model, embeddings, scorer, result)
        since.store(through, job.folder, job.identity)
        persistence.store(job.folder, given, job.split)
        writer.write_attributes(
            job.folder, given.features, given.columns, job.train_pairs, model.encoder, scorer
        )
        writer.write_profiles(
            job.folder, given.people, given.people_columns, job.train_pairs, scorer
        )
    record["seconds"]["total"] = round(time.monotonic() - begun, 3)
    record["memory_mb"] = environment.peak_memory_mb(job.device)
    record["state"] = "finished"
    writer.finish(job.folder, record, tracker, job.say)
