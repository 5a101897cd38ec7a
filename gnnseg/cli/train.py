"""Train a model, evaluate it, and leave a run folder."""

from __future__ import annotations

import argparse
import textwrap

from gnnseg.cli.command import Parser, say

USAGE = """\
gnnseg train [FILE ... --user COLUMN --item COLUMN ...] [key=value ...]
                    [-m] [--fresh] [--config-dir DIR]"""
HELP = """\
Train a model, evaluate it, and leave a run folder; its path is all that goes to standard output.
The same command again returns the finished run, or goes on with an interrupted one.

  key=value         a setting, such as encoder=mf head.segments=32 data=ml-1m data.root=DIR seed=1
  -m, --multirun    a sweep: commas make runs, as in seed=0,1,2; ends with a table
  --fresh           compute again what stands there finished
  --config-dir DIR  your own conf/ folder beside the package's; allow=[mylab] lets it name your code
  --cfg job         print the configuration and stop, under -m that of every job

a file of your own (gnnseg data check FILE proposes most of this); it is saved as YAML, and
data=./NAME.yaml finds it again:
  FILE ...                       CSV, TSV, JSON, Excel, Parquet, gzip, zip …; several files, or a
                                 quoted pattern, make one table
  --user --item --time --weight COLUMN           (of a file without a header: column_1 …)
  --spend COLUMN                 money, or --price COLUMN [--quantity COLUMN]
  --order COLUMN                 which lines are one order, and so one visit
  --event COLUMN --keep KINDS    which kinds of events count: purchase, or view=1,purchase=5
  --users FILE, --items FILE     attributes by id; --item-title COLUMN;
                                 --social FILE: user, user[, weight]
  --log FILE                     what was shown: user, item, reward[, propensity, slate, position]
  --users-id, --items-id COLUMN  that holds the ids there, where two could
  --missing-ids drop|keep|fail   rows without a user or an item, NULL in its place, or of all guests
  --returns subtract|drop|keep   events of negative weight
  --on-error drop                leave out and count rows that cannot be read
  --separator --encoding --decimal --dates --header --quoting --skip --sheet   where the file leaves
                                 it open; of one file beside: --users-encoding, --social-separator,
                                 --log-reward COLUMN …
  --valid FILE --test FILE       a given split, whose train is FILE
  --basket CHAR                  the cell of items holds several
  --unique COLUMNS               an order line that stands in two exports counts once
  --min-weight --k-core NUMBER
  --sql 'select …' --connect sqlite:///shop.db   (or postgresql://user@host/db; the password in
                                 PGPASSWORD)

tab completion of commands and settings, in bash:
  eval "$(gnnseg train -sc install=bash)"

choices (gnnseg options GROUP says more; data=./NAME.yaml is one of your own):
"""


def arguments(parser: Parser) -> None:
    """Take everything as it stands: files, settings, and what is Hydra's."""
    parser.verbatim = "given"
    parser.usage = USAGE
    parser.description = HELP + _choices()


def call(options: argparse.Namespace) -> int:
    """Train as the words say; the run folders' paths are the answer."""
    given: list[str] = options.given
    if any(word in ("-sc", "--shell-completion") for word in given):
        from gnnseg.cli.completion import complete

        complete(given)
        return 0
    if any(word in ("--version", "-V") for word in given):
        from importlib.metadata import version

        print(f"gnnseg {version('gnnseg')}")
        return 0
    from gnnseg.distributed import started
    from gnnseg.runs import command

    if not started.leads():  # of several processes, the first speaks
        return command.run(given, say=_nothing, show=_nothing)
    return command.run(given, say=say, show=lambda line: print(line, flush=True))


def _nothing(line: str) -> None:
    """Say nothing."""


def _choices() -> str:
    """Return a line for each group that has something to choose."""
    from gnnseg.config.names import choices, groups

    found = {group: choices(group) for group in groups()}
    lines = [f"{group}= {' '.join(names)}" for group, names in found.items() if len(names) > 1]
    return "\n".join(
        textwrap.fill(line, 100, initial_indent="  ", subsequent_indent=" " * 12) for line in lines
    )
