"""Evidence about segments: how well each is served, how it stands in the graph, what it tells of
people."""

from __future__ import annotations

from pathlib import Path

from gnnseg.report import evidence
from gnnseg.report.html import Cell, Heading, escape, fold, grid
from gnnseg.report.subject import Subject

SHOWN = 100  # segments, the largest


def by_segment(run: Subject) -> str:
    """Show each segment's figures with their intervals, the largest segments first."""
    rows = evidence.by_segment(run.folder, run.shown["segment"].head(SHOWN).to_list())
    if rows is None:
        return ""
    return fold(
        "Evidence by segment", _table("Evidence by segment", rows), escape(evidence.QUALITY)
    )


def associations(folder: Path) -> str:
    """Show how strongly attributes of people go with their segments."""
    rows = evidence.associations(folder)
    if rows is None or not rows.cells:
        return ""
    title = "Segments and what is known of people"
    return fold(title, _table(title, rows), escape(evidence.ASSOCIATION))


def _table(title: str, rows: evidence.TextTable) -> str:
    cells = [[Cell(escape(cell)) for cell in row] for row in rows.cells]
    return grid(title, [Heading(each) for each in rows.columns], cells)
