"""What ``gnnseg data list | check | stats`` print: plain text for people, made of nothing but what
was read."""

from __future__ import annotations

import shlex
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from gnnseg.data import values
from gnnseg.data.sets.registry import SOURCES, Layout
from gnnseg.data.tables import columns as columns_
from gnnseg.data.tables import fields, formats, separators
from gnnseg.data.tables import files as readers
from gnnseg.data.tables.dates import Order
from gnnseg.data.tables.numbers import Decimal
from gnnseg.data.tables.returns import Returns
from gnnseg.types import Pairs, Split, Table

QUARTERS = (0.0, 0.25, 0.5, 0.75, 1.0)
SHOWN = 12  # attributes and relations listed, columns shown
ROWS = 5  # of a file, shown as read
WIDEST = 28  # characters of a cell shown


def list_sets() -> str:
    """The named sets: what they are, who brings them, on what terms."""
    lines = []
    for name, source in SOURCES.items():
        lines += [
            f"{name:<16} {source.title}",
            f"{'':<16} from {_origin(source.layouts)}; {source.terms}",
        ]
    lines.append(
        f"{'planted':<16} drawn, with known segments: data.preset=easy|hard, data.segments, "
        "data.interactions …"
    )
    lines.append(
        f"{'file':<16} your own: gnnseg train FILE --user COLUMN --item COLUMN (first: gnnseg data "
        "check FILE)"
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
    files: Path | str | Sequence[Path | str],
    columns: Mapping[str, str | None],
    separator: str | None = None,
    *,
    encoding: str | None = None,
    format: separators.Format | None = None,
    decimal: Decimal | None = None,
    dates: Order | None = None,
    returns: Returns | None = None,
    users: str | None = None,
    items: str | None = None,
    item_title: str | None = None,
) -> str:
    """What is in a user's files, as ``data=file`` would read them, and the command that trains on
    them.

    Columns that no one named are proposed, by their names or else by their content. Rows that
    cannot be read are listed by reason with the first line of each. InputError where a file could
    not be read at all, or could be read in two ways.
    """
    given = [str(one) for one in ([files] if isinstance(files, str | Path) else files)]
    mapping = {**columns, "title": None if items else item_title}
    paths = formats.listed(given)
    how = {"separator": separator, "encoding": encoding}
    founds = [separators.read(one, mapping, **how, form=format, guess=True) for one in paths]
    readers.same_columns(founds, None)
    first = founds[0]
    head = first.sheet.frame.head(formats.HEAD) if first.sheet.head is None else first.sheet.head
    sheet = readers.stacked(founds, given)
    roles = {role: role for role in sheet.frame.columns if role in fields.ROLES}
    events = fields.events(sheet, roles, drop=True, decimal=decimal, order=dates, returns="keep")
    frame = events.frame
    pairs = frame.select("user", "item").n_unique()
    counts = {kind: frame[kind].n_unique() for kind in ("user", "item")}
    lines = [
        *readers.words(founds),
        *events.said,
        *(["numbers with a decimal point"] if events.told.get("decimal") == "." else []),
        *_columns(head, first.columns),
        "",
        *aligned([head.columns, *head.head(ROWS).rows()]),
        "",
        f"{len(frame):,} events of {counts['user']:,} users and {counts['item']:,} items; "
        f"{pairs:,} different pairs "
        f"({100 * pairs / (counts['user'] * counts['item']):.3g} % of all), {len(frame) - pairs:,} "
        "repeats",
        _spread("events a user", frame.group_by("user").len()["len"].to_numpy()),
        _spread("events an item", frame.group_by("item").len()["len"].to_numpy()),
    ]
    lines += [
        _spread(role, frame[role].to_numpy())
        for role in ("weight", "spend")
        if role in frame.columns
    ]
    lines += [
        f"only one {kind}: nothing can be compared; give more data"
        for kind, n in counts.items()
        if n == 1
    ]
    tables = {
        "user": readers.attributes(users, separator, encoding, decimal),
        "item": readers.attributes(items, separator, encoding, decimal, item_title),
    }
    if item_title is None:
        beside = tables["item"]
        item_title = (
            _title(head, first.columns) if beside is None else _title(beside, {"item": "id"})
        )
        lines += [f"items are called by column {item_title!r}"] if item_title else []
    for kind, path in (("user", users), ("item", items)):
        lines += _beside(path, kind, frame, tables[kind])
    options: dict[str, str | None] = {role: columns.get(role) for role in fields.ROLES}
    options |= {
        role: name
        for role, name in first.columns.items()
        if name is not None and role in fields.ROLES
    }
    options |= {
        "separator": separator,
        "encoding": None if encoding == "utf-8" else encoding,
        "format": format,
    }
    options["decimal"] = decimal or ("," if events.told.get("decimal") == "," else None)
    options["dates"] = dates or (
        events.told["dates"] if events.told.get("dates") in ("dmy", "mdy") else None
    )
    options["returns"] = returns
    if "weight" in frame.columns and (back := int((frame["weight"] < 0).sum())):
        lines.append(
            f"{back:,} {'row' if back == 1 else 'rows'} of negative weight: --returns subtract "
            "takes them off the purchases "
            "before them (drop: leaves them out; keep: takes them as they are)"
        )
        options["returns"] = returns or "subtract"
    options |= {"users": users, "items": items, "item-title": item_title}
    if events.rejected:
        lines.append(
            f"{sum(events.rejected.values()):,} rows cannot be read; --on-error drop leaves them "
            "out, counted:"
        )
        lines += [
            f"  {count:,} × {reason} (first: {events.examples[reason]})"
            for reason, count in events.rejected.items()
        ]
        options["on-error"] = "drop"
    else:
        lines.append("every row can be read")
    named = [
        word
        for key, value in options.items()
        if value is not None
        for word in (f"--{key}", shlex.quote(value))
    ]
    shown = [shlex.quote(f"./{one}" if one.startswith("-") else one) for one in given]
    lines += ["", "train on it:", " ".join(["gnnseg train", *shown, *named])]
    return "\n".join(lines)


def _columns(head: pl.DataFrame, columns: Mapping[str, str | None]) -> list[str]:
    """One line a column: its role, what a sample of it holds."""
    serves: dict[str, str] = {}
    for role, name in columns.items():
        if name is not None:
            serves[name] = f"{serves[name]}, {role}" if name in serves else role
    rows = [("column", "serves as", "holds", f"different of {len(head):,}")]
    for name in head.columns[: 2 * SHOWN]:
        cells = head[name]
        distinct = "" if cells.dtype.is_nested() else f"{cells.drop_nulls().n_unique():,}"
        rows.append((name, serves.get(name, "-"), columns_.kind(cells), distinct))
    more = head.width - 2 * SHOWN
    return ["", *aligned(rows), *([f"and {more} more columns"] if more > 0 else [])]


def _title(head: pl.DataFrame, columns: Mapping[str, str | None]) -> str | None:
    """The only unused column that is called as titles of items usually are."""
    fits = [
        n
        for n in head.columns
        if columns_.simple(n) in columns_.TITLES and n not in columns.values()
    ]
    return fits[0] if len(fits) == 1 else None


def _beside(
    path: str | None, kind: str, frame: pl.DataFrame, table: pl.DataFrame | None
) -> list[str]:
    """How many of those who stand in the interactions a table of attributes knows, and what of
    them."""
    if table is None:
        return []
    seen = frame[kind].unique()
    known = int(seen.is_in(table["id"].implode()).sum())
    listed = ", ".join(name for name in table.columns[: SHOWN + 1] if name != "id") or "none"
    return [f"{path}: knows {known:,} of {len(seen):,} {kind}s; attributes: {listed}"]


def aligned(rows: Sequence[Sequence[Any]]) -> list[str]:
    """A small table of text, columns as wide as their widest cell, hanzi counted as two; long cells
    are cut."""
    cells = [[_cell(cell) for cell in row[:SHOWN]] for row in rows]
    widths = [max(map(_width, column)) for column in zip(*cells, strict=True)]
    more = [" …"] * len(rows) if len(rows[0]) > SHOWN else [""] * len(rows)
    return [
        "  ".join(
            cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        + end
        for row, end in zip(cells, more, strict=True)
    ]


def _cell(cell: Any) -> str:
    text = "" if cell is None else "".join(c if c.isprintable() else "·" for c in str(cell))
    return text if len(text) <= WIDEST else text[: WIDEST - 1] + "…"


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def stats(split: Split) -> str:
    """What a set holds once it is read, cleaned and split."""
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
        _spread("train pairs a user", np.bincount(split.train.user, minlength=users)),
        _spread("train pairs an item", split.item_counts),
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


def _attributes(table: Table) -> list[str]:
    """A line a column: what it holds, and of how many ids it is known."""
    rows = []
    for name, cells in values.columns_of(table).items():
        known = values.there(cells)
        rows.append(
            (name, _holds(cells[known]), f"{known.sum():,} known", f"{100 * known.mean():.3g} %")
        )
    return aligned(rows)


def _holds(cells: np.ndarray[Any, Any]) -> str:
    """Numbers with their ends, classes with their number, vectors with their width."""
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
    """Ties as lines and, a tie named in both directions counting once, as friendships."""
    assert split.social is not None
    low = np.minimum(split.social.source, split.social.target)
    high = np.maximum(split.social.source, split.social.target)
    both = len(np.unique(low * len(split.users) + high))
    return f"social ties: {len(split.social):,} directed, {both:,} undirected"


def _leak(leak: Mapping[str, Any]) -> str:
    """Whose training data lies after the first test event: what a clean split in time would not
    know."""
    day = (
        pl.Series([int(leak["boundary"]) * 1000]).cast(pl.Datetime("ms")).dt.strftime("%Y-%m-%d")[0]
    )
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
