"""Dates taken apart by their form, and civil dates as seconds.

Regular expressions split a date, integer arithmetic (Hinnant's days from the civil calendar) makes
it seconds, so that nothing depends on a parser's tolerance.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import polars as pl

from gnnseg.data.tables import figures, months
from gnnseg.types import Floats

CHUNK = 250_000  # rows taken apart at a time
AFTERNOON = ["下午", "午後", "오후"]
ZONE = r"(?:\s?(?:[Zz]|UTC|GMT|UT)?\s?(?P<zone>[+-]\d\d(?::?\d\d)?|[Zz]|UTC|GMT|UT))?"
LATE = r"(?:\s?(?P<late>[AaPp])\.?\s?[Mm]\.?)?"
TIME = (  # 18:05:09.5, 18h05, 18.05, 6:05 p.m., 下午6:05; or the hour alone
    r"(?P<early>上午|下午|午前|午後|오전|오후)?\s?(?P<hour>\d{1,2})"
    r"(?:h|[:.h](?P<minute>\d\d)(?:[:.](?P<second>\d\d)(?:[.,](?P<part>\d{1,9}))?)?)?"
    + LATE + r"(?:\s?Uhr)?" + ZONE
)  # fmt: skip
AT = r"\s+(?:um|at|à|a las|às|alle|ore|om|kl\.?|klo|o)\s+"
CLOCK = r"(?:(?:\s+|,\s*|[T_]|\s+-\s+|" + AT + ")" + TIME + r")?$"
LETTERS = r"\p{L}[\p{L}\p{M}]+"
FORMS = {  # the parts of a date in the order they stand; y, m, d where the form says which is which
    "numbers": r"^(?P<a>\d{4}|\d{1,2})(?:/|\.|-|\. )(?P<b>\d{1,2})(?:/|\.|-|\. )"
    r"(?P<c>\d{4}|\d{1,2})\.?" + CLOCK,
    "blanks": r"^(?P<a>\d{4}|\d{1,2}) (?P<b>\d{1,2}),? (?P<c>\d{4}|\d{1,2})" + CLOCK,
    "compact": r"^(?P<y>\d{4})(?P<m>\d\d)(?P<d>\d\d)" + CLOCK,
    "digits": r"^(?P<y>(?:19|20)\d\d)(?P<m>\d\d)(?P<d>\d\d)[T ]?(?P<hour>\d\d)"
    r"(?:(?P<minute>\d\d)(?:(?P<second>\d\d)(?:[.,]?(?P<part>\d{1,9}))?)?)?" + ZONE + "$",
    "day first": r"^(?P<d>\d{1,2})(?:st|nd|rd|th|er|º|ª|\.|e)?(?:[ \-/]|\. )?"
    r"(?:de |of |d['’])?(?P<m>" + LETTERS + r")\.?,?(?:[ \-/]| de | del )?(?P<y>\d{4}|\d\d)"
    + CLOCK,
    "month first": "^(?P<m>" + LETTERS
    + r")\.?[ \-/]?(?P<d>\d{1,2})(?:st|nd|rd|th)?(?:,\s*|[ \-/])(?P<y>\d{4}|\d\d)" + CLOCK,
    "year last": "^(?P<m>" + LETTERS + r") +(?P<d>\d{1,2}),? (?P<hour>\d{1,2}):(?P<minute>\d\d)"
    r":(?P<second>\d\d)(?:[.,](?P<part>\d{1,9}))?" + LATE + ZONE + r" (?P<y>\d{4})$",
    "year first": r"^(?P<y>\d{4})[ \-/.]?(?P<m>" + LETTERS + r")\.?[ \-/.]?(?P<d>\d{1,2})" + CLOCK,
    "hanzi": r"^(?P<y>\d{4}|\d\d)\s?[年년]\s?(?P<m>\d{1,2})\s?[月월]\s?(?P<d>\d{1,2})\s?[日号일]"
    + CLOCK.replace(r"\s+|", r"\s*|", 1),
}  # fmt: skip
MONTHLY = {  # months, taken as their first day
    "year and month": r"^(?P<y>\d{4})[\-/.](?P<m>\d{1,2})$",
    "month and year": r"^(?P<m>\d{1,2})[\-/.](?P<y>\d{4})$",
    "named month": "^(?P<m>" + LETTERS + r")\.?,?[ \-/.]?(?P<y>\d{4})$",
    "hanzi month": r"^(?P<y>\d{4})\s?[年년]\s?(?P<m>\d{1,2})\s?[月월]$",
}
TIDYING = (  # a pattern, and what takes its place
    (r"(\w)\s*(?:\[[^\]]*\]|\([^)]*\))$", "${1}"),  # …+01:00[Europe/Berlin], … GMT+0100 (CET)
    (r"^[\[(\"'\s]+", ""),
    (r"[\])\"'\s]+$", ""),
    (r"(\p{L}[/\-. ]?\d{4}):(\d\d:\d\d)", "${1} ${2}"),  # 05/Jan/2010:14:00:00
    (r"(\d)\s?[时時시]\s?", "${1}:"),
    (r":(\d\d)\s?[分분]\s?", ":${1}:"),
    (r"(\d\d)\s?[秒초]", "${1}"),
    (r":+$", ""),
    (r"^(\d{1,2}:\d\d(?::\d\d)?(?:\s?[AaPp]\.?[Mm]\.?)?),?\s+(.*\d{4}.*)$", "${2} ${1}"),
    (r"(\d{4})\s?(?:г\.?|года|р\.?|року)", "${1}"),
    (r"\s{2,}", " "),
)
FRONT = (  # words in front, the last of which may be the month's
    r"^(?:[^\p{Nd}]*?(?P<word>\p{L}+)(?:[.,]?\s+|[,:]))?(?P<rest>\p{Nd}.*?)[.\s]*$"
)


class DateParts(NamedTuple):
    """Dates taken apart, an array each.

    a, b, c: the three numbers, or year, month and day where the form says so. long_a, long_c: the
    first and the last have four digits. clock: seconds of the day, in UTC; NaN: no such time.
    zoned: any had a zone.
    """

    a: Any
    b: Any
    c: Any
    long_a: Any
    long_c: Any
    clock: Floats
    zoned: bool


def parts_of(texts: pl.Series, pattern: str) -> DateParts:
    """Take dates of one form apart, chunk by chunk."""
    found = [_chunk(texts.slice(start, CHUNK), pattern) for start in range(0, len(texts), CHUNK)]
    a, b, c, long_a, long_c, clock, zoned = zip(*found, strict=True)
    whole = np.concatenate
    return DateParts(
        whole(a), whole(b), whole(c), whole(long_a), whole(long_c), whole(clock), any(zoned)
    )


def _chunk(texts: pl.Series, pattern: str) -> DateParts:
    groups = texts.str.extract_groups(pattern).struct.unnest()

    def column(*names: str) -> pl.Series:
        found = next((name for name in names if name in groups.columns), None)
        none = pl.repeat(None, len(texts), dtype=pl.String, eager=True)
        return none if found is None else groups[found]

    a, b, c = column("a", "y"), column("b", "m"), column("c", "d")
    clock, zoned = _clock(column)
    long_a, long_c = ((part.str.len_chars() == 4).fill_null(False).to_numpy() for part in (a, c))
    day = _number(c) if "y" not in groups.columns or "d" in groups.columns else np.ones(len(c), int)
    return DateParts(_number(a), _number(b), day, long_a, long_c, clock, zoned)


def _clock(column: Any) -> tuple[Floats, bool]:
    """Return seconds of the day, less the zone, NaN where there is no such time; and any zone."""
    hour, minute, second = (_number(column(name)) for name in ("hour", "minute", "second"))
    half, word = column("late").str.to_lowercase(), column("early")
    named = half.is_not_null().to_numpy()
    after = (half.eq_missing("p") | word.is_in(AFTERNOON).fill_null(False)).to_numpy()
    halved = named | (word.is_not_null().to_numpy() & (hour <= 12))
    wrong = (minute > 59) | (second > 59) | np.where(named, (hour < 1) | (hour > 12), hour > 23)
    hour = np.where(halved, hour % 12 + 12 * after, hour)
    part = ("0." + column("part")).cast(pl.Float64, strict=False).fill_null(0.0).to_numpy()
    clock = np.where(wrong, np.nan, hour * 3600.0 + minute * 60 + second + part)
    zone = column("zone")
    if zone.null_count() == len(zone):
        return clock, False
    digits = zone.str.replace(":", "", literal=True).str.extract_groups(r"^([+-])(\d\d)(\d\d)?$")
    sign, hours, minutes = digits.struct.unnest()
    offset = _number(hours) * 3600.0 + _number(minutes) * 60
    return clock - np.where((sign == "-").fill_null(False).to_numpy(), -offset, offset), True


def _number(series: pl.Series) -> Any:
    """Return numbers and names of months as integers; 0 for all else."""
    whole = series.cast(pl.Int32, strict=False)
    if whole.null_count() == len(whole) and series.null_count() < len(series):
        names = list(months.NUMBERS)
        whole = series.str.to_lowercase().replace_strict(
            names, list(months.NUMBERS.values()), default=None, return_dtype=pl.Int32
        )
    return whole.fill_null(0).cast(pl.Int64).to_numpy()


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


def tidied(texts: pl.Series) -> pl.Series:
    """Return dates without what stands around them, in the order a date and its clock usually have.

    Left out are brackets, a zone's name in words, weekdays and other words in front, and a full
    stop behind: "[05/Jan/2010:14:00:00 -0700]", "Tuesday, January 05, 2010", "Posted January 05,
    2010.". Digits of other scripts become ASCII.
    """
    plain = figures.ascii(texts)
    for pattern, instead in TIDYING:
        plain = plain.str.replace(pattern, instead)
    word, rest = plain.str.extract_groups(FRONT).struct.unnest()
    month = word.str.to_lowercase().is_in(list(months.NUMBERS)).fill_null(False)
    frame = pl.DataFrame({"plain": plain, "word": word, "rest": rest, "month": month})
    named = pl.when("month").then(pl.col("word") + " " + pl.col("rest")).otherwise("rest")
    return frame.select(pl.coalesce(named, "plain")).to_series()
