"""What a set holds once it is read, cleaned and split, as ``gnnseg data stats`` prints it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from gnnseg.data import values
from gnnseg.data.tables.layout import SHOWN, aligned, spread
from gnnseg.types import Pairs, Split, Table


def stats(split: Split) -> str:
    """Return what a set holds, as lines for people."""
    events = {name: int(part.count.sum()) for name, part in split.parts.items()}
    users, items = len(split.users), len(split.items)
    total = sum(events.values())
    lines = [
        f"{split.name}, fingerprint {split.fingerprint[:16]}",
        f"split: {split.notes.get('split', 'unknown')}",
        (
            f"{users:,} users, {items:,} items, {total:,} events; train fills "
            f"{100 * len(split.train) / (users * items):.3g} % of the matrix"
        ),
    ]
    lines += [_part(name, part, events[name]) for name, part in split.parts.items()]
    lines += [
        spread("train pairs a user", np.bincount(split.train.user, minlength=users)),
        spread("train pairs an item", split.item_counts),
        _head(split.item_counts),
    ]
    for kind, table in (("users", split.user_table), ("items", split.item_table)):
        if table is not None and table.columns:
            lines += [f"attributes of {kind}:", *(f"  {line}" for line in _attributes(table))]
    named = [
        kind
        for kind, ids in (("users", split.users), ("items", split.items))
        if ids.names is not None
    ]
    if named:
        lines.append(f"names: of {' and '.join(named)}")
    if split.social is not None:
        lines.append(_social(split))
    if split.relations:
        shown = [
            f"{r.name} ({r.source_kind} → {r.target_kind}) {len(r):,}"
            for r in split.relations[:SHOWN]
        ]
        more = [f"{len(split.relations) - SHOWN} more"] if len(split.relations) > SHOWN else []
        lines.append(f"typed edges: {', '.join(shown + more)}")
        kinds = [f"{len(ids):,} of kind '{kind}'" for kind, ids in split.entities.items()]
        lines += [f"entities: {', '.join(kinds)}"] if kinds else []
    for key, value in split.notes.items():
        if key == "leak" and isinstance(value, Mapping):
            lines.append(_leak(value))
        elif key not in ("split", "reading", "detected") and value not in ({}, [], None):
            lines.append(f"{key}: {_plain(value)}")
    return "\n".join(lines)


def _part(name: str, part: Pairs, events: int) -> str:
    users, items = len(np.unique(part.user)), len(np.unique(part.item))
    text = f"{name}: {len(part):,} pairs, {users:,} users, {items:,} items"
    if events != len(part):
        text += f", {events:,} events"
    if part.first is not None and part.last is not None and len(part):
        ends = pl.Series([part.first.min(), part.last.max()]).cast(pl.Int64) * 1000
        text += ", {} to {}".format(*ends.cast(pl.Datetime("ms")).dt.strftime("%Y-%m-%d").to_list())
    return text


def _head(counts: np.ndarray[Any, Any]) -> str:
    """Return how much of training falls on the most popular hundredth of the items."""
    top = max(1, len(counts) // 100)
    share = np.sort(counts)[::-1][:top].sum() / max(counts.sum(), 1)
    return f"the {top:,} most popular items (1 %) hold {100 * share:.1f} % of train"


def _attributes(table: Table) -> list[str]:
    """Return a line a column: what it holds, and of how many ids it is known."""
    rows = []
    for name, cells in values.columns_of(table).items():
        known = values.there(cells)
        rows.append(
            (name, _holds(cells[known]), f"{known.sum():,} known", f"{100 * known.mean():.3g} %")
        )
    return aligned(rows)


def _holds(cells: np.ndarray[Any, Any]) -> str:
    """Return numbers with their ends, classes with their number, vectors with their width."""
    if not len(cells):
        return "nothing"
    if cells.ndim > 1:
        return f"vectors of {cells.shape[1]}"
    if cells.dtype != object:
        return f"numbers, {cells.min():.6g} to {cells.max():.6g}"
    several = any("|" in cell for cell in cells)
    classes = {word.strip() for cell in cells for word in cell.split("|")} - {""}
    return f"{len(classes):,} classes" + (", several each" if several else "")


def _social(split: Split) -> str:
    """Count ties as lines and, a tie in both directions counting once, as friendships."""
    assert split.social is not None
    low = np.minimum(split.social.source, split.social.target)
    high = np.maximum(split.social.source, split.social.target)
    both = len(np.unique(low * len(split.users) + high))
    return f"social ties: {len(split.social):,} directed, {both:,} undirected"


def _leak(leak: Mapping[str, Any]) -> str:
    """Return whose training data lies after the first test event.

    A clean split in time would not know these.
    """
    boundary = pl.Series([int(leak["boundary"]) * 1000]).cast(pl.Datetime("ms"))
    day = boundary.dt.strftime("%Y-%m-%d")[0]
    if not leak["users"]:
        return f"leak: nobody's training data lies after the first test event ({day})"
    named = ", ".join(map(str, leak["examples"]))
    return (
        f"leak: {leak['users']:,} users ({100 * leak['share']:.3g} %) train on data from after "
        f"the first test event ({day}): {named} …"
    )


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_plain(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_plain, value))
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
