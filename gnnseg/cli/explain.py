"""Explain why a user is shown an item, by segment."""

from __future__ import annotations

import argparse

from gnnseg.cli.arguments import add_run, open_run


def arguments(parser: argparse.ArgumentParser) -> None:
    """Take a run, a user and an item."""
    add_run(parser)
    parser.add_argument("--user", metavar="ID", required=True, help="a user's own id")
    parser.add_argument("--item", metavar="ID", required=True, help="an item's own id")


def call(options: argparse.Namespace) -> None:
    """Print what each segment adds to the score."""
    from gnnseg.report import tables

    print(tables.explanation(open_run(options).explain(options.user, options.item)))
