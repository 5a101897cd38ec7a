"""Charts as SVG: in the page's colours, texts as texts, nothing that meets the page's own."""

import math
import re
import xml.dom.minidom
from itertools import pairwise

import numpy as np
import polars as pl
import pytest

from gnnseg.report import plots, style
from gnnseg.report.overview import COLUMNS
from gnnseg.report.pictures import curves, flow, heat, people, segments
from gnnseg.report.plots import Picture

HEX = re.compile(r"#[0-9a-fA-F]{3,8}\b")


def strokes(svg, colour):
    """The points of paths stroked in a colour."""
    found = re.findall(rf'd="([^"]+)" style="[^"]*stroke:{re.escape(colour)}', svg)
    return [[tuple(map(float, p)) for p in re.findall(r"(-?[\d.]+) (-?[\d.]+)", d)] for d in found]


def table(**columns):
    count = len(next(iter(columns.values())))
    empty = {name: [None] * count for name in COLUMNS}
    return pl.DataFrame({**empty, **columns}, schema=COLUMNS)


def test_lines_pass_through_their_points():
    points = [(1, 4.0), (2, 2.0), (3, math.nan), (5, 3.0)]
    picture = curves.lines({"loss": points}, title="Loss", x="epoch", said="it falls")
    line = max(strokes(picture.svg(), "var(--accent)"), key=len)
    drawn = sorted({(round(x), round(y, 1)) for x, y in line})
    assert len(drawn) == 3  # NaN is left out
    (x1, y1), (x2, y2), (x5, y5) = drawn
    assert x5 - x2 == pytest.approx(3 * (x2 - x1), abs=2)
    assert y5 == pytest.approx((y1 + y2) / 2, abs=0.2)
    assert y2 > y1  # upwards is less


def test_a_chart_stands_in_the_page_without_touching_it():
    picture = curves.columns([0.5, 0.25], ["<b>", "$x$"], title="<i>", x="a & b", said='"><script>')
    svg = picture.svg()
    xml.dom.minidom.parseString(svg)
    for forbidden in ("<style", " id=", "url(", "<use", "xmlns", "font-family", "<b>", "<script"):
        assert forbidden not in svg
    assert ">&lt;b&gt;</text>" in svg
    assert ">$x$</text>" in svg  # a text, no formula
    assert "<title>&lt;i&gt;</title><desc>" in svg
    assert 'role="img"' in svg
    assert HEX.search(svg) is None  # all colours are the page's
    assert picture.svg() == svg  # drawn again it is the same


def test_alone_a_chart_brings_its_colours():
    alone = curves.columns([1.0], ["a"], title="T", x="x", said="s").svg(alone=True)
    xml.dom.minidom.parseString(alone)
    assert "prefers-color-scheme:dark" in alone
    assert "--accent:" in alone


def test_segments_have_colours_of_their_own_that_the_page_names():
    hues = [plots.hue(k) for k in range(1, 20)]
    assert all(30 < abs(a - b) < 330 for a, b in pairwise(hues))
    picture = Picture("T", "s")
    plots.dots(picture.plot_area(0, 0, 0, 0), [(0, 0)], plots.colour(3), 4)
    assert f"oklch(var(--l) 0.13 {round(plots.hue(3))})" in picture.svg()
    assert plots.colour(3) not in picture.svg()


@pytest.mark.parametrize("segment", [1, 5, 12, 100])
def test_a_segments_light_colour_is_what_the_page_makes_of_it(segment):
    """Back from sRGB to oklch (Ottosson 2020), as a browser reads it."""
    srgb = np.array([int(plots.colour(segment)[n : n + 2], 16) for n in (1, 3, 5)]) / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    to_lms = [[0.4122214708, 0.5363325363, 0.0514459929],
              [0.2119034982, 0.6806995451, 0.1073969566],
              [0.0883024619, 0.2817188376, 0.6299787005]]  # fmt: skip
    to_lab = [[0.2104542553, 0.7936177850, -0.0040720468],
              [1.9779984951, -2.4285922050, 0.4505937099],
              [0.0259040371, 0.7827717662, -0.8086757660]]  # fmt: skip
    light, a, b = np.array(to_lab) @ np.cbrt(np.array(to_lms) @ linear)
    assert light == pytest.approx(0.6, abs=0.02)
    assert math.hypot(a, b) == pytest.approx(0.13, abs=0.03)  # some hues are beyond sRGB
    assert math.degrees(math.atan2(b, a)) % 360 == pytest.approx(plots.hue(segment), abs=8)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_stand_out_from_what_they_stand_on(scheme):
    """Contrast of at least 4.5 (WCAG 2.2), also on the deepest cell of a heat map."""
    parts = style.COLOURS.split("@media")
    part = parts[0] if scheme == "light" else parts[1]
    value = dict(re.findall(r"--([a-z0-9-]+):(#[0-9a-f]{6})", part))

    def rgb(name):
        return np.array([int(value[name][n : n + 2], 16) for n in (1, 3, 5)]) / 255

    def light(colour):
        linear = np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    def contrast(a, b):
        high, low = sorted((light(a), light(b)), reverse=True)
        return (high + 0.05) / (low + 0.05)

    for text in ("ink", "soft", "link"):
        for ground in ("bg", "card"):
            assert contrast(rgb(text), rgb(ground)) >= 4.5, (text, ground)
    assert contrast(rgb("warn"), rgb("warn-bg")) >= 4.5
    for name in ("accent", "neg"):
        cell = heat.DEEP * rgb(name) + (1 - heat.DEEP) * (rgb("hair") + rgb("card")) / 2
        assert contrast(rgb("ink"), cell) >= 4.5, name


def test_histogram_counts_every_value():
    shares, edges = curves.histogram([0.0, 0.05, 0.1, 0.99, 1.0, 1.2], 0.0, 1.0, 10)
    assert shares == [2 / 6, 1 / 6, 0, 0, 0, 0, 0, 0, 0, 3 / 6]
    assert edges[:3] == ["0", "0.1", "0.2"]


def test_nothing_to_draw():
    assert curves.lines({"a": []}, title="", x="", said="") is None
    assert curves.columns([], [], title="", x="", said="") is None
    assert segments.shares(table(segment=[1], share=[0.0])) is None
    assert flow.flow(pl.DataFrame({"was": [1], "now": [1], "users": [0]}), {}, {}) is None


def bars(svg):
    """The widths of filled rectangles, without the background, from the top."""
    boxes = re.findall(r'd="M 0 [\d.]+ L ([\d.]+) [\d.]+ L [\d.]+ [\d.]+ L 0 ', svg)
    return [float(width) for width in boxes]


def test_bars_are_shares_and_the_most_revenue_stands_first():
    rows = table(segment=[1, 2, 3], name=["a", None, "c"], people=[60, 30, 10],
                 share=[0.6, 0.3, 0.1], revenue_share=[0.2, 0.5, 0.3])  # fmt: skip
    picture = segments.shares(rows)
    widths = bars(picture.svg())[-6:]
    assert np.array(widths) / max(widths) == pytest.approx(
        np.array([0.3, 0.5, 0.1, 0.3, 0.6, 0.2]) / 0.6, abs=0.01
    )
    assert picture.said.startswith("Segment 2: 30% of people and 50% of revenue; c: 10%")
    without = segments.shares(rows.with_columns(revenue_share=pl.lit(None, dtype=pl.Float64)))
    assert without.said.startswith("a: 60% of people; ")
    many = table(segment=range(1, 20), share=[1 / 19] * 19)
    assert segments.shares(many).said.endswith("and 7 more")


def test_the_directions_tell_segments_apart():
    """Of three groups along two axes of twenty, whatever is noisier elsewhere."""
    draw = np.random.default_rng(0)
    centres = np.zeros((3, 20))
    centres[1, 4], centres[2, 7] = 3, 3
    segment = np.repeat([1, 2, 5], 50)
    noise = draw.normal(size=(150, 20)) * np.where(np.arange(20) == 12, 4, 0.1)
    found, share = people.directions(centres[np.repeat([0, 1, 2], 50)] + noise, segment)
    means = np.array([found[segment == k].mean(0) for k in (1, 2, 5)])
    apart = np.linalg.norm(means[:, None] - means[None], axis=-1)
    assert apart[0, 1] == pytest.approx(3, abs=0.8)
    assert apart[0, 2] == pytest.approx(3, abs=0.8)
    assert 0 < share < 1
    for one in (np.ones((4, 3)), draw.normal(size=(4, 1))):
        assert people.directions(one, np.ones(4))[0].shape == (4, 2)


def test_at_most_three_thousand_people_are_drawn(make_run):
    path, _ = make_run(users=3500)
    picture = people.people(path)
    assert picture.said.startswith("3,000 of 3,500 people")
    drawn = re.findall(r'd="([^"]+)" style="[^"]*stroke-linecap:round', picture.svg())
    assert sum(d.count("M ") for d in drawn) == 3000
    few = people.people(path, hidden=frozenset({1}))
    assert few.said.split(" of ")[0] != "3,500"
    everyone = pl.read_parquet(path / "segments.parquet")["segment"]
    kept = int((everyone != 1).sum())
    assert f"{min(kept, 3000):,}" in few.said


def test_bands_are_people_and_small_segments_are_one():
    moves = pl.DataFrame({"was": [1, 1, 2], "now": [1, 2, 2], "users": [6, 2, 4]})
    picture = flow.flow(moves, {1: "A", 2: "B"}, {1: "A", 2: "C"})
    assert picture.said == "12 people followed; 2 from A to C"
    svg = picture.svg()
    for said in ("\u2068A\u2069 8", "\u2068A\u2069 6", "\u2068C\u2069 6"):
        assert f">{said}</text>" in svg
    many = pl.DataFrame({"was": range(1, 40), "now": range(1, 40), "users": range(1, 40)})
    said = flow.flow(many, {}, {}).said
    assert said.startswith("780 people followed (435 among smaller segments not drawn)")


def test_cells_say_their_lift():
    lifts = heat.Heat("category", ["WINE", "حليب"], [1, 3], np.array([[2.0, 0.5], [np.nan, 12.4]]))
    picture = heat.heatmap(lifts)
    svg = picture.svg()
    for said in ("2.0", "0.5", "12", "WINE", "حليب", "1", "3"):
        assert f">{said}</text>" in svg
    assert svg.count("fill:var(--accent)") == 2
    assert svg.count("fill:var(--neg)") == 1
    assert "segment 3: حليب (12.4 ×)" in picture.said


def test_curves_over_names_stand_side_by_side():
    picture = Picture("T", "s")
    values = {"a": [1.0, 2.0, None, 4.0], "b": [float("nan")] * 4}
    axes = picture.plot_area(*curves.MARGINS)
    curves.plotted(axes, ["2", "3", "4", "24"], values, x="K", errors=[0.5, None, 1.0, 0.0],
                   level=3.0, mark=1)  # fmt: skip
    lines = strokes(picture.svg(), "var(--accent)")
    line = next(points for points in lines if len(points) == 3)
    gaps = [b[0] - a[0] for a, b in pairwise(line)]
    assert gaps[1] == pytest.approx(2 * gaps[0], abs=0.3)  # by place, not by value; one is missing
    whiskers = [p for p in lines if len(p) == 2 and p[0][0] == p[1][0]]
    assert len(whiskers) == 1  # of what is there and has an error
