"""Write who is in which segment, a row a user, to a file or a table of a database.

The list is complete and has the users' own ids: it is the owner's (docs/weekly.md). A file or a
table that stands there is replaced whole, or stays as it was.
"""

from __future__ import annotations

import argparse

from gnnseg.cli.arguments import add_run, open_run, run_folder
from gnnseg.cli.command import say

EPILOG = """examples:
  gnnseg members RUN --out members.csv --columns spend,last
  gnnseg members RUN --out members.xlsx
  gnnseg members RUN --out moved.csv --since OLDER_RUN
  gnnseg members RUN --out sqlite:///crm.db --table segments
  gnnseg members RUN --out postgresql://anna@host/crm    (the password in PGPASSWORD)
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Take a run, and where its members go."""
    parser.epilog = EPILOG
    add_run(parser)
    add = parser.add_argument
    add(
        "--out",
        metavar="FILE|URL",
        required=True,
        help=".csv, .parquet, .jsonl, .xlsx, sqlite:///FILE or postgresql://user@host/database",
    )
    add("--table", metavar="NAME", help="its name in a database (gnnseg_members)")
    add(
        "--columns",
        metavar="NAMES",
        help="more to carry through, with commas: events, visits, spend, first, last, or an "
        "attribute of people that the run keeps",
    )
    add(
        "--since",
        metavar="OLD",
        help="who joined, left or moved since an earlier run, or a list that was written of it",
    )
    add("--excel", action="store_true", help="a CSV that a spreadsheet opens: UTF-8, no formulas")


def call(options: argparse.Namespace) -> None:
    """Write the members, and print where."""
    from gnnseg.runs import databases, export, joined, members
    from gnnseg.types import InputError

    if options.table is not None and not databases.is_url(options.out):
        raise InputError(f"--table {options.table}: is of a database, and --out names a file.")
    export.refuse_unwritable(options.out, excel=options.excel)
    run = open_run(options)
    names = [name.strip() for name in (options.columns or "").split(",") if name.strip()]
    frame = run.members(names)
    if options.since:
        frame = joined.since(frame, run_folder(options.since))
    table = options.table or members.TABLE
    print(export.write(iter([frame]), options.out, table=table, excel=options.excel))
    if options.since:
        say(f"since {options.since}: {joined.said(frame)}")
    placed = frame["segment"].drop_nulls()
    say(f"{len(frame):,} users, {len(placed):,} of them in {placed.n_unique():,} segments")
    if options.excel and (said := members.mangled(frame)) is not None:
        say(said)
