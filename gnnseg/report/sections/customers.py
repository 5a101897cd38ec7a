"""Find a customer: there only where a run's settings say that people may be shown."""

from __future__ import annotations

import polars as pl

from gnnseg.report import directory
from gnnseg.report.html import section
from gnnseg.report.subject import Subject


def customers(run: Subject) -> str:
    """Show the search, and bring everybody along; nothing where people may not be shown."""
    if not run.people or not run.has("segments.parquet", "ids.parquet", "seen.npz"):
        return ""
    count = pl.scan_parquet(run.folder / "segments.parquet").select(pl.len()).collect().item()
    kept = min(count, directory.LARGEST)
    some = "" if kept == count else f" The first {kept:,} of {count:,} people are on this page."
    lead = (
        f"Segment, how surely, why, and what to recommend.{some} Anybody, in full: gnnseg explain "
        "RUN --user ID."
    )
    search = (
        '<div class="find js" hidden><label for="who">Id or name</label>'
        '<input id="who" type="search" autocomplete="off" spellcheck="false" dir="auto">'
        '<p id="found-count" class="soft" role="status"></p><ol id="found"></ol></div>'
        '<p class="soft nojs">Searching needs the page\'s script, which this reader does not run; '
        "segments.parquet in the run's folder has everybody.</p>"
        f'<script type="application/gzip" id="people">{directory.packed(run)}</script>'
    )
    return section("customers", "Find a customer", search, lead=lead)
