"""Columns of unusual types as plain ones: periods, intervals, durations, and what holds several."""

from __future__ import annotations

import json
from typing import Any

import polars as pl

DAY = 86_400_000_000  # microseconds
STEPS = {  # of a pandas.Period counted in units of time: microseconds
    "D": DAY, "h": 3_600_000_000, "H": 3_600_000_000, "min": 60_000_000, "T": 60_000_000,
    "s": 1_000_000, "S": 1_000_000, "ms": 1000, "L": 1000, "us": 1, "U": 1,
}  # fmt: skip
WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")


def plain(frame: pl.DataFrame) -> pl.DataFrame:
    """Return a frame without extension types: a period is its first moment, an interval text."""
    odd = [series for series in frame if hasattr(series.dtype, "ext_storage")]
    return frame.with_columns(_of_extension(series) for series in odd) if odd else frame


def readable(series: pl.Series) -> pl.Series | None:
    """Return a column as an attribute can be read: a duration in days, objects as text.

    None for what holds several things in a cell that are no list of text or numbers, and bytes.
    """
    if hasattr(series.dtype, "ext_storage"):
        series = _of_extension(series)
    kind: Any = series.dtype
    if kind == pl.Duration:
        return series.dt.total_microseconds() / DAY
    if kind == pl.Object:
        cells = [None if cell is None or cell != cell else str(cell) for cell in series.to_list()]
        return pl.Series(series.name, cells, dtype=pl.String)
    if kind == pl.Null:
        return series.cast(pl.String)
    inside = kind.inner if isinstance(kind, pl.List | pl.Array) else kind
    return None if inside.is_nested() or inside in (pl.Binary, pl.Object) else series


def _of_extension(series: pl.Series) -> pl.Series:
    """Return what an extension type stores, as people would write it."""
    kind: Any = series.dtype
    stored = series.ext.storage()
    name = kind.ext_name()
    about = _about(kind.ext_metadata())
    if name == "pandas.period" and stored.dtype.is_integer():
        return _moments(stored, str(about.get("freq", "")))
    if name == "pandas.interval" and isinstance(stored.dtype, pl.Struct):
        closed = about.get("closed", "right")
        left = "[" if closed in ("left", "both") else "("
        right = "]" if closed in ("right", "both") else ")"
        ends = stored.struct.unnest()
        text = pl.format(left + "{}, {}" + right, "left", "right")
        return ends.select(text.alias(series.name)).to_series()
    return stored


def _about(stored: Any) -> dict[str, Any]:
    try:
        found = json.loads(stored or "{}")
    except (TypeError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _moments(number: pl.Series, unit: str) -> pl.Series:
    """Return the first moments of periods that are counted from 1970, of a frequency of pandas'."""
    letter, _, anchor = unit.partition("-")
    number, start = number.cast(pl.Int64), pl.date(1970, 1, 1)
    n = pl.lit(number)
    if letter == "M":
        when: pl.Expr = start.dt.offset_by(pl.format("{}mo", n))
    elif letter == "Q" and anchor == "DEC":
        when = start.dt.offset_by(pl.format("{}mo", n * 3))
    elif letter in ("Y", "A") and anchor == "DEC":
        when = start.dt.offset_by(pl.format("{}y", n))
    elif letter == "W" and anchor in WEEKDAYS:
        first = (WEEKDAYS.index(anchor) + 1) % 7 - 3  # the day after the one that weeks end on
        when = ((n - 1) * 7 + first).cast(pl.Int32).cast(pl.Date)
    elif unit in STEPS:
        when = (n * STEPS[unit]).cast(pl.Datetime("us"))
    else:  # no unit that is known: what is asked of it is refused by its words
        when = pl.format("{} periods of " + unit, n)
    return pl.select(when.alias(number.name)).to_series()
