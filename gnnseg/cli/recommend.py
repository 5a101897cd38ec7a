"""Recommend to a user, to a segment, or to everybody."""

from __future__ import annotations

import argparse

from gnnseg.cli.arguments import add_lists, add_out, add_run, item_filters, open_run


def arguments(parser: argparse.ArgumentParser) -> None:
    """Take a run, whom to recommend to, and what may be recommended."""
    add_run(parser)
    who = parser.add_mutually_exclusive_group(required=True)
    who.add_argument("--user", metavar="ID", help="a user's own id")
    who.add_argument(
        "--segment",
        metavar="N",
        type=int,
        help="a segment's number, from 1: what it wants beyond what everyone wants",
    )
    who.add_argument("--all", action="store_true", help="every user; needs --out")
    add_lists(parser)
    add_out(parser, ".csv, .parquet or .jsonl instead of a table")


def call(options: argparse.Namespace) -> None:
    """Print the list, or write the lists."""
    from gnnseg.report import tables
    from gnnseg.types import InputError

    run = open_run(options)
    if options.all and not options.out:
        raise InputError(
            "recommend --all: name a file to write to with --out FILE (.csv, .parquet or .jsonl)."
        )
    if options.segment is None:
        users = None if options.all else [options.user]
        frames = run.stream(users, options.k, options.seen, **item_filters(options, run))
    elif options.only or options.exclude:
        raise InputError("recommend --segment: --only and --exclude go with --user and --all.")
    else:
        frames = iter([run.recommend_segment(options.segment, options.k)])
    if options.out:
        print(run.write(frames, options.out, excel=options.excel))
    else:
        print(tables.frame(next(frames)))
