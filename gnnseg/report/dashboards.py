"""What of a finished run a dashboard gets beside its curves and tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from gnnseg.report import overview, sharing
from gnnseg.report.pictures import segments
from gnnseg.report.plots import Picture


def figures(record: Mapping[str, Any]) -> dict[str, float]:
    """Return the final figures, those of the baselines beside, and what the run took."""
    found = dict(record["metrics"])
    for name, of in (record.get("baselines") or {}).items():
        found |= {f"baseline/{name}/{metric}": value for metric, value in of.items()}
    found |= {f"run/seconds/{part}": value for part, value in (record.get("seconds") or {}).items()}
    found |= {"run/parameters": record.get("parameters"), "run/memory_mb": record.get("memory_mb")}
    found |= {"run/epoch": (record.get("best") or {}).get("epoch")}
    found |= {"segment/alarms": len(record["alarms"]), "test/losing": len(record["losing"])}
    return {name: float(value) for name, value in found.items() if value is not None}


def baselines(record: Mapping[str, Any]) -> pl.DataFrame | None:
    """Return the figures of the run and of the baselines beside it, a row each; None: no such."""
    beside = record.get("baselines") or {}
    names = [m for m in record["metrics"] if any(m in of for of in beside.values())]
    if not names:
        return None
    rows = {"this run": record["metrics"], **beside}
    columns = {name: [row.get(name) for row in rows.values()] for name in names}
    return pl.DataFrame(
        {"model": list(rows), **columns}, schema_overrides=dict.fromkeys(names, pl.Float64)
    )


def plots(folder: Path, people: bool) -> Iterator[tuple[str, Picture]]:
    """Yield the plots of a run's segments, those of few people left out unless they may be shown.

    Args:
        folder: The run's.
        people: Whether single people may be shown (report.people).
    """
    if not (folder / "summary.parquet").exists():
        return
    frame = overview.read(folder)
    if not people:
        frame = frame.filter(~pl.col("segment").is_in(list(sharing.hidden(folder))))
    if len(frame) and (picture := segments.shares(frame)) is not None:
        yield "shares", picture
