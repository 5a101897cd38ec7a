"""Write the page of a run again, or one page for the runs of a sweep, and print its path.

The run's folder need not be writable: --out writes the page elsewhere. --share makes what others
may see: without single people, and without groups of fewer than ten (docs/weekly.md).
"""

from __future__ import annotations

import argparse
from pathlib import Path

from gnnseg.cli.arguments import run_folder, runs_root
from gnnseg.cli.command import say


def arguments(parser: argparse.ArgumentParser) -> None:
    """Take a run or a sweep, and where its page goes."""
    add = parser.add_argument
    add("run", metavar="RUN", nargs="?", help="a run folder, or its name under runs.root")
    add("--sweep", metavar="NAME", help="one page for the runs of a sweep")
    add("--root", metavar="DIR", default=runs_root(), help="runs.root of the sweep (./runs)")
    add("--out", metavar="FILE", help="write the page here, not in the folder")
    add(
        "--share",
        action="store_true",
        help="for others: page, table of segments and cards into RUN/shared; with --out a page "
        "(.html), or the table (.csv, .parquet, .jsonl, .xlsx)",
    )
    add(
        "--people",
        action=argparse.BooleanOptionalAction,
        help="show single people: a search for customers, ids, groups below 10 (report.people)",
    )


def call(options: argparse.Namespace) -> None:
    """Write report.html, or the page where it is asked for."""
    from gnnseg.data.atomic import atomic
    from gnnseg.types import InputError

    if (options.run is None) == (options.sweep is None):
        raise InputError("report: name a run, or a sweep with --sweep NAME.")
    if options.share:
        _share(options)
        return
    if options.sweep is None:
        from gnnseg.runs import pages

        folder = run_folder(options.run)
        content, place = pages.content(folder, options.people), folder / "report.html"
    else:
        content, place = _of_sweep(options)
    path = Path(options.out).expanduser().absolute() if options.out else place
    with atomic(path) as aside:
        aside.write_text(content, "utf-8")
    print(path)


def _share(options: argparse.Namespace) -> None:
    """Write what others may see, and print where."""
    from gnnseg.runs import shared
    from gnnseg.types import InputError

    if options.sweep is not None or options.people is not None:
        raise InputError("report: --share is of one run, and without people; leave the rest out.")
    print(shared.share(run_folder(options.run), options.out))


def _of_sweep(options: argparse.Namespace) -> tuple[str, Path]:
    """Return the page of a sweep, and where it goes: beside the sweep's record."""
    from gnnseg.report import many
    from gnnseg.runs import sweep_record
    from gnnseg.types import InputError

    if options.people is not None:
        raise InputError("report: a sweep's page shows no people; leave --people out.")
    root = Path(options.root)
    found, notes = many.page(options.sweep, sweep_record.folders(root, options.sweep))
    for note in notes:
        say(note)
    place = root.expanduser().absolute() / sweep_record.FOLDER / f"{options.sweep}.html"
    return found, place
