"""What ``gnnseg data list | check | stats`` print: plain text for people, made of nothing but what was read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from gnnseg.data import fields, sniff
from gnnseg.data.registry import SOURCES, Layout
from gnnseg.types import Pairs, Split, Table

QUARTERS = (0.0, 0.25, 0.5, 0.75, 1.0)
SHOWN = 12  # attributes and relations listed


def list_sets() -> str:
    """The named sets: what they are, who brings them, on what terms."""
    lines = []
    for name, source in SOURCES.items():
        lines += [f"{name:<16} {source.title}", f"{'':<16} from {_origin(source.layouts)}; {source.terms}"]
    lines.append(
        f"{'planted':<16} drawn, with known segments: data.preset=easy|hard, data.segments, data.interactions …"
    )
    lines.append(
        f"{'file':<16} your own: data.path=FILE data.user=COLUMN data.item=COLUMN (try: gnnseg data check FILE)"
    )
    return "\n".join(lines)


def _origin(layouts: tuple[Layout, ...]) -> str:
    found = []
    for layout in layouts:
        if layout.package is not None:
            found.append(f"the package {layout.package.name} {layout.package.version}")
        if layout.archive is not None:
            found.append(layout.archive.url)
        if layout.package is None and layout.archive is None:
            found.append(str(layout.files[0].url).rsplit("/", 1)[0])
    return " or ".join(found)


def check(
    path: Path, columns: Mapping[str, str | None], separator: str | None = None, *, encoding: str = "utf-8"
) -> str:
    """What is in a user's file, as ``data=file`` would read it. InputError where it could not be read at all.

    Rows that cannot be read are listed by reason with the first line of each.
    """
    found = sniff.read(path, columns, separator=separator, encoding=encoding)
    events = fields.events(found.sheet, found.columns, drop=True)
    frame = events.frame
    pairs = frame.select("user", "item").n_unique()
    users, items = frame["user"].n_unique(), frame["item"].n_unique()
    lines = [
        found.said,
        *events.said,
        f"{len(frame):,} events of {users:,} users and {items:,} items; {pairs:,} different pairs "
        f"({100 * pairs / (users * items):.3g} % of all), {len(frame) - pairs:,} repeats",
        _spread("events a user", frame.group_by("user").len()["len"].to_numpy()),
        _spread("events an item", frame.group_by("item").len()["len"].to_numpy()),
    ]
    lines += [_spread(role, frame[role].to_numpy()) for role in ("weight", "spend") if role in frame.columns]
    for kind, count in (("user", users), ("item", items)):
        if count == 1:
            lines.append(f"only one {kind}: nothing can be compared; give more data")
    if events.rejected:
        lines.append(
            f"{sum(events.rejected.values()):,} rows cannot be read; training stops there unless data.on_error=drop:"
        )
        lines += [
            f"  {count:,} × {reason} (first: {events.examples[reason]})" for reason, count in events.rejected.items()
        ]
    else:
        lines.append("every row can be read")
    named = {role: name for role, name in found.columns.items() if name is not None and columns.get(role) == name}
    words = [f"data.{role}={name}" for role, name in named.items()]
    words += [f"data.separator={separator}"] if separator else []
    words += [f"data.encoding={encoding}"] if encoding != "utf-8" else []
    lines.append(" ".join(["train on it: gnnseg train data=file", f"data.path={path}", *words]))
    return "\n".join(lines)


def stats(split: Split) -> str:
    """What a set holds once it is read, cleaned and split."""
    events = {name: int(part.count.sum()) for name, part in split.parts.items()}
    users, items = len(split.users), len(split.items)
    total = sum(events.values())
    lines = [
        f"{split.name}, fingerprint {split.fingerprint[:16]}",
        f"split: {split.notes.get('split', 'unknown')}",
        f"{users:,} users, {items:,} items, {total:,} events; train fills {100 * len(split.train) / (users * items):.3g} % of the matrix",
    ]
    lines += [_part(name, part, events[name]) for name, part in split.parts.items()]
    lines += [
        _spread("train pairs a user", np.bincount(split.train.user, minlength=users)),
        _spread("train pairs an item", split.item_counts),
        _head(split.item_counts),
    ]
    for kind, table in (("users", split.user_table), ("items", split.item_table)):
        if table is not None and table.columns:
            lines.append(f"attributes of {kind}: {_attributes(table)}")
    named = [kind for kind, ids in (("users", split.users), ("items", split.items)) if ids.names is not None]
    if named:
        lines.append(f"names: of {' and '.join(named)}")
    if split.social is not None:
        lines.append(_social(split))
    if split.relations:
        shown = [f"{r.name} ({r.source_kind} → {r.target_kind}) {len(r):,}" for r in split.relations[:SHOWN]]
        more = [f"{len(split.relations) - SHOWN} more"] if len(split.relations) > SHOWN else []
        lines.append(f"typed edges: {', '.join(shown + more)}")
        kinds = [f"{len(ids):,} of kind '{kind}'" for kind, ids in split.entities.items()]
        lines += [f"entities: {', '.join(kinds)}"] if kinds else []
    for key, value in split.notes.items():
        if key == "leak" and isinstance(value, Mapping):
            lines.append(_leak(value))
        elif key != "split" and value not in ({}, [], None):
            lines.append(f"{key}: {_plain(value)}")
    return "\n".join(lines)


def _part(name: str, part: Pairs, events: int) -> str:
    text = f"{name}: {len(part):,} pairs, {len(np.unique(part.user)):,} users, {len(np.unique(part.item)):,} items"
    if events != len(part):
        text += f", {events:,} events"
    if part.first is not None and part.last is not None and len(part):
        ends = pl.Series([part.first.min(), part.last.max()]).cast(pl.Int64) * 1000
        text += ", {} to {}".format(*ends.cast(pl.Datetime("ms")).dt.strftime("%Y-%m-%d").to_list())
    return text


def _spread(what: str, values: np.ndarray[Any, Any]) -> str:
    low, first, middle, third, high = (f"{value:,.6g}" for value in np.quantile(values, QUARTERS))
    return f"{what}: median {middle}, half between {first} and {third}, from {low} to {high}"


def _head(counts: np.ndarray[Any, Any]) -> str:
    """How much of all training falls on the most popular hundredth of the items."""
    top = max(1, len(counts) // 100)
    share = np.sort(counts)[::-1][:top].sum() / max(counts.sum(), 1)
    return f"the {top:,} most popular items (1 %) hold {100 * share:.1f} % of train"


def _attributes(table: Table) -> str:
    shown = []
    for name, cells in list(table.columns.items())[:SHOWN]:
        there = ~np.isnan(cells) if cells.dtype.kind == "f" else np.array([cell is not None for cell in cells])
        known = "" if there.all() else f" ({100 * there.mean():.3g} % known)"
        shown.append(name + known)
    return ", ".join(shown)


def _social(split: Split) -> str:
    """Ties as lines and, a tie named in both directions counting once, as friendships."""
    assert split.social is not None
    low = np.minimum(split.social.source, split.social.target)
    high = np.maximum(split.social.source, split.social.target)
    both = len(np.unique(low * len(split.users) + high))
    return f"social ties: {len(split.social):,} directed, {both:,} undirected"


def _leak(leak: Mapping[str, Any]) -> str:
    """Whose training data lies after the first test event: what a clean split in time would not know."""
    day = pl.Series([int(leak["boundary"]) * 1000]).cast(pl.Datetime("ms")).dt.strftime("%Y-%m-%d")[0]
    if not leak["users"]:
        return f"leak: nobody's training data lies after the first test event ({day})"
    named = ", ".join(map(str, leak["examples"]))
    return f"leak: {leak['users']:,} users ({100 * leak['share']:.3g} %) train on data from after the first test event ({day}): {named} …"


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_plain(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_plain, value))
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
