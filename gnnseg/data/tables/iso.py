"""ISO 8601 and its near relations as seconds since 1970."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from gnnseg.types import Floats

EARLIEST, LATEST = -2208988800.0, 4102444800.0  # 1900 and 2100: a time outside is a mistake of unit
MOMENTS = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M")
USUAL = "%Y-%m-%d %H:%M:%S"  # the first without its fraction, which parses six times as fast
DAYS = ("%Y-%m-%d", "%Y/%m/%d", "%Y%m%d")


def epoch(series: pl.Series) -> pl.Series:
    """Return date-times as seconds since 1970."""
    return series.dt.epoch("us").cast(pl.Float64) / 1e6


def read(words: pl.Series) -> tuple[Floats, bool, bool]:
    """Return ISO 8601 as seconds, NaN for all else; whether some had a zone; whether any was read.

    Each form is tried on what the forms before left.
    """
    seconds = np.full(len(words), np.nan)
    zoned = False

    def fill(places: Any, found: pl.Series) -> None:
        value = epoch(found.cast(pl.Datetime("us"))).to_numpy()
        sane = (value >= EARLIEST) & (value <= LATEST)  # 24-01-31 is left to the other forms
        seconds[places] = np.where(sane, value, np.nan)

    left = np.arange(len(words))
    for form in (USUAL, MOMENTS[0]):
        rest = words if len(left) == len(words) else words.gather(left)
        fill(left, rest.str.to_datetime(form, strict=False, time_unit="us", cache=False))
        left = np.flatnonzero(np.isnan(seconds))
        if not len(left):
            return seconds, False, True
    rest = words if len(left) == len(words) else words.gather(left)
    front = rest.str.contains(r"^\d{4}").fill_null(False)
    left, rest = left[front.to_numpy()], rest.filter(front)
    rest = rest.str.replace(r"^(\d{4}-\d\d-\d\d)T", "${1} ")
    rest = rest.str.replace(
        r"([+-]\d\d:?\d\d) (?:[+-]\d\d:?\d\d|[A-Z]{3,4})$", "${1}"
    )  # as Go has it
    rest = rest.str.replace(r"\s?(Z|z|UTC|GMT)$", "+00:00")
    if bool(rest.head(100).str.contains(r"\d\d:\d\d.*[+-]\d\d$").any()):  # PostgreSQL: +01
        rest = rest.str.replace(r"(\d\d:\d\d.*?)\s?([+-]\d\d)$", "${1}${2}00")
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
