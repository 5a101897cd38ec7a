"""Recommend a number of segments: a run for each, refitted, compared on validation."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from gnnseg.cli.command import Parser, say

USAGE = """\
gnnseg choose-k [FILE ... --user COLUMN --item COLUMN ...] [key=value ...]
                       [--segments 2,4,8] [--refits N] [--no-price] [--out FILE] [--fresh]"""
HELP = """\
Recommend a number of segments, and say why: a run for each, fitted again on nine tenths of every
user's events, and compared on validation alone. No test figure is read.

It takes what gnnseg train takes of one run (gnnseg train --help): a file, or data=NAME, and
settings. Runs are found again where they stand, and so are refits: the same command again costs
nothing, an interrupted one goes on. Table and reason go to standard output, then the folder with
the picture (choice.svg), the page (choice.html) and the figures (choice.json, choice.csv).

  --segments A,B,C  the numbers to try; else 2,3,4,6,8,12,16,24,32, as far as the data bear it
  --refits N        how often each run is fitted again (3)
  --no-price        leave out head=dot, whose ndcg the price is a share of
  --out FILE        write the table to .csv, .parquet or .jsonl too
  --excel           a CSV that Excel opens as UTF-8
  --fresh           train and refit again what stands there
"""


def arguments(parser: Parser) -> None:
    """Take everything as it stands: what is not ours is a training's."""
    parser.verbatim = "given"
    parser.usage = USAGE
    parser.description = HELP


def call(options: argparse.Namespace) -> None:
    """Choose as the words say; print the table, the reason and the folder."""
    from gnnseg.runs import command, export

    mine, words = _sorted(options.given)
    if mine.out:
        export.refuse(mine.out, excel=mine.excel)
    choice = command.choose_k(
        words, segments=_numbers(mine.segments), refits=mine.refits, price=not mine.no_price,
        fresh=mine.fresh, say=say,
    )  # fmt: skip
    print(choice)
    print(choice.path)
    if mine.out:
        print(export.write(iter([choice.table]), mine.out, excel=mine.excel))


def _sorted(given: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """Return our own options, and the words that are a training's."""
    from gnnseg.types import InputError

    own = argparse.ArgumentParser(
        prog="gnnseg choose-k", add_help=False, allow_abbrev=False, exit_on_error=False
    )
    own.add_argument("--segments")
    own.add_argument("--refits", type=int, default=3)
    own.add_argument("--out")
    for flag in ("--no-price", "--excel", "--fresh"):
        own.add_argument(flag, action="store_true")
    try:
        return own.parse_known_args(given)
    except argparse.ArgumentError as error:
        raise InputError(
            f"{error.argument_name}: {error.message}; see gnnseg choose-k --help."
        ) from None


def _numbers(text: str | None) -> list[int] | None:
    """Return the numbers that ``--segments`` names."""
    from gnnseg.types import InputError

    if text is None:
        return None
    try:
        return [int(word) for word in text.split(",")]
    except ValueError:
        raise InputError(
            f"--segments {text}: give whole numbers with commas between, such as 2,4,8,16."
        ) from None
