"""What ``gnnseg data list | check | stats`` print: plain text for people, made of what was read."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from gnnseg.data import zeros as zeros_
from gnnseg.data.sets.registry import SOURCES, Layout
from gnnseg.data.tables import columns as columns_
from gnnseg.data.tables import fields, paths, separators, stacking
from gnnseg.data.tables.beside import FileForm
from gnnseg.data.tables.dates import Order
from gnnseg.data.tables.layout import SHOWN, aligned, spread
from gnnseg.data.tables.numbers import Decimal
from gnnseg.data.tables.returns import Returns
from gnnseg.data.tables.sheets import Sheet
from gnnseg.data.tables.stats import stats
from gnnseg.data.zeros import Zeros

__all__ = ["check", "list_sets", "stats"]

ROWS = 5  # of a file, shown as read


def list_sets() -> str:
    """Return the named sets: what they are, who brings them, on what terms."""
    lines = []
    for name, source in SOURCES.items():
        lines += [
            f"{name:<16} {source.title}",
            f"{'':<16} from {_origin(source.layouts)}; {source.terms}",
        ]
    lines.append(
        f"{'planted':<16} drawn, with known segments: data.model=mixture|blocks|lda, "
        "data.preset=easy|medium|hard, data.segments …"
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
    time_as: str | None = None,
    zeros: Zeros | None = None,
    users: str | None = None,
    items: str | None = None,
    item_title: str | None = None,
) -> str:
    """Return what is in a user's files, and the command that trains on them.

    The files are read as ``data=file`` would read them. Columns that no one named are proposed, by
    their names or else by their content; rows that cannot be read are listed by reason.

    Raises:
        InputError: A file that cannot be read at all, or could be read in two ways.
    """
    given = [str(one) for one in ([files] if isinstance(files, str | Path) else files)]
    mapping = {**columns, "title": None if items else item_title}
    how = {"separator": separator, "encoding": encoding}
    each = paths.listed(given)
    found = [separators.read(one, mapping, **how, form=format, guess=True) for one in each]
    stacking.same_columns(found, None)
    sheet = stacking.stacked(found, given)
    events, frame, zero = _events(sheet, zeros, decimal=decimal, order=dates, time_as=time_as)
    form = FileForm(**how, decimal=decimal)
    user_table, item_table = form.attributes(users), form.attributes(items, item_title)
    head, chosen = found[0].head, found[0].columns
    titled = None if item_title else _title(item_table, head, chosen)
    options = {
        **{role: chosen.get(role) or columns.get(role) for role in fields.ROLES},
        "separator": separator,
        "format": format,
        "encoding": None if encoding == "utf-8" else encoding,
        **_detected(events, decimal, dates),
        "time-as": time_as,
        "zeros": zeros,
        "returns": returns or ("subtract" if _returns(frame) else None),
        "users": users,
        "items": items,
        "item-title": item_title or titled,
        "on-error": "drop" if events.rejected else None,
    }
    shown = [
        *_columns(head, chosen),
        *("", *aligned([head.columns, *head.head(ROWS).rows()]), ""),
        *_summary(frame),
        *([f"items are called by column {titled!r}"] if titled else []),
        *(*_beside(users, "user", frame, user_table), *_beside(items, "item", frame, item_table)),
        *(*_returns(frame), *_rejected(events, zero)),
    ]
    notes = [*stacking.notes(found), *events.notes, *_decimal_point(events)]
    return "\n".join([*notes, *shown, "", "train on it:", _command(given, options)])


def _events(
    sheet: Sheet, zeros: Zeros | None, **how: Any
) -> tuple[fields.ReadEvents, pl.DataFrame, dict[str, int]]:
    """Return the events as read, those left without zeros, and how many went, by reason."""
    roles = {role: role for role in sheet.frame.columns if role in fields.ROLES}
    events = fields.events(sheet, roles, drop=True, returns="keep", **how)
    frame, zero = zeros_.settle(events.frame, zeros, str(sheet.path))
    return events, frame, zero


def _decimal_point(events: fields.ReadEvents) -> list[str]:
    return ["numbers with a decimal point"] if events.detected.get("decimal") == "." else []


def _detected(
    events: fields.ReadEvents, decimal: str | None, dates: str | None
) -> dict[str, str | None]:
    """Return the decimal sign and the order of dates that the command has to name."""
    comma = "," if events.detected.get("decimal") == "," else None
    order = events.detected.get("dates")
    return {
        "decimal": decimal or comma,
        "dates": dates or (order if order in ("dmy", "mdy") else None),
    }


def _summary(frame: pl.DataFrame) -> list[str]:
    """Return what the events amount to."""
    pairs = frame.select("user", "item").n_unique()
    users, items = (frame[kind].n_unique() for kind in ("user", "item"))
    measures = [role for role in ("weight", "spend") if role in frame.columns]
    return [
        f"{len(frame):,} events of {users:,} users and {items:,} items; "
        f"{pairs:,} different pairs ({100 * pairs / (users * items):.3g} % of all), "
        f"{len(frame) - pairs:,} repeats",
        spread("events a user", frame.group_by("user").len()["len"].to_numpy()),
        spread("events an item", frame.group_by("item").len()["len"].to_numpy()),
        *[spread(role, frame[role].to_numpy()) for role in measures],
        *[
            f"only one {kind}: nothing can be compared; give more data"
            for kind, count in (("user", users), ("item", items))
            if count == 1
        ],
    ]


def _returns(frame: pl.DataFrame) -> list[str]:
    """Return a line about events of negative weight, if there are any."""
    count = int((frame["weight"] < 0).sum()) if "weight" in frame.columns else 0
    if not count:
        return []
    return [
        f"{count:,} {'row' if count == 1 else 'rows'} of negative weight: --returns subtract takes "
        "them off the purchases before them (drop: leaves them out; keep: takes them as they are)"
    ]


def _rejected(events: fields.ReadEvents, zero: Mapping[str, int]) -> list[str]:
    """Return the rows left out for a weight of 0, and those that cannot be read, by reason."""
    gone = [f"{count:,} rows left out: {reason}" for reason, count in zero.items()]
    if not events.rejected:
        return [*gone, "every row can be read"]
    return [
        *gone,
        f"{sum(events.rejected.values()):,} rows cannot be read; --on-error drop leaves them out, "
        "counted:",
        *[
            f"  {count:,} × {reason} (first: {events.examples[reason]})"
            for reason, count in events.rejected.items()
        ],
    ]


def _command(files: Sequence[str], options: Mapping[str, str | None]) -> str:
    """Return the command that trains on the files."""
    shown = [shlex.quote(f"./{one}" if one.startswith("-") else one) for one in files]
    named = [
        word
        for key, value in options.items()
        if value is not None
        for word in (f"--{key}", shlex.quote(value))
    ]
    return " ".join(["gnnseg train", *shown, *named])


def _columns(head: pl.DataFrame, columns: Mapping[str, str | None]) -> list[str]:
    """Return a line a column: its role, and what a sample of it holds."""
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


def _title(
    items: pl.DataFrame | None, head: pl.DataFrame, columns: Mapping[str, str | None]
) -> str | None:
    """Return the only unused column that is called as titles of items usually are."""
    names = head.columns if items is None else items.columns
    used = set(columns.values()) if items is None else {"id"}
    fits = [name for name in names if columns_.simple(name) in columns_.TITLES and name not in used]
    return fits[0] if len(fits) == 1 else None


def _beside(
    path: str | None, kind: str, frame: pl.DataFrame, table: pl.DataFrame | None
) -> list[str]:
    """Return how many of those in the interactions a table of attributes knows, and what."""
    if table is None:
        return []
    seen = frame[kind].unique()
    known = int(seen.is_in(table["id"].implode()).sum())
    listed = ", ".join(name for name in table.columns[: SHOWN + 1] if name != "id") or "none"
    return [f"{path}: knows {known:,} of {len(seen):,} {kind}s; attributes: {listed}"]
