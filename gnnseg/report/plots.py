"""Charts by matplotlib, as SVG that takes its colours from the page, light or dark.

A chart is drawn in the page's light colours (``COLOURS``), so that it can be saved and shown
anywhere; in SVG each of them becomes the style sheet's variable of that name. Texts stay texts.
Sizes are in pixels: a figure's unit is a point, at 72 dots an inch.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable
from functools import cache
from html import escape
from typing import Any
from xml.etree import ElementTree

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.ticker import FuncFormatter, MaxNLocator

from gnnseg.report.style import CHART_COLOURS, hue
from gnnseg.report.style import COLOURS as VARIABLES

COLOURS = CHART_COLOURS  # by the name of their variable, light
SERIES = ("accent", "accent2", "accent3")  # of curves, in order
LIGHT, CHROMA = 0.6, 0.13  # of segments' colours in oklch, by light
TEXT = 11.0
SVG = "{http://www.w3.org/2000/svg}"
TWO = re.compile(r"(\d+\.\d\d)\d+")  # decimals, of which two are enough
FAMILY = re.compile(r"font-family:[^;]*;\s*")
HEX = re.compile(r"#[0-9a-f]{6}\b")


class Picture(Figure):
    """A chart with its title and what it shows, in words; a notebook shows it as SVG."""

    def __init__(self, title: str, said: str, width: float = 400, height: float = 200) -> None:
        super().__init__(figsize=(width / 72, height / 72), dpi=72, facecolor=COLOURS["card"])
        self.heading, self.said = title, said

    def plot_area(
        self, left: float, right: float, top: float, bottom: float, *, bare: bool = False
    ) -> Axes:
        """Return axes within margins in pixels; ``bare``: without axes' lines and ticks."""
        width, height = (float(value) * 72 for value in self.get_size_inches())
        box = (
            left / width,
            bottom / height,
            (width - left - right) / width,
            (height - top - bottom) / height,
        )
        axes = self.add_axes(box, facecolor="none")
        axes.set_axisbelow(True)
        for spine in axes.spines.values():
            spine.set_visible(False)
        axes.tick_params(bottom=False, left=False, labelsize=TEXT, labelcolor=COLOURS["soft"])
        if bare:
            axes.set_axis_off()
        return axes

    def svg(self, *, alone: bool = False) -> str:
        """Return the chart as SVG; ``alone``: as a document that brings its colours along."""
        out = io.BytesIO()
        settings = {"svg.fonttype": "none", "svg.hashsalt": "gnnseg"}
        with rc_context(settings), warnings.catch_warnings():  # type: ignore[arg-type]
            warnings.filterwarnings("ignore", message="Glyph")  # a browser has other fonts
            self.savefig(out, format="svg", metadata={"Date": None})
        return _inline(out.getvalue(), self.heading, self.said, alone)

    def _repr_svg_(self) -> str:
        return self.svg(alone=True)


@cache
def colour(segment: int) -> str:
    """Return a segment's colour, light, as the page's ``oklch(.6 .13 hue)`` (Ottosson 2020)."""
    angle = np.deg2rad(round(hue(segment)))
    a, b = CHROMA * np.cos(angle), CHROMA * np.sin(angle)
    lms = np.array([
        LIGHT + 0.3963377774 * a + 0.2158037573 * b,
        LIGHT - 0.1055613458 * a - 0.0638541728 * b,
        LIGHT - 0.0894841775 * a - 1.2914855480 * b,
    ]) ** 3  # fmt: skip
    matrix = np.array([
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.7076147010],
    ])  # fmt: skip
    linear = np.clip(matrix @ lms, 0, 1)
    srgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    found = "#" + "".join(f"{round(255 * float(value)):02x}" for value in srgb)
    _HUES[found] = round(hue(segment))
    return found


_HUES: dict[str, int] = {}  # of segments' colours that were drawn


def text(axes: Axes, x: float, y: float, said: str, **how: Any) -> Any:
    """Write a text as it stands, never as a formula; beyond the axes too."""
    style = {"fontsize": TEXT, "color": COLOURS["soft"], "va": "center"} | how
    return axes.text(x, y, said, parse_math=False, clip_on=False, **style)


def dots(axes: Axes, points: Any, colour: str, size: float, **how: Any) -> None:
    """Draw points (N,2), all of one colour, as one path: strokes without length, round at ends."""
    at = np.repeat(np.asarray(points, dtype=float), 2, axis=0)
    at[1::2, 0] += 1e-9  # a stroke that some renderers would leave out otherwise
    codes = np.tile(np.array([Path.MOVETO, Path.LINETO], dtype=Path.code_type), len(points))
    path = Path(at, codes)
    path.should_simplify = False
    axes.add_patch(
        PathPatch(path, fill=False, edgecolor=colour, linewidth=size, capstyle="round",
                  clip_on=False, **how)
    )  # fmt: skip


def grid(
    axes: Axes, axis: str = "y", show: Callable[[float], str] = lambda value: f"{value:.4g}"
) -> None:
    """Put round ticks and faint lines on an axis."""
    one = axes.yaxis if axis == "y" else axes.xaxis
    one.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
    one.set_major_formatter(FuncFormatter(lambda value, _: show(round(value, 12))))
    axes.grid(axis=axis, color=COLOURS["hair"], linewidth=1, clip_on=False)  # type: ignore[arg-type]


def named_axis(axes: Axes, name: str) -> None:
    """Name the horizontal axis."""
    axes.set_xlabel(name, fontsize=TEXT, color=COLOURS["soft"], parse_math=False)


def _inline(drawn: bytes, title: str, said: str, alone: bool) -> str:
    """Return matplotlib's SVG without ids, fonts and styles that would meet the page's."""
    root = ElementTree.fromstring(drawn)
    for element in root.iter():
        element.tag = element.tag.removeprefix(SVG)
        element.attrib.pop("id", None)
        element.tail = None
        if element.tag != "text":
            element.text = None
        for key in ("x", "y", "d"):
            if key in element.attrib:
                element.set(key, TWO.sub(r"\1", " ".join(element.get(key, "").split())))
        if "style" in element.attrib:
            style = FAMILY.sub("", element.get("style", ""))
            element.set("style", HEX.sub(_variable, style).replace(": ", ":").replace("; ", ";"))
        if element.get("transform", "").startswith(("rotate(-0 ", "rotate(0 ")):
            del element.attrib["transform"]
    parts = [part for part in _unwrapped(root) if part.tag in ("path", "text", "g")]
    inner = "".join(ElementTree.tostring(part, encoding="unicode") for part in parts)
    box = root.get("viewBox", "0 0 1 1")
    label = f"<title>{escape(title)}</title><desc>{escape(said)}</desc>"
    head = f'viewBox="{box}" role="img" aria-label="{escape(f"{title}. {said}")}"'
    if not alone:
        return f"<svg {head}>{label}{inner}</svg>"
    width, height = box.split()[2:]
    style = f"<style>{VARIABLES}text{{font-family:system-ui,sans-serif}}</style>"
    return (
        f'<svg xmlns="{SVG[1:-1]}" width="{width}" height="{height}" {head}>{label}{style}{inner}'
        "</svg>\n"
    )


def _unwrapped(element: ElementTree.Element) -> list[ElementTree.Element]:
    """Return an element's content with groups that say nothing dissolved."""
    found: list[ElementTree.Element] = []
    for child in element:
        found += _unwrapped(child) if child.tag == "g" and not child.attrib else [child]
    return found


def _variable(found: re.Match[str]) -> str:
    value = found[0]
    if value in _HUES:
        return f"oklch(var(--l) {CHROMA} {_HUES[value]})"
    return f"var(--{_NAMES[value]})" if value in _NAMES else value


_NAMES = {value: name for name, value in COLOURS.items()}
