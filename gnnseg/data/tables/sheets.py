"""Tables as read, which know where each row stands in its file."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

from gnnseg.types import InputError, Ints, Setting

WHOLE = 2.0**53  # doubles beyond skip whole numbers
LONGEST = 60  # characters of a cell that a message quotes


@dataclass(frozen=True)
class Sheet:
    """A table as read, and where its rows stand in the file.

    Row r stands on line ``first + r``, or on ``lines[r]``. ``unit``: what is counted, lines or
    rows. ``head``: the first rows of all columns, where not all were read. ``index``: the index of
    a data frame, where it may hold ids. ``pieces``: the sheets this one is stacked of, each with
    its first row. ``notes``: what was noticed, in words. ``quoting``: how cells of text were
    quoted.
    """

    path: Path
    frame: pl.DataFrame
    first: int = 2
    lines: Ints | None = None
    unit: str = "line"
    head: pl.DataFrame | None = None
    index: pl.DataFrame | None = None
    pieces: tuple[tuple[int, Sheet], ...] = field(default=(), repr=False)
    notes: tuple[str, ...] = ()
    quoting: str | None = None

    def line(self, row: int) -> int:
        """Return the line of a row in its file."""
        return self.first + row if self.lines is None else int(self.lines[row])

    def where(self, row: int, *, short: bool = False) -> str:
        """Return file and line of a row, for people; ``short``: by the file's name alone."""
        for start, piece in reversed(self.pieces):
            if row >= start:
                return piece.where(row - start, short=short)
        return f"{self.path.name if short else self.path}, {self.unit} {self.line(row)}"


def stack(sheets: Sequence[Sheet], columns: Sequence[dict[str, str]], path: Path) -> Sheet:
    """Stack sheets on top of each other; a new column ``part`` holds the sheet's number.

    ``columns``: of each sheet, the new names of columns and the names they have there.
    """
    frames = [
        sheet.frame.select(
            *[pl.col(old).alias(new) for new, old in names.items()],
            part=pl.lit(number, dtype=pl.Int32),
        )
        for number, (sheet, names) in enumerate(zip(sheets, columns, strict=True))
    ]
    for name in frames[0].columns:
        if len({frame.schema[name] for frame in frames}) > 1:
            frames = [frame.with_columns(_as_text(frame[name])) for frame in frames]
    starts = np.cumsum([0, *map(len, frames[:-1])]).tolist()
    bare = [
        Sheet(s.path, pl.DataFrame(), s.first, s.lines, s.unit, pieces=s.pieces) for s in sheets
    ]
    return Sheet(path, pl.concat(frames), pieces=tuple(zip(starts, bare, strict=True)))


def _as_text(series: pl.Series) -> pl.Series:
    """Return a column as text; doubles as programs write them, 12.0 and, cut to digits, 1.2E+17."""
    text = series.cast(pl.String)
    if not series.dtype.is_float():
        return text
    known = series.drop_nulls().drop_nans()
    if not bool((known == known.round()).all()):
        return text
    whole = series.cast(pl.Int64, strict=False).cast(pl.String) + ".0"
    return whole.zip_with((series.abs() < WHOLE).fill_null(False), text.str.replace(r"e\+?", "E+"))


def shown(cell: str | None) -> str:
    """Return a cell as a message quotes it: long ones are cut."""
    if not cell:
        return "empty"
    return repr(cell if len(cell) <= LONGEST else cell[:LONGEST] + "…")


def named(path: Path, names: Sequence[str], wanted: Mapping[str, str | None]) -> None:
    """Refuse a named column that is not there, and one that is both user and item."""
    for role, name in wanted.items():
        if name is not None and name not in names:
            key = "item_title" if role == "title" else role.partition(":")[0]
            setting = Setting(f"data.{key}")
            close = difflib.get_close_matches(str(name), names, 1, 0.5)
            listed = ", ".join(map(shown, names[:12])) + (" …" if len(names) > 12 else "")
            raise InputError(
                where=path,
                problem=(f"no column {name!r} for ", setting),
                advice=f"did you mean {close[0]!r}?"
                if close
                else (f"it has {listed}; set ", Setting(setting.key, "COLUMN")),
            )
    if wanted.get("user") is not None and wanted.get("user") == wanted.get("item"):
        raise InputError(
            where=path,
            problem=(
                *(Setting("data.user"), " and ", Setting("data.item")),
                f" are both {wanted['user']!r}",
            ),
            advice="name two columns",
        )
