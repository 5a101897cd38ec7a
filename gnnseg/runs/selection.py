"""Conditions in SQL over the columns that a run's folder has of items and of people."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from gnnseg.data.values import Bools
from gnnseg.types import InputError

SHOWN = 12  # columns that a sentence names


@dataclass(frozen=True)
class Selected:
    """What conditions leave: (I,) of items, None where none speaks of items; (U,) of people."""

    items: Bools | None
    people: Bools


def select(where: Sequence[str], items: pl.DataFrame, people: pl.DataFrame) -> Selected:
    """Return what meets every condition.

    A condition is of items where ``items`` has all of its columns, else of people. It is parsed as
    one SQL expression over a table's columns (never evaluated as code).

    Args:
        where: Such as "category = 'WINE' and price < 10"; == means = too.
        items: A row an item, in index order.
        people: A row a user, in index order.

    Raises:
        InputError: It cannot be read, names no column, or those of both.
    """
    chosen, kept = None, np.ones(len(people), dtype=bool)
    for text in where:
        condition = _parsed(text)
        names = list(dict.fromkeys(condition.meta.root_names()))
        if not names:
            raise InputError(
                f"--where {text!r}: names no column; write such as \"category == 'WINE'\"."
            )
        if all(name in items.columns for name in names):
            found = _met(condition, items, text)
            chosen = found if chosen is None else chosen & found
        elif all(name in people.columns for name in names):
            kept &= _met(condition, people, text)
        else:
            raise _unknown(text, names, items, people)
    return Selected(chosen, kept)


def _parsed(text: str) -> pl.Expr:
    try:
        return pl.sql_expr(text)
    except pl.exceptions.PolarsError as error:
        why = " ".join(str(error).split())
        raise InputError(
            f"--where {text!r}: is no condition ({why}); write such as \"category == 'WINE' and "
            'price < 10", text in single quotes, a column called as a word of SQL in double ones.'
        ) from None


def _met(condition: pl.Expr, table: pl.DataFrame, text: str) -> Bools:
    """Return which rows meet a condition; what is not known (null) does not."""
    try:
        found = table.select(condition.alias("met"))["met"]
    except pl.exceptions.PolarsError as error:
        types = ", ".join(
            f"{name} is {'text' if table[name].dtype == pl.String else 'a number'}"
            for name in dict.fromkeys(condition.meta.root_names())
            if table[name].dtype == pl.String or table[name].dtype.is_numeric()
        )
        why = str(error).splitlines()[0]
        raise InputError(f"--where {text!r}: {why}{f' ({types})' if types else ''}.") from None
    if found.dtype != pl.Boolean or len(found) != len(table):
        raise InputError(
            f"--where {text!r}: is no condition, which is true or false of each row; write such as "
            "\"category == 'WINE'\"."
        )
    if not found.any():
        raise InputError(f"--where {text!r}: nothing meets it{_values(condition, table, text)}.")
    return found.fill_null(False).to_numpy()


def _values(condition: pl.Expr, table: pl.DataFrame, text: str) -> str:
    """Return what the condition's one column of text holds, those nearest to it first."""
    names = set(condition.meta.root_names())
    columns = [name for name in names if table[name].dtype == pl.String]
    if len(columns) != 1:
        return ""
    values = table[columns[0]].drop_nulls().value_counts(sort=True)[columns[0]].to_list()
    asked = re.findall(r"'((?:[^']|'')*)'", text)
    lower = {str(value).lower(): value for value in reversed(values)}
    close = [
        lower[near]
        for word in asked
        for near in difflib.get_close_matches(word.lower(), lower, n=3, cutoff=0.5)
    ]
    shown = ", ".join(repr(value) for value in (close or values)[:SHOWN])
    return f"; {columns[0]} {'has' if close else 'holds such as'} {shown}" if shown else ""


def _unknown(
    text: str, names: Sequence[str], items: pl.DataFrame, people: pl.DataFrame
) -> InputError:
    """Return what is wrong with a condition that neither table can answer."""
    both = [*items.columns, *people.columns]
    missing = [name for name in names if name not in both]
    if not missing:
        theirs = ", ".join(name for name in names if name not in items.columns)
        ours = ", ".join(name for name in names if name in items.columns)
        return InputError(
            f"--where {text!r}: {ours} is of items, {theirs} of people; give each its own --where."
        )
    name = missing[0]
    if f'"{name}"' in text:
        return InputError(
            f"--where {text!r}: there is no column {name!r}; text goes in single quotes, '{name}'."
        )
    close = difflib.get_close_matches(name, both, n=3)
    hint = f"did you mean {', '.join(close)}? " if close else ""
    return InputError(
        f"--where {text!r}: there is no column {name!r}; {hint}items have {_listed(items)}; people "
        f"{_listed(people)}."
    )


def _listed(table: pl.DataFrame) -> str:
    names = table.columns
    return ", ".join(names[:SHOWN]) + (" …" if len(names) > SHOWN else "")
