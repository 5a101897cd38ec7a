"""Times that are numbers: unix time in its units, day numbers, and dates of digits alone.

The unit is the one that puts the column into the years people have data of; where two do, an
InputError asks.
"""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from gnnseg.data.tables import figures
from gnnseg.types import Floats, InputError, Setting

USUAL = 631152000.0  # 1990: a time before it is more often a mistake than a time
DAY = 86400.0
RARE = 0.01  # share of rows that may lie elsewhere
DAY_NUMBER = (  # 20240131: as seconds all would lie in August 1970
    r"^(19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])$"
)
DIGITS = (  # 2024013118, 202401311805, 20240131180500, 20240131180500123
    r"^(19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])([01]\d|2[0-3])([0-5]\d([0-5]\d(\d{3})?)?)?$"
)
COMMA = r"^-?\d{4,},\d+$"  # 40183,58333: no thousands sign stands behind four digits


class Unit(NamedTuple):
    """A number's unit in seconds, what 0 is (seconds since 1970), and what people call it."""

    size: float
    zero: float
    words: str


UNITS = {
    "seconds": Unit(1.0, 0.0, "unix seconds"),
    "milliseconds": Unit(1e-3, 0.0, "unix milliseconds"),
    "microseconds": Unit(1e-6, 0.0, "unix microseconds"),
    "nanoseconds": Unit(1e-9, 0.0, "unix nanoseconds"),
    "days": Unit(DAY, 0.0, "days since 1970"),
    "excel": Unit(DAY, -25569 * DAY, "Excel's day numbers"),
    "excel-1904": Unit(DAY, -24107 * DAY, "Excel's day numbers since 1904"),
    "sas": Unit(1.0, -3653 * DAY, "SAS's seconds since 1960"),
    "sas-days": Unit(DAY, -3653 * DAY, "SAS's days since 1960"),
    "julian": Unit(DAY, -2440587.5 * DAY, "Julian day numbers"),
    "ticks": Unit(1e-7, -62135596800.0, ".NET ticks"),
}
UNIX = ("seconds", "milliseconds", "microseconds", "nanoseconds")
KNOWN = (*UNIX, "excel", "julian", "ticks")  # days since 1970 may be SAS's, since 1960: asked about
COARSER = ((1e17, "nanoseconds"), (1e14, "microseconds"), (1e11, "milliseconds"))


def soon() -> float:
    """Return the end of tomorrow, wherever on earth: a time behind it has not been."""
    return time.time() + 2 * DAY


def usual(seconds: Floats) -> Any:
    """Return which times lie from 1990 to tomorrow."""
    return (seconds >= USUAL) & (seconds <= soon())


def numbers_of(series: pl.Series, words: pl.Series) -> pl.Series:
    """Return the cells that are numbers as Float64, all others null; a decimal comma is read."""
    if series.dtype.is_numeric():
        return series.cast(pl.Float64)
    value = words.cast(pl.Float64, strict=False)
    unread = (value.is_null() & words.is_not_null()).arg_true()
    if not len(unread):
        return value
    rest = words if len(unread) == len(words) else words.gather(unread)
    if not bool(rest.str.contains(r"^\s|\s$|[^\x00-\x7f]|^-?\d{4,},\d+$").any()):
        return value
    rest = figures.ascii(rest).str.strip_chars()
    comma = rest.str.contains(COMMA).fill_null(False)
    point = rest.str.replace(",", ".", literal=True)
    rest = pl.DataFrame({"c": comma, "p": point, "r": rest}).select(
        pl.when("c").then(pl.col("p")).otherwise(pl.col("r"))
    ).to_series()  # fmt: skip
    return value.scatter(unread, rest.cast(pl.Float64, strict=False))


def seconds_of(value: Floats, name: str) -> Floats:
    """Return numbers of a unit as seconds since 1970."""
    unit = UNITS[name]
    if unit.size < 1.0 and unit.zero == 0.0:
        return value / round(1 / unit.size)
    if unit.size == DAY and unit.zero:  # a day's fraction is written to a few decimals
        return (value * DAY + unit.zero).round()
    return value if unit == UNITS["seconds"] else value * unit.size + unit.zero


def read(value: Floats, where: str) -> tuple[Floats, str]:
    """Return numbers as seconds since 1970, NaN where they are NaN; and how they were read.

    Args:
        value: The numbers.
        where: The table, as messages name it.

    Raises:
        InputError: Two units fit.
    """
    finite = value[np.isfinite(value)]
    if not len(finite):
        return value, "unix seconds"
    middle = float(np.median(finite))
    fits = [name for name in KNOWN if _fits(finite, middle, name)]
    if len(fits) > 1:
        raise InputError(
            where=where,
            problem=(f"time {finite[0]:.0f} may be ", tuple(_readings(finite[0], fits))),
            advice="set the one that is meant",
        )
    coarser = next((name for least, name in COARSER if abs(middle) > least), "seconds")
    name = fits[0] if fits else coarser
    seconds, how = seconds_of(value, name), UNITS[name].words
    return _mixed(value, seconds, name, how) if name in UNIX else (seconds, how)


def _fits(finite: Floats, middle: float, name: str) -> bool:
    """Return whether a unit puts the numbers into the years people have data of.

    Of unix time the median says it, since rows of another unit are settled later; of day numbers
    all but a few.
    """
    if not bool(usual(seconds_of(np.array([middle]), name))[0]):
        return False
    return name in UNIX or float(usual(seconds_of(finite, name)).mean()) >= 1 - RARE


def refuse_seconds(words: pl.Series, value: pl.Series, where: str) -> None:
    """Refuse dates of digits alone that may as well be unix time of now."""
    middle = float(np.median(value.to_numpy()))
    for name in UNIX:
        if bool(usual(seconds_of(np.array([middle]), name))[0]):
            pattern = "%Y%m%d%H%M%S"[: len(words[0]) - 2]
            raise InputError(
                where=where,
                problem=(f"time {words[0]} may be ", Setting("data.time_as", name), " or ",
                         Setting("data.time_as", pattern)),
                advice="set the one that is meant",
            )  # fmt: skip


def _readings(value: float, names: list[str]) -> list[Any]:
    return [
        (f"{' or ' if n else ''}{day(seconds_of(np.array([value]), name)[0])} (",
         Setting("data.time_as", name), ")")
        for n, name in enumerate(names)
    ]  # fmt: skip


def _mixed(value: Floats, seconds: Floats, name: str, how: str) -> tuple[Floats, str]:
    """Read rows that only another unit of unix time puts into the usual years by that unit."""
    odd = np.flatnonzero(~usual(seconds) & np.isfinite(value))
    if not len(odd):
        return seconds, how
    notes = []
    seconds = seconds.copy()
    for other in UNIX:
        if other != name:
            found = seconds_of(value[odd], other)
            inside = usual(found)
            seconds[odd[inside]] = found[inside]
            if count := int(inside.sum()):
                notes.append(f"{count:,} of them {other}")
    return seconds, ", ".join((how, *notes))


def day(seconds: float) -> str:
    """Return the day of a time, as people write it."""
    if not np.isfinite(seconds) or abs(seconds) > 2.5e11:
        return "no day"
    return str(np.datetime64(int(seconds // DAY), "D"))
