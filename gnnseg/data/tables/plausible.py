"""Whether times can be meant: those before 1990 or after tomorrow are asked about."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from gnnseg.data.tables import dates, units
from gnnseg.data.tables.iso import EARLIEST, LATEST
from gnnseg.data.tables.sheets import Sheet, shown
from gnnseg.types import InputError, Setting

AS = "data.time_as"
FORMS = {  # dates of digits alone that nothing but a person can tell, and how they are set
    r"^(19|20)\d\d$": "%Y",
    r"^(19|20)\d\d(0[1-9]|1[0-2])$": "%Y%m",
    r"^\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])$": "%y%m%d",
    r"^(0[1-9]|[12]\d|3[01])(0[1-9]|1[0-2])\d\d$": "%d%m%y",
    r"^(0[1-9]|[12]\d|3[01])(0[1-9]|1[0-2])(19|20)\d\d$": "%d%m%Y",
    r"^(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(19|20)\d\d$": "%m%d%Y",
}
NO_YEAR = r"^(0?[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])$"


def check(sheet: Sheet, cells: pl.Series, seconds: pl.Series, how: str, form: str | None) -> str:
    """Return a note on the few times that lie before 1990 or after tomorrow, '' for none.

    Args:
        sheet: The table.
        cells: The column as it stands there.
        seconds: What was read of it.
        how: In which way, in words.
        form: ``time_as``: whoever sets it means what is read.

    Raises:
        InputError: More than a hundredth lies there, and nobody said that it is meant.
    """
    if form is not None:
        return ""
    found = seconds.to_numpy()
    known = np.isfinite(found)
    outside = known & ((found < EARLIEST) | (found > LATEST))
    if 2 * int(outside.sum()) <= int(known.sum()):
        known &= ~outside  # a few are refused by their lines
    odd = np.flatnonzero(known & ~units.usual(found))
    if not len(odd):
        return ""
    row = int(odd[0])
    cell = str(cells[row])
    early = int((found[odd] < units.USUAL).sum())
    late = len(odd) - early
    where = " and ".join(
        f"{count:,} of {int(known.sum()):,} rows lie {side}"
        for count, side in ((early, "before 1990"), (late, "after tomorrow"))
        if count
    )
    if len(odd) <= units.RARE * known.sum():
        return f"{where} (first: {sheet.where(row, short=True)}: {shown(cell)})"
    text = cells.cast(pl.String)
    raise InputError(
        where=sheet.path,
        problem=(
            f"time {shown(cell)} would be {units.day(float(found[row]))} (read as {how}), and "
            f"{where}{_no_year(text)}"
        ),
        advice=(*_advice(text, cells, seconds), "set ", Setting(AS, dates.ANY), " if that is right"
                ", ", Setting("data.time", "''"), " if these are no times"),
    )  # fmt: skip


def _no_year(text: pl.Series) -> str:
    filled = text.drop_nulls()
    return (
        "; a month and a day without a year are no date"
        if bool(filled.str.contains(NO_YEAR).all())
        else ""
    )


def _advice(text: pl.Series, cells: pl.Series, seconds: pl.Series) -> list[Any]:
    """Return the settings by which the column would lie in the usual years, each with its day."""
    filled = text.filter(text.is_not_null() & seconds.is_not_null()).str.strip_chars()
    ways = [form for pattern, form in FORMS.items() if bool(filled.str.contains(pattern).all())]
    ways += [name for name in units.UNITS if filled.cast(pl.Float64, strict=False)[0] is not None]
    words: list[Any] = []
    for way in ways:
        read = dates.read(filled, form=way)[0].to_numpy()
        if float(units.usual(read).mean()) >= 1 - units.RARE:
            words += ["set ", Setting(AS, way), f" for {units.day(float(read[0]))}, "]
    return words
