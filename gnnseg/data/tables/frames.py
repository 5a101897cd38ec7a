"""Tables that somebody else made: pandas, polars, arrow, or a mapping of arrays."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from polars.exceptions import PanicException

from gnnseg.data.tables import dtypes
from gnnseg.types import InputError, text_of_id

REFUSED = (pl.exceptions.PolarsError, TypeError, ValueError, NotImplementedError)


def read(table: Any, what: str) -> pl.DataFrame:
    """Return a table of any usual kind as a polars frame.

    Args:
        table: pandas, polars or arrow, or a mapping of arrays.
        what: The table, as messages name it.

    Raises:
        InputError: Another kind of thing, no rows, or columns of different lengths.
    """
    kind = f"{type(table).__module__.split('.')[0]}.{type(table).__name__}"
    try:
        if isinstance(table, pl.LazyFrame):
            table = table.collect()
        if isinstance(table, Mapping):
            frame = pl.DataFrame(
                {name: _plain(column) for name, column in table.items()}, strict=False
            )
        elif isinstance(table, pl.DataFrame):
            frame = table
        elif kind == "pandas.DataFrame":
            frame = _pandas(table)
        elif kind in ("pyarrow.Table", "pyarrow.RecordBatch"):
            frame = of_arrow(table)
        else:
            raise InputError(
                f"{what}: is a {kind}; give a pandas, polars or arrow table, or a mapping of "
                "arrays."
            )
    except (*REFUSED, PanicException, AssertionError) as error:
        if isinstance(error, InputError):
            raise
        why = (str(error).splitlines() or [kind])[0]
        raise InputError(
            f"{what}: cannot be read as a table ({why}); give columns of equal length and "
            "different names."
        ) from None
    if frame.is_empty():
        raise InputError(f"{what}: holds no rows.")
    if not all(isinstance(name, str) for name in frame.columns):
        raise InputError(f"{what}: a column's name is no text; name the columns.")
    return dtypes.plain(frame)


def index_of(table: Any) -> pl.DataFrame | None:
    """Return the index of a pandas frame, which may hold ids; None: it numbers the rows."""
    kind = f"{type(table).__module__.split('.')[0]}.{type(table).__name__}"
    if kind != "pandas.DataFrame" or (
        type(table.index).__name__ == "RangeIndex"
        and table.index.name is None
        and table.index.start == 0
    ):
        return None
    frame = table.index.to_frame(index=False)
    names = [
        str(name) if given is not None else "index"
        for name, given in zip(frame.columns, table.index.names, strict=True)
    ]
    if len(set(names)) < len(names) or set(names) & set(map(str, table.columns)):
        return None
    frame.columns = names
    return dtypes.plain(_pandas(frame))


def _pandas(table: Any) -> pl.DataFrame:
    """Return the frame as polars has it; columns of objects of several types become text."""
    try:
        return pl.from_pandas(table)
    except (*REFUSED, PanicException):
        if not table.columns.is_unique:
            raise
    return pl.DataFrame([_series(str(name), column) for name, column in table.items()])


def _series(name: str, column: Any) -> pl.Series:
    """Return one column of pandas; of a type that polars has not, as text."""
    if column.dtype == object:
        return pl.Series(name, _plain(column), strict=False)
    if hasattr(column, "sparse"):
        column = column.sparse.to_dense()
    try:
        return pl.Series(name, pl.from_pandas(column))
    except (*REFUSED, PanicException):
        return pl.Series(name, [None if cell != cell else str(cell) for cell in column])


def parquet(
    path: Path, *, rows: int | None = None, columns: list[str] | None = None
) -> pl.DataFrame:
    """Return a Parquet file's first ``rows`` of some columns; None: all.

    Where polars refuses the file for one column's type, arrow reads it.
    """
    try:
        return dtypes.plain(pl.read_parquet(path, n_rows=rows, columns=columns))
    except (pl.exceptions.PolarsError, PanicException):
        from pyarrow import ArrowException, parquet

        try:
            table = parquet.read_table(path, columns=columns)
        except (ArrowException, OSError, ValueError):
            table = None
        if table is None:
            raise
    return dtypes.plain(of_arrow(table if rows is None else table.slice(0, rows)))


def of_arrow(table: Any) -> pl.DataFrame:
    """Return an arrow table as polars has it; columns of a type that polars has not as text."""
    try:
        found = pl.from_arrow(table)
        assert isinstance(found, pl.DataFrame)
        return found
    except (*REFUSED, PanicException):
        if len(set(table.schema.names)) < len(table.schema.names):
            raise
    return pl.DataFrame(
        [_of_arrow(name, table.column(name)) for name in table.schema.names],
    )


def _of_arrow(name: str, column: Any) -> pl.Series:
    try:
        found: Any = pl.from_arrow(column)
        return pl.Series(name, found)
    except (*REFUSED, PanicException):
        cells = [None if cell is None else str(cell) for cell in column.to_pylist()]
        return pl.Series(name, cells, dtype=pl.String)


def _plain(column: Any) -> Any:
    """Return an array of objects as a list, its NaN as nothing, whole doubles without '.0'.

    Any other column as it is.
    """
    if str(getattr(column, "dtype", "")) != "object":
        return column
    cells = [None if cell is None or _nothing(cell) else cell for cell in column]
    kinds = {type(cell) for cell in cells if cell is not None}
    if len(kinds) < 2 or not kinds & {float, np.float64, np.float32}:
        return cells
    if kinds <= {float, int, np.float64, np.float32, np.int64}:
        return cells
    return [None if cell is None else text_of_id(cell) for cell in cells]


def _nothing(cell: Any) -> bool:
    """Return whether a cell is NaN, NaT or pandas' NA."""
    different = cell != cell
    return different is True or (
        type(different).__name__ in ("NAType", "bool_")
        and not (isinstance(different, np.bool_) and not different)
    )
