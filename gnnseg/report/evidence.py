"""Evidence about segments as rows of text: for the terminal and for the page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

STRUCTURE = ("modularity", "conductance", "cohesion", "separation")
METRICS = ("ndcg", "recall", "precision", "f1")
SIGNIFICANT = 0.05
MEASURES = {"cramers_v": "Cramér's V", "eta2": "eta²"}
QUALITY = (
    "n: test users by their first segment; in brackets 95 % bootstrap intervals. Modularity: the "
    "segment's part of it. Conductance: pairs that lead out of it / its smaller side, 0 is best. "
    "Cohesion, separation: how alike two of its people are in what they take (mean cosine), and "
    "one of them and one outside."
)
ASSOCIATION = (
    "How strongly what is known of people goes with their segments, what it would be by chance, "
    "and the p-value, corrected for the number of attributes (Holm). What the model was given, or "
    "what is derived from its training data, is no evidence that segments mean something: they "
    "were made of it."
)


@dataclass(frozen=True)
class TextTable:
    """A table as text: its columns' titles and its cells."""

    columns: Sequence[str]
    cells: Sequence[Sequence[str]]


def by_segment(
    folder: Path, segments: Sequence[int] | None = None, *, brief: bool = False
) -> TextTable | None:
    """Return the evidence of each segment; None where the folder has none.

    Metrics at the longest list that was measured.

    Args:
        folder: The run's.
        segments: Only of these, in this order; None: of all.
        brief: Whether precision and F1 go without their intervals, as on a terminal.
    """
    path = folder / "evidence.parquet"
    if not path.exists():
        return None
    found = {row["segment"]: row for row in pl.read_parquet(path).iter_rows(named=True)}
    lengths = [int(name.partition("@")[2][:-4]) for name in next(iter(found.values()))
               if name.endswith("_low")]  # fmt: skip
    quality = {f"{m}@{max(lengths, default=0)}": m for m in METRICS}
    quality = {name: m for name, m in quality.items() if name in next(iter(found.values()))}
    cells = []
    for number in found if segments is None else segments:
        row = found[number]
        figures = [
            _figure(row[name]) if brief and m in ("precision", "f1") else _interval(row, name)
            for name, m in quality.items()
        ]
        cells.append([str(number), str(row["n"]), *figures, *(_figure(row[n]) for n in STRUCTURE)])
    return TextTable(["segment", "n", *quality, *STRUCTURE], cells)


def associations(folder: Path) -> TextTable | None:
    """Return how strongly each attribute goes with segments; None where nothing is known."""
    path = folder / "associations.parquet"
    if not path.exists():
        return None
    cells = []
    for row in pl.read_parquet(path).iter_rows(named=True):
        measure = MEASURES[row["measure"]]
        p, corrected = (_p(row[name]) for name in ("p", "p_holm"))
        evidence = f"no: {row['why']}" if row["given"] else _verdict(row["p_holm"])
        value, chance = (_figure(row[name], 3) for name in ("value", "chance"))
        known = f"{row['users']:,}"
        cells.append([row["attribute"], measure, value, chance, p, corrected, known, evidence])
    titles = ["attribute", "measure", "value", "by chance", "p", "p (Holm)", "users", "evidence"]
    return TextTable(titles, cells)


def _interval(row: Mapping[str, Any], name: str) -> str:
    if row[name] is None:
        return "–"
    return f"{row[name]:.3f} [{row[f'{name}_low']:.3f}, {row[f'{name}_high']:.3f}]"


def _figure(value: float | None, digits: int = 3) -> str:
    return "–" if value is None or not math.isfinite(value) else f"{value:.{digits}f}"


def _p(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}" if value >= 0.0005 else "<0.001"


def _verdict(p: float | None) -> str:
    if p is None:
        return "nothing to compare"
    return "yes" if p < SIGNIFICANT else "not beyond chance"
