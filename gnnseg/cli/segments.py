"""Print the segments of a run: size, share, what they like more than others, evidence."""

from __future__ import annotations

import argparse

from gnnseg.cli.arguments import add_out, add_run, open_run


def arguments(parser: argparse.ArgumentParser) -> None:
    """Take a run, and a file for the users' segments."""
    add_run(parser)
    add_out(parser, "write each user's segment and alpha to .csv, .parquet or .jsonl")


def call(options: argparse.Namespace) -> None:
    """Print the segments, or write every user's."""
    from gnnseg.report import tables

    run = open_run(options)
    if options.out:
        print(run.write(run.segments(), options.out, excel=options.excel))
        return
    parts = (tables.segments(run.path), tables.evidence(run.path), tables.weights(run.path))
    print("\n".join(text for text in parts if text))
