"""Tables into a database: SQLite as Python brings it, PostgreSQL by its driver.

A table is replaced in one transaction: who reads it meets the old one or the new one, whole.
"""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import polars as pl
import polars.selectors as cs

from gnnseg.types import InputError

SCHEMES = ("sqlite", "postgresql", "postgres")
SQLITE = {pl.Int64: "INTEGER", pl.Float64: "REAL", pl.Float32: "REAL", pl.Boolean: "INTEGER"}


def is_url(out: object) -> bool:
    """Return whether something names a database, not a file."""
    return urlsplit(str(out)).scheme in SCHEMES and "://" in str(out)


def write(frame: pl.DataFrame, url: str, table: str, *, patience: float = 30.0) -> str:
    """Replace a table of a database by a frame, and return what was written to, in words.

    A table that stands there is replaced only where it has the frame's first column and most of its
    columns are the frame's, so that no other table of the same name is lost. Of one with the same
    columns the rows are replaced: views of it, indexes and rights stay.

    Args:
        frame: Without lists.
        url: sqlite:///crm.db, or postgresql://user@host/db with the password in the environment
            (PGPASSWORD).
        table: Its name.
        patience: Seconds for which a SQLite file that another program writes to is waited for.

    Raises:
        InputError: The database cannot be written, or the table is something else.
    """
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", table):
        raise InputError(f"table {table!r}: use letters, digits and _ for its name.")
    if urlsplit(url).scheme == "sqlite":
        return _sqlite(frame, url, table, patience)
    return _postgres(frame, url, table)


def _refuse_other(columns: list[str], frame: pl.DataFrame, table: str) -> None:
    same = len(set(columns) & set(frame.columns))
    if columns and (frame.columns[0] not in columns or 2 * same < len(columns)):
        raise InputError(
            f"table {table}: stands there with other columns ({', '.join(columns[:6])}); choose "
            "another name."
        )


def _sqlite(frame: pl.DataFrame, url: str, table: str, patience: float) -> str:
    match = re.fullmatch(r"sqlite:///(.+)", url)
    if match is None:
        raise InputError(f"{url}: write sqlite:///crm.db, or sqlite:////full/path/crm.db.")
    path = Path(match[1]).expanduser().absolute()
    if not path.parent.is_dir():
        raise InputError(f"{path.parent}: no such folder; make it or choose another.")
    kinds = ", ".join(
        f"{_quoted(name)} {SQLITE.get(type(kind), 'TEXT')}" for name, kind in frame.schema.items()
    )
    places = ", ".join("?" * frame.width)
    rows = frame.with_columns(  # SQLite has no type of times
        cs.datetime().dt.to_string("%Y-%m-%d %H:%M:%S"), cs.date().dt.to_string("%Y-%m-%d")
    )
    try:
        with closing(sqlite3.connect(path, patience, isolation_level=None)) as database:
            database.execute("BEGIN IMMEDIATE")
            there = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
            _refuse_other(there, frame, table)
            if there == frame.columns:
                database.execute(f"DELETE FROM {table}")
            else:
                database.execute(f"DROP TABLE IF EXISTS {table}")
                database.execute(f"CREATE TABLE {table} ({kinds})")
            database.executemany(f"INSERT INTO {table} VALUES ({places})", rows.iter_rows())
            database.execute("COMMIT")
    except sqlite3.Error as error:
        raise InputError(f"{path}: {error}; nothing was written.") from None
    return f"{path}, table {table}"


def _postgres(frame: pl.DataFrame, url: str, table: str) -> str:
    where = re.sub(r"://([^:@/]*):[^@]*@", r"://\1@", url)  # without the password
    try:
        from adbc_driver_postgresql import dbapi
    except ImportError:
        raise InputError(f"{where}: needs a driver: pip install 'gnnseg[sql]'.") from None
    try:
        with dbapi.connect(url) as database, database.cursor() as cursor:
            cursor.execute(
                "SELECT column_name FROM information_schema.columns WHERE table_name = $1 AND "
                "table_schema = ANY (current_schemas(false)) ORDER BY ordinal_position",
                (table,),
            )
            there = [row[0] for row in cursor.fetchall()]
            _refuse_other(there, frame, table)
            if there == frame.columns:
                cursor.execute(f"DELETE FROM {table}")
            mode = "append" if there == frame.columns else "replace"
            cursor.adbc_ingest(table, frame.to_arrow(), mode=mode)
            database.commit()
    except InputError:
        raise
    except Exception as error:  # the driver's own errors share no base
        why = " ".join(str(error).split())[:200]
        raise InputError(f"{where}: {why or type(error).__name__}; nothing was written.") from None
    return f"{where}, table {table}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
