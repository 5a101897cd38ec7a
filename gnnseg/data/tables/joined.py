"""A time that stands in several columns, ``Date,Time``, as one column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from gnnseg.data.tables.sheets import Sheet

CLOCK = r"^\d{1,2}[:.h]\d\d([:.]\d\d([.,]\d+)?)?(\s?[AaPp]\.?\s?[Mm]\.?)?$"
NO_DATE = r"^(1899-12-3[01]|1900-01-0[01])[ T]"  # what Excel makes of a time of day
MIDNIGHT = r"[ T]00:00(:00(\.0+)?)?Z?$"
MARKS = ("-", "-", " ", ":", ":")  # between year, month, day, hour, minute and second


def parts(names: Sequence[str], given: str | None) -> tuple[str, ...]:
    """Return the columns that ``given`` names together, parted by commas; none if it is one."""
    if not given or given in names or "," not in given:
        return ()
    found = tuple(one.strip() for one in given.split(","))
    return found if len(found) == len(set(found)) and set(found) <= set(names) else ()


def pair(head: pl.DataFrame, fits: Sequence[str]) -> str | None:
    """Return ``Date,Time`` where one of two columns holds times of day alone, the other days."""
    if len(fits) != 2:
        return None
    texts = {name: _text(head[name]) for name in fits}
    clocks = [name for name in fits if _all(texts[name], CLOCK)]
    days = [name for name in fits if name not in clocks]
    if len(clocks) != 1 or _any(texts[days[0]], r"\d\d?:\d\d"):
        return None
    return f"{days[0]},{clocks[0]}"


def added(frame: pl.DataFrame, given: str | None) -> pl.DataFrame:
    """Return the frame with the columns that ``given`` names together as a column of that name."""
    names = parts(frame.columns, given)
    if not names or given is None:
        return frame
    return frame.with_columns(_joined([frame[name] for name in names]).alias(given))


def added_to(sheet: Sheet, given: str | None) -> Sheet:
    """Return the sheet with that column, among its first rows too."""
    head = None if sheet.head is None else added(sheet.head, given)
    return replace(sheet, frame=added(sheet.frame, given), head=head)


def _joined(columns: Sequence[pl.Series]) -> pl.Series:
    if len(columns) == 2 and (days := _excels(*columns)) is not None:
        return days
    texts = [_text(column) for column in columns]
    if len(texts) > 2 and all(_all(text, r"^\d{1,4}$") for text in texts):
        marks = MARKS[: len(texts) - 1]
        return _together([*texts, *([_zeros(texts[0])] if len(texts) == 4 else [])],
                         [*marks, *([":"] if len(texts) == 4 else [])])  # fmt: skip
    first = [n for n, text in enumerate(texts) if not _all(text, CLOCK)]
    last = [n for n in range(len(texts)) if n not in first]
    if len(texts) == 2 and not last and _all(texts[1], r"^\d{1,6}$"):
        texts[1] = _clock(texts[1])
    texts = [texts[n] for n in (*first, *last)]
    return _together(texts, [" "] * (len(texts) - 1))


def _zeros(like: pl.Series) -> pl.Series:
    return pl.repeat("00", len(like), eager=True)


def _together(texts: Sequence[pl.Series], marks: Sequence[str]) -> pl.Series:
    """Return the texts with the marks between them; null where one is missing."""
    whole = texts[0]
    for mark, text in zip(marks, texts[1:], strict=True):
        whole = whole + mark + text
    return whole


def _excels(day: pl.Series, clock: pl.Series) -> pl.Series | None:
    """Return day numbers and shares of a day as their sum; None where it is not these."""
    if any(column.dtype.is_temporal() for column in (day, clock)):
        return None
    both = [
        column.cast(pl.Float64)
        if column.dtype.is_numeric()
        else column.cast(pl.String).str.replace(",", ".", literal=True)
        .cast(pl.Float64, strict=False)
        for column in (day, clock)
    ]  # fmt: skip
    share = both[1].drop_nulls()
    if share.is_empty() or both[0].drop_nulls().is_empty():
        return None
    within = bool(((share >= 0) & (share < 1)).all()) and bool((share % 1 > 0).any())
    return both[0] + both[1] if within else None


def _text(column: pl.Series) -> pl.Series:
    """Return cells as text, null where blank: days without midnight, times of day without a day."""
    if isinstance(column.dtype, pl.Duration):
        column = pl.Series([0]).cast(pl.Datetime("us")).new_from_index(0, len(column)) + column
        column = column.dt.time()
    if column.dtype == pl.Time:
        return column.dt.strftime("%H:%M:%S%.6f")
    if column.dtype.is_float() and bool((column.round() == column).all()):
        column = column.cast(pl.Int64, strict=False)
    text = column.cast(pl.String).str.strip_chars()
    text = text.to_frame("t").select(pl.when(pl.col("t") != "").then(pl.col("t"))).to_series()
    if _all(text, NO_DATE):
        return text.str.replace(NO_DATE, "")
    return text.str.replace(MIDNIGHT, "") if _all(text, r"\d" + MIDNIGHT) else text


def _clock(text: pl.Series) -> pl.Series:
    """Return 930, 0930 and 93015 as 09:30, 09:30 and 09:30:15; hours as hours."""
    largest = text.cast(pl.Int64).max()
    width = 2 if isinstance(largest, int) and largest <= 23 else 4
    width = 6 if isinstance(largest, int) and largest > 2359 else width
    padded = text.str.zfill(width)
    return padded.str.replace_all(r"(\d\d)(\d\d)", "${1}:${2}") if width == 4 else (
        padded.str.replace(r"^(\d\d)(\d\d)(\d\d)$", "${1}:${2}:${3}") if width == 6
        else padded + ":00"
    )  # fmt: skip


def _all(text: pl.Series, pattern: str) -> bool:
    filled = text.drop_nulls()
    return len(filled) > 0 and bool(filled.str.contains(pattern).all())


def _any(text: pl.Series, pattern: str) -> bool:
    return bool(text.str.contains(pattern).any())
