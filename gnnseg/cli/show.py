"""Print one figure of a run and nothing else."""

from __future__ import annotations

import argparse

from gnnseg.cli.arguments import add_run, open_run


def arguments(parser: argparse.ArgumentParser) -> None:
    """Take a run and a metric."""
    add_run(parser)
    parser.add_argument(
        "metric",
        metavar="METRIC",
        help="such as test/ndcg@20, valid/recall@20, segment/effective_k",
    )


def call(options: argparse.Namespace) -> None:
    """Print the figure."""
    print(repr(open_run(options).metric(options.metric)))
