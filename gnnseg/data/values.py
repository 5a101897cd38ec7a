"""Attributes before they are numbers: one array an attribute.

(n,) float64, NaN where missing; (n,) object of text, several classes joined by '|', None where
missing; or (n,D) float64 vectors, rows of NaN where missing. Shape legend: n ids, D dimensions.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import polars as pl

from gnnseg.types import InputError, Strings, Table

Values = np.ndarray[Any, Any]
Floats32 = np.ndarray[Any, np.dtype[np.float32]]
Bools = np.ndarray[Any, np.dtype[np.bool_]]


def columns_of(table: Table | None) -> dict[str, Values]:
    """Return a table's columns; numbers under a name that says id or code are classes."""
    found = dict(table.columns) if table is not None else {}
    return {
        name: numerals(values)
        if values.dtype != object and values.ndim == 1 and is_code(name)
        else values
        for name, values in found.items()
    }


def there(values: Values) -> Bools:
    """Return of whom there is a value, (n,) bool."""
    if values.dtype == object:
        return np.array([value is not None and value != "" for value in values], dtype=bool)
    return np.asarray(np.isfinite(values).reshape(len(values), -1).all(1), dtype=bool)


def is_code(name: str) -> bool:
    """Tell whether a column's name says that its numbers are names."""
    return re.search(r"(?i:(^|[_\W])(id|code|zip|plz))$|[a-z](Id|ID|Code|Zip)$", name) is not None


def numerals(values: Values) -> Values:
    """Return numbers as text, whole ones without '.0'; missing: None."""
    text = [
        None if not np.isfinite(v) else str(int(v)) if v == int(v) else repr(float(v))
        for v in values
    ]
    return np.array([*text, None], dtype=object)[:-1]


def words(values: Values) -> pl.DataFrame:
    """Return row, word: each row's different classes, once."""
    text = pl.DataFrame(
        {"row": np.arange(len(values)), "text": pl.Series(values.tolist(), dtype=pl.String)}
    )
    distinct = (
        text.select(pl.col("text").unique())
        .with_columns(word=pl.col("text").str.split("|"))
        .explode("word")
    )
    words = (
        distinct.with_columns(pl.col("word").str.strip_chars())
        .filter(pl.col("word") != "")
        .unique()
    )
    return text.join(words, on="text").select("row", "word").sort("row", "word")


def text_of(source: str, values: Values, ids: Strings) -> Values:
    """Return values as text; InputError, with the first id, for vectors."""
    if values.ndim > 1:
        raise InputError(f"attribute {source}: of {ids[0]} is a vector; the run reads text there.")
    return values if values.dtype == object else numerals(values)
