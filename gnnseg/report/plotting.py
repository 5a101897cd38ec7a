"""A run's charts in a notebook: ``run.plot.segments()`` and others."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gnnseg.report.plots import Picture


class Plotting:
    """The attribute of a run that draws it, made when it is asked for."""

    def __get__(self, run: Any, owner: type | None = None) -> RunPlot:
        """Return what draws the run's folder."""
        return RunPlot(Path("") if run is None else run.path)


@dataclass(frozen=True)
class RunPlot:
    """The charts of a run's folder, as figures of matplotlib's.

    They are the owner's: no group is too small to be drawn.
    """

    folder: Path

    def segments(self) -> Picture:
        """Draw each segment's share of people beside its share of revenue.

        Raises:
            InputError: The run has no segments.
        """
        from gnnseg.report import overview
        from gnnseg.report.pictures import segments

        return self._drawn(segments.shares(overview.read(self.folder)))

    def map(self) -> Picture:
        """Draw people as points, those who are alike near each other (3,000 at most, at random).

        Raises:
            InputError: The run has no segments.
        """
        from gnnseg.report.pictures import people

        return self._drawn(people.people(self.folder))

    def heatmap(self, column: str | None = None) -> Picture:
        """Draw how many times more often than everyone each segment takes each kind of item.

        Args:
            column: Of the items' table, with a few kinds, such as department; None: the one that
                tells segments apart most.

        Raises:
            InputError: The items have no such column, or the run has no segments.
        """
        from gnnseg.report import categories
        from gnnseg.report.pictures import heat

        lifts = categories.heat(self.folder, column)
        return self._drawn(None if lifts is None else heat.heatmap(lifts), "kinds of items")

    def flow(self, earlier: Any) -> Picture:
        """Draw who moved where since another run, by the users that both have.

        Args:
            earlier: The other run, or its folder.

        Raises:
            InputError: One of the runs has no segments, or no user is in both.
        """
        import polars as pl

        from gnnseg.report import overview
        from gnnseg.report.pictures import flow

        before = Path(getattr(earlier, "path", earlier)).expanduser()
        for folder in (before, self.folder):
            if not (folder / "segments.parquet").exists():
                raise _error(f"{folder}: no segments there.")
        then, now = (
            pl.read_parquet(folder / "segments.parquet", columns=["user", "segment"]).drop_nulls()
            for folder in (before, self.folder)
        )
        both = then.rename({"segment": "was"}).join(now.rename({"segment": "now"}), on="user")
        moves = both.group_by("was", "now").agg(users=pl.len())
        old, new = overview.read(before), overview.read(self.folder)
        matched = old.drop_nulls("id").join(new, on="id").select("segment", "segment_right")
        drawn = flow.flow(moves, overview.names(old), overview.names(new), dict(matched.rows()))
        return self._drawn(drawn, "user in both runs")

    def _drawn(self, picture: Picture | None, what: str = "segments") -> Picture:
        if picture is None:
            raise _error(f"{self.folder.name}: there is nothing to draw, this run has no {what}.")
        return picture


def _error(sentence: str) -> Exception:
    from gnnseg.types import InputError

    return InputError(sentence)
