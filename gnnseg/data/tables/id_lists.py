"""Lists of ids in files: one column, with a header or without, or a column of a table."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl

from gnnseg.data.tables import formats
from gnnseg.data.tables.columns import USUAL, simple
from gnnseg.data.tables.identifiers import identifiers
from gnnseg.data.tables.marks import first_lines

MARKS = (",", ";", "\t", "|")
NONE = "\x1e"  # separates nothing: a file of one column


def read(path: Path, known: pl.Series, kind: str = "item") -> list[str]:
    """Return the ids of a file.

    Those of a column called as their ``kind`` or 'id', else of the one that has most of the
    ``known`` ids. A first line that is an id is no header.

    Args:
        path: The file's.
        known: The ids there are.
        kind: What they are: 'user', 'item', or the name of a column of either, such as 'email'.
    """
    formats.exists(path)
    if path.suffix in (".parquet", ".pq"):
        frame = formats.parquet(path).frame
        return _ids(frame.to_series(_column(frame, frame.columns, known, kind)))
    data = formats.text(path, None).data
    first = re.sub(r'"(?:[^"]|"")*"', "", first_lines(path, data)[0])
    mark = next((mark for mark in MARKS if mark in first), NONE)
    width = first.count(mark) + 1
    names = [f"column {place + 1}" for place in range(width)]
    frame = formats.sheet(path, separator=mark, data=data, header=False, columns=names).frame
    head = [str(cell or "").strip() for cell in frame.row(0)]
    column = frame.to_series(_column(frame, head, known, kind))
    ids = _ids(column)
    cell = head[frame.columns.index(column.name)]
    usual = simple(cell) in {kind, simple(kind), "id", *USUAL.get(kind, ())}
    header = (usual or width > 1) and not bool((known == ids[0]).any()) if ids else False
    return ids[1:] if header and cell else ids


def _column(frame: pl.DataFrame, names: list[str], known: pl.Series, kind: str) -> int:
    """Return the place of the column of ids."""
    named = [names.index(name) for name in (kind, "id") if name in names]
    if named or frame.width == 1:
        return [*named, 0][0]
    counts = [
        0
        if series.dtype.is_nested()
        else int(known.is_in(pl.Series(_ids(series), dtype=pl.String).unique().implode()).sum())
        for series in frame
    ]
    return counts.index(max(counts))


def _ids(series: pl.Series) -> list[str]:
    ids = identifiers(series).str.strip_chars()
    return ids.filter(ids != "").drop_nulls().to_list()
