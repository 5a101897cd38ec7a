"""Workbooks of Excel and LibreOffice, by fastexcel (the extra ``excel``)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from gnnseg.data.tables import fields, headers
from gnnseg.data.tables.headers import Header
from gnnseg.data.tables.sheets import Sheet, shown
from gnnseg.types import InputError, Setting

ALL = "*"  # sheets
OLD = b"\xd0\xcf\x11\xe0"  # how workbooks begin that Excel wrote before 2007
SAMPLE = 200  # rows by which a header is recognised


def read(
    path: Path, data: bytes, *, sheet: str | None = None, header: Header | None = None
) -> tuple[Sheet, str]:
    """Read a sheet of a workbook, its rows counted as Excel counts them; and which, in words.

    Args:
        path: The file.
        data: Its bytes.
        sheet: Which sheet, or * for all as one table; None: the only one that holds rows.
        header: Whether its first row names the columns; None: detected.

    Raises:
        InputError: fastexcel is not there, the workbook is broken, or several sheets hold rows.
    """
    try:
        import fastexcel
    except ImportError:
        raise InputError(
            where=path,
            problem="is a workbook, and fastexcel, which reads such, is not installed",
            advice="pip install 'gnnseg[excel]', or export the sheet as CSV",
        ) from None
    try:
        book = fastexcel.read_excel(data)
        names = list(book.sheet_names)
    except Exception as error:  # fastexcel's errors share no base
        raise _broken(path, error) from None
    if sheet is not None and sheet not in (*names, ALL):
        raise InputError(
            where=path,
            problem=(f"no sheet {sheet!r} for ", Setting("data.sheet")),
            advice=f"it has {', '.join(map(shown, names[:12]))}",
        )
    wanted = names if sheet in (None, ALL) else [sheet]
    found = {name: _rows(path, book, str(name)) for name in wanted}
    filled = {name: rows for name, rows in found.items() if rows.height and rows.width}
    if not filled:
        raise InputError(f"{path}: holds no rows; give a file with interactions.")
    if sheet == ALL and len(filled) > 1:
        return _stacked(path, [_table(path, data, rows, header, n) for n, rows in filled.items()])
    if len(filled) != 1:
        raise InputError(
            where=path,
            problem=f"{len(filled)} sheets hold rows: {', '.join(map(shown, list(filled)[:12]))}",
            advice=("set ", Setting("data.sheet", "NAME"), f", or {ALL!r} for all as one table"),
        )
    ((name, rows),) = filled.items()
    return _table(path, data, rows, header, name)


def _stacked(path: Path, tables: Sequence[tuple[Sheet, str]]) -> tuple[Sheet, str]:
    """Return sheets of the same columns as one."""
    first = tables[0][0].frame.columns
    odd = next((note for sheet, note in tables if set(sheet.frame.columns) != set(first)), None)
    if odd is not None:
        raise InputError(
            f"{path}: {odd}, has other columns than the first sheet; name one of them."
        )
    frames = [sheet.frame.select(first) for sheet, _ in tables]
    for name in first:
        if len({frame.schema[name] for frame in frames} - {pl.Null}) > 1:
            frames = [frame.with_columns(fields.identifiers(frame[name])) for frame in frames]
    starts = [sum(map(len, frames[:number])) for number in range(len(frames))]
    pieces = tuple((start, sheet) for start, (sheet, _) in zip(starts, tables, strict=True))
    stacked = pl.concat(frames, how="vertical_relaxed")
    return Sheet(path, stacked, unit="row", pieces=pieces), f"workbook, {len(frames)} sheets"


def _rows(path: Path, book: Any, name: str) -> pl.DataFrame:
    """Return the first rows of a sheet, all as text."""
    try:
        found = book.load_sheet(name, header_row=None, dtypes="string", n_rows=SAMPLE)
        frame = pl.DataFrame(found.to_arrow())
    except Exception as error:
        raise _broken(path, error) from None
    return frame.filter(~pl.all_horizontal(pl.all().is_null()))


def _table(
    path: Path, data: bytes, rows: pl.DataFrame, header: Header | None, name: str
) -> tuple[Sheet, str]:
    import fastexcel

    cells = [[(cell or "").strip() for cell in row] for row in rows.rows()]
    absent = header == "none" or (header is None and headers.is_absent(cells))
    try:
        sheet = fastexcel.read_excel(data).load_sheet(
            name, header_row=None if absent else 0, schema_sample_rows=None
        )
        frame = pl.DataFrame(sheet.to_arrow())
    except Exception as error:
        raise _broken(path, error) from None
    if absent:
        names = [headers.by_place(place) for place in range(frame.width)]
    else:
        names = [
            (cell or headers.by_place(place))
            for place, cell in enumerate(cells[0] + [""] * (frame.width - len(cells[0])))
        ]
    twice = next((one for place, one in enumerate(names) if one in names[:place]), None)
    if twice is not None:
        raise InputError(f"{path}: the column {shown(twice)} stands twice; rename one.")
    frame.columns = names
    first = 1 if absent else 2
    kept = frame.select((~pl.all_horizontal(pl.all().is_null())).alias("kept"))["kept"]
    lines = kept.arg_true().to_numpy().astype("int64") + first
    frame = frame.filter(kept)
    if frame.is_empty():
        raise InputError(f"{path}: holds a header and no rows; give a file with interactions.")
    note = f"workbook, sheet {name!r}, {len(frame):,} rows"
    return Sheet(path, frame, first, lines, unit="row"), note + (", no header" if absent else "")


def _broken(path: Path, error: Exception) -> InputError:
    why = " ".join(str(error).split())[:160]
    return InputError(
        f"{path}: cannot be read as a workbook ({why}); save it again, or export the sheet as CSV."
    )
