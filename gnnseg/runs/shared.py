"""Aggregates of a run handed to others: page, table of segments and cards."""

from __future__ import annotations

import tempfile
from pathlib import Path

import polars as pl

from gnnseg.data.atomic import atomic
from gnnseg.report import page, sharing, summary
from gnnseg.runs import databases, durable, export, ledger
from gnnseg.runs import summary as summary_
from gnnseg.runs.stored import StoredRun
from gnnseg.types import InputError

FOLDER = "shared"  # in a run's folder, unless a file is named
PAGES = (".html", ".htm")


def share(path: Path, out: Path | str | None = None) -> Path | str:
    """Write what of a run others may see, and enter it in the ledger; return where it stands.

    Args:
        path: The run's folder.
        out: A page (.html), or the table of segments in any form that ``export.write`` knows; None:
            page, table and cards into the folder ``shared`` of the run's.

    Raises:
        InputError: The run has no segments, it cannot be written, or a segment differs from an
            earlier share by fewer than ``sharing.SMALLEST`` people.
    """
    run = StoredRun(path)
    if run.state != "finished" or not run.has_segments:
        why = "its head has no segments" if run.state == "finished" else f"it is {run.state}"
        raise InputError(f"{run.name}: has nothing to share: {why}.")
    if not sharing.sizes(run.path):
        raise InputError(
            f"{run.name}: has nothing to share: no segment of at least {sharing.SMALLEST} people "
            "would be shown; train with fewer segments."
        )
    if not run.folder.file(summary_.FILE).exists():  # of before
        summary_.write(run.path)
    if out is not None and Path(out).suffix.lower() not in PAGES:
        export.refuse_unwritable(out)
        _enter(run)
        return export.write(iter([sharing.segments(run.path)]), out, excel=_opens(out))
    place = run.path / FOLDER if out is None else Path(out).expanduser().absolute().parent
    if out is None:
        place.mkdir(exist_ok=True)
    target = place / ("report.html" if out is None else Path(out).name)
    with atomic(target) as aside:
        aside.write_text(_page(run), "utf-8")
        _enter(run)
    if out is not None:
        return target
    cards = sharing.table("cards", run.frame("cards"), sharing.hidden(run.path))
    export.write(iter([sharing.segments(run.path)]), place / "segments.csv", excel=True)
    export.write(iter([cards]), place / "cards.csv", excel=True)
    return place


def _opens(out: Path | str) -> bool:
    """Return whether a spreadsheet will open it: a CSV, whose cells must not run."""
    return not databases.is_url(out) and Path(out).suffix.lower() == ".csv"


def _page(run: StoredRun) -> str:
    with tempfile.TemporaryDirectory() as empty:
        return page.render(sharing.view(run.path, Path(empty)))


def _enter(run: StoredRun) -> None:
    """Enter a share in the ledger, before anybody can see it."""
    ids, called = durable.of(run), summary.names(run.path)
    apart = sharing.hidden(run.path)
    table = run.frame("segments")
    groups = {ledger.EVERYBODY: run.users.ids.tolist()}
    for k, each in enumerate(ids, 1):
        if k not in apart:
            groups[each.id] = table.filter(pl.col("segment") == k)["user"].to_list()
    names = {each.id: called.get(k, f"segment {k}") for k, each in enumerate(ids, 1)}
    fingerprint = str(run.record["data"]["fingerprint"])
    ledger.enter(run.path.parent, ledger.Share(run.name, fingerprint, groups, names))
