"""Compare many runs in one table: mean and deviation over seeds, time, memory."""

from __future__ import annotations

import argparse
from pathlib import Path

from gnnseg.cli.arguments import run_folder, runs_root
from gnnseg.cli.command import say


def arguments(parser: argparse.ArgumentParser) -> None:
    """Take runs or a sweep, and what the table shows."""
    add = parser.add_argument
    add("runs", metavar="RUN", nargs="*", help="run folders, or their names under runs.root")
    add("--sweep", metavar="NAME", help="the runs of a sweep")
    add("--root", metavar="DIR", default=runs_root(), help="runs.root of the sweep (./runs)")
    add("--format", choices=["text", "csv", "md", "latex"], default="text", help="(text)")
    add("--metrics", metavar="A,B", help="such as test/recall@20,test/ndcg@20")
    add(
        "--test",
        action="store_true",
        help="with --sweep: the test figures of all rows, not of what validation chose alone",
    )


def call(options: argparse.Namespace) -> None:
    """Print the table; what is said of folders goes to standard error."""
    from gnnseg.report import compare
    from gnnseg.runs import sweep_record
    from gnnseg.types import InputError

    runs, search = [run_folder(name) for name in options.runs], None
    if options.test and not options.sweep:
        raise InputError("compare: --test is of a sweep; runs that are named show their test.")
    if options.sweep:
        less = sweep_record.smaller_is_better(Path(options.root), options.sweep)
        search = compare.Search(test=options.test, less=less)
        runs += sweep_record.folders(Path(options.root), options.sweep)
        for sentence in sweep_record.unended(Path(options.root), options.sweep):
            say(sentence)
    metrics = None if options.metrics is None else options.metrics.split(",")
    found = compare.compared(runs, metrics, search)
    print(found.text(options.format))
    for note in found.notes:
        say(note)
