"""Search for the best settings on validation, and write them as an experiment."""

from __future__ import annotations

import argparse
import re
import shlex
import textwrap
from collections.abc import Sequence
from pathlib import Path

from gnnseg.cli.command import Parser, say

USAGE = """\
gnnseg tune [FILE ... --user COLUMN --item COLUMN ...] [key=value ...]
                   [hparams=NAME,...] [key=A,B ...] ['key=interval(LOW,HIGH)' ...]
                   [--trials N] [--workers N] [--timeout TIME] [--prune HOW] [--name NAME]
                   [--out DIR] [--plan] [--config-dir DIR]"""
HELP = """\
Search for the best settings on validation, and write them as an experiment. No test figure is
shown: the final run reads it, by the command that is printed last.

It takes what gnnseg train takes of one run, and what to draw from: the spaces of the encoder, head
and objective (or baseline) themselves, those that hparams= names, or settings of several values.
The study is a file, <runs.root>/.sweeps/NAME.journal; the same command again goes on with it to
--trials in all, also in a second terminal at the same time. Needs gnnseg[search].

  hparams=A,B        spaces, files of conf/hparams or of hparams/ in --config-dir
  key=A,B            values; 'key=interval(0.1,0.3)', 'key=tag(log,interval(0.001,0.1))' numbers,
                     'key=int(interval(8,64))' whole ones
  --trials N         how many in all (40)
  --workers N        so many at once, each a process with one thread (1)
  --timeout TIME     begin none after it: 90, 30m, 2h
  --prune HOW        give up poor trials by their validation curve: median, hyperband or none
  --name NAME        of the study and the experiment
  --out DIR          the folder that gets experiment/NAME.yaml; else --config-dir, else
                     <runs.root>/.tuned
  --plan             show the space and how far the study is; run nothing

examples:
  gnnseg tune data=ml-100k head=dot --trials 40 --workers 2
  gnnseg tune data=ml-100k baseline=ease --trials 20
  gnnseg tune data=ml-100k 'head.tau_alpha=interval(0.08,0.2)' encoder.layers=1,2,3

spaces (hparams=):
"""
UNITS = {"": 1, "s": 1, "m": 60, "h": 3600}


def arguments(parser: Parser) -> None:
    """Take everything as it stands: what is not ours is a training's."""
    from gnnseg.config.names import choices

    parser.verbatim = "given"
    parser.usage = USAGE
    names = " ".join(choices("hparams"))
    parser.description = HELP + textwrap.fill(
        names, 100, initial_indent="  ", subsequent_indent="  "
    )


def call(options: argparse.Namespace) -> None:
    """Search as the words say; the best setting and the command that runs it are the answer."""
    from gnnseg.runs import command
    from gnnseg.runs.tuning import search
    from gnnseg.runs.tuning.search import TuneSettings

    mine, words = _sorted(options.given)
    settings = TuneSettings(
        trials=mine.trials, workers=mine.workers, timeout=_seconds(mine.timeout), name=mine.name,
        out=None if mine.out is None else Path(mine.out), prune=mine.prune,
    )  # fmt: skip
    typed = shlex.join(["gnnseg", "tune", *options.given])
    found = command.tune(words, settings, command=typed, say=say)
    if mine.plan:
        print("\n".join(search.plan(found)))
        return
    try:
        tuned = search.do(found, say)
    except KeyboardInterrupt:
        say("stopped and saved; the same command goes on")
        raise
    say(str(tuned.path))
    print(tuned)
    print(tuned.command)


def _sorted(given: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """Return our own options, and the words that are a training's."""
    from gnnseg.types import InputError

    own = argparse.ArgumentParser(
        prog="gnnseg tune", add_help=False, allow_abbrev=False, exit_on_error=False
    )
    own.add_argument("--trials", type=int, default=40)
    own.add_argument("--workers", type=int, default=1)
    own.add_argument("--prune", choices=["median", "hyperband", "none"], default="median")
    for flag in ("--timeout", "--name", "--out"):
        own.add_argument(flag)
    own.add_argument("--plan", action="store_true")
    try:
        return own.parse_known_args(given)
    except argparse.ArgumentError as error:
        raise InputError(
            f"{error.argument_name}: {error.message}; see gnnseg tune --help."
        ) from None


def _seconds(text: str | None) -> float | None:
    """Return a time in seconds: 90, 90s, 30m, 2h."""
    from gnnseg.types import InputError

    if text is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text.strip())
    if found is None:
        raise InputError(f"--timeout {text}: give a time such as 90, 30m or 2h.")
    return float(found[1]) * UNITS[found[2]]
