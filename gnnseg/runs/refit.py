"""A refit on all events: an evaluated run trained once more, so that it knows last week's people.

It lies beside the run, in ``<run>-refit``, and is of its folder alone. Nothing of it is a test
figure: it was trained on the test.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gnnseg import tracking
from gnnseg.config import build
from gnnseg.config.extensions import parts
from gnnseg.data.atomic import atomic
from gnnseg.data.fingerprint import pair_fingerprint
from gnnseg.data.merging import join
from gnnseg.evaluation import evaluator
from gnnseg.evaluation.evaluator import Evaluation
from gnnseg.evaluation.protocol import Bools
from gnnseg.evaluation.segments import through_time
from gnnseg.models.heads import NumberedHead
from gnnseg.models.model import Model
from gnnseg.runs import (
    durable,
    earlier,
    environment,
    evidence,
    inputs,
    loading,
    persistence,
    reasons,
    refits,
    writer,
)
from gnnseg.runs.assembly import assemble
from gnnseg.runs.earlier import EarlierRun
from gnnseg.runs.fitting import finished, fit_in
from gnnseg.runs.folder import RunFolder
from gnnseg.runs.identity import Identity, source_digest
from gnnseg.runs.inputs import Inputs
from gnnseg.runs.job import Job
from gnnseg.runs.plan import Plan
from gnnseg.runs.stored import StoredRun
from gnnseg.training.loop import Interrupted
from gnnseg.types import Embeddings, InputError, Pairs, Scorer, Segmentation, Split, Step

Say = Callable[[str], None]
SUFFIX = "-refit"
GIVEN = (
    "features.json", "features.safetensors", "people.npz", "social.npz", "relations.npz",
    "customers.parquet", "items.parquet",
)  # fmt: skip  # what the run's model was given beside the pairs, and what is known of everybody


def refit(
    path: Path,
    *,
    say: Say = lambda line: print(line, file=sys.stderr),
    fresh: bool = False,
    progress: bool = True,
) -> Path:
    """Train a finished run once more on all its events, or find that done; return the folder.

    Settings, seed and schedule are the run's, stopped at its best epoch; train, validation and test
    are training pairs; attributes, ties and labels are the run's. Segments start at the means of
    the run's members, are held there by ``segments.keep``, and bear the run's numbers and ids.

    Args:
        path: The evaluated run's folder.
        say: Where a line goes about how it stands.
        fresh: Whether to do again what stands there, which stays until that is done.
        progress: Whether to show a bar on a terminal, lines about long work elsewhere.

    Raises:
        InputError: It is no finished run, a refit itself, or of a log of what was shown.
        Interrupted: Somebody asked to stop; the state is saved, the same call goes on.
    """
    run = StoredRun(path)
    config = _refittable(run)
    folder = RunFolder(run.path.with_name(run.name + SUFFIX))
    device, why = environment.choose_device(str(config["device"]))
    of = _of(run)
    if not fresh and _stands(folder, of):  # read without a lock, as others do
        say(f"refitted before: {folder.path}")
        return folder.path
    threads, arrays = environment.threads(config["threads"]), environment.arrays(config)
    with threads, arrays, folder.locked():
        other = folder.state() is not None and folder.read_json().get("refit") != of
        if folder.state() == "finished" and not (fresh or other):
            say(f"refitted before: {folder.path}")
            return folder.path

        def goes_on(record: Mapping[str, Any]) -> bool:
            return bool(record.get("refit") == of and record.get("source") == source_digest())

        again = folder.anew(goes_on) if fresh or other else contextlib.nullcontext(folder)
        with again as place:
            _refit(run, of, Job(
                plan=_plan(run, config, device), identity=_identity(of, folder.path.name),
                folder=place, say=folder.naming(place, say), progress=progress,
            ), why)  # fmt: skip
    return folder.path


def _plan(run: StoredRun, config: dict[str, Any], device: torch.device) -> Plan:
    split, protocol = whole(run), build(config["evaluation"], parts(config, "metrics"))
    return Plan(
        config=config, split=split, train_pairs=split.train, protocol=protocol, device=device
    )


def _identity(of: Mapping[str, Any], name: str) -> Identity:
    digest = hashlib.sha256(f"{of['hash']}/{of['model']}/refit".encode()).hexdigest()
    return Identity(digest, name, digest, {}, {})


def _refit(run: StoredRun, of: dict[str, Any], job: Job, why: str) -> None:
    """Refit in the job's folder, which is held."""
    for name in GIVEN:
        if run.folder.file(name).exists():
            with atomic(job.folder.file(name)) as aside:
                shutil.copyfile(run.folder.file(name), aside)
    job.say(
        f"refit of {run.name} on all {len(job.plan.train_pairs):,} pairs, {of['epoch']} epochs: "
        f"{run.path.with_name(run.name + SUFFIX)}"
    )
    _do(job, run, _record(job, run, of, why), of["epoch"])


def _stands(folder: RunFolder, of: dict[str, Any]) -> bool:
    """Return whether a refit of just this run stands there finished."""
    return folder.is_settled() and folder.read_json().get("refit") == of


def whole(run: StoredRun) -> Split:
    """Return a run's pairs of all parts as training pairs; nothing is left to ask about."""
    split = run.split()
    items = len(split.items)
    train = join(join(split.train, split.valid, items), split.test, items)
    no = np.zeros(0, dtype=np.int64)
    spend, visits = (None if each is None else np.zeros(0) for each in (train.spend, train.visits))
    nothing = Pairs(no, no, np.zeros(0), no, spend=spend, visits=visits)
    fingerprint, taken = str(run.record["data"]["fingerprint"]), persistence.all_visits_in(run.path)
    return replace(
        split, train=train, valid=nothing, test=nothing, fingerprint=fingerprint,
        visits={} if taken is None else {"train": taken},
    )  # fmt: skip


def _refittable(run: StoredRun) -> dict[str, Any]:
    """Return the run's configuration; InputError where it cannot be refitted."""
    if run.record.get("refit"):
        raise InputError(
            f"{run.name}: is a refit already; name the evaluated run, {run.record['refit']['run']}."
        )
    if run.state != "finished":
        raise InputError(
            f"{run.path}: this run is {run.state}, not finished; give its command again to go on."
        )
    refits.refuse_baseline(run)
    refits.refuse_other_code(run)
    config = loading.configuration(run.path)
    if "log" in inputs.wanted(config):
        raise InputError(
            f"{run.name}: learned from a log of what was shown, which its folder does not hold; "
            "train with split.ratios=[0.98,0.01,0.01], or by another objective, for what you serve."
        )
    return config


def _of(run: StoredRun) -> dict[str, Any]:
    """Return run.json's ``refit``: the run, its best epoch, and which weights it had."""
    with open(run.folder.file("model.safetensors"), "rb") as handle:
        weights = hashlib.file_digest(handle, "sha256").hexdigest()
    return {
        "run": run.name,
        "hash": str(run.record["hash"]),
        "epoch": int(run.record["best"]["epoch"]),
        "model": weights[:16],
    }


def _record(job: Job, run: StoredRun, of: dict[str, Any], why: str) -> dict[str, Any]:
    """Return the refit's run.json before training; the evaluated run's figures stand apart."""
    record = job.record(why, None, None)
    was, pairs = run.record, job.plan.split.train
    record["data"] = {
        **was["data"], "train": len(pairs), "valid": 0, "test": 0,
        "pairs": {"train": pair_fingerprint(pairs.user, pairs.item)},
        "notes": {**was["data"].get("notes", {}), "split": "none: all events are trained on"},
    }  # fmt: skip
    if "depends" in was:
        record["depends"] = was["depends"]
    if "since" in was:
        record["since"] = was["since"]
    record["refit"] = of
    record["evaluated"] = {
        "run": run.name, "metrics": was["metrics"], "baselines": was["baselines"],
        "best": was["best"], "alarms": was["alarms"], "losing": was.get("losing", []),
    }  # fmt: skip
    record["best"] = {"epoch": of["epoch"], "metric": job.plan.settings.monitor, "value": None}
    return record


def _do(job: Job, run: StoredRun, record: dict[str, Any], epochs: int) -> None:
    """Train and write; the record says how it ended, whatever happens."""
    job.folder.write_json(record)
    lines = tracking.Jsonl(job.folder.file("metrics.jsonl"))  # no figures for a dashboard
    try:
        _train(job, run, record, lines, epochs)
    except Interrupted:
        job.folder.write_json({**record, "state": "interrupted"})
        job.say(f"stopped and saved; the same command goes on: {job.folder.path}")
        raise
    except Exception as error:
        record["state"], record["error"] = "failed", f"{error}" or type(error).__name__
        with contextlib.suppress(InputError):
            job.folder.write_json(record)
        raise
    finally:
        lines.finish(False)


def _train(
    job: Job, run: StoredRun, record: dict[str, Any], lines: tracking.Tracker, epochs: int
) -> None:
    begun = time.monotonic()
    plan = job.plan
    beside = replace(persistence.beside(run.path), visits=plan.protocol.training_visits(plan.split))
    given = beside.inputs(plan.config, plan.split, plan.train_pairs).to(plan.device)
    model = assemble(job.plan.config, given.shape, job.plan.rng).to(job.plan.device)
    record["parameters"] = sum(p.numel() for p in model.parameters())
    before = _start(run, job, given)
    with environment.deterministic(job.plan.device):
        _, exact = fit_in(job, model, given, lines, before=before, epochs=epochs)
    record["exact"] = record["exact"] and exact
    record["seconds"]["train"] = round(time.monotonic() - begun, 3)
    with torch.no_grad():
        embeddings, _ = finished(plan, model, given)
        ids = _numbered(run, model, embeddings)
        scorer = model.score(embeddings)
        result = _told(job, scorer, reasons.placed(plan.config, given, embeddings.user_UD))
        record["metrics"], record["alarms"] = result.metrics, result.warnings
        _write(job, given, model, embeddings, scorer, result, record)
    if ids is not None:
        durable.write(job.folder, ids)
    record["seconds"]["total"] = round(time.monotonic() - begun, 3)
    record["memory_mb"] = environment.peak_memory_mb(job.plan.device)
    record["state"] = "finished"
    writer.finish(job.folder, record, lines, job.say)


def _start(run: StoredRun, job: Job, given: Inputs) -> EarlierRun | None:
    """Return what the run leaves to its refit: its segments.

    Its weights only where it had started from an earlier run's itself: its best epoch counts from
    there.
    """
    if not (run.has_segments and job.plan.config["head"].get("segments")):
        return None
    users, items = (np.arange(len(ids)) for ids in (run.users, run.items))
    keep = float(job.plan.config["segments"]["keep"])
    weights = job.plan.config["segments"]["since"] is not None
    return earlier.start(run, job.plan.config, given, users, items, weights=weights, keep=keep)


def _numbered(run: StoredRun, model: Model, embeddings: Embeddings) -> list[durable.Durable] | None:
    """Give the refit's segments the run's numbers; return their ids.

    Matched by Hungarian on the alpha of all users; None where there are no segments.
    """
    scorer = model.score(embeddings)
    if not (isinstance(scorer, Segmentation) and run.has_segments):
        return None
    before, after = (
        each.detach().double().cpu().numpy() for each in (run.tensor("alpha"), scorer.alpha)
    )
    order = through_time.align(before, after)
    if isinstance(model.head, NumberedHead) and not model.numbered_by_labels:
        model.head.renumber(torch.from_numpy(order).to(embeddings.user_UD.device))
        return durable.of(run)
    ids = durable.of(run)
    return [ids[int(k)] for k in np.argsort(order)]


def _told(job: Job, scorer: Scorer, placed: Bools) -> Evaluation:
    """Return what can be said without anything held out: of the segments alone."""
    if not isinstance(scorer, Segmentation):
        return Evaluation({}, {}, [], {})
    return evaluator.segmented(scorer, job.plan.train_pairs, job.plan.split, placed)


def _write(
    job: Job,
    given: Inputs,
    model: Model,
    embeddings: Embeddings,
    scorer: Scorer,
    result: Evaluation,
    record: dict[str, Any],
) -> None:
    plan = job.plan
    classes_UC = model.predict(Step(embeddings, scorer))
    if given.labels is not None and classes_UC is not None:
        writer.write_labels(job.folder, job.plan.split.users, given.labels, classes_UC)
    why = reasons.of_users(plan.config, given, embeddings.user_UD)
    writer.write(
        job.folder, plan.split, plan.train_pairs, model, embeddings, scorer, result, why,
        plan.protocol.seen,
    )  # fmt: skip
    if given.visits is not None:
        persistence.store_visits(job.folder, given)
    writer.write_attributes(
        job.folder, given.features, given.columns, job.plan.train_pairs, model.encoder, scorer
    )
    writer.write_profiles(job.folder, given.people, given.people_columns, plan.train_pairs, scorer)
    nobody = {"user": np.zeros(0, dtype=np.int64), "cold": np.zeros(0, dtype=bool)}
    record["metrics"] |= evidence.write(
        job.folder, given, plan.split, plan.train_pairs, scorer, nobody,
        plan.rng.child("evidence"), np.array([each is None for each in why], dtype=bool),
    )  # fmt: skip
