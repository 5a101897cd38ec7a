"""Figures of a run's tables by name, beside those of run.json."""

from __future__ import annotations

from pathlib import Path

import polars as pl

FIGURES = ("value", "chance", "p", "p_holm")


def tabled(folder: Path) -> dict[str, float]:
    """Return segment/K/COLUMN, segment/association/ATTRIBUTE[/chance|p|p_holm]; null: NaN."""
    found: dict[str, float] = {}
    if (path := folder / "evidence.parquet").exists():
        for row in pl.read_parquet(path).iter_rows(named=True):
            k = row.pop("segment")
            found |= {f"segment/{k}/{name}": _number(value) for name, value in row.items()}
    if (path := folder / "associations.parquet").exists():
        for row in pl.read_parquet(path).iter_rows(named=True):
            name = f"segment/association/{row['attribute']}"
            found |= {f"{name}/{figure}": _number(row[figure]) for figure in FIGURES[1:]}
            found[name] = _number(row["value"])
    return found


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)
