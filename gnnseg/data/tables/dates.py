"""Times out of text: the order of day, month and year is told from the whole column; where two fit,
it is asked.

Regular expressions split a date, integer arithmetic (Hinnant's days from the civil calendar) makes
it seconds, so that nothing depends on a parser's tolerance.
"""

from __future__ import annotations

import re
from typing import Any, Literal, NamedTuple

import numpy as np
import polars as pl

from gnnseg.types import Floats, InputError

Order = Literal["dmy", "mdy", "ymd"]
CHUNK = 250_000  # rows taken apart at a time
SAMPLE = 10_000  # rows that say how the rest is read fastest
EARLIEST, LATEST = -2208988800.0, 4102444800.0  # 1900 and 2100: a time outside is a mistake of unit
MILLISECONDS = 1e11  # unix times above this are in milliseconds
DAY_NUMBER = r"^(19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])$"  # 20240131: as seconds all would lie in August 1970
MOMENTS = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M")
DAYS = ("%Y-%m-%d", "%Y/%m/%d", "%Y%m%d")
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
MONTH = (
    r"(?i:(jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|"
    r"nov(?:ember)?|dec(?:ember)?))"
)
CLOCK = (
    r"(?:(?:\s+|,\s*|T)(\d{1,2}):(\d\d)(?::(\d\d)(?:[.,](\d{1,6}))?)?(?:\s?([AaPp])\.?[Mm]\.?)?)?$"
)
FORMS = {  # the three parts of a date in the order they stand
    "numbers": r"^(\d{4}|\d{1,2})(?:/|\.|-|\. )(\d{1,2})(?:/|\.|-|\. )(\d{4}|\d{1,2})" + CLOCK,
    "day first": r"^(\d{1,2})(?:st|nd|rd|th|\.)?[ \-/]?" + MONTH + r"\.?,?[ \-/]?(\d{4}|\d\d)" + CLOCK,
    "month first": "^" + MONTH + r"\.?[ \-/]?(\d{1,2})(?:st|nd|rd|th)?(?:,\s*|[ \-/])(\d{4}|\d\d)" + CLOCK,
    "hanzi": r"^(\d{4}|\d\d)\s?年\s?(\d{1,2})\s?月\s?(\d{1,2})\s?[日号]"
    + CLOCK.replace(r"\s+|", r"\s*|", 1),
}  # fmt: skip
CLOCKS = {  # usual dates, numbers as 0, and their time of day as strptime has it
    f"0{mark}0{mark}0{clock}": form
    for mark in "/.-"
    for clock, form in (("", ""), (" 0:0", " %H:%M"), (" 0:0:0", " %H:%M:%S"))
}
WORDS = {"dmy": "day, month, year", "mdy": "month, day, year", "ymd": "year, month, day"}


class _Parts(NamedTuple):
    """Dates taken apart: three numbers, how many digits the first and the last have, seconds of the
    day (NaN: no time)."""

    a: Any
    b: Any
    c: Any
    long_a: Any
    long_c: Any
    clock: Floats


def read(
    series: pl.Series, where: str = "time", order: Order | None = None
) -> tuple[pl.Series, str]:
    """Seconds since 1970 UTC, null where unparsable; and how the column was read, in words.

    Unix seconds or milliseconds (told apart by the median), ISO 8601 with or without a zone (none:
    UTC), 20240131, 31/01/2024 and 01/31/2024 (signs / - .), 31-Jan-2024, Jan 31, 2024, 2024年1月31日,
    each with or without a time of day. Two orders that fit the whole column and differ are an
    InputError, unless ``order`` says which.
    """
    if series.dtype == pl.Date:
        return _seconds(series.cast(pl.Datetime("us"))), "dates"
    if isinstance(series.dtype, pl.Datetime):
        return _seconds(series), "date-times"
    words = series.cast(pl.String)
    value = (series if series.dtype.is_numeric() else words).cast(pl.Float64, strict=False)
    if len(
        unread := (value.is_null() & words.str.contains(r"^\s|\s$").fill_null(False)).arg_true()
    ):
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
    said = (
        ["ISO dates and times" + (", zones heeded" if zoned else ", taken as UTC")] if iso else []
    )
    left = np.flatnonzero(np.isnan(seconds) & words.is_not_null().to_numpy())
    if len(left):
        found, how = _others(words if len(left) == len(words) else words.gather(left), where, order)
        seconds[left] = found
        said += how
    return pl.Series(series.name, seconds).fill_nan(None), " and ".join(
        said
    ) or "ISO dates and times"


def _all(words: pl.Series, pattern: str) -> bool:
    """Does every word fit? The first few are asked first, so that an ordinary column is not read
    twice."""
    return (
        len(words) > 0
        and bool(words.head(100).str.contains(pattern).all())
        and bool(words.str.contains(pattern).all())
    )


def _seconds(series: pl.Series) -> pl.Series:
    return series.dt.epoch("us").cast(pl.Float64) / 1e6


def _iso(words: pl.Series) -> tuple[Floats, bool, bool]:
    """ISO 8601, NaN for all else; had some a zone? were there any? Each form is tried on what the
    forms before left."""
    seconds = np.full(len(words), np.nan)
    zoned = False

    def fill(places: Any, found: pl.Series) -> None:
        read_ = _seconds(found.cast(pl.Datetime("us"))).to_numpy()
        sane = (read_ >= EARLIEST) & (
            read_ <= LATEST
        )  # the year 24 is no year, so 24-01-31 is left to the other forms
        seconds[places] = np.where(sane, read_, np.nan)

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
    """Dates of other forms; NaN where none fits."""
    seconds = np.full(len(words), np.nan)
    said: list[str] = []
    for form, pattern in FORMS.items():
        left = np.flatnonzero(np.isnan(seconds))
        rest = words if len(left) == len(words) else words.gather(left)
        match = rest.str.contains(pattern).fill_null(False)
        if not bool(match.any()):
            continue
        places, texts = left[match.to_numpy()], rest if bool(match.all()) else rest.filter(match)
        if form == "numbers":
            seconds[places], how = _fast(texts, where, order) or _numbers(
                texts, _parts(texts, pattern), where, order
            )
            said += how
            continue
        parts = _parts(texts, pattern)
        if form == "hanzi":
            seconds[places] = _civil(_year(parts.a, parts.long_a), parts.b, parts.c, parts.clock)
            short = ~parts.long_a
        elif form == "day first":
            seconds[places] = _civil(_year(parts.c, parts.long_c), parts.b, parts.a, parts.clock)
            short = ~parts.long_c
        else:
            seconds[places] = _civil(_year(parts.c, parts.long_c), parts.a, parts.b, parts.clock)
            short = ~parts.long_c
        said.append(f"dates such as {texts[0]}" + _short(short))
    return seconds, said


def _fast(texts: pl.Series, where: str, order: Order | None) -> tuple[Floats, list[str]] | None:
    """The usual column, ten times faster: where the first rows leave one order and all others
    follow; else null."""
    sample = texts.head(SAMPLE)
    form = re.sub(r"\d+", "0", sample[0])
    if len(texts) <= SAMPLE or form not in CLOCKS:
        return None
    try:
        _, how = _numbers(sample, _parts(sample, FORMS["numbers"]), where, order)
    except InputError:
        return None
    told = next((name for name, words in WORDS.items() if how == [f"{words}, taken as UTC"]), None)
    if told is None:
        return None
    mark = form[1]
    day = {
        "dmy": f"%d{mark}%m{mark}%Y",
        "mdy": f"%m{mark}%d{mark}%Y",
        "ymd": f"%Y{mark}%m{mark}%d",
    }[told]
    moment = texts.str.to_datetime(
        day + CLOCKS[form] if CLOCKS[form] else day, strict=False, time_unit="us"
    )
    found = _seconds(moment).to_numpy()
    return (found, how) if bool(((found >= EARLIEST) & (found <= LATEST)).all()) else None


def _short(short: Any) -> str:
    return ", years of two digits as 1969 to 2068" if bool(np.any(short)) else ""


def _numbers(
    texts: pl.Series, parts: _Parts, where: str, order: Order | None
) -> tuple[Floats, list[str]]:
    """Dates of three numbers: a year of four digits in front is a year; all else by the order that
    fits every row."""
    readings: dict[str, Floats] = {}
    year_a, year_c = _year(parts.a, parts.long_a), _year(parts.c, parts.long_c)
    ymd = _civil(year_a, parts.b, parts.c, parts.clock)
    ymd[parts.long_c] = np.nan
    front = parts.long_a & ~parts.long_c
    readings["dmy"] = np.where(front, ymd, _civil(year_c, parts.b, parts.a, parts.clock))
    readings["mdy"] = np.where(front, ymd, _civil(year_c, parts.a, parts.b, parts.clock))
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
            f"{where}: time has both {texts[first[1]]!r} and {texts[first[0]]!r}, so day and month "
            "do not stand in one "
            "order; mend the column, or set data.dates=dmy, mdy or ymd."
        )
    differ = np.zeros(len(texts), dtype=bool)
    for name in fit[1:]:
        differ |= some & (readings[name] != readings[fit[0]])
    if differ.any():
        row = int(np.flatnonzero(differ)[0])
        days = [f"{_day(readings[name][row])} (data.dates={name})" for name in fit]
        raise InputError(
            f"{where}: time {texts[row]!r} may be {' or '.join(days)}; set the one that is meant."
        )
    return readings[fit[0]], [f"{WORDS[fit[0]]}{short}, taken as UTC"]


def _day(seconds: float) -> str:
    return str(np.datetime64(int(seconds // 86400), "D"))


def _parts(texts: pl.Series, pattern: str) -> _Parts:
    found = [_chunk(texts.slice(start, CHUNK), pattern) for start in range(0, len(texts), CHUNK)]
    a, b, c, long_a, long_c, clock = map(np.concatenate, zip(*found, strict=True))
    return _Parts(a, b, c, long_a, long_c, clock)


def _chunk(texts: pl.Series, pattern: str) -> _Parts:
    groups = texts.str.extract_groups(pattern).struct.unnest()
    columns = [groups.to_series(place) for place in range(8)]

    def number(series: pl.Series) -> Any:
        whole = series.cast(pl.Int32, strict=False)
        if whole.null_count() == len(whole) and series.null_count() < len(
            series
        ):  # names of months
            low = series.str.slice(0, 3).str.to_lowercase()
            whole = low.replace_strict(
                list(MONTHS), list(range(1, 13)), default=None, return_dtype=pl.Int32
            )
        return whole.fill_null(0).cast(pl.Int64).to_numpy()

    a, b, c, hour, minute, second = map(number, columns[:6])
    half = columns[7].str.to_lowercase()
    named = half.is_not_null().to_numpy()
    wrong = (minute > 59) | (second > 59) | np.where(named, (hour < 1) | (hour > 12), hour > 23)
    hour = np.where(named, hour % 12 + 12 * (half == "p").fill_null(False).to_numpy(), hour)
    part = ("0." + columns[6]).cast(pl.Float64, strict=False).fill_null(0.0).to_numpy()
    clock = np.where(wrong, np.nan, hour * 3600.0 + minute * 60 + second + part)
    long_a, long_c = (
        (columns[place].str.len_chars() == 4).fill_null(False).to_numpy() for place in (0, 2)
    )
    return _Parts(a, b, c, long_a, long_c, clock)


def _year(year: Any, long: Any) -> Any:
    """Years of two digits lie in 1969 to 2068, as POSIX has it."""
    return np.where(long, year, np.where(year > 99, -1, year + np.where(year >= 69, 1900, 2000)))


def _civil(year: Any, month: Any, day: Any, clock: Floats) -> Floats:
    """Seconds since 1970 of a civil date; NaN where there is no such day (Hinnant 2013,
    days_from_civil)."""
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    longest = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])[np.clip(month, 0, 12)]
    longest = longest + (leap & (month == 2))
    right = (month >= 1) & (month <= 12) & (day >= 1) & (day <= longest) & (year >= 0)
    y = year - (month <= 2)
    era = y // 400
    of_era = y - era * 400
    of_year = (153 * (month + np.where(month > 2, -3, 9)) + 2) // 5 + day - 1
    days = era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468
    return np.where(right, days * 86400.0 + clock, np.nan)
