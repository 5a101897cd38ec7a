"""Interactions out of a database: SQLite as Python brings it, PostgreSQL by polars' reader."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import polars as pl

from gnnseg.data.tables import columns as columns_
from gnnseg.data.tables import joined
from gnnseg.data.tables.sheets import Sheet
from gnnseg.types import InputError, Setting

POSTGRES = ("postgresql", "postgres")
QUERY, CONNECT = Setting("data.query"), Setting("data.connect")
CHECK_BOTH = ("check ", QUERY, " and ", CONNECT)


def interactions(query: str, connect: str, mapping: Mapping[str, str | None]) -> tuple[Sheet, str]:
    """Return the rows that a query answers, columns called by their roles, and a note on them.

    ``mapping``: columns by role; None: by the usual names, '': not there.
    """
    frame, where = read(query, connect), Path("the query")
    columns = columns_.choose(where, frame, mapping, text=False)
    frame = joined.added(frame, columns["time"])
    chosen = {role: name for role, name in columns.items() if name is not None}
    listed = ", ".join(f"{role}={name!r}" for role, name in chosen.items())
    table = frame.select(**{role: pl.col(name) for role, name in chosen.items()})
    return Sheet(where, table, 1, unit="row"), f"query: {len(frame):,} rows; {listed}"


def read(query: str, connect: str) -> pl.DataFrame:
    """Return the rows that a query answers.

    Args:
        query: A select.
        connect: sqlite:///shop.db, or postgresql://user@host/db with the password in the
            environment (PGPASSWORD).

    Raises:
        InputError: A database that is not there, a query it refuses, or no rows.
    """
    kind = urlsplit(connect).scheme
    if kind == "sqlite":
        frame = _sqlite(query, connect)
    elif kind in POSTGRES:
        frame = _postgres(query, connect)
    else:
        raise InputError(
            where=Setting("data.connect", connect),
            problem="give sqlite:///FILE or postgresql://user@host/database",
        )
    if frame.is_empty():
        raise InputError(
            where=QUERY, problem="answers no rows", advice="nothing can be learned of it"
        )
    twice = [name for name in frame.columns if re.search(r"_duplicated_\d+$", name)]
    if twice:
        raise _two_of_one_name(twice[0])
    return frame


def _two_of_one_name(name: str) -> InputError:
    return InputError(
        where=QUERY,
        problem=f"answers two columns of one name ({name})",
        advice="rename one with 'as'",
    )


def _sqlite(query: str, connect: str) -> pl.DataFrame:
    match = re.fullmatch(r"sqlite:///(.+)", connect)
    if match is None:
        raise InputError(
            where=Setting("data.connect", connect),
            problem="write sqlite:///shop.db, or sqlite:////full/path/shop.db",
        )
    path = Path(match[1]).expanduser()
    if not path.is_file():
        raise InputError(where=path, problem="no such file", advice=("check ", CONNECT))
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            cursor = database.execute(query)
            names = [column[0] for column in cursor.description or ()]
            rows = cursor.fetchall()
    except sqlite3.Warning as error:
        raise InputError(where=QUERY, problem=str(error), advice="give one select") from None
    except sqlite3.Error as error:
        raise InputError(where=path, problem=str(error), advice=CHECK_BOTH) from None
    if not names:
        raise InputError(where=QUERY, problem="answers no table", advice="give a select")
    if len(set(names)) < len(names):
        odd = next(name for name in names if names.count(name) > 1)
        raise _two_of_one_name(odd)
    return pl.DataFrame(rows, schema=names, orient="row", infer_schema_length=None, strict=False)


def _postgres(query: str, connect: str) -> pl.DataFrame:
    try:
        import adbc_driver_postgresql  # noqa: F401
    except ImportError:
        raise InputError(
            where=Setting("data.connect", connect),
            problem="PostgreSQL needs a driver",
            advice="pip install 'gnnseg[sql]'",
        ) from None
    try:
        frame = pl.read_database_uri(query, connect, engine="adbc")
    except Exception as error:  # the driver's own errors share no base with polars'
        why = " ".join(str(error).split())[:200]
        raise InputError(
            where=Setting("data.connect", connect),
            problem=why or type(error).__name__,
            advice=CHECK_BOTH,
        ) from None
    opaque = [
        name
        for name in frame.columns
        if hasattr(frame[name], "ext") and hasattr(frame[name].dtype, "ext_storage")
    ]
    return frame.with_columns(
        *[frame[name].ext.storage() for name in opaque]
    )  # numeric comes as its text
