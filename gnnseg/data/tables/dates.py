"""Times out of text: the order of day, month and year is detected from the whole column.

Where two orders fit, an InputError asks.
"""

from __future__ import annotations

import re
from typing import Any, Literal

import numpy as np
import polars as pl

from gnnseg.data.tables import iso, units, zones
from gnnseg.data.tables.dateparts import (
    FORMS,
    MONTHLY,
    DateParts,
    civil,
    full_year,
    parts_of,
    tidied,
)
from gnnseg.data.tables.iso import EARLIEST, LATEST, epoch
from gnnseg.data.tables.units import DAY_NUMBER, UNITS
from gnnseg.types import Floats, InputError, Setting

Order = Literal["dmy", "mdy", "ymd"]
ANY = "any"  # of ``time_as``: as detected, and not asked about
SAMPLE = 10_000  # rows that say how the rest is read fastest
CLOCKS = {  # usual dates, numbers as 0, and their time of day as strptime has it
    f"0{mark}0{mark}0{clock}": form
    for mark in "/.-"
    for clock, form in (("", ""), (" 0:0", " %H:%M"), (" 0:0:0", " %H:%M:%S"))
}
WORDS = {"dmy": "day, month, year", "mdy": "month, day, year", "ymd": "year, month, day"}
UTC, ZONED = "taken as UTC", "zones heeded"


def read(
    series: pl.Series, where: str = "time", order: Order | None = None, form: str | None = None
) -> tuple[pl.Series, str]:
    """Return seconds since 1970 UTC, null where unparsable; and how they were read, in words.

    Read are unix time (the unit that puts it into the usual years: seconds, milliseconds, micro-
    and nanoseconds), Excel's and Julian day numbers, ISO 8601 with or without a zone (none: UTC),
    20240131, 2024013118, 31/01/2024 and 01/31/2024 (signs / - .), 31-Jan-2024, Jan 31, 2024, month
    names of eighteen languages, 2024年1月31日, RFC 2822, web servers' logs, each with or without a
    time of day; and months, as their first day.

    Args:
        series: Dates, numbers or text.
        where: The table, as messages name it.
        order: Of day, month and year; None: detected.
        form: A unit of numbers ('excel'), or a pattern of strptime ('%Y%m%d%H'); None or 'any':
            detected.

    Raises:
        InputError: Two orders or units that differ fit the whole column, or none fits.
    """
    if form is not None and form not in (ANY, *UNITS) and "%" not in form:
        raise InputError(
            where=Setting("data.time_as", form),
            problem=f"is none of {ANY}, {', '.join(UNITS)}",
            advice="nor a pattern of strptime, such as %d.%m.%Y %H:%M",
        )
    if series.dtype == pl.Date:
        return epoch(series.cast(pl.Datetime("us"))), "dates"
    if isinstance(series.dtype, pl.Datetime):
        return epoch(series), "date-times"
    words = _words(series)
    if form is not None and "%" in form:
        return _by_pattern(words, form, where), f"dates by {form}"
    value = units.numbers_of(series, words)
    numeric = value.is_not_null()
    count = int(numeric.sum())
    if form in UNITS:
        seconds = units.seconds_of(value.to_numpy(), form)
        return pl.Series(series.name, seconds).fill_nan(None), UNITS[form].words
    if count == len(words) > 0:
        seconds, how = _digits(words, value, where)
        return pl.Series(series.name, seconds).fill_nan(None), how
    seconds, notes = np.full(len(words), np.nan), []
    if count:
        found, how = _digits(words.filter(numeric), value.filter(numeric), where)
        filled = int((words.str.strip_chars() != "").sum())
        if 2 * count <= filled and not how.startswith("dates"):
            # a number among dates is a time only where it is sure to be one
            found = np.where(units.usual(found), found, np.nan)
        seconds[numeric.to_numpy()] = found
        notes += [how] if bool(np.isfinite(found).any()) else []
    left = (~numeric & words.is_not_null()).arg_true().to_numpy()
    if len(left):
        rest = words if len(left) == len(words) else words.gather(left)
        seconds[left], how_text = _text(rest, where, order)
        notes += how_text
    times = pl.Series(series.name, seconds).fill_nan(None)
    return times, " and ".join(dict.fromkeys(notes)) or "ISO dates and times"


def _words(series: pl.Series) -> pl.Series:
    """Return cells as text, whole numbers without a point."""
    if series.dtype.is_float():
        whole = series.drop_nulls()
        whole = whole.filter(whole.is_finite())
        if bool((whole == whole.round()).all()) and bool((whole.abs() < 2.0**63).all()):
            return series.cast(pl.Int64, strict=False).cast(pl.String)
    return series.cast(pl.String)


def _by_pattern(words: pl.Series, pattern: str, where: str) -> pl.Series:
    """Return times by a pattern of strptime; a month or a year is taken as its first day."""
    full, given = pattern, set(re.findall(r"%[-#]?(\w|\+)", pattern))
    for first, known in (("m", set("mbBhjUWVDFxcs+")), ("d", set("dejauwADFxcs+"))):
        if not given & known:
            words, full = words + "-01", f"{full}-%{first}"
    if "H" in given and not given & set("MRTXcr+"):  # polars reads no hour without its minutes
        words, full = words + ":00", f"{full}:%M"
    try:
        if given & set("HIRTXcrs+"):
            found = words.str.to_datetime(full, strict=False, time_unit="us")
        else:
            found = words.str.to_date(full, strict=False).cast(pl.Datetime("us"))
    except pl.exceptions.PolarsError as error:
        why = (str(error).splitlines() or ["unknown"])[0]
        raise InputError(
            where=where,
            problem=(Setting("data.time_as", pattern), f" is no pattern of dates ({why})"),
            advice="write it as strptime has it, such as %d.%m.%Y %H:%M",
        ) from None
    return epoch(found)


def _digits(words: pl.Series, value: pl.Series, where: str) -> tuple[Floats, str]:
    """Return cells that are numbers as seconds: dates of digits alone, or a unit's."""
    if _all(words, DAY_NUMBER):
        days = words.str.to_date("%Y%m%d", strict=False).cast(pl.Datetime("us"))
        return epoch(days).to_numpy(), "dates such as 20240131"
    if _all(words, units.DIGITS):
        parts = parts_of(words, FORMS["digits"])
        units.refuse_seconds(words, value, where)
        return civil(parts.a, parts.b, parts.c, parts.clock), f"dates such as {words[0]}, {UTC}"
    return units.read(value.to_numpy(), where)


def _all(words: pl.Series, pattern: str) -> bool:
    """Return whether every word fits; the first few are looked at first, to save time."""
    return (
        len(words) > 0
        and bool(words.head(100).str.contains(pattern).all())
        and bool(words.str.contains(pattern).all())
    )


def _text(words: pl.Series, where: str, order: Order | None) -> tuple[Floats, list[str]]:
    """Return dates of text as seconds, NaN where none fits; and how they were read."""
    seconds, zoned, found = iso.read(words)
    notes = [f"ISO dates and times, {ZONED if zoned else UTC}"] if found else []
    left = np.flatnonzero(np.isnan(seconds) & words.is_not_null().to_numpy())
    if len(left):
        rest = words if len(left) == len(words) else words.gather(left)
        seconds[left], said = zones.read(rest, lambda local: _text(local, where, order))
        notes += said
    for how in (None, tidied):
        left = np.flatnonzero(np.isnan(seconds) & words.is_not_null().to_numpy())
        if not len(left):
            break
        rest = words if len(left) == len(words) else words.gather(left)
        shown = rest
        if how is not None:
            rest = how(rest)
        forms = FORMS | MONTHLY if how is None else FORMS
        seconds[left], said = _forms(rest, shown, where, order, forms)
        notes += said
    return seconds, notes


def _forms(
    words: pl.Series, shown: pl.Series, where: str, order: Order | None, forms: dict[str, str]
) -> tuple[Floats, list[str]]:
    """Return dates of the usual forms as seconds, NaN where none fits; and how they were read.

    ``shown``: the cells as they stand in the file.
    """
    seconds = np.full(len(words), np.nan)
    notes: list[str] = []
    for form, pattern in forms.items():
        left = np.flatnonzero(np.isnan(seconds))
        rest = words if len(left) == len(words) else words.gather(left)
        match = rest.str.contains(pattern).fill_null(False)
        if not bool(match.any()):
            continue
        places, texts = left[match.to_numpy()], rest if bool(match.all()) else rest.filter(match)
        if form in ("numbers", "blanks"):
            seconds[places], how = _fast(texts, where, order) or _numbers(
                texts, parts_of(texts, pattern), where, order
            )
            notes += how
            continue
        parts = parts_of(texts, pattern)
        found = civil(full_year(parts.a, parts.long_a), parts.b, parts.c, parts.clock)
        seconds[places] = found
        if len(read := np.flatnonzero(~np.isnan(found))):
            month = ", months as their first day" if form in MONTHLY else ""
            zone = f", {ZONED}" if parts.zoned else ""
            first = shown[int(places[read[0]])]
            notes.append(f"dates such as {first}{_short(~parts.long_a)}{month}{zone}")
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
    only = next((name for name, words in WORDS.items() if how == [f"{words}, {UTC}"]), None)
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
    found = epoch(moment).to_numpy()
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
    zone = ZONED if parts.zoned else UTC
    some = ~np.isnan(np.stack(list(readings.values()))).all(0)
    if order is not None:
        return readings[order], [f"{WORDS[order]}{short}, {zone}"]
    if not some.any():
        return readings["ymd"], []
    if front[some].all():
        return ymd, [f"{WORDS['ymd']}, {zone}"]
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
                f"{' or ' if n else ''}{units.day(readings[name][row])} (",
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
    return readings[fit[0]], [f"{WORDS[fit[0]]}{short}, {zone}"]
