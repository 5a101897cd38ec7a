"""Who is in which segment, as a table that leaves the house: for a CRM, a mailing, a join.

It is the owner's, and complete; what is meant for others is ``report.sharing``'s. Shape legend:
U users, K segments.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from gnnseg.runs import durable, export
from gnnseg.runs import summary as summary_
from gnnseg.runs.stored import Answering, StoredRun
from gnnseg.types import Floats, InputError, Ints

TABLE = "gnnseg_members"  # in a database, unless another is named
PARTS = 1000  # alpha is rounded to so many parts
OURS = ("user", "name", "segment", "segment_id", "segment_name", "sure", "reason", "run", "as_of")
SEVERAL = "|"  # between the classes of a person who has several


class WithMembers:
    """The part of a run that tells who is in which segment, for others to use."""

    stored = Answering()

    def members(self, columns: Sequence[str] = ()) -> pl.DataFrame:
        """Return who is in which segment, a row a user, as ``gnnseg members`` writes it.

        Args:
            columns: More to carry through: events, visits, spend, first, last, recent, former, and
                the run's attributes of people that are classes.

        Returns:
            user[, name], the columns asked for, segment, segment_id (which stays from run to run),
            segment_name, sure (null without evidence), reason (why there is no segment), alpha_1 to
            alpha_K (three decimals that sum to 1), run, as_of (the day of the last event).

        Raises:
            InputError: The run has no segments, or no such column.
        """
        return members(self.stored, columns)


def members(run: StoredRun, columns: Sequence[str] = ()) -> pl.DataFrame:
    """Return who is in which segment; see ``WithMembers.members``."""
    if not run.has_segments:
        raise InputError(f"{run.name}: its head has no segments; train with head=segments.")
    stored = run.frame("segments")
    alpha_UK = stored.select(pl.col(r"^alpha_\d+$")).to_numpy().astype(np.float64)
    parts_UK = rounded(alpha_UK)
    found: dict[str, Any] = {"user": stored["user"]}
    if run.users.names is not None:
        found["name"] = pl.Series(run.users.names.tolist(), dtype=pl.String)
    found |= _asked(run, columns)
    nothing = pl.Series([None] * len(stored), dtype=pl.Float64)
    segments = stored.select("segment").join(
        _called(run), on="segment", how="left", maintain_order="left"
    )
    found |= {name: segments[name] for name in segments.columns}
    found["sure"] = stored["sure"].cast(pl.Float64).round(3) if "sure" in stored else nothing
    found["reason"] = (
        stored["reason"] if "reason" in stored else nothing.cast(pl.String)
    )  # folders of before have none
    found |= {f"alpha_{k + 1}": parts_UK[:, k] / PARTS for k in range(parts_UK.shape[1])}
    return pl.DataFrame(found).with_columns(run=pl.lit(run.name), as_of=pl.lit(as_of(run)))


def rounded(alpha_UK: Floats) -> Ints:
    """Return memberships in thousandths, (U,K), each row's sum 1000 (largest remainder, Hare).

    Each is rounded down; what is then lacking goes to those that lost the most, ties to the first.
    """
    mass_U = alpha_UK.sum(1, keepdims=True)
    exact_UK = np.divide(alpha_UK, mass_U, out=np.zeros_like(alpha_UK), where=mass_U > 0) * PARTS
    down_UK = np.floor(exact_UK + 1e-9).astype(np.int64)
    lacking_U = np.where(mass_U[:, 0] > 0, PARTS - down_UK.sum(1), 0)
    order_UK = np.argsort(down_UK - exact_UK, axis=1, kind="stable")
    rank_UK = np.empty_like(order_UK)
    np.put_along_axis(rank_UK, order_UK, np.arange(order_UK.shape[1])[None, :], axis=1)
    found: Ints = down_UK + (rank_UK < lacking_U[:, None]).astype(np.int64)
    return found


def as_of(run: StoredRun) -> Any:
    """Return the day (UTC) of the data's last event; where times are not known, of the run."""
    end = run.record["data"].get("end")
    if end is None:
        end = run.folder.file("run.json").stat().st_mtime
    return datetime.fromtimestamp(float(end), UTC).date()


def write(
    run: StoredRun,
    out: Path | str,
    *,
    columns: Sequence[str] = (),
    table: str = TABLE,
    excel: bool = False,
) -> Path | str:
    """Write the members to a file or a database; what stands there stays until all is written.

    Args:
        run: The run.
        out: A name that ends in .csv, .parquet, .jsonl or .xlsx, or sqlite:///crm.db,
            postgresql://user@host/db.
        columns: More to carry through, see ``WithMembers.members``.
        table: The table's name in a database.
        excel: Whether a spreadsheet shall open the CSV.

    Returns:
        The file's path, or of a database what was written, in words.

    Raises:
        InputError: The run has no segments, or it cannot be written.
    """
    return export.write(iter([members(run, columns)]), out, table=table, excel=excel)


def mangled(frame: pl.DataFrame) -> str | None:
    """Say which id a spreadsheet reads as another number out of a CSV; None: none is."""
    odd = frame.filter(pl.col("user").str.contains(r"^(0\d+|\d{16,})$"))["user"]
    if odd.is_empty():
        return None
    return (
        f"ids such as {odd[0]} become numbers in a spreadsheet that opens a CSV; .xlsx keeps them"
    )


def _called(run: StoredRun) -> pl.DataFrame:
    """Return segment, segment_id, segment_name."""
    there = run.folder.file(summary_.FILE).exists()
    named = run.frame("summary") if there else summary_.of(run)
    ids = [each.id for each in durable.of(run)]
    return named.sort("segment").select(
        "segment", segment_id=pl.Series(ids, dtype=pl.String), segment_name="name"
    )


def _asked(run: StoredRun, columns: Sequence[str]) -> dict[str, pl.Series]:
    """Return the further columns that are asked for."""
    from gnnseg.runs import persistence

    if not columns:
        return {}
    there = run.folder.file("customers.parquet").exists()
    known = _dated(run.frame("customers")).drop("user").to_dict() if there else {}
    beside = persistence.beside(run.path)
    classes = {} if beside.people is None else _classes(beside.people_columns)
    if lacking := [name for name in columns if name not in {*known, *classes}]:
        there_are = ", ".join(dict.fromkeys([*known, *classes]))
        has = f"it has {there_are}" if there_are else "it keeps none"
        raise InputError(f"column {lacking[0]}: {run.name} keeps no such of people; {has}.")
    found = {}
    for name in columns:
        called = f"{name} (attribute)" if name in OURS else name
        if name in known:
            found[called] = known[name]
        elif beside.people is not None:
            found[called] = _labels(beside.people.numpy(), classes[name])
    return found


def _dated(customers: pl.DataFrame) -> pl.DataFrame:
    """Return customers with first and last as times."""
    times = [
        pl.from_epoch((pl.col(name) * 1000).round().cast(pl.Int64), time_unit="ms").alias(name)
        for name in ("first", "last")
    ]
    return customers.with_columns(times)


def _classes(columns: Sequence[str]) -> dict[str, list[tuple[int, str]]]:
    """Return the columns of each attribute that is of classes: 'age=45-54' is one of age's."""
    found: dict[str, list[tuple[int, str]]] = {}
    for at, column in enumerate(columns):
        name, mark, label = column.partition("=")
        if mark and not name.startswith("share of "):
            found.setdefault(name, []).append((at, label))
    return found


def _labels(people_UF: Floats, columns: Sequence[tuple[int, str]]) -> pl.Series:
    """Return each person's classes in words, null where none is known."""
    labels = np.array([label for _, label in columns], dtype=object)
    has_UC = people_UF[:, [at for at, _ in columns]] > 0
    said = [SEVERAL.join(labels[row]) or None for row in has_UC]
    return pl.Series(said, dtype=pl.String)
