"""Curves, columns and histograms: how training went, how figures go with K, how sharp alpha is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from gnnseg.report import plots
from gnnseg.report.plots import COLOURS, SERIES, Picture

Points = Sequence[tuple[float, float]]
MARGINS = (48.0, 14.0, 12.0, 38.0)  # left, right, top, bottom
NEAR = 20  # points of a curve up to which each is marked


def lines(
    series: Mapping[str, Points],
    *,
    title: str,
    x: str,
    said: str,
    mark: tuple[float, float] | None = None,
) -> Picture | None:
    """Draw curves over a common x, the n-th in the page's n-th colour; None of nothing.

    Args:
        series: The points of each curve by its name.
        title: What it is.
        x: The name of the common axis.
        said: What the chart shows, in words.
        mark: One point to point at.
    """
    kept = {name: _finite(points) for name, points in series.items()}
    if not any(kept.values()):
        return None
    picture = Picture(title, said)
    axes = picture.plot_area(*MARGINS)
    for number, points in enumerate(kept.values()):
        colour = COLOURS[SERIES[number % len(SERIES)]]
        if len(points) > 1:
            axes.plot(*zip(*points), color=colour, linewidth=2, clip_on=False,
                      solid_capstyle="round", dashes=dashes(number))  # fmt: skip
        if 0 < len(points) <= NEAR:
            plots.dots(axes, points, colour, 5)
    if mark is not None:
        axes.axvline(mark[0], color=COLOURS["soft"], linewidth=1, dashes=(3, 4), clip_on=False)
        plots.dots(axes, [mark], COLOURS["ink"], 8, zorder=5)
    axes.margins(x=0.02, y=0.06)
    axes.autoscale_view()
    plots.grid(axes)
    plots.named_axis(axes, x)
    return picture


def columns(
    values: Sequence[float],
    labels: Sequence[str],
    *,
    title: str,
    x: str,
    said: str,
) -> Picture | None:
    """Draw shares as upright columns from 0; None of nothing.

    Args:
        values: Their heights, shares.
        labels: Their names, along the axis as far as there is room.
        title: What it is.
        x: The name of the axis.
        said: What the chart shows, in words.
    """
    if not values:
        return None
    picture = Picture(title, said)
    axes = picture.plot_area(*MARGINS)
    axes.bar(range(len(values)), values, width=0.84, color=COLOURS["accent"], clip_on=False)
    axes.set_xlim(-0.5, len(values) - 0.5)
    axes.set_ylim(0, max([*values, 1e-9]) * 1.05)
    plots.grid(axes, show=lambda value: f"{value:.3g} %" if value else "0")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value * 100:.3g} %")
    every = max(1, math.ceil(len(values) * (9 + 7 * max(map(len, labels))) / 340))
    _names(axes, labels, every)
    plots.named_axis(axes, x)
    return picture


def plotted(
    axes: Axes,
    labels: Sequence[str],
    series: Mapping[str, Sequence[float | None]],
    *,
    x: str,
    errors: Sequence[float | None] = (),
    level: float | None = None,
    mark: int | None = None,
) -> None:
    """Draw curves over names that stand side by side, the n-th in the page's n-th colour.

    Args:
        axes: Where.
        labels: The names along the axis.
        series: The values of each curve by its name; what is not there is left out.
        x: The name of the axis.
        errors: Of the first curve's values, drawn both ways.
        level: A value to draw a line at.
        mark: Which of the names to point at, from 0.
    """
    if mark is not None:
        axes.axvline(mark, color=COLOURS["soft"], linewidth=1, dashes=(3, 4), clip_on=False)
    if level is not None:
        axes.axhline(level, color=COLOURS["soft"], linewidth=1, dashes=(1, 3), clip_on=False)
    for number, values in enumerate(series.values()):
        points = _finite([(n, v) for n, v in enumerate(values) if v is not None])
        if not points:
            continue
        colour, (at, heights) = COLOURS[SERIES[number % len(SERIES)]], zip(*points)
        axes.plot(at, heights, color=colour, linewidth=2, clip_on=False, dashes=dashes(number))
        plots.dots(axes, points, colour, 5.5)
        for n, value in points if number == 0 and errors else ():
            error = errors[int(n)]
            if error and math.isfinite(error):
                axes.vlines(n, value - error, value + error, color=colour, linewidth=1.4,
                            clip_on=False)  # fmt: skip
    axes.set_xlim(-0.5, len(labels) - 0.5)
    axes.autoscale_view(scalex=False)
    plots.grid(axes)
    _names(axes, labels, 1)
    plots.named_axis(axes, x)


def histogram(
    values: Sequence[float], low: float, high: float, bins: int
) -> tuple[list[float], list[str]]:
    """Return the share of the values in each of equal bins, and each bin's lower edge as text.

    The last bin holds ``high`` and what lies above it.
    """
    edges = np.linspace(low, high, bins + 1)
    counts, _ = np.histogram(np.clip(np.asarray(values, dtype=float), low, high), bins=edges)
    return (counts / max(1, len(values))).tolist(), [f"{edge:.3g}" for edge in edges[:-1]]


def _names(axes: Axes, labels: Sequence[str], every: int) -> None:
    at = range(0, len(labels), every)
    axes.set_xticks(list(at), [labels[n] for n in at], parse_math=False)


def dashes(number: int) -> tuple[float, ...]:
    """Return how a curve is dashed: colours alone would not tell curves apart for everyone."""
    return ((1, 0), (5, 2), (2, 2))[number % 3]


def _finite(points: Points) -> list[tuple[float, float]]:
    return [(float(a), float(b)) for a, b in points if b is not None and math.isfinite(b)]
