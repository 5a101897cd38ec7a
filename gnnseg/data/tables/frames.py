"""Tables that somebody else made: pandas, polars, arrow, or a mapping of arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from gnnseg.types import InputError


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
            arrow = pl.from_arrow(table)
            assert isinstance(arrow, pl.DataFrame)
            frame = arrow
        else:
            raise InputError(
                f"{what}: is a {kind}; give a pandas, polars or arrow table, or a mapping of "
                "arrays."
            )
    except (pl.exceptions.PolarsError, TypeError, ValueError, AssertionError) as error:
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
    return frame


def _pandas(table: Any) -> pl.DataFrame:
    """Return the frame as polars has it; columns of objects of several types become text."""
    try:
        return pl.from_pandas(table)
    except (TypeError, ValueError):
        if not table.columns.is_unique:
            raise
    whole = {str(name): column for name, column in table.items()}
    return pl.DataFrame(
        [
            pl.Series(name, _plain(column), strict=False)
            if column.dtype == object
            else pl.from_pandas(column)
            for name, column in whole.items()
        ]
    )


def _plain(column: Any) -> Any:
    """Return an array of objects as a list, its NaN as nothing; any other column as it is."""
    if str(getattr(column, "dtype", "")) != "object":
        return column
    return [None if cell != cell else cell for cell in column]
