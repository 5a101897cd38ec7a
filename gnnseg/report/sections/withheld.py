"""Which segments a page for others does not show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gnnseg.report.html import escape


def withheld(record: Mapping[str, Any]) -> str:
    """Name the segments that are withheld, and why; nothing on the owner's own page."""
    apart: Mapping[str, str] | None = record.get("withheld")
    if apart is None:
        return ""
    rows = "".join(f"<li>Segment {escape(k)}: {escape(why)}</li>" for k, why in apart.items())
    listed = f"<ul>{rows}</ul>" if rows else "<p>All segments are shown.</p>"
    return (
        "<section><h2>Not shown</h2><p class=soft>This page is made for others: without single "
        "people and their ids (and so without the map, whose points are single people), without "
        "figures of fewer than ten people, and without groups by which such figures could be "
        f"worked out.</p>{listed}</section>"
    )
