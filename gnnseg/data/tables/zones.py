"""Times whose zone has a name: CET, EST, Europe/Berlin.

Abbreviations that several countries share with different clocks (IST, BST, CST of China and of
America) are those of RFC 2822 or none: a cell that holds another stays unread.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl

from gnnseg.types import Floats

HOUR = 3600.0
HOURS = {
    "UT": 0, "UTC": 0, "GMT": 0, "WET": 0, "WEST": 1, "CET": 1, "CEST": 2, "MEZ": 1, "MESZ": 2,
    "EET": 2, "EEST": 3, "MSK": 3, "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7,
    "MDT": -6, "PST": -8, "PDT": -7, "AKST": -9, "AKDT": -8, "HST": -10, "BRT": -3, "JST": 9,
    "KST": 9, "HKT": 8, "SGT": 8, "WIB": 7, "PKT": 5, "NPT": 5.75, "AEST": 10, "AEDT": 11,
    "ACST": 9.5, "AWST": 8, "NZST": 12, "NZDT": 13, "SAST": 2, "EAT": 3, "WAT": 1, "CAT": 2,
}  # fmt: skip
SHORT = rf"\s?\b({'|'.join(HOURS)})( \d{{4}})?$"
LONG = r"\s?\[?\b([A-Z][A-Za-z]+(?:/[A-Z][A-Za-z_-]+)+)\]?$"
OFFSET = r"\d(Z|\s?[+-]\d\d:?\d\d)\s?\[[^\]]+\]$"  # as Java has it, the name beside the offset
NAME = r"[A-Za-z]{2,}\]?(?: \d{4})?$"  # what any of them ends in
Reading = Callable[[pl.Series], tuple[Floats, list[str]]]


def read(words: pl.Series, local: Reading) -> tuple[Floats, list[str]]:
    """Return times whose zone is named as seconds since 1970, NaN for all else; and how.

    Args:
        words: The cells.
        local: Reads cells without their zone, as if they were UTC.
    """
    seconds: Floats = np.full(len(words), np.nan)
    notes: list[str] = []
    if not bool(words.str.contains(NAME).any()):
        return seconds, notes
    frame = pl.DataFrame({"word": words}).with_columns(
        bare=pl.when(pl.col("word").str.contains(OFFSET)).then(
            pl.col("word").str.replace(r"\s?\[[^\]]+\]$", "")
        ),
        short=pl.col("word").str.extract(SHORT, 1),
        long=pl.col("word").str.extract(LONG, 1),
    )
    offset = frame["bare"].is_not_null().to_numpy()
    if offset.any():
        seconds[offset], notes = local(frame["bare"].drop_nulls())
    for column, pattern, left in (("short", SHORT, "${2}"), ("long", LONG, "")):
        named = frame[column].is_not_null().to_numpy() & ~offset
        if not named.any():
            continue
        here = frame.filter(pl.Series(named))
        found, how = local(here["word"].str.replace(pattern, left))
        seconds[named] = _utc(found, here[column])
        notes += how
    return seconds, list(dict.fromkeys(map(_heeded, notes))) if np.isfinite(seconds).any() else []


def _heeded(note: str) -> str:
    """Return how local times were read, with their zones."""
    bare = note.removesuffix(", taken as UTC").removesuffix(", zones heeded")
    return f"{bare}, zones heeded"


def _utc(local: Floats, names: pl.Series) -> Floats:
    """Return local times as UTC, NaN for a zone that is not known.

    An hour that the clock shows twice is the earlier, one that it leaves out NaN.
    """
    seconds = np.full(len(local), np.nan)
    for name in names.unique():
        here = (names == name).to_numpy()
        if name in HOURS:
            seconds[here] = local[here] - HOURS[name] * HOUR
            continue
        times = pl.Series(local[here] * 1e6).fill_nan(None).cast(pl.Int64).cast(pl.Datetime("us"))
        try:
            moved = times.dt.replace_time_zone(name, ambiguous="earliest", non_existent="null")
        except pl.exceptions.PolarsError:  # no such zone
            continue
        seconds[here] = moved.dt.epoch("us").cast(pl.Float64).fill_null(np.nan).to_numpy() / 1e6
    return seconds
