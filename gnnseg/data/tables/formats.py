"""Readers of tables, a function a format; every refusal names the file and the line.

All columns of text stay text; numbers and times are made of them in ``fields``. No row is looked
at by Python unless it is the one to be named.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from gnnseg.data.tables import frames, packed, workbooks
from gnnseg.data.tables import quoting as quotes
from gnnseg.data.tables import rows as rows_
from gnnseg.data.tables.decoded import text
from gnnseg.data.tables.parsing import Columns, Parsing
from gnnseg.data.tables.paths import exists, listed
from gnnseg.data.tables.quoting import Quoting
from gnnseg.data.tables.rows import Rows
from gnnseg.data.tables.sheets import Sheet, shown
from gnnseg.types import InputError, Ints, Setting

__all__ = ["Sheet", "atomic_file", "exists", "listed", "lists", "parquet", "sheet", "table", "text"]

HEAD = 1000  # rows looked at before the whole table is read
FIRST = 1 << 16  # bytes by which a text is recognised
UNIT = b"\x1f"  # stands in for separators of more than one character
Pick = Callable[[pl.DataFrame], Sequence[str]]  # which columns to read, by the first rows


def sheet(
    path: Path,
    *,
    separator: str,
    header: bool = True,
    columns: list[str] | None = None,
    encoding: str | None = "utf-8",
    quote: bool = True,
    quoting: Quoting | None = None,
    data: bytes | None = None,
    pick: Pick | None = None,
) -> Sheet:
    """Read a table of text; every column is text, blanks around cells stay.

    Blank rows and rows of separators alone go, and nameless columns without a cell.

    Args:
        path: The file.
        separator: What stands between cells, one character or more.
        header: The first line names the columns; else ``columns`` do, or their places.
        columns: The names of columns, where there is no header.
        encoding: None: detected.
        quote: Cells may stand between double quotes.
        quoting: How quotes in cells are written; None: detected.
        data: The file's ``text``, where it has been read already.
        pick: Given the first rows, which columns to read.

    Raises:
        InputError: A ragged line, a quote out of place, a column's name that stands twice.
    """
    data = text(path, encoding).data if data is None else data
    mark = separator.encode()
    if len(mark) > 1:
        data, mark = data.replace(mark, UNIT), UNIT
    data, rows, how, notes = quotes.settle(path, data, mark, quoting if quote else "none")
    data, rows = rows_.without_blank(data, rows)
    data, rows, gone = rows_.without_empty(data, rows)
    data, rows = rows_.trimmed(data, rows, mark)
    notes = (*notes, *([f"{gone:,} empty rows left out"] if gone else []))
    if header:
        data, rows, counted = rows_.named(data, rows, mark)
        notes = (*notes, *(["row numbers before the columns of the header"] if counted else []))
    _check_shape(path, rows, header, columns)
    first, lines = _lines(rows, header)
    stop = int(rows.starts[HEAD]) if len(rows.starts) > HEAD else len(data)
    parsing = Parsing(path, mark, header, how)
    found = parsing.columns(data[: rows.starts[1]] if len(rows.starts) > 1 else data)
    if columns is not None and not header:
        found = Columns(columns)
    del rows
    read = Sheet(path, pl.DataFrame(), first, lines, notes=notes, quoting=how)
    return _picked(parsing, data, found, pick, read, stop)


def _picked(
    parsing: Parsing, data: bytes, found: Columns, pick: Pick | None, sheet: Sheet, stop: int
) -> Sheet:
    """Return the sheet with the columns that are picked by the rows up to the byte ``stop``."""
    names, notes = found.names, sheet.notes
    if pick is None and not found.nameless:
        return replace(sheet, frame=parsing.frame(data, names, names))
    head = parsing.frame(data[:stop], names, names)
    empty = [name for name in found.nameless if not _holds_any(head[name])]
    if empty:
        head = head.drop(empty)
        notes = (*notes, f"{len(empty)} empty columns without a name left out")
    frame = parsing.frame(data, names, head.columns if pick is None else list(pick(head)))
    return replace(sheet, frame=frame, head=None if pick is None else head, notes=notes)


def _holds_any(cells: pl.Series) -> bool:
    return bool((cells.str.strip_chars() != "").fill_null(False).any())


def _check_shape(path: Path, rows: Rows, header: bool, columns: list[str] | None) -> None:
    """Refuse a text without rows, or with rows of different widths."""
    counts = rows.separators
    if not len(counts):
        raise InputError(f"{path}: holds blank lines only; give a file with a header and rows.")
    wanted = len(columns) - 1 if columns is not None and not header else int(counts[0])
    wrong = np.flatnonzero(counts != wanted)
    if len(wrong):
        row = int(wrong[0])
        first = "the first line has" if header or columns is None else "there should be"
        raise InputError(
            where=f"{path}, line {row + 1 if rows.lines is None else rows.lines[row]}",
            problem=f"has {counts[row] + 1} columns where {first} {wanted + 1}",
            advice=("mend the line, or set ", Setting("data.separator")),
        )
    if len(counts) == 1 and header:
        raise InputError(f"{path}: holds a header and no rows; give a file with interactions.")


def _lines(rows: Rows, header: bool) -> tuple[int, Ints | None]:
    """Return the line of the first row below the header, and those of all where they have gaps."""
    if rows.lines is None:
        return (2 if header else 1), None
    lines = rows.lines[1:] if header else rows.lines
    steady = lines[-1] - lines[0] == len(lines) - 1
    return int(lines[0]), None if steady else lines


def table(path: Path, **options: Any) -> pl.DataFrame:
    """Return the frame of a ``sheet`` alone."""
    return sheet(path, **options).frame


def atomic_file(path: Path, data: bytes | None = None, separator: str = "\t") -> Sheet:
    """Read RecBole's atomic file: header ``name:type``, tab separated and without quotes, or else.

    Types are dropped; every column is text.
    """
    found = sheet(path, separator=separator, quote=separator != "\t", data=data)
    if not all(":" in name for name in found.frame.columns):
        raise InputError(
            where=path,
            problem="no RecBole header (name:type in each column)",
            advice=("set ", Setting("data.format")),
        )
    names = {name: name.rsplit(":", 1)[0] for name in found.frame.columns}
    return Sheet(path, found.frame.rename(names), found.first, found.lines, notes=found.notes)


def lists(path: Path, data: bytes | None = None) -> Sheet:
    """Read LightGCN's lines ``user item item …`` as user, item; no row for a user without items."""
    data = text(path).data if data is None else data
    users: list[str] = []
    items: list[str] = []
    lines: list[int] = []
    for number, line in enumerate(data.decode().split("\n"), 1):
        cells = line.split()
        if not cells:
            continue
        bad = next((cell for cell in cells if not (cell.isascii() and cell.isdigit())), None)
        if bad is not None:
            raise InputError(
                f"{path}, line {number}: {shown(bad)} is no id; lines are 'user item item …' of "
                "integer ids."
            )
        users.extend(cells[:1] * (len(cells) - 1))
        items.extend(cells[1:])
        lines.extend([number] * (len(cells) - 1))
    if not users:
        raise InputError(f"{path}: holds no interactions; lines are 'user item item …'.")
    return Sheet(path, pl.DataFrame({"user": users, "item": items}), 1, np.array(lines))


def is_workbook(path: Path) -> bool:
    """Return whether a file is a workbook, of Excel before 2007 too."""
    with open(path, "rb") as handle:
        start = handle.read(4)
    if start == packed.ZIP:
        return packed.is_workbook(path.read_bytes())
    return start == workbooks.OLD


def start(path: Path) -> bytes:
    """Return the first bytes of a text, unpacked where they are packed."""
    exists(path)
    with open(path, "rb") as handle:
        data = handle.read(FIRST)
    if data.startswith((packed.ZIP, *packed.PACKERS)):
        data, _ = packed.unpacked(path, path.read_bytes())
    return data[:FIRST].removeprefix(codecs.BOM_UTF8)


def parquet(path: Path, pick: Pick | None = None) -> Sheet:
    """Read a Parquet file; its rows are counted from 1.

    ``pick``: given the first rows, which columns to read.
    """
    exists(path)
    try:
        head = None if pick is None else frames.parquet(path, rows=HEAD)
        columns = None if pick is None or head is None else list(pick(head))
        frame = frames.parquet(path, columns=columns)
    except (pl.exceptions.PolarsError, OSError) as error:
        why = (str(error).splitlines() or ["unreadable"])[0]
        raise InputError(
            f"{path}: cannot be read as Parquet ({why}); write or fetch it again."
        ) from None
    if frame.is_empty():
        raise InputError(f"{path}: holds no rows; give a file with interactions.")
    return Sheet(path, frame, 1, unit="row", head=head)
