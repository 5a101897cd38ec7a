"""Print the segments of a run: size, share, what they like more than others."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from gnnseg.cli.arguments import add_out, add_run, open_run

if TYPE_CHECKING:
    from gnnseg.runs.run import Run


def arguments(parser: argparse.ArgumentParser) -> None:
    """Take a run, and a file for the users' segments."""
    add_run(parser)
    parser.add_argument(
        "--name",
        metavar="SEGMENT=NAME",
        action="append",
        default=[],
        help="call a segment, by number or id, something; runs that continue it keep the name",
    )
    add_out(parser, "write each user's segment and alpha to .csv, .parquet or .jsonl")


def call(options: argparse.Namespace) -> None:
    """Print the segments, or write every user's."""
    from gnnseg.report import changes, tables

    run = open_run(options)
    if options.name:
        _call(run, options.name)
    if options.out:
        print(run.write(run.segments(), options.out, excel=options.excel))
        return
    parts = [tables.segments(run.path), tables.weights(run.path)]
    parts.append(changes.text(run.record, run.path))
    print("\n".join(text for text in parts if text))


def _call(run: Run, given: list[str]) -> None:
    """Name segments as the words say, and write the page again."""
    from gnnseg.data.atomic import atomic
    from gnnseg.report import page
    from gnnseg.runs import durable
    from gnnseg.types import InputError

    for each in given:
        if "=" not in each:
            raise InputError(f"--name {each}: write SEGMENT=NAME, as in --name '3=Night owls'.")
    durable.call(run.stored, dict(each.split("=", 1) for each in given))
    with atomic(run.path / "report.html") as aside:
        aside.write_text(page.render(run.path), "utf-8")
