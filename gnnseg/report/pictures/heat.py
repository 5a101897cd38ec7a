"""What kinds of items each segment takes more, and less, than everyone."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from gnnseg.report import plots
from gnnseg.report.categories import Heat
from gnnseg.report.columns import cut
from gnnseg.report.plots import COLOURS, Picture

LEFT, TOP, CELL = 118.0, 22.0, 22.0
FULL = 2.0  # log2 of the lift from which a cell is as deep as it gets
DEEP = 0.5  # its opacity


def heatmap(heat: Heat) -> Picture | None:
    """Draw lifts: blue is more than everyone, red less; None of nothing."""
    rows, across = heat.lift.shape
    if not rows or not across:
        return None
    wide = max(26.0, min(64.0, (420 - LEFT) / across))
    width = max(420.0, LEFT + wide * across + 2)
    finite = np.where(np.isfinite(heat.lift), heat.lift, -1)
    best = [
        f"segment {k}: {heat.categories[int(finite[:, n].argmax())]} ({finite[:, n].max():.1f} ×)"
        for n, k in enumerate(heat.segments)
        if finite[:, n].max() > 0
    ]
    title = f"What each segment takes, by {heat.column.replace('_', ' ')}"
    picture = Picture(title, f"most beyond everyone: {'; '.join(best)}", width, TOP + CELL * rows)
    axes = picture.plot_area(0, 0, 0, 0, bare=True)
    axes.set_xlim(0, width)
    axes.set_ylim(TOP + CELL * rows, 0)
    for n, k in enumerate(heat.segments):
        plots.text(axes, LEFT + wide * (n + 0.5), 10, str(k), ha="center", color=COLOURS["ink"])
    for row, category in enumerate(heat.categories):
        y = TOP + CELL * row
        plots.text(axes, 0, y + CELL / 2, cut(str(category), 20), color=COLOURS["ink"])
        for n in range(across):
            _cell(axes, LEFT + wide * n, y, wide, float(heat.lift[row, n]))
    return picture


def _cell(axes: Axes, x: float, y: float, wide: float, lift: float) -> None:
    if not math.isfinite(lift):
        return
    strength = max(-FULL, min(FULL, math.log2(lift))) if lift > 0 else -FULL
    colour = COLOURS["accent" if strength > 0 else "neg"]
    for fill, opacity in ((COLOURS["hair"], 0.5), (colour, DEEP * abs(strength) / FULL)):
        axes.add_patch(
            Rectangle((x + 1, y + 1), wide - 2, CELL - 2, facecolor=fill, alpha=opacity,
                      clip_on=False)
        )  # fmt: skip
    shown = f"{lift:.1f}" if lift < 9.95 else f"{lift:.0f}"
    middle = x + wide / 2, y + CELL / 2 + 0.5
    plots.text(axes, *middle, shown, ha="center", color=COLOURS["ink"])
