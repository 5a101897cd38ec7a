"""Recommend to a user, to a segment, or to everybody; or find people for an item."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from gnnseg.cli.arguments import add_lists, add_out, add_run, item_filters, open_run

if TYPE_CHECKING:
    import polars as pl

    from gnnseg.runs.run import Run


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
    who.add_argument(
        "--item",
        metavar="ID",
        help="an item's own id: the K people most likely to take it (more: gnnseg audience)",
    )
    add_lists(parser)
    add_out(parser, ".csv, .parquet or .jsonl instead of a table")


def call(options: argparse.Namespace) -> None:
    """Print the list, or write the lists."""
    from gnnseg.report import scores
    from gnnseg.types import InputError

    run = open_run(options)
    if options.item is not None:
        _people(options, run)
        return
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
    elif options.segment is not None:
        print(_wanted(run, options.segment, next(frames)))
    else:
        print(scores.lists(next(frames), run.record["config"]))


def _wanted(run: Run, segment: int, found: pl.DataFrame) -> str:
    """Return what a segment wants as text: by probabilities where beta is one."""
    from gnnseg.report import scores

    beta = run.beta
    if scores.reading(run.record["config"]) not in ("distribution", "rate"):
        return scores.beyond(found, divergence=bool((beta >= 0).all()))
    beta = beta[:, run.stored.items.to_index(found["item"].to_list(), missing=-1)]
    return scores.wants(found, beta[segment - 1].tolist(), (run.alpha.mean(0) @ beta).tolist())


def _people(options: argparse.Namespace, run: Run) -> None:
    """Print the people for an item, or write them."""
    from gnnseg.cli import audience as verb
    from gnnseg.runs import audience
    from gnnseg.types import InputError

    if options.only or options.exclude:
        raise InputError(
            "recommend --item: --only and --exclude are of items; gnnseg audience --exclude FILE "
            "leaves out people."
        )
    masked = options.seen == "mask"
    found = audience.audience(
        run.stored, item=options.item, size=options.k, not_bought=masked, control=0
    )
    if options.out:
        print(run.write(found.table, options.out, excel=options.excel))
    else:
        verb.show(found)
