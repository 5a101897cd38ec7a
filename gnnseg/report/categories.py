"""Which kinds of items each segment takes more than everyone, from a run's folder.

Over all events, by people's first segment. A kind is a value of a column of text of the items'
table, or, where there are only such, a column of zeros and ones ('flags').
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from gnnseg.report.pictures.heat import Heat

FLAGS = "flags"
LEVELS = 60  # values of a column that can be told apart in a picture
SHOWN, ACROSS = 14, 12  # categories, segments
EVENTS = 30  # of a category, fewer tell nothing
Floats = np.ndarray[tuple[int, ...], np.dtype[Any]]


def columns(folder: Path) -> list[str]:
    """Return the columns that sort items into kinds, the most telling of segments first."""
    found = _read(folder)
    if found is None:
        return []
    items, counts_KI = found
    scored = []
    for name in _candidates(items):
        kind_IC, _ = _kinds(items, name)
        scored.append((-_information(counts_KI @ kind_IC), name))
    return [name for _, name in sorted(scored)]


def heat(
    folder: Path, column: str | None = None, hidden: frozenset[int] = frozenset()
) -> Heat | None:
    """Return the lifts of a column's kinds by segment; None where there is nothing to show.

    lift_kc = (share of kind c in segment k's events) / (its share in all events). The kinds that
    tell segments apart most, and the largest segments.

    Args:
        folder: The run's.
        column: Of the items' table; None: the one that tells most of segments.
        hidden: Segments that are not shown.

    Raises:
        InputError: The items have no such column.
    """
    known = columns(folder)
    if column is None:
        if not known:
            return None
        column = known[0]
    elif column not in known:
        from gnnseg.types import InputError

        there = f"there are {', '.join(known)}" if known else "this run has none"
        raise InputError(f"column {column}: items have no such column of kinds; {there}.")
    found = _read(folder)
    assert found is not None
    items, counts_KI = found
    kind_IC, kinds = _kinds(items, column)
    counts = counts_KI @ kind_IC
    enough = counts.sum(0) >= EVENTS
    if not enough.any():
        return None
    counts, kinds = counts[:, enough], [k for k, e in zip(kinds, enough) if e]
    events = counts_KI.sum(1)
    with np.errstate(divide="ignore", invalid="ignore"):
        lift = (counts / events[:, None]) / (counts.sum(0) / events.sum())
    telling = np.nansum(np.abs(_parts(counts)), axis=0)
    top = np.argsort(-telling, kind="stable")[:SHOWN]
    allowed = [k for k in range(len(events)) if k + 1 not in hidden and events[k] > 0]
    some = sorted(sorted(allowed, key=lambda k: -events[k])[:ACROSS])
    if not some:
        return None
    return Heat(
        "flags of items" if column == FLAGS else column,
        [kinds[c] for c in top],
        [k + 1 for k in some],
        lift[some][:, top].T,
    )


def _read(folder: Path) -> tuple[pl.DataFrame, Floats] | None:
    """Return the items' table, and how many events each segment has of each item, (K,I)."""
    needed = ("items.parquet", "segments.parquet", "seen.npz")
    if not all((folder / name).exists() for name in needed):
        return None
    items = pl.read_parquet(folder / "items.parquet")
    segment = pl.read_parquet(folder / "segments.parquet", columns=["segment"])["segment"]
    with np.load(folder / "seen.npz") as stored:
        user, item = stored["user"], stored["item"]
        count = stored["count"] if "count" in stored.files else np.ones(len(user))
    number = segment.fill_null(0).to_numpy()[user]
    many = max(1, int(segment.max() or 1))  # type: ignore[arg-type]
    placed = number > 0
    flat = (number[placed] - 1) * len(items) + item[placed]
    size = many * len(items)
    counts = np.bincount(flat, weights=count[placed].astype(float), minlength=size)
    return items, counts.reshape(many, len(items))


def _candidates(items: pl.DataFrame) -> list[str]:
    found = []
    for name in items.columns[2:]:
        if items[name].dtype == pl.String and 2 <= items[name].drop_nulls().n_unique() <= LEVELS:
            found.append(name)
    return found or ([FLAGS] if len(_flags(items)) > 1 else [])


def _flags(items: pl.DataFrame) -> list[str]:
    """Return the columns of zeros and ones."""
    numbers = [name for name in items.columns[2:] if items[name].dtype.is_numeric()]
    return [n for n in numbers if set(items[n].drop_nulls().unique().to_list()) == {0, 1}]


def _kinds(items: pl.DataFrame, column: str) -> tuple[Floats, Sequence[str]]:
    """Return which kinds each item is of, (I,C), and what they are called."""
    if column == FLAGS:
        flags = _flags(items)
        return items.select(pl.col(flags).fill_null(0)).to_numpy().astype(float), flags
    values = items[column]
    kinds = sorted(values.drop_nulls().unique().to_list())
    at = {kind: n for n, kind in enumerate(kinds)}
    matrix = np.zeros((len(items), len(kinds)))
    for row, value in enumerate(values.to_list()):
        if value is not None:
            matrix[row, at[value]] = 1
    return matrix, kinds


def _parts(counts: Floats) -> Floats:
    """Return each cell's part of the mutual information of segment and kind, in nats."""
    p = counts / max(float(counts.sum()), 1e-300)
    chance = p.sum(1, keepdims=True) * p.sum(0, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(p > 0, p * np.log(p / chance), 0.0)


def _information(counts: Floats) -> float:
    """Return the mutual information, less what chance alone would show (Miller 1955)."""
    rows, across = (int((counts.sum(axis) > 0).sum()) for axis in (1, 0))
    by_chance = (rows - 1) * (across - 1) / (2 * max(float(counts.sum()), 1.0))
    return float(_parts(counts).sum()) - by_chance
