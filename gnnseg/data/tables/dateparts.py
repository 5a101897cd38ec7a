"""Dates taken apart by their form, and civil dates as seconds.

Regular expressions split a date, integer arithmetic (Hinnant's days from the civil calendar) makes
it seconds, so that nothing depends on a parser's tolerance.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import polars as pl

from gnnseg.types import Floats

CHUNK = 250_000  # rows taken apart at a time
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
MONTH = (
    r"(?i:(jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|"
    r"sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?))"
)
CLOCK = (
    r"(?:(?:\s+|,\s*|T)(\d{1,2}):(\d\d)(?::(\d\d)(?:[.,](\d{1,6}))?)?(?:\s?([AaPp])\.?[Mm]\.?)?)?$"
)
FORMS = {  # the three parts of a date in the order they stand
    "numbers": r"^(\d{4}|\d{1,2})(?:/|\.|-|\. )(\d{1,2})(?:/|\.|-|\. )(\d{4}|\d{1,2})" + CLOCK,
    "day first": r"^(\d{1,2})(?:st|nd|rd|th|\.)?[ \-/]?"
    + MONTH + r"\.?,?[ \-/]?(\d{4}|\d\d)" + CLOCK,
    "month first": "^" + MONTH
    + r"\.?[ \-/]?(\d{1,2})(?:st|nd|rd|th)?(?:,\s*|[ \-/])(\d{4}|\d\d)" + CLOCK,
    "hanzi": r"^(\d{4}|\d\d)\s?年\s?(\d{1,2})\s?月\s?(\d{1,2})\s?[日号]"
    + CLOCK.replace(r"\s+|", r"\s*|", 1),
}  # fmt: skip


class DateParts(NamedTuple):
    """Dates taken apart, an array each.

    a, b, c: the three numbers. long_a, long_c: the first and the last have four digits. clock:
    seconds of the day; NaN: no such time.
    """

    a: Any
    b: Any
    c: Any
    long_a: Any
    long_c: Any
    clock: Floats


def parts_of(texts: pl.Series, pattern: str) -> DateParts:
    """Take dates of one form apart, chunk by chunk."""
    found = [_chunk(texts.slice(start, CHUNK), pattern) for start in range(0, len(texts), CHUNK)]
    a, b, c, long_a, long_c, clock = map(np.concatenate, zip(*found, strict=True))
    return DateParts(a, b, c, long_a, long_c, clock)


def _chunk(texts: pl.Series, pattern: str) -> DateParts:
    groups = texts.str.extract_groups(pattern).struct.unnest()
    columns = [groups.to_series(place) for place in range(8)]

    def number(series: pl.Series) -> Any:
        whole = series.cast(pl.Int32, strict=False)
        if whole.null_count() == len(whole) and series.null_count() < len(series):  # months' names
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
    return DateParts(a, b, c, long_a, long_c, clock)


def full_year(year: Any, long: Any) -> Any:
    """Return years in full: those of two digits lie in 1969 to 2068, as POSIX has it."""
    return np.where(long, year, np.where(year > 99, -1, year + np.where(year >= 69, 1900, 2000)))


def civil(year: Any, month: Any, day: Any, clock: Floats) -> Floats:
    """Return seconds since 1970 of a civil date; NaN where there is no such day.

    days_from_civil (Hinnant 2013).
    """
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
