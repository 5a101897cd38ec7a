"""Interactions out of a database: SQLite as Python brings it, PostgreSQL by polars' reader."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import polars as pl

from gnnseg.data.raw import Raw
from gnnseg.data.sets.fetching import Place
from gnnseg.data.tables import columns, files
from gnnseg.data.tables.dates import Order
from gnnseg.data.tables.formats import Sheet
from gnnseg.data.tables.numbers import Decimal
from gnnseg.data.tables.returns import Returns
from gnnseg.types import InputError

POSTGRES = ("postgresql", "postgres")


def sql(
    place: Place,
    *,
    name: str,
    query: str | None,
    connect: str | None,
    user: str | None,
    item: str | None,
    weight: str | None,
    time: str | None,
    spend: str | None,
    item_title: str | None,
    decimal: Decimal | None,
    dates: Order | None,
    returns: Returns | None,
    on_error: Literal["fail", "drop"],
    users: str | None,
    items: str | None,
    social: str | None,
    relations: list[dict[str, Any]],
    log: str | None,
) -> Raw:
    """What a ``query`` answers, one row an event, columns by name as in a file of one's own.

    ``connect``: sqlite:///shop.db, or postgresql://user@host/db with the password in the
    environment (PGPASSWORD).
    """
    if not query or not connect:
        raise InputError(
            "data=sql: give data.query and data.connect, or gnnseg train --sql 'select …' "
            "--connect ADDRESS."
        )
    frame = read(query, connect)
    mapping = {"user": user, "item": item, "weight": weight, "time": time, "spend": spend}
    if item_title is not None and items is None:
        mapping["title"] = item_title
    where = Path("the query")
    chosen = {
        role: name
        for role, name in columns.choose(where, frame, mapping, text=False).items()
        if name is not None
    }
    sheet = Sheet(
        where, frame.select(**{role: pl.col(name) for role, name in chosen.items()}), 1, unit="row"
    )
    said = [
        f"query: {len(frame):,} rows; "
        + ", ".join(f"{role}={name!r}" for role, name in chosen.items())
    ]
    return files.assemble(
        name, sheet, said, place.say, on_error=on_error, decimal=decimal, dates=dates,
        returns=returns,
        users=files.attributes(users, None, None, decimal),
        items=files.attributes(items, None, None, decimal, item_title),
        social=None if social is None else files.edges(social, None, None, "social ties", decimal),
        log=files.showings(log, decimal=decimal),
        relations=tuple(files.relation(n, "path", lambda path, what: files.edges(path, None, None, what, decimal)) for n in relations),
    )  # fmt: skip


def read(query: str, connect: str) -> pl.DataFrame:
    """The rows that a query answers. InputError for a database that is not there, a query it
    refuses, or no rows."""
    kind = urlsplit(connect).scheme
    if kind == "sqlite":
        frame = _sqlite(query, connect)
    elif kind in POSTGRES:
        frame = _postgres(query, connect)
    else:
        raise InputError(
            f"data.connect={connect}: give sqlite:///FILE or postgresql://user@host/database."
        )
    if frame.is_empty():
        raise InputError("data.query: answers no rows; nothing can be learned of it.")
    twice = [name for name in frame.columns if re.search(r"_duplicated_\d+$", name)]
    if twice:
        raise InputError(
            f"data.query: answers two columns of one name ({twice[0]}); rename one with 'as'."
        )
    return frame


def _sqlite(query: str, connect: str) -> pl.DataFrame:
    match = re.fullmatch(r"sqlite:///(.+)", connect)
    if match is None:
        raise InputError(
            f"data.connect={connect}: write sqlite:///shop.db, or sqlite:////full/path/shop.db."
        )
    path = Path(match[1]).expanduser()
    if not path.is_file():
        raise InputError(f"{path}: no such file; check data.connect.")
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            cursor = database.execute(query)
            names = [column[0] for column in cursor.description or ()]
            rows = cursor.fetchall()
    except sqlite3.Warning as error:
        raise InputError(f"data.query: {error}; give one select.") from None
    except sqlite3.Error as error:
        raise InputError(f"{path}: {error}; check data.query and data.connect.") from None
    if not names:
        raise InputError("data.query: answers no table; give a select.")
    if len(set(names)) < len(names):
        odd = next(name for name in names if names.count(name) > 1)
        raise InputError(
            f"data.query: answers two columns of one name ({odd}); rename one with 'as'."
        )
    return pl.DataFrame(rows, schema=names, orient="row", infer_schema_length=None, strict=False)


def _postgres(query: str, connect: str) -> pl.DataFrame:
    try:
        import adbc_driver_postgresql  # noqa: F401
    except ImportError:
        raise InputError(
            f"data.connect={connect}: PostgreSQL needs a driver; pip install 'gnnseg[sql]'."
        ) from None
    try:
        frame = pl.read_database_uri(query, connect, engine="adbc")
    except Exception as error:  # the driver's own errors share no base with polars'
        why = " ".join(str(error).split())[:200]
        raise InputError(
            f"data.connect={connect}: {why or type(error).__name__}; check data.query and "
            "data.connect."
        ) from None
    opaque = [
        name
        for name in frame.columns
        if hasattr(frame[name], "ext") and hasattr(frame[name].dtype, "ext_storage")
    ]
    return frame.with_columns(
        *[frame[name].ext.storage() for name in opaque]
    )  # numeric comes as its text
