"""JSON as people export it: lines of objects, an array of objects, and what pandas writes."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from gnnseg.data.tables.sheets import Sheet, shown
from gnnseg.types import InputError

BEGINS = re.compile(rb'\s*(\{\s*["}]|\[\s*[\[{\]])')
DEEPEST = 5  # levels of objects in objects whose fields become columns
FORMS = "one object a line, or an array of objects"


def looks(data: bytes) -> bool:
    """Return whether a text begins as JSON of rows does."""
    return BEGINS.match(data[:4096]) is not None


def read(path: Path, data: bytes) -> tuple[Sheet, str]:
    """Read JSON as a table, its rows counted from 1; and which of its forms it is, in words.

    The fields of objects in objects become columns such as ``customer.id``.

    Raises:
        InputError: It is broken, or no table.
    """
    lines = [line for line in data[: 1 << 16].split(b"\n") if line.strip()]
    try:
        if len(lines) < 2 or not _is_whole(lines[0]):
            frame, how = _by_python(path, data)
        else:
            frame = pl.read_ndjson(io.BytesIO(data), infer_schema_length=None)
            how = "JSON, an object a line"
    except pl.exceptions.PolarsError:
        frame, how = _by_python(path, data)
    if frame.is_empty():
        raise InputError(f"{path}: holds no rows; give a file with interactions.")
    return Sheet(path, _flat(frame), 1, unit="row"), how


def _is_whole(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _by_python(path: Path, data: bytes) -> tuple[pl.DataFrame, str]:
    """Read JSON of any form, or name the line where it stops being JSON."""
    try:
        whole = json.loads(data)
    except ValueError as error:
        whole, error_of_all = None, error
        rows = _lines(path, data)
        if rows is None:
            line = getattr(error_of_all, "lineno", 1)
            raise InputError(
                where=f"{path}, line {line}",
                problem=f"is broken JSON ({getattr(error_of_all, 'msg', error_of_all)})",
                advice=f"mend it, or export the table as CSV; read is {FORMS}",
            ) from None
        return _frame(path, rows), "JSON, an object a line"
    table = _rows(whole)
    if table is None:
        raise InputError(
            where=path, problem="is JSON, but no table", advice=f"give {FORMS}, or export it as CSV"
        )
    return _frame(path, table), "JSON"


def _lines(path: Path, data: bytes) -> list[Any] | None:
    """Return the objects of lines; None where the first line is none."""
    rows: list[Any] = []
    for number, line in enumerate(data.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if not isinstance(row, dict):
            if not rows:
                return None
            text = line.decode(errors="replace").strip()
            raise InputError(
                where=f"{path}, line {number}",
                problem=f"is no object of JSON: {shown(text)}",
                advice="mend the line, or export the table as CSV",
            )
        rows.append(row)
    return rows


def _rows(whole: Any) -> list[Any] | dict[str, list[Any]] | None:
    """Return the rows, or the columns, of JSON that was read whole; None where it is no table."""
    if isinstance(whole, list):
        objects = all(isinstance(row, dict) for row in whole)
        if objects or not whole:
            return whole
        header = whole[0]
        if all(isinstance(row, list) and len(row) == len(header) for row in whole) and all(
            isinstance(name, str) for name in header
        ):  # an array of arrays, the first with the names
            return _columns(header, whole[1:])
        return None
    if not isinstance(whole, dict) or not whole:
        return None
    if isinstance(whole.get("columns"), list) and isinstance(whole.get("data"), list):
        return _columns([str(name) for name in whole["columns"]], whole["data"])
    values = list(whole.values())
    if all(isinstance(value, Mapping) for value in values):  # pandas: {column: {row: cell}}
        keys = list(values[0])
        if all(list(value) == keys for value in values):
            return {name: list(column.values()) for name, column in whole.items()}
    lists = all(isinstance(value, list) for value in values)
    objects = lists and any(isinstance(cell, dict) for value in values for cell in value[:1])
    if lists and not objects and len({*map(len, values)}) == 1:
        return dict(whole)
    inside = [value for value in values if isinstance(value, list) and value]
    tables = [value for value in inside if all(isinstance(row, dict) for row in value)]
    if len(tables) == 1:  # {"data": [{…}, …], "total": 600}
        return list(tables[0])
    return [whole] if not inside and not any(isinstance(v, Mapping) for v in values) else None


def _columns(names: list[str], rows: list[Any]) -> dict[str, list[Any]] | None:
    if len(set(names)) < len(names) or any(len(row) != len(names) for row in rows):
        return None
    return {name: [row[place] for row in rows] for place, name in enumerate(names)}


def _frame(path: Path, rows: list[Any] | dict[str, list[Any]]) -> pl.DataFrame:
    if not isinstance(rows, dict):
        names = list(dict.fromkeys(name for row in rows for name in row))
        rows = {name: [row.get(name) for row in rows] for name in names}
    try:
        return pl.DataFrame({name: _series(name, cells) for name, cells in rows.items()})
    except (pl.exceptions.PolarsError, TypeError, OverflowError) as error:
        why = (str(error).splitlines() or ["unreadable"])[0]
        raise InputError(f"{path}: cannot be read as a table ({why}); export it as CSV.") from None


def _series(name: str, cells: list[Any]) -> pl.Series:
    """Return a column; of cells of several kinds, their text."""
    kinds = {type(cell) for cell in cells if cell is not None}
    try:
        if len(kinds) > 1 and not kinds <= {int, float}:
            raise TypeError
        return pl.Series(name, cells, strict=True)
    except (TypeError, OverflowError, pl.exceptions.PolarsError):
        return pl.Series(name, [None if cell is None else _text(cell) for cell in cells], pl.String)


def _text(cell: Any) -> str:
    return cell if isinstance(cell, str) else json.dumps(cell, ensure_ascii=False)


def _flat(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the frame with the fields of objects as columns, ``customer.id``."""
    for _ in range(DEEPEST):
        nested = [name for name, kind in frame.schema.items() if isinstance(kind, pl.Struct)]
        if not nested:
            break
        columns: list[pl.Series] = []
        for series in frame:
            if series.name in nested:
                fields = series.struct.unnest()
                columns += [cells.alias(f"{series.name}.{cells.name}") for cells in fields]
            else:
                columns.append(series)
        names = [column.name for column in columns]
        if len(set(names)) < len(names):
            break
        frame = pl.DataFrame(columns)
    return frame
