"""Arguments that several verbs take, and what they stand for."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gnnseg.runs.run import Run

OWN_FORMS = """\
--FILE-separator, -encoding, -decimal, -header, -quoting, -skip, -sheet: as above, of that file
alone, such as --users-encoding latin-1; of a log its columns too, such as --log-reward click;
FILE is """
COLUMNS = ("user", "item", "weight", "time", "spend")
LINES = ("order", "event", "price", "quantity")


def runs_root() -> str:
    """Return where runs are made unless something else is said."""
    return os.environ.get("GNNSEG_RUNS", "./runs")


def data_root() -> str:
    """Return where data sets lie unless something else is said."""
    return os.environ.get("GNNSEG_DATA", "./data")


def add_run(parser: argparse.ArgumentParser) -> None:
    """Take a run folder."""
    parser.add_argument("run", metavar="RUN", help="a run folder, or its name under runs.root")


def open_run(options: argparse.Namespace) -> Run:
    """Load the run that was named."""
    from gnnseg.runs.run import Run

    return Run.load(run_folder(options.run))


def run_folder(name: str) -> Path:
    """Return a run's folder by its path, or by its name under runs.root."""
    path = Path(name).expanduser()
    if not path.exists() and os.sep not in name:
        under = Path(runs_root()) / name
        if under.exists():
            return under.absolute()
    return path.absolute()


def add_columns(parser: argparse.ArgumentParser) -> None:
    """Take the names of the columns of a table of interactions."""
    lines = {
        "user": "users' own ids",
        "item": "items' own ids",
        "weight": "ratings, quantities or plays",
        "time": "times",
        "spend": "money, a line's",
        "order": "which lines are one order, and so one visit",
        "event": "kinds of events, of which --keep says which count",
        "price": "prices: spend is price times quantity",
        "quantity": "quantities, where they are not the weights",
    }
    for name, text in lines.items():
        parser.add_argument(f"--{name}", metavar="COLUMN", help=text)
    parser.add_argument(
        "--keep", metavar="KINDS", help="purchase, or with weights view=1,purchase=5"
    )


def add_form(parser: argparse.ArgumentParser) -> None:
    """Take what a file's own lines may leave open."""
    add = parser.add_argument
    add("--separator", metavar="CHAR", help="given only where the file leaves it open")
    add("--encoding", metavar="NAME", help="such as latin-1, utf-16, gb18030")
    add(
        "--format",
        choices=["table", "lightgcn"],
        help="a table, or lines 'user item item …' (lightgcn)",
    )
    add(
        "--decimal",
        choices=["point", "comma", ".", ","],
        help="given only where two readings fit",
    )
    add("--header", choices=["first", "none"], help="whether the first line names the columns")
    add(
        "--quoting",
        choices=["double", "backslash", "none"],
        help='quotes in quoted cells: "" or \\", or quotes are part of cells',
    )
    add("--skip", type=int, metavar="LINES", help="lines left out at the top")
    add("--sheet", metavar="NAME", help="of a workbook with several")
    add("--dates", choices=["dmy", "mdy", "ymd"], help="given only where two orders fit")
    add(
        "--time-as",
        metavar="FORM",
        help="any, a unit (seconds, days, excel, julian …) or a pattern (%%Y%%m%%d%%H)",
    )
    add("--zeros", choices=["keep", "drop"], help="what weights of 0 are")
    add("--returns", choices=["keep", "drop", "subtract"], help="what negative weights are")


def add_own_forms(parser: argparse.ArgumentParser, tables: Sequence[str]) -> None:
    """Take what single files beside the interactions are told: ``--users-encoding latin-1``."""
    from gnnseg.data.tables import typed

    text = OWN_FORMS + " or ".join(tables)
    group = parser.add_argument_group("of one file beside", text)
    for name, (table, _) in typed.OWN.items():
        if table in tables:
            group.add_argument(
                typed.flag(name), type=typed.NUMBERS.get(name, str), help=argparse.SUPPRESS
            )


def own_form(options: argparse.Namespace, table: str) -> dict[str, Any]:
    """Return what one file beside was told."""
    from gnnseg.data.tables import typed

    mine = {key: getattr(options, name) for name, (of, key) in typed.OWN.items() if of == table}
    return {key: value for key, value in mine.items() if value is not None}


def add_lists(parser: argparse.ArgumentParser) -> None:
    """Take how long lists of items are, and what may stand in them."""
    add = parser.add_argument
    add("-k", type=int, default=20, metavar="K", help="how many items (20)")
    add(
        "--seen",
        choices=["mask", "allow"],
        help="leave out what the user already has (mask), or not; else as the run was evaluated",
    )
    add("--only", metavar="FILE", help="show only items listed here (first column, or 'item')")
    add("--exclude", metavar="FILE", help="never show items listed here")


def item_filters(options: argparse.Namespace, run: Run) -> dict[str, Any]:
    """Return --only and --exclude as lists of item ids."""
    from gnnseg.data.tables import id_lists
    from gnnseg.runs.recommend import ids_of

    known = ids_of(run.stored) if options.only or options.exclude else None
    return {
        name: None
        if (path := getattr(options, name)) is None or known is None
        else id_lists.read(Path(path), known)
        for name in ("only", "exclude")
    }


def add_out(parser: argparse.ArgumentParser, text: str) -> None:
    """Take a file to write the answer to."""
    parser.add_argument("--out", metavar="FILE", help=text)
    parser.add_argument("--excel", action="store_true", help="a CSV that Excel opens as UTF-8")
