"""Rows that are no single event: several items in a cell, and order lines exported twice."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import replace

import polars as pl

from gnnseg.data.tables.marks import NAMES, mark_of
from gnnseg.data.tables.sheets import Sheet, shown
from gnnseg.types import InputError, Setting

ROLE = "unique:"  # of columns that tell order lines apart, by their number
ALL = "*"
UNIT = "\x1f"  # between the items of lists
MARKS = "|;,"  # what usually stands between the items of a cell
SAMPLE, MOST = 1000, 0.5  # cells looked at, and the share of them that tells of baskets


def columns(unique: str | None) -> dict[str, str | None]:
    """Return the columns that tell order lines apart, by role; ``*``: all there are."""
    if unique is None:
        return {}
    names = [name.strip() for name in next(csv.reader([unique]), [])]
    if not names or not all(names):
        raise InputError(
            where=Setting("data.unique", unique),
            problem="names no column",
            advice="give one, or several with commas between, or * for all",
        )
    return {f"{ROLE}{number}": name for number, name in enumerate(names)}


def chosen(names: list[str], mapping: Mapping[str, str | None]) -> dict[str, str | None]:
    """Return the columns of order lines that a mapping asks for, of those a table has."""
    found = {role: name for role, name in mapping.items() if role.startswith(ROLE)}
    if list(found.values()) == [ALL] and ALL not in names:
        return {f"{ROLE}{number}": name for number, name in enumerate(names)}
    return found


def roles(frame: pl.DataFrame) -> list[str]:
    """Return the columns of a table that tell order lines apart."""
    return [name for name in frame.columns if name.startswith(ROLE)]


def without_repeats(frame: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, int]]:
    """Return events with each order line once, the first; and how many went, by reason.

    A row that lacks a part of its order line's name stays.
    """
    keys = roles(frame)
    if not keys:
        return frame, {}
    named = pl.all_horizontal(
        pl.col(key).is_not_null() & (pl.col(key).cast(pl.String) != "") for key in keys
    )
    first = pl.struct(keys).is_first_distinct()
    kept = frame.filter(first | ~named).drop(keys)
    gone = len(frame) - len(kept)
    return kept, {"order line that stands before": gone} if gone else {}


def prepared(sheet: Sheet, basket: str | None) -> tuple[Sheet, str | None]:
    """Return a table whose items are text, and what stands between the items of a cell."""
    item = sheet.frame.schema.get("item")
    mark = None if basket is None else mark_of(basket)
    if not isinstance(item, pl.List | pl.Array):
        return sheet, mark
    if basket is None:
        raise InputError(
            where=sheet.path,
            problem="the column of items holds lists",
            advice=("set ", Setting("data.basket", "list"), " to take an event of each item"),
        )
    if "title" in sheet.frame.columns:
        raise _titled(sheet)
    lists = pl.col("item").cast(pl.List(pl.String)).list.join(UNIT, ignore_nulls=True)
    return replace(sheet, frame=sheet.frame.with_columns(lists)), UNIT


def split(sheet: Sheet, frame: pl.DataFrame, mark: str | None) -> tuple[pl.DataFrame, list[str]]:
    """Return an event an item of each cell, and what was noticed, in words.

    The items of a cell share its spend equally; each has its weight and time.
    """
    if mark is None:
        return frame, _seems(frame)
    if "title" in frame.columns:
        raise _titled(sheet)
    items = pl.col("item").str.split(mark).list.eval(pl.element().str.strip_chars())
    items = items.list.eval(pl.element().filter(pl.element() != ""))
    parted = frame.with_columns(items)
    if "spend" in frame.columns:
        parted = parted.with_columns(pl.col("spend") / pl.col("item").list.len().clip(1))
    events = parted.explode("item").filter(pl.col("item").is_not_null())
    if events.is_empty():
        raise InputError(
            where=sheet.path,
            problem=("no cell holds an item between ", Setting("data.basket"), " signs"),
            advice="give what stands between them",
        )
    shared = ", whose spend they share" if "spend" in frame.columns else ""
    return events, [f"{len(frame):,} baskets of {len(events):,} items{shared}"]


def mark_in(items: pl.Series) -> str | None:
    """Return what seems to stand between several items of a cell; None: nothing does."""
    cells = items.head(SAMPLE).drop_nulls()
    if not len(cells) or cells.dtype != pl.String:
        return None
    shares = {mark: float(cells.str.contains(mark, literal=True).mean() or 0) for mark in MARKS}  # type: ignore[arg-type]
    mark = max(shares, key=lambda one: shares[one])
    if shares[mark] < MOST or cells.str.split(mark).explode().n_unique() >= cells.n_unique():
        return None  # more different parts than cells: no items that people take again
    return mark


def _seems(frame: pl.DataFrame) -> list[str]:
    mark = mark_in(frame["item"])
    if mark is None:
        return []
    name = NAMES.get(mark, mark)
    return [f"items such as {shown(frame['item'][0])} may be baskets (data.basket={name} splits)"]


def _titled(sheet: Sheet) -> InputError:
    return InputError(
        where=sheet.path,
        problem=(Setting("data.item_title"), " names one item a row, and the rows are baskets"),
        advice=("name the items in a table, ", Setting("data.items", "FILE")),
    )
