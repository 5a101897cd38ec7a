"""Whether a run's segments come back, in a line or two and by segment."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

VERDICTS = ("natural", "reproducible", "constructive")


def by_segment(folder: Path) -> dict[int, dict[str, Any]]:
    """Return jaccard, jaccard_min and verdict by segment (from 1); nothing without evidence."""
    path = folder / "stability.parquet"
    if not path.exists():
        return {}
    return {row["segment"]: row for row in pl.read_parquet(path).iter_rows(named=True)}


def lines(folder: Path, record: Mapping[str, Any]) -> list[str]:
    """Return what is said of all segments together; without evidence, how to come by it."""
    evidence, m = record.get("evidence"), record["metrics"]
    if not evidence:
        asked = (record["config"].get("evidence") or {}).get("refits")
        how = f"do these segments come back? gnnseg segments {folder.name} --evidence"
        no = asked or "refit" in record or record["config"].get("baseline")
        return [] if no else [how]
    many = "1 refit" if evidence["refits"] == 1 else f"{evidence['refits']} refits"
    text = (
        f"stability over {many}: memberships {figure(m, 'stability_soft')} "
        f"(1 equal, 0 chance); ARI {figure(m, 'stability_ari')}, {share(m)} who are sure "
        f"{figure(m, 'stability_sure_ari')}; another seed {figure(m, 'seed_ari')}; other people "
        f"{figure(m, 'stability_bootstrap_ari')}"
    )
    return [text, verdicts(folder, record)]


def verdicts(folder: Path, record: Mapping[str, Any]) -> str:
    """Return how many segments are natural, reproducible, constructive."""
    found = [each["verdict"] for each in by_segment(folder).values()]
    counts = [f"{found.count(name)} {name}" for name in VERDICTS if name in found]
    asked = (record.get("evidence") or {}).get("rewired")
    note = "" if asked or "reproducible" not in found else " (natural? --evidence --rewired)"
    return f"segments: {', '.join(counts)}{note}"


def in_none(folder: Path) -> str:
    """Return how many people are in no segment, and why; nothing where everybody is in one."""
    path = folder / "segments.parquet"
    if not path.exists() or "reason" not in pl.read_parquet_schema(path):
        return ""
    reasons = pl.read_parquet(path, columns=["reason"])["reason"].drop_nulls().value_counts()
    return "; ".join(
        f"{count:,} user{'s' * (count != 1)} in no segment: {why}" for why, count in reasons.rows()
    )


def figure(metrics: Mapping[str, float | None], name: str) -> str:
    """Return a figure with its standard deviation over refits; a dash where it is not defined."""
    value, spread = (metrics.get(f"segment/{name}{end}") for end in ("", "/sd"))
    if value is None or not math.isfinite(value):
        return "–"
    return f"{value:.2f}" + ("" if spread is None else f" ± {spread:.2f}")


def share(metrics: Mapping[str, float | None]) -> str:
    """Return how many users are sure, in words."""
    value = metrics.get("segment/sure_share")
    return "of those" if value is None or not math.isfinite(value) else f"of the {value:.0%}"
