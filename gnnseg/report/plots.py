"""Plots as inline SVG, drawn by hand.

They take their colours from the page, light or dark, and need no script.

A plotting library would bring megabytes and its own colours for what are three simple shapes.
Coordinates are those of a view box ``WIDTH`` wide; the page scales it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape

WIDTH, HEIGHT = 400, 200
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 12, 34
Points = Sequence[tuple[float, float]]


def lines(
    series: Mapping[str, Points], *, x: str, alt: str, mark: tuple[float, float, str] | None = None
) -> str:
    """Draw curves over a common x, the n-th in the page's n-th colour.

    Args:
        series: The points of each curve by its name.
        x: The name of the common axis.
        alt: What the plot shows, in words.
        mark: One point to point at: x, y, what it is.
    """
    kept = {name: _finite(points) for name, points in series.items()}
    everything = [point for points in kept.values() for point in points]
    if not everything:
        return ""
    xs = _Axis.of([point[0] for point in everything], LEFT, WIDTH - RIGHT, tight=True)
    ys = _Axis.of([point[1] for point in everything], HEIGHT - BOTTOM, TOP)
    parts = [_grid(ys), _x_axis(xs, x)]
    for number, (name, points) in enumerate(kept.items()):
        path = " ".join(
            f"{'L' if at else 'M'}{xs(a):.1f} {ys(b):.1f}" for at, (a, b) in enumerate(points)
        )
        parts.append(
            f'<path class="line c{number}" d="{path}"><title>{escape(name)}</title></path>'
        )
        if len(points) == 1:
            at_x, at_y = xs(points[0][0]), ys(points[0][1])
            parts.append(f'<circle class="dot c{number}" cx="{at_x:.1f}" cy="{at_y:.1f}" r="3"/>')
    if mark is not None:
        at_x, at_y = xs(mark[0]), ys(mark[1])
        parts.append(
            f'<line class="mark" x1="{at_x:.1f}" x2="{at_x:.1f}" '
            f'y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>'
            f'<circle class="marked" cx="{at_x:.1f}" cy="{at_y:.1f}" r="4">'
            f"<title>{escape(mark[2])}</title></circle>"
        )
    return framed(parts, alt)


def columns(
    values: Sequence[float],
    labels: Sequence[str],
    *,
    x: str,
    alt: str,
    ticks: Sequence[float] | None = None,
    show: Callable[[float], str] = lambda value: f"{value:.3g}",
    hues: bool = False,
    percent: bool = False,
    width: int = WIDTH,
) -> str:
    """Draw upright columns from 0.

    Args:
        values: Their heights.
        labels: Their names, along the axis as far as there is room.
        x: The name of the axis.
        alt: What the plot shows, in words.
        ticks: A second value of each, a line across it.
        show: A value in words, for the hint of a column.
        hues: Whether each has its segment's colour.
        percent: Whether the values are shares.
        width: Of the view box.
    """
    if not values:
        return ""
    ys = _Axis.of([0.0, *values, *(ticks or [])], HEIGHT - BOTTOM, TOP)
    step = (width - LEFT - RIGHT) / len(values)
    gap = min(3.0, step * 0.18)
    parts = [_grid(ys, percent, width)]
    every = max(
        1, math.ceil(len(values) / max(1, int((width - LEFT) / (9 + 7 * max(map(len, labels))))))
    )
    for number, (value, label) in enumerate(zip(values, labels, strict=True)):
        at, top = LEFT + number * step, ys(value)
        style = f' style="--h:{hue(number + 1):.0f}"' if hues else ""
        title = f"{label}: {show(value)}" + (f" ({show(ticks[number])})" if ticks else "")
        parts.append(
            f'<rect class="{"seg" if hues else "col"}"{style} x="{at + gap / 2:.1f}" y="{top:.1f}" '
            f'width="{max(0.5, step - gap):.1f}" '
            f'height="{max(0.0, HEIGHT - BOTTOM - top):.1f}" rx="1.5">'
            f"<title>{escape(title)}</title></rect>"
        )
        if ticks:
            y = ys(ticks[number])
            parts.append(
                f'<line class="tick" x1="{at:.1f}" x2="{at + step:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>'
            )
        if number % every == 0:
            parts.append(_text(at + step / 2, HEIGHT - BOTTOM + 13, label))
    parts.append(_text((LEFT + width - RIGHT) / 2, HEIGHT - 4, x, "axis"))
    return framed(parts, alt, width)


def plotted(
    labels: Sequence[str],
    series: Mapping[str, Sequence[float | None]],
    *,
    x: str,
    errors: Sequence[float | None] = (),
    level: tuple[float, str] | None = None,
    mark: int | None = None,
) -> str:
    """Draw curves over names that stand side by side, without a frame (``framed``).

    The n-th curve is in the page's n-th colour.

    Args:
        labels: The names along the axis.
        series: The values of each curve by its name; what is not there is left out.
        x: The name of the axis.
        errors: Of the first curve's values, drawn both ways.
        level: A value to draw a line at, and what it is.
        mark: Which of the names to point at, from 0.
    """
    step = (WIDTH - LEFT - RIGHT) / max(1, len(labels))
    at = [LEFT + (number + 0.5) * step for number in range(len(labels))]
    kept = {
        name: [(n, v) for n, v in enumerate(values) if v is not None and math.isfinite(v)]
        for name, values in series.items()
    }
    first = next(iter(kept.values()), [])
    whiskers = [
        (n, v - e, v + e) for n, v in first if errors and (e := errors[n]) and math.isfinite(e)
    ]
    ends = [y for _, low, high in whiskers for y in (low, high)]
    every = [v for points in kept.values() for _, v in points]
    if not every:
        return ""
    ys = _Axis.of([*every, *ends, *([level[0]] if level else [])], HEIGHT - BOTTOM, TOP)
    parts = [_grid(ys)]
    parts += [_text(at[n], HEIGHT - BOTTOM + 13, label) for n, label in enumerate(labels)]
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 4, x, "axis"))
    if mark is not None:
        parts.append(_rule("mark", at[mark], at[mark], TOP, HEIGHT - BOTTOM))
    if level is not None:
        parts.append(_rule("level", LEFT, WIDTH - RIGHT, ys(level[0]), ys(level[0]), level[1]))
    parts += [_rule("whisker", at[n], at[n], ys(low), ys(high)) for n, low, high in whiskers]
    for number, (name, points) in enumerate(kept.items()):
        if not points:
            continue
        path = " ".join(
            f"{'L' if place else 'M'}{at[n]:.1f} {ys(v):.1f}" for place, (n, v) in enumerate(points)
        )
        parts.append(
            f'<path class="line c{number}" d="{path}"><title>{escape(name)}</title></path>'
        )
        parts += [
            f'<circle class="dot c{number}" cx="{at[n]:.1f}" cy="{ys(v):.1f}" r="2.6">'
            f"<title>{escape(f'{name}, {labels[n]}: {v:.4g}')}</title></circle>"
            for n, v in points
        ]
    return "".join(parts)


def histogram(
    values: Sequence[float], low: float, high: float, bins: int
) -> tuple[list[float], list[str]]:
    """Return the share of the values in each of equal bins, and each bin's lower edge as text.

    The last bin holds ``high`` and what lies above it.
    """
    counts = [0] * bins
    for value in values:
        at = int((value - low) / (high - low) * bins) if high > low else 0
        counts[min(max(at, 0), bins - 1)] += 1
    width = (high - low) / bins
    return [count / max(1, len(values)) for count in counts], [
        f"{low + number * width:.3g}" for number in range(bins)
    ]


def hue(segment: int) -> float:
    """Return a segment's colour in degrees; the golden angle keeps neighbours apart."""
    return (segment * 137.508 + 60) % 360


class _Axis:
    """From values to places: a linear scale with round ticks."""

    def __init__(
        self, low: float, high: float, start: float, end: float, ticks: list[float]
    ) -> None:
        self.low, self.high, self.start, self.end, self.ticks = low, high, start, end, ticks

    @staticmethod
    def of(values: Sequence[float], start: float, end: float, tight: bool = False) -> _Axis:
        low, high = min(values), max(values)
        if low == high:
            low, high = (
                (low - 0.5, high + 0.5)
                if not low
                else (low - abs(low) * 0.1, high + abs(high) * 0.1)
            )
        step = _round_step((high - low) / 4)
        if not tight:
            low, high = math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step
        first = math.ceil(low / step - 1e-9)
        ticks = [number * step for number in range(first, math.floor(high / step + 1e-9) + 1)]
        return _Axis(low, high, start, end, ticks)

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


def _round_step(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999) * power


def _finite(points: Points) -> list[tuple[float, float]]:
    return [(float(a), float(b)) for a, b in points if b is not None and math.isfinite(b)]


def _grid(axis: _Axis, percent: bool = False, width: int = WIDTH) -> str:
    parts = []
    for tick in axis.ticks:
        y = axis(tick)
        label = f"{tick * 100:.4g} %" if percent else f"{tick:.4g}"
        parts.append(
            f'<line class="grid" x1="{LEFT}" x2="{width - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        )
        parts.append(_text(LEFT - 6, y + 3.5, label, "y"))
    return "".join(parts)


def _x_axis(axis: _Axis, name: str) -> str:
    parts = [_text(axis(tick), HEIGHT - BOTTOM + 13, f"{tick:.4g}") for tick in axis.ticks]
    return "".join(parts) + _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 4, name, "axis")


def _text(x: float, y: float, text: str, kind: str = "x") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'


def _rule(kind: str, x1: float, x2: float, y1: float, y2: float, title: str = "") -> str:
    said = f"<title>{escape(title)}</title>" if title else ""
    return (
        f'<line class="{kind}" x1="{x1:.1f}" x2="{x2:.1f}" y1="{y1:.1f}" y2="{y2:.1f}">{said}'
        "</line>"
    )


def framed(parts: Sequence[str], alt: str, width: int = WIDTH) -> str:
    """Return what was drawn as a picture; ``alt``: what it shows, in words."""
    head = f'<svg viewBox="0 0 {width} {HEIGHT}" role="img" aria-label="{escape(alt)}">'
    return f"{head}{''.join(parts)}</svg>"
