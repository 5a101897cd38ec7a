"""The page of a run: one static file, no script, no network."""

from __future__ import annotations

from pathlib import Path

from gnnseg.report import tables


def write(folder: Path) -> Path:
    """report.html in a run's folder."""
    import html

    path = folder / "report.html"
    path.write_text(f"<pre>{html.escape(tables.metrics(tables.read(folder)))}</pre>", "utf-8")
    return path
