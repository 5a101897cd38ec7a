"""Interactions out of a database: SQLite as Python brings it, PostgreSQL by polars' reader."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import polars as pl

from gnnseg.types import InputError

POSTGRES = ("postgresql", "postgres")


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
