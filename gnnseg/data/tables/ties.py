"""Times that stand where edges have their weights."""

from __future__ import annotations

import numpy as np
import polars as pl

from gnnseg.data.tables import columns, units
from gnnseg.data.tables.sheets import Sheet
from gnnseg.types import InputError

FEW = 100  # cells looked at, to save time


def refuse_times(sheet: Sheet, series: pl.Series, what: str) -> None:
    """Refuse times in the place of an edge's weight, unless the column is called weight.

    Args:
        sheet: The table.
        series: Its third column.
        what: What the edges are, as messages name them.

    Raises:
        InputError: The column holds times.
    """
    if columns.simple(series.name) in columns.USUAL["weight"]:
        return
    head = series.drop_nulls().head(FEW)
    if series.dtype.is_temporal() or columns.kind(head) == "dates":
        first = str(head[0])
    else:
        value = units.numbers_of(head, head.cast(pl.String)).to_numpy()
        seconds = value if len(value) and np.nanmedian(value) < 1e11 else value / 1e3
        if not len(value) or not bool(units.usual(seconds).all()):
            return
        first = f"{head[0]} (unix time of {units.day(float(seconds[0]))})"
    raise InputError(
        where=sheet.path,
        problem=f"column {series.name!r} stands where {what} have their weight, and holds times "
        f"such as {first}",
        advice="leave the column out, or call it weight if these are weights",
    )
