"""How large the segments are, and how sharply users belong to them."""

from __future__ import annotations

import math
from pathlib import Path

import polars as pl

from gnnseg.report import plots, stability, tables
from gnnseg.report.html import dot, escape, figure


def segments(folder: Path) -> str:
    """Show how large the segments are, and how sharply users belong to them."""
    if not (folder / "groups.parquet").exists():
        return ""
    groups = pl.read_parquet(folder / "groups.parquet", columns=["segment", "size", "share"]).sort(
        "segment"
    )
    users = max(1, int(groups["size"].sum()))
    sizes = plots.columns(
        (groups["size"] / users).to_list(), [str(k) for k in groups["segment"]],
        ticks=groups["share"].to_list(),
        x="segment", alt="Share of users by segment", hues=True, percent=True,
        show=lambda v: f"{v:.1%}", width=1160,
    )  # fmt: skip
    said = "Columns: users whose first segment it is. Lines: its share of all memberships."
    wide = figure("Sizes", sizes, said, wide=True)
    figures = _alpha(folder) if (folder / "segments.parquet").exists() else []
    none = f"<p class=soft>{escape(text)}.</p>" if (text := stability.in_none(folder)) else ""
    return (
        f'<section><h2>Segments</h2>{none}{wide}<div class="grid">{"".join(figures)}</div>'
        f"{_trust(folder)}</section>"
    )


def _trust(folder: Path) -> str:
    """Say whether the segments come back, by segment too; without evidence, how to come by it."""
    lines = "".join(
        f"<p class=soft>{escape(line)}</p>" for line in stability.lines(folder, tables.read(folder))
    )
    rows = "".join(
        f"<tr><td>{dot(k)}{k}</td><td>{row['jaccard']:.2f}</td><td>{row['jaccard_min']:.2f}</td>"
        f"<td>{escape(row['verdict'])}</td></tr>"
        for k, row in stability.by_segment(folder).items()
    )
    if not rows:
        return lines
    head = "".join(f"<th>{title}</th>" for title in ("", "Jaccard", "least", "verdict"))
    return (
        f"<h3 style='margin-top:1.4em'>Do they come back</h3>{lines}<details><summary>By segment: "
        "members shared with the matched segment of a refit, over all in either</summary>"
        f'<div class="scroll half"><table><tr>{head}</tr>{rows}</table></div></details>'
    )


def _alpha(folder: Path) -> list[str]:
    """Draw the distribution of alpha in three pictures."""
    import numpy as np

    alpha = (
        pl.read_parquet(folder / "segments.parquet")
        .select(pl.selectors.starts_with("alpha_"))
        .to_numpy()
    )
    k = alpha.shape[1]
    entropy = -(alpha * np.log(np.maximum(alpha, 1e-12))).sum(1)
    each = [math.exp(value) for value in entropy.tolist()]
    largest, edges = plots.histogram(alpha.max(1).tolist(), 0.0, 1.0, 20)
    high = float(max(2, min(k, 16)))
    held, low = plots.histogram(each, 1.0, high, 15)
    ranked = np.sort(alpha, axis=1)[:, ::-1].mean(0)[:12].tolist()

    def of_users(value: float) -> str:
        return f"{value:.1%} of users"

    first = plots.columns(
        largest, edges, x="largest alpha", alt="Largest alpha of users", percent=True, show=of_users
    )
    many = plots.columns(
        held,
        low,
        x="exp(entropy of alpha)",
        alt="Segments a user is in",
        percent=True,
        show=of_users,
    )
    ranks = plots.columns(
        ranked, [str(n + 1) for n in range(len(ranked))], x="a user's n-th largest segment",
        alt="Mean alpha by rank",
        percent=True, show=lambda v: f"{v:.1%}",
    )  # fmt: skip
    beyond = f"; the last column holds all above {high:.0f}" if k > high else ""
    return [
        figure("Largest alpha", first, f"1: wholly in one segment; 1/{k}: in all of them alike."),
        figure(
            "Segments a user is in",
            many,
            f"exp(mean entropy) {math.exp(entropy.mean()):.1f} of {k}{beyond}.",
        ),
        figure(
            "Alpha by rank",
            ranks,
            "How much of a user the first, second, … segment holds, on average.",
        ),
    ]
