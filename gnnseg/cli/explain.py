"""Explain why a user is shown an item, or is in their segment."""

from __future__ import annotations

import argparse

from gnnseg.cli.arguments import add_out, add_run, open_run


def arguments(parser: argparse.ArgumentParser) -> None:
    """Take a run, a user and maybe an item."""
    add_run(parser)
    parser.add_argument("--user", metavar="ID", required=True, help="a user's own id")
    parser.add_argument(
        "--item",
        metavar="ID",
        help="an item's own id: why it is shown; without: which interactions put the user in "
        "their segment, and which few would move them",
    )
    add_out(parser, "write the explanation to .csv, .parquet or .jsonl instead of a table")


def call(options: argparse.Namespace) -> None:
    """Print, or write, what each segment adds to a score, or each interaction to a segment."""
    from gnnseg.report import membership, scores

    run = open_run(options)
    found = run.explain(options.user, options.item)
    if options.out:
        print(run.write(found, options.out, excel=options.excel))
    elif options.item is None:
        print(membership.text(found))
    else:
        mine = run.segments().filter(user=found["user"][0]).row(0, named=True)
        print(scores.explanation(found, run.record["config"]))
        print(membership.placed(mine, run.groups()))
