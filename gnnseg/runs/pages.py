"""The page of a run in its folder, with everybody's lists where people may be shown on it."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from gnnseg.data.atomic import atomic
from gnnseg.report import directory, page, tables


def content(path: Path, people: bool | None = None) -> str:
    """Return a run's page as HTML.

    Args:
        path: The run's folder.
        people: Whether single people may be shown; None: as the run's settings say (report.people).

    Raises:
        InputError: ``path`` is no run folder.
    """
    shown = page.shows_people(tables.read(path)) if people is None else people
    return page.render(path, shown, _lists(path) if shown else None)


def write(path: Path) -> None:
    """Write report.html anew."""
    with atomic(path / "report.html") as aside:
        aside.write_text(content(path), "utf-8")


def _lists(path: Path) -> pl.DataFrame | None:
    """Return what to recommend to everybody who is to be found on the page."""
    from gnnseg.runs import recommend
    from gnnseg.runs.stored import StoredRun

    run = StoredRun(path)
    if not run.has_segments:
        return None
    who = run.users.ids[: directory.LARGEST].tolist()
    return pl.concat(recommend.stream(run, who, directory.LIST))
