"""Lines that say what was read: the columns of a table, its events, what could not be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from gnnseg.data.tables import columns as columns_
from gnnseg.data.tables.fields import RETURN
from gnnseg.data.tables.layout import SHOWN, aligned, spread

ROWS = 5  # of a file, shown as read
PARTS = ("train", "valid", "test")


def table(head: pl.DataFrame, columns: Mapping[str, str | None]) -> list[str]:
    """Return the table of columns, and the first rows."""
    return [*_columns(head, columns), "", *aligned([head.columns, *head.head(ROWS).rows()]), ""]


def _columns(head: pl.DataFrame, columns: Mapping[str, str | None]) -> list[str]:
    """Return a line a column: its role, and what a sample of it holds."""
    serves: dict[str, str] = {}
    for role, name in columns.items():
        if name is not None:
            serves[name] = f"{serves[name]}, {role}" if name in serves else role
    rows = [("column", "serves as", "holds", f"different of {len(head):,}")]
    for name in head.columns[: 2 * SHOWN]:
        cells = head[name]
        distinct = "" if cells.dtype.is_nested() else f"{cells.drop_nulls().n_unique():,}"
        rows.append((name, serves.get(name, "-"), columns_.kind(cells), distinct))
    more = head.width - 2 * SHOWN
    return ["", *aligned(rows), *([f"and {more} more columns"] if more > 0 else [])]


def events(frame: pl.DataFrame) -> list[str]:
    """Return what the events amount to."""
    pairs = frame.select("user", "item").n_unique()
    users, items = (frame[kind].n_unique() for kind in ("user", "item"))
    measures = [role for role in ("weight", "spend") if role in frame.columns]
    return [
        f"{len(frame):,} events of {users:,} users and {items:,} items; "
        f"{pairs:,} different pairs ({100 * pairs / (users * items):.3g} % of all), "
        f"{len(frame) - pairs:,} repeats",
        spread("events a user", frame.group_by("user").len()["len"].to_numpy()),
        spread("events an item", frame.group_by("item").len()["len"].to_numpy()),
        *[spread(role, frame[role].to_numpy()) for role in measures],
        *[
            f"only one {kind}: nothing can be compared; give more data"
            for kind, count in (("user", users), ("item", items))
            if count == 1
        ],
    ]


def parts(frame: pl.DataFrame) -> list[str]:
    """Return how many events lie in each part of a given split."""
    if "part" not in frame.columns:
        return []
    counts = [f"{int((frame['part'] == n).sum()):,} {name}" for n, name in enumerate(PARTS)]
    return [f"a given split: {', '.join(counts)} events"]


def returned(frame: pl.DataFrame) -> list[str]:
    """Return a line about events of negative weight, if there are any."""
    count = int((frame["weight"] < 0).sum()) if "weight" in frame.columns else 0
    if not count:
        return []
    return [
        f"{count:,} {'row' if count == 1 else 'rows'} of negative weight: --returns subtract takes "
        "them off the purchases before them (drop: leaves them out; keep: takes them as they are)"
    ]


def rejected(bad: Mapping[str, int], examples: Mapping[str, str]) -> list[str]:
    """Return the rows that cannot be read, by reason."""
    if not bad:
        return ["every row can be read"]
    return [
        f"{sum(bad.values()):,} rows cannot be read:",
        *[f"  {count:,} × {reason} (first: {examples[reason]})" for reason, count in bad.items()],
    ]


def nobody(
    rejected: Mapping[str, int], examples: Mapping[str, str], reasons: Sequence[str]
) -> list[str]:
    """Return the rows of nobody, which are left out unasked, by reason."""
    found = {k: n for k, n in rejected.items() if k in reasons and k != RETURN and k in examples}
    if not found:
        return []
    return [
        f"{sum(found.values()):,} rows are left out (--missing-ids keep: kept where there is an "
        "id):",
        *[f"  {count:,} × {reason} (first: {examples[reason]})" for reason, count in found.items()],
    ]
