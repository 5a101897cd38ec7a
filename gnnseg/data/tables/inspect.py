"""What ``gnnseg data list | check | stats`` print: plain text for people, made of what was read."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from gnnseg.data.sets.registry import SOURCES, Layout
from gnnseg.data.tables import columns as columns_
from gnnseg.data.tables import fields, paths, separators, stacking, typed
from gnnseg.data.tables.attribute_tables import AttributeTable
from gnnseg.data.tables.beside import FileForm, TablesBeside
from gnnseg.data.tables.dates import Order
from gnnseg.data.tables.identifiers import twins
from gnnseg.data.tables.joining import MetIds
from gnnseg.data.tables.layout import SHOWN, aligned, spread
from gnnseg.data.tables.nobody import MissingIds
from gnnseg.data.tables.numbers import Decimal
from gnnseg.data.tables.returns import Returns
from gnnseg.data.tables.sheets import Sheet
from gnnseg.data.tables.stats import stats

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
    missing_ids: MissingIds = "drop",
    **tables: Any,
) -> str:
    """Return what is in a user's files, and the command that trains on them.

    The files are read as ``data=file`` would read them. Columns that no one named are proposed, by
    their names or else by their content; rows that cannot be read are listed by reason.
    ``tables``: users, items, item_title, users_id and items_id, as ``TablesBeside`` takes them.

    Raises:
        InputError: A file that cannot be read at all, or could be read in two ways.
    """
    given = [str(one) for one in ([files] if isinstance(files, str | Path) else files)]
    mapping = {**columns, "title": None if tables.get("items") else tables.get("item_title")}
    how = {"separator": separator, "encoding": encoding}
    found = [
        separators.read(one, mapping, **how, form=format, guess=True) for one in paths.listed(given)
    ]
    stacking.same_columns(found, None)
    sheet = stacking.stacked(found, given)
    events = _events(sheet, decimal, dates, missing_ids)
    beside = TablesBeside(open=FileForm(separator, encoding).open, decimal=decimal, **tables)
    met = MetIds(events.frame)
    user_table, item_table = beside.attributes("user", met), beside.attributes("item", met)
    head, chosen = found[0].head, found[0].columns
    titled = None if beside.item_title else _title(item_table, head, chosen)
    options = {
        **{role: chosen.get(role) or columns.get(role) for role in fields.ROLES},
        "separator": separator,
        "encoding": None if encoding == "utf-8" else encoding,
        "format": format,
        **_detected(events, decimal, dates),
        "returns": returns or ("subtract" if _returns(events.frame) else None),
        **{name: tables.get(name) for name in ("users", "users_id", "items", "items_id")},
        "item_title": beside.item_title or titled,
        "missing_ids": None if missing_ids == "drop" else missing_ids,
        "on_error": "drop" if set(events.rejected) - events.left_out else None,
    }
    shown = [
        *_columns(head, chosen),
        *("", *aligned([head.columns, *head.head(ROWS).rows()]), ""),
        *_summary(events.frame),
        *([f"items are called by column {titled!r}"] if titled else []),
        *[table.note for table in (user_table, item_table) if table is not None],
        *(line for kind in ("user", "item") for line in twins(met.of(kind), f"{kind} ids")),
        *_returns(events.frame),
        *_rejected(events),
    ]
    notes = [*stacking.notes(found), *events.notes, *_decimal_point(events)]
    return "\n".join([*notes, *shown, "", "train on it:", _command(given, options)])


def _events(
    sheet: Sheet, decimal: Decimal | None, order: Order | None, missing_ids: MissingIds
) -> fields.ReadEvents:
    """Read the events of a sheet whose columns are called by their roles; bad rows are counted."""
    roles = {role: role for role in sheet.frame.columns if role in fields.ROLES}
    return fields.events(
        sheet, roles, drop=True, decimal=decimal, order=order, returns="keep",
        missing_ids=missing_ids, guests=True,
    )  # fmt: skip


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


def _rejected(events: fields.ReadEvents) -> list[str]:
    """Return the rows that are left out, and those that cannot be read, by reason."""
    nobodys = [reason for reason in events.rejected if reason in events.left_out]
    others = [reason for reason in events.rejected if reason not in events.left_out]
    lines = []
    for reasons, said in (
        (nobodys, "rows are left out (--missing-ids keep: kept where there is an id):"),
        (others, "rows cannot be read; --on-error drop leaves them out, counted:"),
    ):
        count = sum(events.rejected[reason] for reason in reasons)
        lines += [f"{count:,} {said}"] if reasons else []
        lines += [
            f"  {events.rejected[reason]:,} × {reason} (first: {events.examples[reason]})"
            for reason in reasons
        ]
    return lines or ["every row can be read"]


def _command(files: Sequence[str], options: Mapping[str, str | None]) -> str:
    """Return the command that trains on the files."""
    shown = [shlex.quote(f"./{one}" if one.startswith("-") else one) for one in files]
    named = [
        word
        for key, value in options.items()
        if value is not None
        for word in (typed.flag(key), shlex.quote(value))
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
    items: AttributeTable | None, head: pl.DataFrame, columns: Mapping[str, str | None]
) -> str | None:
    """Return the only unused column that is called as titles of items usually are."""
    names = head.columns if items is None else items.frame.columns
    used = set(columns.values()) if items is None else {"id"}
    fits = [name for name in names if columns_.simple(name) in columns_.TITLES and name not in used]
    return fits[0] if len(fits) == 1 else None
