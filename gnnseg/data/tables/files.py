"""A user's table and the tables beside it, put together as a set."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import polars as pl

from gnnseg.data.raw import Raw
from gnnseg.data.tables import fields, lines, orders
from gnnseg.data.tables import returns as returns_
from gnnseg.data.tables.beside import TablesBeside
from gnnseg.data.tables.dates import Order
from gnnseg.data.tables.nobody import MissingIds
from gnnseg.data.tables.numbers import Decimal
from gnnseg.data.tables.returns import Returns
from gnnseg.data.tables.sheets import Sheet
from gnnseg.data.zeros import Zeros
from gnnseg.types import InputError, Setting

Say = Callable[[str], None]


def assemble(
    name: str,
    sheet: Sheet,
    said: list[str],
    say: Say,
    *,
    on_error: Literal["fail", "drop"],
    decimal: Decimal | None,
    dates: Order | None,
    returns: Returns | None,
    time_as: str | None = None,
    zeros: Zeros | None = None,
    keep: str | Mapping[str, float] | None = None,
    basket: str | None = None,
    missing_ids: MissingIds = "drop",
    guests: bool = True,
    beside: TablesBeside | None = None,
) -> Raw:
    """Return a set: a table whose columns are called by their roles, and the tables beside it.

    Columns ``title`` and ``part`` serve too, and those by which order lines that were exported
    twice are known. ``basket``: what stands between the items of a cell. ``said``: what was noticed
    in the table, in words; what is noticed in its columns is added, and ``say`` is told.
    """
    sheet, mark = orders.prepared(sheet, basket)
    roles = {role: role for role in sheet.frame.columns if role in fields.READ}
    events = fields.events(
        sheet, roles, drop=on_error == "drop", beside=("part", "title", *orders.roles(sheet.frame)),
        decimal=decimal, order=dates, returns=returns, time_as=time_as, missing_ids=missing_ids,
        guests=guests,
    )  # fmt: skip
    frame, repeats = orders.without_repeats(events.frame)
    frame, others, kinds = lines.kept(lines.spent(frame), keep)
    frame, baskets = orders.split(sheet, frame, mark)
    notes = [*said[:-1], "; ".join((said[-1], *events.notes, *kinds, *baskets))]
    for line in notes:
        say(line)
    rejected = {**events.rejected, **repeats, **others}
    keys = ["user", "item"]
    if "part" in frame.columns:
        frame, keys = frame.with_columns(pl.col("part").cast(pl.Int8)), [*keys, "part"]
    if returns == "subtract" and "weight" in frame.columns:
        frame, taken = returns_.subtract(frame, keys)
        rejected |= taken

    def told(line: str) -> None:
        notes.append(line)
        say(line)

    known = {} if beside is None else beside.read(frame, told)
    if "title" in frame.columns:
        known["items"], frame = _titles(frame, say), frame.drop("title")
    return Raw(
        name=name, events=frame, **known, rejected=rejected, rejected_examples=events.examples,
        zeros=zeros, notes={
            "read": notes, "detected": dict(events.detected),
            "left out unasked": sorted(events.left_out & set(events.rejected)),
        },
    )  # fmt: skip


def _titles(frame: pl.DataFrame, say: Say) -> pl.DataFrame:
    """Return names of items: each item's commonest title, of equals the first by alphabet."""
    title = pl.col("title").cast(pl.String).str.strip_chars()
    counts = frame.lazy().filter(title != "").group_by("item", title.alias("name")).len()
    found = counts.sort("item", "len", "name", descending=[False, True, False]).collect()
    table = found.unique("item", keep="first", maintain_order=True)
    if several := found.filter(found["item"].is_duplicated())["item"].n_unique():
        say(f"{several:,} items bear more than one title; each is called by its commonest")
    return table.select(id="item", name="name")


def refuse_unseen(frame: pl.DataFrame, test: str) -> None:
    """Refuse a given test of users that train lacks: more often a mistake than a wish."""
    train = frame.filter(pl.col("part") == 0)
    fresh = frame.filter(pl.col("part") == 2).join(
        train, on="user", how="anti", maintain_order="left"
    )
    if len(fresh):
        raise InputError(
            where=test,
            problem=f"{fresh['user'].n_unique():,} users that train lacks "
            f"(first: {fresh['user'][0]})",
            advice=(
                *("take them out, or set ", Setting("data.unseen_users", "allow")),
                " to have them counted and left out of the mean",
            ),
        )
