"""Which kinds of items each segment takes more than everyone, from a run's folder.

Over all events, by people's first segment. A kind is a value of a column of text of the items'
table, of which an item may have several ('Drama|War'), or, where there are only such, a column of
zeros and ones ('flags').
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from gnnseg.mapped import kept

FLAGS, FLAGS_SAID = "flags", "flags of items"
SEVERAL = "|"  # between the values of an item that has several
NEARLY_ALL = 0.5  # distinct values an item, above which a column is a kind of id
COMMON = 300  # kinds of a column that are looked at, those of the most items
LEVELS = 60  # kinds; a column of fewer is preferred
SHOWN, ACROSS = 14, 12  # categories, segments
BLOCK = 1 << 20  # pairs counted at once
EVENTS = 30  # of a category, fewer tell nothing
Floats = np.ndarray[tuple[int, ...], np.dtype[Any]]


@dataclass(frozen=True)
class Heat:
    """Lifts of categories by segment.

    ``lift`` (C,K): the share of a category in a segment's events over its share in all; NaN of a
    segment without events. ``several``: whether an item may be of several.
    """

    column: str
    categories: Sequence[str]
    segments: Sequence[int]
    lift: Floats
    several: bool = False


def columns(folder: Path) -> list[str]:
    """Return the columns that sort items into kinds, the most telling of segments first."""
    found = _read(folder)
    return [] if found is None else list(_by_information(*found))


def _by_information(items: pl.DataFrame, counts_KI: Floats) -> dict[str, tuple[Floats, list[str]]]:
    """Return each column's events by segment and kind, and its kinds, the most telling first."""
    scored = []
    for name in _candidates(items):
        kind_IC, kinds = _kinds(items, name)
        counts = counts_KI @ kind_IC
        scored.append((-_information(counts), name, counts, kinds))
    scored.sort(key=lambda each: each[:2])
    return {name: (counts, kinds) for _, name, counts, kinds in scored}


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
    found = _read(folder)
    known = {} if found is None else _by_information(*found)
    if column is None:
        column = next(iter(known), None)
    elif column not in known:
        from gnnseg.types import InputError

        there = f"there are {', '.join(known)}" if known else "this run has none"
        raise InputError(f"column {column}: items have no such column of kinds; {there}.")
    if found is None or column is None:
        return None
    counts, kinds = known[column]
    counts_KI = found[1]
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
        FLAGS_SAID if column == FLAGS else column,
        [kinds[c] for c in top],
        [k + 1 for k in some],
        lift[some][:, top].T,
        column != FLAGS and bool(found[0][column].str.contains(SEVERAL, literal=True).any()),
    )


def people(folder: Path, of: Heat | None) -> Floats | None:
    """Return how many people of each segment took something of each kind, (C,K), of all segments.

    ``of``: what is shown; its kinds are the rows.
    """
    found = _read(folder)
    if of is None or found is None:
        return None
    items = found[0]
    kind_IC, kinds = _kinds(items, FLAGS if of.column == FLAGS_SAID else of.column)
    segment = pl.read_parquet(folder / "segments.parquet", columns=["segment"])["segment"]
    number = segment.fill_null(0).to_numpy().astype(np.int64)
    with np.load(folder / "seen.npz") as stored:
        user, item = stored["user"], stored["item"]
    counts = np.zeros((len(of.categories), len(found[1])))
    for row, category in enumerate(of.categories):
        takers = np.unique(user[kind_IC[item, kinds.index(category)] > 0])
        per = np.bincount(number[takers], minlength=len(found[1]) + 1)
        counts[row] = per[1:]
    return counts


def table(heat: Heat) -> pl.DataFrame:
    """Return lifts as a table that ``stored`` reads: a row a cell, null where it is not shown."""
    rows = [
        (heat.column, heat.several, category, k, float(heat.lift[row, n]))
        for row, category in enumerate(heat.categories)
        for n, k in enumerate(heat.segments)
    ]
    columns = {"column": pl.String, "several": pl.Boolean, "category": pl.String,
               "segment": pl.Int64, "lift": pl.Float64}  # fmt: skip
    return pl.DataFrame(rows, schema=columns, orient="row").with_columns(
        pl.col("lift").fill_nan(None)
    )


def stored(folder: Path) -> Heat | None:
    """Return the lifts that a folder made for others holds (``heat.parquet``)."""
    if not (folder / "heat.parquet").exists():
        return None
    frame = pl.read_parquet(folder / "heat.parquet")
    kinds, segments = (
        frame[c].unique(maintain_order=True).to_list() for c in ("category", "segment")
    )
    lift = frame["lift"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
    return Heat(
        str(frame["column"][0]), kinds, segments, lift.reshape(len(kinds), len(segments)).copy(),
        bool(frame["several"][0]),
    )  # fmt: skip


def _read(folder: Path) -> tuple[pl.DataFrame, Floats] | None:
    """Return the items' table, and how many events each segment has of each item, (K,I)."""
    needed = ("items.parquet", "segments.parquet", "seen.npz")
    if not all((folder / name).exists() for name in needed):
        return None
    items = pl.read_parquet(folder / "items.parquet")
    segment = pl.read_parquet(folder / "segments.parquet", columns=["segment"])["segment"]
    with np.load(folder / "seen.npz") as stored:
        user, item = kept(stored["user"]), kept(stored["item"])
        count = kept(stored["count"]) if "count" in stored.files else np.ones(len(user))
    number = segment.fill_null(0).to_numpy().astype(np.int64)
    many = max(1, int(segment.max() or 1))  # type: ignore[arg-type]
    counts = np.zeros((many + 1) * len(items))  # segment 0: of whom nothing is known
    for at in range(0, len(user), BLOCK):
        part = slice(at, at + BLOCK)
        flat = number[user[part]] * len(items) + item[part]
        counts += np.bincount(flat, weights=count[part].astype(float), minlength=len(counts))
    return items, counts.reshape(many + 1, len(items))[1:]


def _candidates(items: pl.DataFrame) -> list[str]:
    """Return the columns that sort items into kinds; those of few kinds alone where there are."""
    kinds = {
        name: items[name].drop_nulls().str.split(SEVERAL).explode().n_unique()
        for name in items.columns[2:]
        if items[name].dtype == pl.String and _sorts(items[name])
    }
    kinds = {name: count for name, count in kinds.items() if count > 1}
    few = [name for name, count in kinds.items() if count <= LEVELS]
    return few or list(kinds) or ([FLAGS] if len(_flags(items)) > 1 else [])


def _sorts(values: pl.Series) -> bool:
    """Return whether a column's values are kinds of several items, and no kind of id."""
    known = values.drop_nulls()
    labels = known.str.split(SEVERAL).explode()
    return len(known) > 0 and labels.n_unique() <= max(4.0, len(known) * NEARLY_ALL)


def _flags(items: pl.DataFrame) -> list[str]:
    """Return the columns of zeros and ones."""
    numbers = [name for name in items.columns[2:] if items[name].dtype.is_numeric()]
    return [n for n in numbers if set(items[n].drop_nulls().unique().to_list()) == {0, 1}]


def _kinds(items: pl.DataFrame, column: str) -> tuple[Floats, list[str]]:
    """Return which kinds each item is of, (I,C), and what they are called."""
    if column == FLAGS:
        flags = _flags(items)
        return items.select(pl.col(flags).fill_null(0)).to_numpy().astype(float), flags
    pairs = items.select(
        kind=pl.col(column).str.split(SEVERAL), item=pl.int_range(pl.len())
    ).explode("kind")
    pairs = pairs.drop_nulls().filter(pl.col("kind") != "").unique(maintain_order=True)
    common = pairs["kind"].value_counts().sort("count", "kind", descending=[True, False])
    kinds = sorted(common["kind"].head(COMMON).to_list())
    pairs = pairs.filter(pl.col("kind").is_in(kinds))
    at = {kind: n for n, kind in enumerate(kinds)}
    matrix = np.zeros((len(items), len(kinds)), dtype=np.float32)
    matrix[pairs["item"].to_numpy(), [at[kind] for kind in pairs["kind"]]] = 1
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
