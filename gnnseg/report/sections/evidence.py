"""Evidence about segments: how well each is served, how it stands in the graph, what it tells of
people."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from gnnseg.report import evidence
from gnnseg.report.html import escape

SHOWN = 100  # segments, the largest


def by_segment(folder: Path) -> str:
    """Show each segment's figures with their intervals, the largest segments first."""
    if not (folder / "groups.parquet").exists():
        return ""
    groups = pl.read_parquet(folder / "groups.parquet", columns=["segment", "share"])
    order = groups.sort("share", "segment", descending=[True, False])["segment"].to_list()
    rows = evidence.by_segment(folder, order[:SHOWN])
    if rows is None:
        return ""
    return (
        f"<section><h2>Evidence by segment</h2><p class=soft>{escape(evidence.QUALITY)}</p>"
        f"{_table(rows)}</section>"
    )


def associations(folder: Path) -> str:
    """Show how strongly attributes of people go with their segments."""
    rows = evidence.associations(folder)
    if rows is None or not rows.cells:
        return ""
    return (
        f"<section><h2>Segments and what is known of people</h2><p class=soft>"
        f"{escape(evidence.ASSOCIATION)}</p>{_table(rows)}</section>"
    )


def _table(rows: evidence.TextTable) -> str:
    head = "".join(f"<th>{escape(title)}</th>" for title in rows.columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows.cells
    )
    return f'<div class="scroll"><table><tr>{head}</tr>{body}</table></div>'
