"""The people and the items of a run as tables, a row each in index order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from gnnseg.data.tables import attribute_tables, beside, doors
from gnnseg.runs.stored import StoredRun
from gnnseg.types import InputError

DAY = 86_400.0  # seconds
# columns of an audience, which none that is carried through may be called
OURS = ("rank", "chance", "expected", "segment", "segment_name", "sure", "control", "bought")


def items(run: StoredRun) -> pl.DataFrame:
    """Return item, name and the item table's columns, as far as the folder keeps them.

    An item without a name is called by its id.
    """
    if run.folder.file("items.parquet").exists():
        frame = run.frame("items")
    else:
        stored = run.frame("ids").filter(pl.col("kind") == "item").sort("index")
        frame = stored.select("name", item="id")
    return frame.with_columns(name=pl.coalesce("name", "item"))


def people(run: StoredRun, table: pl.DataFrame | None = None) -> pl.DataFrame:
    """Return user[, name], the columns of ``table``, of their segment, and of customers.parquet.

    Of their segment: segment, segment_name, sure, where the run has such; days_since: from their
    last event to the end of the data.

    Args:
        run: The run.
        table: More that is known of them, ``given``; its columns win over ours of the same name.
    """
    found = pl.DataFrame({"user": run.users.ids.tolist()}, schema={"user": pl.String})
    if run.users.names is not None:
        names = pl.Series("name", run.users.names.tolist(), dtype=pl.String)
        found = found.with_columns(names)
    if table is not None:
        found = found.drop([n for n in table.columns if n != "user"], strict=False)
        found = found.join(table, on="user", how="left", maintain_order="left")
    more = [segments(run)] if run.has_segments else []
    if run.folder.file("customers.parquet").exists():
        more.append(_customers(run))
    for other in more:
        new = [name for name in other.columns if name == "user" or name not in found.columns]
        found = found.join(other.select(new), on="user", how="left", maintain_order="left")
    return found


def column(frame: pl.DataFrame, name: str) -> pl.Series:
    """Return a column of people.

    Raises:
        InputError: There is none such.
    """
    if name not in frame.columns:
        raise InputError(
            f"exclude_by={name}: people have no such column (they have "
            f"{', '.join(frame.columns)}); a table of people (users) brings more."
        )
    return frame[name]


def _customers(run: StoredRun) -> pl.DataFrame:
    frame, end = run.frame("customers"), run.record["data"].get("end")
    return frame if end is None else frame.with_columns(days_since=(end - pl.col("last")) / DAY)


def segments(run: StoredRun) -> pl.DataFrame:
    """Return user, segment, segment_name (null where nobody named it)[, sure]."""
    stored = run.frame("segments")
    sure = [name for name in ("sure",) if name in stored.columns]
    names = named(run).select("segment", segment_name="name")
    found = stored.select("user", "segment", *sure)
    found = found.join(names, on="segment", how="left", maintain_order="left")
    return found.select("user", "segment", "segment_name", *sure)


def named(run: StoredRun) -> pl.DataFrame:
    """Return segment, id and name of the run's segments; null where a folder has none."""
    summary = run.folder.file("summary.parquet").exists()
    frame = run.frame("summary" if summary else "groups")
    missing = [name for name in ("id", "name") if name not in frame.columns]
    frame = frame.with_columns(pl.lit(None, dtype=pl.String).alias(name) for name in missing)
    return frame.select("segment", "id", "name")


def segment_number(run: StoredRun, segment: object) -> int:
    """Return a segment's number by its number, id or name.

    Raises:
        InputError: The run has no segments, or none such.
    """
    if not run.has_segments:
        raise InputError(f"{run.name}: its head has no segments; train with head=segments.")
    names, text = named(run), str(segment).strip()
    for column in ("segment", "id", "name"):
        met = names.filter(pl.col(column).cast(pl.String) == text)["segment"]
        if len(met) == 1:
            return int(met[0])
    known = names["name"].drop_nulls().to_list()
    called = f" ({', '.join(known[:12])})" if known else ""
    raise InputError(f"segment {text}: {run.name} has segments 1 to {len(names)}{called}.")


def given(run: StoredRun, table: Any, users_id: str | None = None) -> pl.DataFrame:
    """Return a table about people as user and its columns, of the run's users alone.

    Args:
        run: The run.
        table: A file, or a table of any usual kind, a row a user.
        users_id: The column of ids; None: found.

    Raises:
        InputError: It cannot be read, or nobody in it is of the run.
    """
    met = pl.Series("user", run.users.ids.tolist(), dtype=pl.String)
    if isinstance(table, str | Path):
        sheet = beside.table(Path(table))
        read = attribute_tables.read(sheet, "user", met, key=users_id)
    else:
        with doors.errors_said(doors.argument):
            sheet = beside.sheet_of(table, "users")
            read = attribute_tables.read(sheet, "user", met, key=users_id)
    frame = read.frame
    called = {name: f"{name} (users)" for name in frame.columns[1:] if name in (*OURS, "user")}
    frame = frame.rename({**called, frame.columns[0]: "user"})
    return frame.filter(pl.col("user").is_in(met.implode()))
