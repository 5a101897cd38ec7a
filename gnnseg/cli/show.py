"""Print figures of a run and nothing else; without a name, all of them by group.

Standard error says where a baseline is not below it.
"""

from __future__ import annotations

import argparse

from gnnseg.cli.arguments import add_run, open_run
from gnnseg.cli.command import say


def arguments(parser: argparse.ArgumentParser) -> None:
    """Take a run and one metric or several."""
    add_run(parser)
    parser.add_argument(
        "metric",
        nargs="*",
        metavar="METRIC",
        help="such as test/ndcg@20, valid/recall@20, segment/effective_k, segment/3/ndcg@20 (a "
        "column of evidence.parquet), segment/association/age; of several, a line each, "
        "name first; of none, all that there are, by group",
    )


def call(options: argparse.Namespace) -> None:
    """Print the figure; of several, each after its name and a tab; of none, all by group."""
    from gnnseg.report import listing, losing, refits

    run = open_run(options)
    if not options.metric:
        print(listing.text(run.metrics))
        if said := refits.judged(run.record):
            say(said)
        say(f"one of them: gnnseg show {options.run} NAME; by segment: gnnseg segments")
        return
    figures = [run.metric(name) for name in options.metric]
    for name, figure in zip(options.metric, figures, strict=True):
        print(repr(figure) if len(figures) == 1 else f"{name}\t{figure!r}")
    if any(row["metric"] in options.metric for row in run.record.get("losing", [])):
        say(losing.sentence(run.record) or "")
