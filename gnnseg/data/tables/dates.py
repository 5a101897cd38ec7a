"""Times out of text: the order of day, month and year is detected from the whole column.

Where two orders fit, an InputError asks.
"""

from __future__ import annotations

import re
from typing import Any, Literal

import numpy as np
import polars as pl

from gnnseg.data.tables.dateparts import FORMS, DateParts, civil, full_year, parts_of
from gnnseg.types import Floats, InputError, Setting

Order = Literal["dmy", "mdy", "ymd"]
SAMPLE = 10_000  # rows that say how the rest is read fastest
EARLIEST, LATEST = -2208988800.0, 4102444800.0  # 1900 and 2100: a time outside is a mistake of unit
MILLISECONDS = 1e11  # unix times above this are in milliseconds
DAY_NUMBER = (  # 20240131: as seconds all would lie in August 1970
    r"^(19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])$"
)
MOMENTS = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M")
DAYS = ("%Y-%m-%d", "%Y/%m/%d", "%Y%m%d")
CLOCKS = {  # usual dates, numbers as 0, and their time of day as strptime has it
    f"0{mark}0{mark}0{clock}": form
    for mark in "/.-"
    for clock, form in (("", ""), (" 0:0", " %H:%M"), (" 0:0:0", " %H:%M:%S"))
}
WORDS = {"dmy": "day, month, year", "mdy": "month, day, year", "ymd": "year, month, day"}


def read(
    series: pl.Series, where: str = "time", order: Order | None = None
) -> tuple[pl.Series, str]:
    """Return seconds since 1970 UTC, null where unparsable; and how they were read, in words.

    Read are unix seconds or milliseconds (the median decides), ISO 8601 with or without a zone
    (none: UTC), 20240131, 31/01/2024 and 01/31/2024 (signs / - .), 31-Jan-2024, Jan 31, 2024,
    2024年1月31日, each with or without a time of day.

    Args:
        series: Dates, numbers or text.
        where: The table, as messages name it.
        order: Of day, month and year; None: detected.

    Raises:
        InputError: Two orders that differ fit the whole column, or none fits.
    """
    if series.dtype == pl.Date:
        return _seconds(series.cast(pl.Datetime("us"))), "dates"
    if isinstance(series.dtype, pl.Datetime):
        return _seconds(series), "date-times"
    words = series.cast(pl.String)
    value = (series if series.dtype.is_numeric() else words).cast(pl.Float64, strict=False)
    blanks = words.str.contains(r"^\s|\s$").fill_null(False)
    if len(unread := (value.is_null() & blanks).arg_true()):
        words = words.str.strip_chars()
        value = value.scatter(unread, words.gather(unread).cast(pl.Float64, strict=False))
    whole = words.filter(value.is_not_null())
    if _all(whole, DAY_NUMBER):
        days = words.str.to_date("%Y%m%d", strict=False).cast(pl.Datetime("us"))
        return _seconds(days), "dates such as 20240131"
    if value.null_count() * 2 <= len(value):
        middle = value.filter(value.is_finite()).median()
        if isinstance(middle, float) and abs(middle) > MILLISECONDS:
            return value / 1000, "unix milliseconds"
        return value, "unix seconds"
    del value, whole
    seconds, zoned, iso = _iso(words)
    notes = [f"ISO dates and times, {'zones heeded' if zoned else 'taken as UTC'}"] if iso else []
    left = np.flatnonzero(np.isnan(seconds) & words.is_not_null().to_numpy())
    if len(left):
        rest = words if len(left) == len(words) else words.gather(left)
        seconds[left], how = _others(rest, where, order)
        notes += how
    found = pl.Series(series.name, seconds).fill_nan(None)
    return found, " and ".join(notes) or "ISO dates and times"


def _all(words: pl.Series, pattern: str) -> bool:
    """Return whether every word fits; the first few are looked at first, to save time."""
    return (
        len(words) > 0
        and bool(words.head(100).str.contains(pattern).all())
        and bool(words.str.contains(pattern).all())
    )


def _seconds(series: pl.Series) -> pl.Series:
    return series.dt.epoch("us").cast(pl.Float64) / 1e6


def _iso(words: pl.Series) -> tuple[Floats, bool, bool]:
    """Return ISO 8601 as seconds, NaN for all else; whether some had a zone; whether any was read.

    Each form is tried on what the forms before left.
    """
    seconds = np.full(len(words), np.nan)
    zoned = False

    def fill(places: Any, found: pl.Series) -> None:
        value = _seconds(found.cast(pl.Datetime("us"))).to_numpy()
        sane = (value >= EARLIEST) & (value <= LATEST)  # 24-01-31 is left to the other forms
        seconds[places] = np.where(sane, value, np.nan)

    fill(slice(None), words.str.to_datetime(MOMENTS[0], strict=False, time_unit="us"))
    left = np.flatnonzero(np.isnan(seconds))
    if not len(left):
        return seconds, False, True
    rest = words if len(left) == len(words) else words.gather(left)
    front = rest.str.contains(r"^\d{4}").fill_null(False)
    left, rest = left[front.to_numpy()], rest.filter(front)
    rest = rest.str.replace(r"^(\d{4}-\d\d-\d\d)T", "${1} ").str.replace(r"\s?(Z|z|UTC)$", "+00:00")
    aware = rest.str.contains(r"\d\d:\d\d.*[+-]\d\d:?\d\d$").fill_null(False)
    if bool(aware.any()):
        zoned, places, texts = True, left[aware.to_numpy()], rest.filter(aware)
        for form in MOMENTS:
            todo = np.isnan(seconds[places])
            if todo.any():
                found = texts.filter(pl.Series(todo)).str.to_datetime(
                    form + "%z", strict=False, time_unit="us"
                )
                fill(places[todo], found.dt.replace_time_zone(None))
    for form in MOMENTS:
        keep = np.isnan(seconds[left])
        left, rest = left[keep], rest.filter(pl.Series(keep))
        fill(left, rest.str.to_datetime(form, strict=False, time_unit="us"))
    for form in DAYS:
        keep = np.isnan(seconds[left])
        left, rest = left[keep], rest.filter(pl.Series(keep))
        fill(left, rest.str.to_date(form, strict=False))
    return seconds, zoned, not bool(np.isnan(seconds).all())


def _others(words: pl.Series, where: str, order: Order | None) -> tuple[Floats, list[str]]:
    """Return dates of other forms as seconds, NaN where none fits; and how they were read."""
    seconds = np.full(len(words), np.nan)
    notes: list[str] = []
    for form, pattern in FORMS.items():
        left = np.flatnonzero(np.isnan(seconds))
        rest = words if len(left) == len(words) else words.gather(left)
        match = rest.str.contains(pattern).fill_null(False)
        if not bool(match.any()):
            continue
        places, texts = left[match.to_numpy()], rest if bool(match.all()) else rest.filter(match)
        if form == "numbers":
            seconds[places], how = _fast(texts, where, order) or _numbers(
                texts, parts_of(texts, pattern), where, order
            )
            notes += how
            continue
        parts = parts_of(texts, pattern)
        if form == "hanzi":
            seconds[places] = civil(full_year(parts.a, parts.long_a), parts.b, parts.c, parts.clock)
            short = ~parts.long_a
        elif form == "day first":
            seconds[places] = civil(full_year(parts.c, parts.long_c), parts.b, parts.a, parts.clock)
            short = ~parts.long_c
        else:
            seconds[places] = civil(full_year(parts.c, parts.long_c), parts.a, parts.b, parts.clock)
            short = ~parts.long_c
        notes.append(f"dates such as {texts[0]}" + _short(short))
    return seconds, notes


def _fast(texts: pl.Series, where: str, order: Order | None) -> tuple[Floats, list[str]] | None:
    """Read the usual column ten times faster.

    The first rows leave one order, and all others follow it; None where they do not.
    """
    sample = texts.head(SAMPLE)
    form = re.sub(r"\d+", "0", sample[0])
    if len(texts) <= SAMPLE or form not in CLOCKS:
        return None
    try:
        _, how = _numbers(sample, parts_of(sample, FORMS["numbers"]), where, order)
    except InputError:
        return None
    only = next((name for name, words in WORDS.items() if how == [f"{words}, taken as UTC"]), None)
    if only is None:
        return None
    mark = form[1]
    day = {
        "dmy": f"%d{mark}%m{mark}%Y",
        "mdy": f"%m{mark}%d{mark}%Y",
        "ymd": f"%Y{mark}%m{mark}%d",
    }[only]
    moment = texts.str.to_datetime(
        day + CLOCKS[form] if CLOCKS[form] else day, strict=False, time_unit="us"
    )
    found = _seconds(moment).to_numpy()
    return (found, how) if bool(((found >= EARLIEST) & (found <= LATEST)).all()) else None


def _short(short: Any) -> str:
    return ", years of two digits as 1969 to 2068" if bool(np.any(short)) else ""


def _numbers(
    texts: pl.Series, parts: DateParts, where: str, order: Order | None
) -> tuple[Floats, list[str]]:
    """Read dates of three numbers by the order that fits every row.

    Four digits in front are a year.
    """
    readings: dict[str, Floats] = {}
    year_a, year_c = full_year(parts.a, parts.long_a), full_year(parts.c, parts.long_c)
    ymd = civil(year_a, parts.b, parts.c, parts.clock)
    ymd[parts.long_c] = np.nan
    front = parts.long_a & ~parts.long_c
    readings["dmy"] = np.where(front, ymd, civil(year_c, parts.b, parts.a, parts.clock))
    readings["mdy"] = np.where(front, ymd, civil(year_c, parts.a, parts.b, parts.clock))
    readings["ymd"] = ymd
    for found in readings.values():
        found[parts.long_a & parts.long_c] = np.nan
    short = _short(~parts.long_a & ~parts.long_c)
    some = ~np.isnan(np.stack(list(readings.values()))).all(0)
    if order is not None:
        return readings[order], [f"{WORDS[order]}{short}, taken as UTC"]
    if not some.any():
        return readings["ymd"], []
    if front[some].all():
        return ymd, ["year, month, day, taken as UTC"]
    fit = [name for name, found in readings.items() if not np.isnan(found[some]).any()]
    if not fit:
        first = [int(np.flatnonzero(some & np.isnan(readings[name]))[0]) for name in ("dmy", "mdy")]
        raise InputError(
            where=where,
            problem=f"time has both {texts[first[1]]!r} and {texts[first[0]]!r}, so day and month "
            "do not stand in one order",
            advice=("mend the column, or set ", Setting("data.dates", "dmy"), ", mdy or ymd"),
        )
    differ = np.zeros(len(texts), dtype=bool)
    for name in fit[1:]:
        differ |= some & (readings[name] != readings[fit[0]])
    if differ.any():
        row = int(np.flatnonzero(differ)[0])
        days = tuple(
            (
                f"{' or ' if n else ''}{_day(readings[name][row])} (",
                Setting("data.dates", name),
                ")",
            )
            for n, name in enumerate(fit)
        )
        raise InputError(
            where=where,
            problem=(f"time {texts[row]!r} may be ", days),
            advice="set the one that is meant",
        )
    return readings[fit[0]], [f"{WORDS[fit[0]]}{short}, taken as UTC"]


def _day(seconds: float) -> str:
    return str(np.datetime64(int(seconds // 86400), "D"))
