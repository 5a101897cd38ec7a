"""What became of an earlier run's segments, in words and tables (``segments.since``)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from gnnseg.report import summary as summary_
from gnnseg.report.amounts import people

LINES = 12  # moves named, the largest first


def summary(record: Mapping[str, Any]) -> str:
    """Return in one sentence how many kept their segment, beside what a refit alone would do."""
    since = record["since"]
    users = since["users"]
    kept = since["kept"]
    said = (
        f"{kept:.1%} of the {users['followed']:,} people followed from {since['run']} keep their "
        "segment"
    )
    shares = since.get("moved_by_refit")
    if not shares:
        return said + "; refits that would say how many move by chance were not made"
    mean = sum(shares) / len(shares)
    many = "1 refit" if len(shares) == 1 else f"{len(shares)} refits"
    return f"{said}; a refit alone keeps {1 - mean:.1%} (mean of {many} on the earlier events)"


def events(record: Mapping[str, Any], names: Mapping[str, str]) -> list[str]:
    """Return births, deaths, splits and merges, a sentence each.

    Args:
        record: run.json.
        names: What segments of here are called, by id.
    """
    found = []
    for event in record["since"]["events"]:
        was, now = (names.get(str(event[key]), str(event[key])) for key in ("was", "now"))
        beside, share = names.get(str(event["beside"]), str(event["beside"])), event["share"]
        users = people(event["users"])
        if event["event"] == "born":
            whence = f"{users} from several segments" if event["users"] else "nobody of before"
            found.append(f"{now} is born ({whence})")
        elif event["event"] == "dissolved":
            found.append(f"{was} is dissolved ({users} to several segments)")
        elif event["event"] == "split":
            found.append(f"{now} has split off from {beside} ({share:.0%} of it, {users})")
        else:
            found.append(f"{was} has merged into {now} ({share:.0%} of it, {users})")
    return found


def names(folder: Path) -> dict[str, str]:
    """Return what the segments of a folder are called, by id: 'segment 3 (seg-1a2b3c, name)'."""
    summed = summary_.read(folder)
    groups = pl.read_parquet(folder / "groups.parquet") if summed is None else summed
    if "id" not in groups.columns:
        return {}
    rows = groups.select("segment", "id", "name").rows()
    return {
        id: f"segment {number} ({', '.join(text for text in (id, name) if text)})"
        for number, id, name in rows
    }


def moves(folder: Path) -> pl.DataFrame:
    """Return the moves that refits alone do not make, the largest first."""
    frame = pl.read_parquet(folder / "moves.parquet")
    return frame.filter(pl.col("beyond") & ~pl.col("kept")).sort(
        "users", "was", "now", descending=[True, False, False]
    )


def text(record: Mapping[str, Any], folder: Path) -> str:
    """Return what changed, for the terminal; nothing of a run that started from none."""
    if "since" not in record or not (folder / "moves.parquet").exists():
        return ""
    called = names(folder)
    lines = [summary(record), *(f"  {said}" for said in events(record, called))]
    found = moves(folder)
    for was, now, users, expected in (
        found.head(LINES).select("was_id", "now_id", "users", "expected").rows()
    ):
        from_, to = (called.get(each, each) for each in (was, now))
        lines.append(
            f"  {people(users)} moved from {from_} to {to} (by a refit alone {expected:.0f})"
        )
    if len(found) > LINES:
        lines.append(f"  … and {len(found) - LINES} smaller moves: moves.parquet")
    if not len(found) and record["since"].get("moved_by_refit"):
        lines.append("  no move between segments is larger than refits alone make")
    return "\n".join(lines)
