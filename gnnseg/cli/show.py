"""Print one figure of a run and nothing else.

Standard error says where a baseline is not below it.
"""

from __future__ import annotations

import argparse

from gnnseg.cli.arguments import add_run, open_run
from gnnseg.cli.command import say


def arguments(parser: argparse.ArgumentParser) -> None:
    """Take a run and a metric."""
    add_run(parser)
    parser.add_argument(
        "metric",
        metavar="METRIC",
        help="such as test/ndcg@20, valid/recall@20, segment/effective_k, segment/3/ndcg@20 (a "
        "column of evidence.parquet), segment/association/age",
    )


def call(options: argparse.Namespace) -> None:
    """Print the figure."""
    from gnnseg.report import losing

    run = open_run(options)
    print(repr(run.metric(options.metric)))
    if any(row["metric"] == options.metric for row in run.record.get("losing", [])):
        say(losing.sentence(run.record) or "")
