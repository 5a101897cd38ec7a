"""The table of segments of summary.parquet, as text: for the terminal and the notebook.

A column stands there where anything of it is known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from gnnseg.report import amounts
from gnnseg.report.columns import printable, render

FILE = "summary.parquet"
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Column:
    """A column: its title, of what it is made, how a row is written, whether it is text."""

    title: str
    source: str
    cell: Callable[[Row], str]
    text: bool = False


def read(folder: Path) -> pl.DataFrame | None:
    """Return summary.parquet; None in a folder of before, or of a run without segments."""
    path = folder / FILE
    return pl.read_parquet(path).sort("segment") if path.exists() else None


def columns(frame: pl.DataFrame, currency: str | None) -> list[Column]:
    """Return the columns of which something is known."""
    paid = "" if currency is None else f" ({currency})"
    found = [
        Column("segment", "segment", called, text=True),
        Column("people", "people", lambda r: f"{r['people']:,} ({amounts.percent(r['share'])})"),
        Column(
            f"revenue{paid}",
            "revenue",
            lambda r: f"{amounts.figure(r['revenue'])} ({amounts.percent(r['revenue_share'])})",
        ),
        Column("a head", "spend_head", lambda r: amounts.figure(r["spend_head"])),
        Column("visits", "visits_head", lambda r: amounts.figure(r["visits_head"])),
        Column("last seen", "days_since", _days),
        Column("trend", "trend", lambda r: amounts.trend(r["trend"])),
        Column("change", "change", _change),
        Column("verdict", "verdict", lambda r: r["verdict"] or "–", text=True),
        Column("sure", "sure", lambda r: amounts.percent(r["sure"])),
        Column("takes more than others do", "telling", _told, text=True),
    ]  # fmt: skip
    return [column for column in found if _known(frame[column.source])]


def called(row: Row) -> str:
    """Return a segment's number and name: '3 Wine, cheese'."""
    name, number = str(row["name"]), str(row["segment"])
    return number if name == f"segment {number}" else f"{number} {name}"


def text(folder: Path, currency: str | None, only: Sequence[int] | None = None) -> str:
    """Return the table for the terminal; empty where the folder has none.

    Args:
        folder: The run's.
        currency: What its money is written in; None: not known.
        only: These segments alone; None: all.
    """
    frame = read(folder)
    if frame is None:
        return ""
    if only is not None:
        frame = frame.filter(pl.col("segment").is_in(list(only)))
    shown = columns(frame, currency)
    cells = [[column.cell(row) for column in shown] for row in frame.iter_rows(named=True)]
    left = [n for n, column in enumerate(shown) if column.text]
    return render([column.title for column in shown], cells, "segments", left=left)


def names(folder: Path) -> dict[int, str]:
    """Return what each segment is called in a sentence: 'segment 3 (Wine, cheese)'."""
    frame = read(folder)
    if frame is None:
        return {}
    rows = frame.select("segment", "name").rows()
    return {
        k: f"segment {k}" + ("" if name == f"segment {k}" else f" ({printable(name)})")
        for k, name in rows
    }


def _known(series: pl.Series) -> bool:
    if series.dtype == pl.List(pl.String):
        return bool(series.list.len().sum())
    return series.null_count() < len(series)


def _told(row: Row) -> str:
    return ", ".join(row["telling"])


def _days(row: Row) -> str:
    days = row["days_since"]
    return "–" if days is None else f"{days:.0f} d"


def _change(row: Row) -> str:
    return "new" if row["change"] is None else amounts.change(row["change"])
