"""Whether weights can be weights: constant, absurd, or times."""

from __future__ import annotations

import numpy as np
import polars as pl

from gnnseg.data.tables import units
from gnnseg.data.tables.sheets import Sheet

LARGEST = 1e30  # beyond, sums and products leave the range of single precision
ABSURD = 1e6  # times the median


def beyond(value: pl.Series) -> pl.Series:
    """Return the numbers of rows whose value is finite and larger than can be computed with."""
    ends = [end for end in (value.min(), value.max()) if isinstance(end, float)]
    if all(abs(end) <= LARGEST for end in ends):
        return pl.Series(dtype=pl.UInt32)
    size = value.abs()
    return ((size > LARGEST) & size.is_finite()).fill_null(False).arg_true()


def notes(sheet: Sheet, value: pl.Series) -> list[str]:
    """Return what is odd about weights, in words: all are one, or one is more than all others."""
    known = value.to_numpy()
    finite = np.flatnonzero(np.abs(known) <= LARGEST)
    if len(finite) < 2:
        return []
    found = known[finite]
    low, high = float(found.min()), float(found.max())
    if low == high:
        return [f"every weight is {low:g}, and so says nothing"]
    times = high >= units.USUAL and (
        np.mean(units.usual(found)) > 1 - units.RARE or np.mean(units.usual(found / 1e3)) > 0.99
    )
    if times:
        return [f"the weights look like unix times (first: {found[0]:.0f})"]
    size = np.abs(found)
    if size.max() <= ABSURD * size.min(initial=np.inf, where=size > 0):
        return []
    middle = float(np.median(size[size > 0]))
    place = int(size.argmax())
    if size[place] > ABSURD * middle:
        row = int(finite[place])
        return [
            f"the largest weight, {found[place]:g} ({sheet.where(row, short=True)}), is "
            f"{size[place] / middle:,.6g} times the median"
        ]
    return []
