"""What a page is about: one run, and what of it may be shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from gnnseg.report import categories, overview, refits
from gnnseg.report.categories import Heat


@dataclass(frozen=True)
class Subject:
    """A run as its page shows it.

    ``people``: whether single people, and groups however small, may be shown; ``lists``: what to
    recommend to everybody, where that is to be found on the page (kind, id, rank, item, name,
    score).
    """

    folder: Path
    record: Mapping[str, Any]
    people: bool = False
    lists: pl.DataFrame | None = None

    @cached_property
    def evaluated(self) -> Mapping[str, Any]:
        """The record whose figures may be shown."""
        return refits.evaluated(self.record)

    @cached_property
    def summary(self) -> pl.DataFrame:
        """The table of segments; empty of a run without segments."""
        return overview.read(self.folder)

    @cached_property
    def hidden(self) -> frozenset[int]:
        """Segments too small to be shown."""
        return overview.hidden(self.summary, self.people)

    @cached_property
    def shown(self) -> pl.DataFrame:
        """The table of the segments that are shown, those with the most people first."""
        kept = ~pl.col("segment").is_in(sorted(self.hidden))
        order = pl.col("people"), pl.col("segment")
        return self.summary.filter(kept).sort(*order, descending=[True, False])

    @cached_property
    def names(self) -> dict[int, str]:
        """What segments are called, by number."""
        return overview.names(self.summary)

    @cached_property
    def heat(self) -> Heat | None:
        """What kinds of items the segments take, by the column that tells most of them."""
        if not len(self.summary):
            return None
        return categories.stored(self.folder) or categories.heat(self.folder, None, self.hidden)

    @property
    def currency(self) -> str | None:
        """The currency of the run's spend, where it is known."""
        found = self.record["data"].get("currency")
        return None if found is None else str(found)

    def has(self, *files: str) -> bool:
        """Return whether the folder has all of some files."""
        return all((self.folder / name).exists() for name in files)
