"""A run that stands there already: found, said, and given the evidence that is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from gnnseg import tracking
from gnnseg.report import sharing
from gnnseg.report import stability as stability_report
from gnnseg.report.losing import sentence
from gnnseg.runs import sending, stability
from gnnseg.runs.folder import RunFolder
from gnnseg.runs.identity import source_digest
from gnnseg.runs.stored import StoredRun

Say = Callable[[str], None]


@dataclass(frozen=True)
class Result:
    """A run's folder, and the monitored metric's best value.

    ``reused``: the run stood there finished already.
    """

    path: Path
    value: float | None
    reused: bool


def is_whole(folder: RunFolder, config: Mapping[str, Any], wanted: bool) -> bool:
    """Return whether a run stands there finished, with the evidence that is asked for."""
    if not folder.is_settled():
        return False
    asked = config["evidence"]
    run = StoredRun(folder.path)
    return not (wanted and stability.missing(run, asked["refits"], rewired=asked["rewired"]))


def found(folder: RunFolder, config: Mapping[str, Any], sweep: str | None, say: Say) -> Result:
    """Return the run that stands there, said, and given to tracking where that asks for it."""
    record, note = folder.read_json(), ""
    if record["source"] != source_digest():
        note = " (with other code than this: its digest differs; --fresh recomputes)"
    say(f"finished before{note}: {folder.path}")
    if (losing := sentence(record)) is not None:
        say(losing)
    sending.send(folder, config, sweep, say)
    return Result(folder.path, record["best"]["value"], reused=True)


def add_evidence(
    path: Path,
    config: Mapping[str, Any],
    say: Say,
    progress: bool,
    tracker: tracking.Tracker | None = None,
) -> None:
    """Add the evidence a configuration asks for to a finished run, and say it."""
    asked = config["evidence"]
    computed = stability.add(
        StoredRun(path), asked["refits"], rewired=asked["rewired"], say=say, shown=progress
    )
    run = StoredRun(path)
    if computed:
        say("\n".join(stability_report.lines(path, run.record)))
    if computed and tracker is not None:
        tracker.summary(run.metrics)
        shown = sharing.people(run.record)
        for name in ("stability", "summary"):
            frame = sharing.for_tracking(path, name, run.frame(name), shown)
            if frame is not None:
                tracker.table(name, frame.with_columns(pl.col(pl.List(pl.String)).list.join(", ")))
