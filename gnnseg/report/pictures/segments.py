"""The one picture to show: how many people are in each segment, and how much they bring."""

from __future__ import annotations

from typing import Any

import polars as pl

from gnnseg.report import amounts, overview, plots
from gnnseg.report.plots import COLOURS, Picture

SHOWN = 12  # segments
ROW, BARS = 46.0, 9.0  # pixels of a segment, of a bar


def shares(summary: pl.DataFrame) -> Picture | None:
    """Draw each segment's share of people beside its share of revenue, the largest first.

    Args:
        summary: The table of segments, without those too small to be shown.
    """
    rows = summary.filter(pl.col("share") > 0)
    if not len(rows):
        return None
    money = rows["revenue_share"].null_count() < len(rows)
    by = "revenue_share" if money else "share"
    rows = rows.sort(by, "segment", descending=[True, False], nulls_last=True)
    drawn = rows.head(SHOWN)
    title = "Who the people are, and who brings the revenue" if money else "Who the people are"
    said = "; ".join(_in_words(row) for row in drawn.iter_rows(named=True))
    more = len(rows) - len(drawn)
    said += f"; and {more} more" if more else ""
    step = ROW if money else ROW - 12
    picture = Picture(title, said, 420, step * len(drawn) + (20 if more else 2))
    axes = picture.plot_area(0, 0, 0, 0, bare=True)
    axes.set_xlim(0, 420)
    axes.set_ylim(step * len(drawn) + (20 if more else 2), 0)
    largest = max(
        float(value) for key in ("share", "revenue_share") for value in drawn[key].drop_nulls()
    )
    for number, row in enumerate(drawn.iter_rows(named=True)):
        top = number * step
        plots.text(axes, 0, top + 9, overview.called(row, 52), fontsize=12, color=COLOURS["ink"])
        colour = plots.colour(row["segment"])
        _bar(axes, top + 20, row["share"], largest, colour, "people")
        if row["revenue_share"] is not None:
            _bar(axes, top + 33, row["revenue_share"], largest, COLOURS["ink"], "revenue")
    if more:
        plots.text(axes, 0, step * len(drawn) + 10, f"… and {more} more")
    return picture


def _bar(axes: Any, y: float, share: float, largest: float, colour: str, of: str) -> None:
    width = 300 * share / largest
    axes.barh(y, max(width, 1.5), height=BARS, color=colour, clip_on=False)
    plots.text(axes, max(width, 1.5) + 6, y + 0.5, f"{amounts.percent(share)} of {of}", fontsize=10)


def _in_words(row: dict[str, Any]) -> str:
    money = row["revenue_share"]
    brings = "" if money is None else f" and {amounts.percent(money)} of revenue"
    return f"{overview.called(row, 52)}: {amounts.percent(row['share'])} of people{brings}"
