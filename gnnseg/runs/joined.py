"""Who joined, left or moved since an earlier run or an earlier list of members."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from gnnseg.data.tables import beside, doors
from gnnseg.runs import members
from gnnseg.runs.folder import RunFolder
from gnnseg.runs.stored import StoredRun
from gnnseg.types import InputError

NEEDED = ("user", "segment_id", "segment_name")  # of an earlier list
GONE = "not in the data any more"


def since(frame: pl.DataFrame, old: Path) -> pl.DataFrame:
    """Return members with ``change``, ``was_id`` and ``was_name``, those who are gone at the end.

    ``change``: stayed, moved (to another segment), joined (was in none), left (is in none); null of
    somebody in no segment then and now. Segments are compared by their durable ids.

    Args:
        frame: As ``members.members`` returns it.
        old: The folder of an earlier run, or a list that ``gnnseg members`` wrote.

    Raises:
        InputError: It cannot be read, or has no segment in common.
    """
    before = read(old).rename({"segment_id": "was_id", "segment_name": "was_name"})
    if not set(before["was_id"].drop_nulls()) & set(frame["segment_id"].drop_nulls()):
        raise InputError(
            f"{old}: has no segment in common with this run, so that nobody's can be compared; a "
            "run trained with segments.since goes on with the segments of an earlier one."
        )
    both = frame.join(before, on="user", how="left", maintain_order="left")
    gone = before.join(frame, on="user", how="anti").filter(pl.col("was_id").is_not_null())
    both = pl.concat([both, gone.with_columns(reason=pl.lit(GONE))], how="diagonal")
    now, was = pl.col("segment_id"), pl.col("was_id")
    change = (
        pl.when(now.is_null() & was.is_null()).then(None)
        .when(was.is_null()).then(pl.lit("joined"))
        .when(now.is_null()).then(pl.lit("left"))
        .when(now == was).then(pl.lit("stayed"))
        .otherwise(pl.lit("moved"))
    )  # fmt: skip
    kept = [name for name in both.columns if name not in before.columns or name == "user"]
    return both.select(*kept, change.alias("change"), "was_id", "was_name")


def said(frame: pl.DataFrame) -> str:
    """Return how many joined, left, moved and stayed, in words."""
    counts = dict(frame["change"].drop_nulls().value_counts().rows())
    return ", ".join(
        f"{counts.get(each, 0):,} {each}" for each in ("joined", "left", "moved", "stayed")
    )


def read(old: Path) -> pl.DataFrame:
    """Return user, segment_id and segment_name of an earlier run, or of a list.

    Raises:
        InputError: It is neither.
    """
    if old.is_dir():
        RunFolder(old).read_json()  # says what lacks in something else
        return members.members(StoredRun(old)).select(NEEDED)
    with doors.saved_anew():
        frame = pl.read_parquet(old) if old.suffix == ".parquet" else beside.table(old).frame
    if lacking := [name for name in NEEDED if name not in frame.columns]:
        raise InputError(
            f"{old}: has no column {lacking[0]}; give a run, or a list that gnnseg members wrote."
        )
    return frame.select(
        pl.when(pl.col(name).cast(pl.String) != "").then(pl.col(name).cast(pl.String)).alias(name)
        for name in NEEDED
    )
