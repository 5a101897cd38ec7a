"""Rank people by the chance that they will take an item, with a random control group."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from gnnseg.cli.arguments import add_out, add_run, open_run
from gnnseg.cli.command import say

if TYPE_CHECKING:
    from gnnseg.runs.audience import Audience

SHOWN = 20  # people printed where there is no --out
ASKED = (
    "item", "where", "segment", "size", "top", "not_bought", "exclude", "exclude_by", "control",
    "days", "seed", "users", "users_id",
)  # fmt: skip
BOUGHT = 3  # of what they bought, in print
EPILOG = """\
examples:
  gnnseg audience RUN --item 50 --top 10%                     who will take item 50
  gnnseg audience RUN --where "category == 'WINE'" --not-bought --size 500 --out wine.csv
  gnnseg audience RUN --segment 3 --where "days_since > 60" --exclude optout.csv --out crm.xlsx
  gnnseg audience RUN --item 50 --out sqlite:///crm.db --table spring
--where takes conditions in SQL, each of columns of items or of columns of people; in text, single
quotes. Contact those whose control is false, and compare with the control group afterwards.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Take a run, what it is about, whom to leave out, and where the list goes."""
    parser.epilog = EPILOG
    add_run(parser)
    add = parser.add_argument
    add("--item", metavar="ID", action="append", help="an item's own id; several: any of them")
    add(
        "--where",
        metavar="SQL",
        action="append",
        help="items or people by their columns, such as \"category == 'WINE'\"; several: all",
    )
    add("--segment", metavar="N", help="people of this segment alone: its number, id or name")
    add("--size", metavar="N", type=int, help="how many people")
    add("--top", metavar="SHARE", help="what share of the people ranked, such as 10%%")
    add("--not-bought", action="store_true", help="leave out who has taken any of the items")
    add("--exclude", metavar="FILE", help="leave out people listed here (column 'user' or 'id')")
    add(
        "--exclude-by",
        metavar="COLUMN",
        help="what it lists, where not ids: a column of --users, such as email",
    )
    add(
        "--control",
        metavar="SHARE",
        type=float,
        default=0.1,
        help="share of the people drawn as a control group, marked in a column (0.1); 0: none",
    )
    add("--days", metavar="N", type=float, default=30.0, help="the chance within N days (30)")
    add("--seed", metavar="N", type=int, default=0, help="of the control group's draw (0)")
    add("--users", metavar="FILE", help="more about people by id, for --where, and carried through")
    add("--users-id", metavar="COLUMN", help="the column of ids in --users")
    add("--format", choices=["personalize"], help="Amazon Personalize's lines; with --out FILE")
    add("--table", metavar="NAME", default="audience", help="its name in a database (audience)")
    add_out(
        parser,
        "write .csv, .parquet, .jsonl or .xlsx, or a database's table: sqlite:///crm.db, "
        "postgresql://user@host/db",
    )


def call(options: argparse.Namespace) -> None:
    """Print the audience, or write it."""
    from gnnseg.runs import audience, campaign, databases, export, members, personalize
    from gnnseg.types import InputError

    if options.format and not options.out:
        raise InputError(f"--format {options.format}: name a file to write to with --out FILE.")
    if options.out and not options.format and not databases.is_url(options.out):
        export.refuse(options.out, excel=options.excel)
    run = open_run(options)
    asked = campaign.resolved(run.stored, **_asked(options))
    if options.format:
        print(personalize.write(run.stored, options.out, **asked))
        return
    found = audience.audience(run.stored, **asked)
    if options.out:
        place = export.write(
            iter([found.table]), options.out, excel=options.excel, table=options.table
        )
        for line in campaign.sentences(found):
            say(line)
        print(place)
        if options.excel and (said := members.mangled(found.table)) is not None:
            say(said)
        return
    show(found)


def show(found: Audience) -> None:
    """Print what stands over an audience, and the first people."""
    from gnnseg.report import tables
    from gnnseg.runs import campaign

    print("\n".join(campaign.sentences(found)))
    print(tables.frame(readable(found.table.head(SHOWN))))
    if len(found.table) > SHOWN:
        print(f"… and {len(found.table) - SHOWN:,} more; --out FILE writes them all")


def readable(table: Any) -> Any:
    """Return an audience with chances as percentages and lists as short texts."""
    import polars as pl

    from gnnseg.runs import export

    first = pl.col("bought").list.head(BOUGHT)
    more = pl.when(pl.col("bought").list.len() > BOUGHT).then(pl.lit(["…"])).otherwise(pl.lit([]))
    shown = table.with_columns(
        chance=pl.when(pl.col("chance") >= 0.9995)
        .then(pl.lit(">99.9%"))
        .otherwise(pl.format("{}%", (100 * pl.col("chance")).round(1))),
        expected=pl.col("expected").round(3),
        bought=pl.concat_list(first, more.cast(pl.List(pl.String))),
    )
    return export.flat(shown)


def _asked(options: argparse.Namespace) -> dict[str, Any]:
    """Return what the options ask for, as ``campaign.read`` takes it."""
    return {name: getattr(options, name) for name in ASKED}
