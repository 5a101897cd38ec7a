"""Who moved where between two runs: bands from segments then to segments now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path

from gnnseg.report import plots
from gnnseg.report.columns import cut
from gnnseg.report.plots import COLOURS, Picture

SHOWN = 10  # segments a side; others are one band
OTHERS = 0  # their number
GAP = 7.0
WIDTH, BAR = 420.0, 10.0
SIDE = 134.0  # pixels of names, each side


def flow(
    moves: pl.DataFrame,
    then: Mapping[int, str],
    now: Mapping[int, str],
    same: Mapping[int, int] | None = None,
) -> Picture | None:
    """Draw people as bands from their segment then to their segment now; None where nobody is.

    Args:
        moves: A row a pair: was, now (numbers of segments), users.
        then: What the segments of before are called, by number.
        now: What those of today are called.
        same: Which of those of before is which of today; None: those of the same number.
    """
    rows = moves.filter(pl.col("users") > 0)
    if not len(rows):
        return None
    rows = _few(_few(rows, "was"), "now").group_by("was", "now").agg(pl.col("users").sum())
    rows = rows.sort(*(pl.col(key).replace(OTHERS, 10**9) for key in ("was", "now")))
    everyone = int(rows["users"].sum())
    rows = rows.filter((pl.col("was") != OTHERS) | (pl.col("now") != OTHERS))
    total = int(rows["users"].sum())
    left_out = f" ({everyone - total:,} among smaller segments not drawn)" * (total < everyone)
    became = {k: k for k in rows["was"]} if same is None else dict(same)
    stays = pl.col("now") == pl.col("was").replace_strict(became, default=-1)
    largest = rows.filter(~stays).sort("users", descending=True).head(5)
    said = f"{everyone:,} people followed{left_out}; " + "; ".join(
        f"{n:,} from {_name(a, then)} to {_name(b, now)}" for a, b, n in largest.rows()
    )
    count = max(rows["was"].n_unique(), rows["now"].n_unique())
    height = 60.0 + 30.0 * count
    picture = Picture("Who moved where", said, WIDTH, height)
    axes = picture.plot_area(0, 0, 0, 0, bare=True)
    axes.set_xlim(0, WIDTH)
    axes.set_ylim(height, 0)
    scale = (height - 30 - GAP * count) / total
    shade = {k: plots.colour(became.get(k, k)) if k else COLOURS["quiet"] for k in rows["was"]}
    left = _bars(axes, rows, "was", SIDE, then, scale, "right", shade)
    right = _bars(axes, rows, "now", WIDTH - SIDE - BAR, now, scale, "left",
                  {k: plots.colour(k) if k else COLOURS["quiet"] for k in rows["now"]})  # fmt: skip
    for was, to, users in rows.rows():
        _band(axes, left[was], right[to], users * scale, shade[was])
        left[was] += users * scale
        right[to] += users * scale
    plots.text(axes, SIDE + BAR, 9, "then", ha="right", fontsize=12)
    plots.text(axes, WIDTH - SIDE - BAR, 9, "now", ha="left", fontsize=12)
    return picture


def _few(rows: pl.DataFrame, key: str) -> pl.DataFrame:
    """Return the moves with all but the largest segments of a side as one."""
    sizes = (
        rows.group_by(key).agg(pl.col("users").sum()).sort("users", key, descending=[True, False])
    )
    kept = sizes[key].to_list() if len(sizes) <= SHOWN + 1 else sizes[key].head(SHOWN).to_list()
    return rows.with_columns(
        pl.when(pl.col(key).is_in(kept)).then(key).otherwise(OTHERS).alias(key)
    )


def _bars(
    axes: Any, rows: pl.DataFrame, key: str, x: float, names: Mapping[int, str], scale: float,
    side: str, shade: Mapping[int, str],
) -> dict[int, float]:  # fmt: skip
    """Draw a side's segments; return where each begins."""
    y, found = 24.0, {}
    for number, users in (
        rows.group_by(key, maintain_order=True)
        .agg(pl.col("users").sum())
        .sort(pl.col(key).replace(OTHERS, 10**9))
        .rows()
    ):
        found[number] = y
        tall = users * scale
        axes.add_patch(Rectangle((x, y), BAR, tall, facecolor=shade[number], clip_on=False))
        at = x - 6 if side == "right" else x + BAR + 6
        said = f"\u2068{cut(_name(number, names), 15)}\u2069 {users:,}"  # isolated
        plots.text(axes, at, y + tall / 2, said, ha=side, fontsize=11.5, color=COLOURS["ink"])
        y += max(tall, 9.0) + GAP
    return found


def _band(axes: Any, left: float, right: float, tall: float, colour: str) -> None:
    a, b = SIDE + BAR, WIDTH - SIDE - BAR
    middle = (a + b) / 2
    points = [
        (a, left), (middle, left), (middle, right), (b, right), (b, right + tall),
        (middle, right + tall), (middle, left + tall), (a, left + tall), (a, left),
    ]  # fmt: skip
    codes = [Path.MOVETO, *[Path.CURVE4] * 3, Path.LINETO, *[Path.CURVE4] * 3, Path.CLOSEPOLY]
    axes.add_patch(
        PathPatch(Path(points, codes), facecolor=colour, alpha=0.4,
                  edgecolor="none", clip_on=False)
    )  # fmt: skip


def _name(number: int, names: Mapping[int, str]) -> str:
    return "others" if number == OTHERS else names.get(number, f"segment {number}")
