"""Rank people by the chance that they will take an item, with a random control group."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gnnseg.cli.arguments import add_out, add_run, open_run
from gnnseg.cli.command import say

if TYPE_CHECKING:
    from gnnseg.runs.audience import Audience
    from gnnseg.runs.run import Run

SHOWN = 20  # people printed where there is no --out
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
    from gnnseg.runs import audience, databases, export, personalize
    from gnnseg.types import InputError

    if options.format and not options.out:
        raise InputError(f"--format {options.format}: name a file to write to with --out FILE.")
    if options.out and not options.format and not databases.is_url(options.out):
        export.refuse(options.out, excel=options.excel)
    run = open_run(options)
    asked = _asked(options, run)
    if options.format:
        print(personalize.write(run.stored, options.out, **asked))
        return
    found = audience.audience(run.stored, **asked)
    if options.out:
        said = export.write(
            iter([found.table]), options.out, excel=options.excel, table=options.table
        )
        for line in summary(found):
            say(line)
        print(said)
        return
    show(found)


def show(found: Audience) -> None:
    """Print what was asked for, how many buyers are expected, and the first people."""
    from gnnseg.report import tables

    print("\n".join(summary(found)))
    print(tables.frame(readable(found.table.head(SHOWN))))
    if len(found.table) > SHOWN:
        print(f"… and {len(found.table) - SHOWN:,} more; --out FILE writes them all")


def summary(found: Audience) -> list[str]:
    """Return the sentences that stand over an audience."""
    from gnnseg.report import scores

    people, control = len(found.table), int(found.table["control"].sum())
    held = found.table.filter("control")["chance"].sum()
    within = f"within {found.days:g} days" if found.days else "in as long as the data took"
    of = "" if people == found.eligible else f" of {found.eligible:,}"
    lines = [
        f"{found.words}: {people:,} people{of}",
        f"expected buyers {within}: {found.buyers:,.1f} ({found.buyers / people:.1%}); "
        f"of everyone ranked {found.everyone:,.1f} ({found.everyone / found.eligible:.1%})",
    ]
    if control:
        lines.append(
            f"control group: {control:,} people drawn at random, {held:,.1f} buyers expected "
            "without the campaign; do not contact them (control is true)"
        )
    if found.days is None:
        lines.append(
            "the data has no times: how often people come is how often they came in all of it"
        )
    if not found.trusted:
        lines.append(scores.ORDER)
    return lines


def readable(table: Any) -> Any:
    """Return an audience with chances as percentages and lists as short texts."""
    import polars as pl

    from gnnseg.runs import export

    first = pl.col("bought").list.head(BOUGHT)
    more = pl.when(pl.col("bought").list.len() > BOUGHT).then(pl.lit(["…"])).otherwise(pl.lit([]))
    shown = table.with_columns(
        chance=pl.format("{}%", (100 * pl.col("chance")).round(1)),
        expected=pl.col("expected").round(3),
        bought=pl.concat_list(first, more.cast(pl.List(pl.String))),
    )
    return export.flat(shown)


def _asked(options: argparse.Namespace, run: Run) -> dict[str, Any]:
    """Return what the options ask for, as ``Run.audience`` takes it."""
    from gnnseg.data.tables import id_lists
    from gnnseg.runs.recommend import ids_of

    path = options.exclude
    excluded = (
        None if path is None else id_lists.read(Path(path), ids_of(run.stored, "user"), "user")
    )
    return {
        "item": options.item,
        "where": options.where,
        "segment": options.segment,
        "size": options.size,
        "top": options.top,
        "not_bought": options.not_bought,
        "exclude": excluded,
        "control": options.control,
        "days": options.days,
        "seed": options.seed,
        "users": options.users,
        "users_id": options.users_id,
    }
