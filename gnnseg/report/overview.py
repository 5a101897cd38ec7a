"""The table of segments that pages show, from ``summary.parquet`` or an older folder's files.

Pages are handed on: small groups are not shown on them (``sharing.withheld``), unless
``report.people`` is true.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from gnnseg.report import sharing
from gnnseg.report import summary as text
from gnnseg.report.columns import cut

COLUMNS: dict[str, Any] = {
    "segment": pl.Int64, "id": pl.String, "name": pl.String, "made": pl.Boolean,
    "people": pl.Int64, "share": pl.Float64, "alpha_share": pl.Float64, "revenue": pl.Float64,
    "revenue_share": pl.Float64, "spend_head": pl.Float64, "visits_head": pl.Float64,
    "days_since": pl.Float64, "trend": pl.Float64, "telling": pl.List(pl.String),
    "verdict": pl.String, "sure": pl.Float64, "change": pl.Int64,
}  # fmt: skip
TELLING = 3


def read(folder: Path) -> pl.DataFrame:
    """Return the table, a row a segment, null where something is not known; empty without any."""
    stored = text.read(folder)
    if stored is not None:
        found = stored
    elif (folder / "groups.parquet").exists():
        found = _of_before(folder)
    else:
        return pl.DataFrame(schema=COLUMNS)
    lacking = [pl.lit(None).alias(name) for name in COLUMNS if name not in found.columns]
    known = found.with_columns(lacking).select(
        pl.col(name).cast(kind) for name, kind in COLUMNS.items()
    )
    return known.sort("segment")


def hidden(summary: pl.DataFrame, people: bool) -> frozenset[int]:
    """Return the segments that a page does not show, because few people are in them.

    Args:
        summary: The table of segments.
        people: Whether single people may be shown, and so every group.
    """
    if people:
        return frozenset()
    counts = summary["people"].fill_null(0).to_list()
    rows = zip(summary["segment"], counts, sharing.withheld(counts), strict=True)
    return frozenset(k for k, count, said in rows if said and count > 0)


def called(row: Mapping[str, Any], width: int = 60) -> str:
    """Return what a segment is called: its name, else its number."""
    name, number = row["name"], row["segment"]
    nameless = not name or name == f"segment {number}"
    return f"Segment {number}" if nameless else cut(str(name), width)


def names(summary: pl.DataFrame) -> dict[int, str]:
    """Return what segments are called, by number."""
    return {row["segment"]: called(row) for row in summary.iter_rows(named=True)}


def _of_before(folder: Path) -> pl.DataFrame:
    """Return what can be said of the segments of a folder that has no table of them."""
    groups = pl.read_parquet(folder / "groups.parquet")
    found = groups.select(
        "segment",
        *(name for name in ("id", "name") if name in groups.columns),
        people=pl.col("size"),
        share=pl.col("size") / pl.max_horizontal(pl.col("size").sum(), pl.lit(1)),
        alpha_share=pl.col("share"),
    )
    if (folder / "cards.parquet").exists():
        cards = pl.read_parquet(folder / "cards.parquet").sort("segment", "rank")
        first = cards.group_by("segment", maintain_order=True)
        found = found.join(
            first.agg(telling=pl.col("name").head(TELLING)), on="segment", how="left"
        )
    if (folder / "stability.parquet").exists():
        back = pl.read_parquet(folder / "stability.parquet", columns=["segment", "verdict"])
        found = found.join(back, on="segment", how="left")
    path = folder / "segments.parquet"
    if path.exists() and "sure" in pl.read_parquet_schema(path):
        sure = pl.read_parquet(path, columns=["segment", "sure"]).drop_nulls()
        found = found.join(
            sure.group_by("segment").agg(pl.col("sure").mean()), on="segment", how="left"
        )
    return found
