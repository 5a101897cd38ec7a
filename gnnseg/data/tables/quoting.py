"""How cells are quoted: as RFC 4180 says, with backslashes, or not at all.

The usual reading is tried first. Where the file does not fit it and fits one of the others alone,
that one is taken, and said; where several fit, an InputError asks.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal, NamedTuple

import polars as pl

from gnnseg.data.tables import rows as rows_
from gnnseg.data.tables.rows import Rows
from gnnseg.types import InputError, Setting

Quoting = Literal["double", "backslash", "none"]
SLASH, QUOTE, MARK, BREAK = b"\x1c", b"\x1d", b"\x1e", b"\x02"  # stand in while cells are parsed
STANDING = {SLASH: "\\", QUOTE: '"', BREAK: "\n"}
NOTES = {
    "double": (),
    "backslash": ("quotes escaped by backslashes",),
    "none": ("quotes taken as part of the cells",),
}


class QuotedRows(NamedTuple):
    """A text whose quotes are settled: its bytes, its rows, and how it is quoted."""

    data: bytes
    rows: Rows
    quoting: Quoting
    notes: tuple[str, ...] = ()


def settle(path: Path, data: bytes, mark: bytes, quoting: Quoting | None) -> QuotedRows:
    """Return a text whose quotes stand where RFC 4180 has them, or are none.

    Args:
        path: The file, as messages name it.
        data: Its text.
        mark: What separates the cells, one byte.
        quoting: None: the usual, or else the only other that fits.

    Raises:
        InputError: A quote out of place, where no other reading fits, or several do.
    """
    if b'="' in data:  # Excel's text, which it would else take for a number
        data = re.sub(rb'(^|[\n%s])="' % re.escape(mark), rb'\1"', data)
    if quoting is not None:
        return _read(path, data, mark, quoting)
    if b'"' not in data:
        return _read(path, data, mark, "double")
    escaped = b'\\"' in data
    try:
        usual = _read(path, data, mark, "double")
        if not escaped or _is_steady(usual.rows):
            return usual
        refused: InputError | None = None
    except InputError as error:
        usual, refused = None, error
    fits = [found for name in ("backslash", "none") if (found := _other(path, data, mark, name))]
    if len(fits) > 1 and not _opens(data, mark):
        fits = fits[1:]  # no cell begins with a quote: a backslash has nothing to escape
    if len(fits) == 1:
        return fits[0]._replace(notes=NOTES[fits[0].quoting])
    if usual is not None:
        return usual
    assert refused is not None
    backslash, none = (Setting("data.quoting", name) for name in ("backslash", "none"))
    raise InputError(
        where=refused.where,
        problem=refused.problem,
        advice=(
            'put the cell between quotes and double those inside it ("a ""b"" c"), or set ',
            *(none, ", where quotes are part of cells, or ", backslash, ', where \\" is one'),
        ),
    )


def restored(frame: pl.DataFrame, quoting: Quoting, separator: bytes) -> pl.DataFrame:
    """Return the cells with what stood in for escaped characters put back."""
    if quoting != "backslash":
        return frame
    pairs = {**STANDING, MARK: separator.decode()}
    old, new = [mark.decode() for mark in pairs], list(pairs.values())
    return frame.with_columns(
        pl.col(name).str.replace_many(old, new).alias(name) for name in frame.columns
    )


def _other(path: Path, data: bytes, mark: bytes, name: Quoting) -> QuotedRows | None:
    """Return the text as read so, if it fits: every row as wide as the first."""
    if name == "backslash" and b'\\"' not in data:
        return None
    if name == "none" and _opens(data, mark):
        return None
    try:
        found = _read(path, data, mark, name)
    except InputError:
        return None
    return found if _is_steady(found.rows) else None


def _opens(data: bytes, mark: bytes) -> bool:
    """Return whether a cell begins with a quote."""
    return data.startswith(b'"') or b'\n"' in data or mark + b'"' in data


def _is_steady(rows: Rows) -> bool:
    """Return whether rows that hold separators have as many as the first."""
    counts = rows.separators[rows.separators > 0]
    return len(counts) > 0 and bool((counts == counts[0]).all())


def _read(path: Path, data: bytes, mark: bytes, quoting: Quoting) -> QuotedRows:
    if quoting == "backslash":
        data = _escaped(path, data, mark)
    return QuotedRows(data, rows_.find(path, data, mark, quoting != "none"), quoting)


def _escaped(path: Path, data: bytes, mark: bytes) -> bytes:
    """Return the text with other bytes for what backslashes escape."""
    taken = next((byte for byte in (*STANDING, MARK) if byte in data), None)
    if taken is not None:
        raise InputError(
            where=path,
            problem=f"holds the control character {taken!r}, so its backslashes cannot be read",
            advice="take it out",
        )
    data = data.replace(b"\\\\", SLASH).replace(b'\\"', QUOTE).replace(b"\\" + mark, MARK)
    return re.sub(rb"\\\r?\n", BREAK, data)
