"""How sharply people belong to segments, and which of their segments come back."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import polars as pl

from gnnseg.report import stability
from gnnseg.report.html import Cell, Heading, dot, escape, figure, fold, grid
from gnnseg.report.pictures import curves
from gnnseg.report.subject import Subject


def memberships(run: Subject) -> str:
    """Show the distribution of alpha in three charts."""
    if not run.has("groups.parquet", "segments.parquet"):
        return ""
    return fold(
        "How sharply people belong", f'<div class="grid">{"".join(_alpha(run.folder))}</div>'
    )


def stable(run: Subject) -> str:
    """Show how far each segment's members come back."""
    rows = [
        [
            Cell(f"{dot(k)}{k}"), Cell(f"{row['jaccard']:.2f}"), Cell(f"{row['jaccard_min']:.2f}"),
            Cell(escape(row["verdict"])),
        ]
        for k, row in stability.by_segment(run.folder).items()
    ]  # fmt: skip
    if not rows:
        return ""
    head = [Heading(title) for title in ("segment", "Jaccard", "least", "verdict")]
    lines = "".join(f"<p>{escape(line)}</p>" for line in stability.lines(run.folder, run.record))
    lead = "Members shared with the matched segment of a refit, over all in either."
    return fold("Do they come back", lines + grid("Do they come back", head, rows), lead)


def _alpha(folder: Path) -> list[str]:
    alpha = (
        pl.read_parquet(folder / "segments.parquet")
        .select(pl.selectors.starts_with("alpha_"))
        .to_numpy()
    )
    k = alpha.shape[1]
    entropy = -(alpha * np.log(np.maximum(alpha, 1e-12))).sum(1)
    largest, edges = curves.histogram(alpha.max(1).tolist(), 0.0, 1.0, 20)
    high = float(max(2, min(k, 16)))
    held, low = curves.histogram(np.exp(entropy).tolist(), 1.0, high, 15)
    ranked = np.sort(alpha, axis=1)[:, ::-1].mean(0)[:12].tolist()
    beyond = f"; the last column holds all above {high:.0f}" if k > high else ""
    many = f"exp(mean entropy) {math.exp(entropy.mean()):.1f} of {k}{beyond}."
    ranks = "How much of a user the first, second, … segment holds, on average."
    whole = f"1: wholly in one segment; 1/{k}: in all of them alike."
    drawn = (
        ("Largest alpha", largest, edges, "largest alpha", whole),
        ("Segments a user is in", held, low, "exp(entropy of alpha)", many),
        ("Alpha by rank", ranked, [str(n + 1) for n in range(len(ranked))],
         "a user's n-th largest segment", ranks),
    )  # fmt: skip
    return [
        figure(
            curves.columns(values, labels, title=title, x=x, said=_in_words(values, labels)),
            said,
            heading="h4",
        )
        for title, values, labels, x, said in drawn
    ]


def _in_words(values: list[float], labels: list[str]) -> str:
    return ", ".join(f"{label}: {value:.1%}" for label, value in zip(labels, values))
