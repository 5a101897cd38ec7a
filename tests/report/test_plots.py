import math
import re
from itertools import pairwise

import pytest

from gnnseg.report import plots


def rectangles(svg):
    return [
        tuple(map(float, r))
        for r in re.findall(r'x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"', svg)
    ]


def test_columns_stand_on_zero_in_proportion():
    svg = plots.columns([1.0, 2.0, 0.0], ["a", "b", "c"], x="", alt="")
    boxes = rectangles(svg)
    assert boxes[1][3] == pytest.approx(2 * boxes[0][3], abs=0.2)
    assert boxes[2][3] == 0
    assert {round(y + height, 1) for _, y, _, height in boxes} == {plots.HEIGHT - plots.BOTTOM}
    assert boxes[0][0] < boxes[1][0] < boxes[2][0]


def test_lines_pass_through_their_points():
    svg = plots.lines(
        {"loss": [(1, 4.0), (2, 2.0), (3, math.nan), (5, 3.0)]}, x="epoch", alt="Loss"
    )
    (path,) = re.findall(r'd="M([^"]+)"', svg)
    points = [tuple(map(float, point.split())) for point in path.split("L")]
    assert len(points) == 3  # NaN is left out
    assert points[0][0] == plots.LEFT
    assert points[-1][0] == plots.WIDTH - plots.RIGHT
    assert points[0][1] < points[2][1] < points[1][1]  # upwards is less
    assert points[2][1] == pytest.approx((points[0][1] + points[1][1]) / 2, abs=0.1)


@pytest.mark.parametrize(
    "values", [[0.0], [5.0, 5.0], [-1e-9, 1e-9], [1e6, 1e6 + 1], [0.3, 0.1 + 0.2]]
)
def test_any_range_has_round_ticks(values):
    axis = plots._Axis.of(values, 0, 100)
    assert 1 <= len(axis.ticks) <= 9
    assert axis.low <= min(values)
    assert axis.high >= max(values)
    assert all(-1e-6 <= axis(tick) <= 100 + 1e-6 for tick in axis.ticks)


def test_nothing_to_draw():
    assert plots.lines({"a": []}, x="", alt="") == ""
    assert plots.columns([], [], x="", alt="") == ""


def test_histogram_counts_every_value():
    shares, edges = plots.histogram([0.0, 0.05, 0.1, 0.99, 1.0, 1.2], 0.0, 1.0, 10)
    assert shares == [2 / 6, 1 / 6, 0, 0, 0, 0, 0, 0, 0, 3 / 6]
    assert edges[:3] == ["0", "0.1", "0.2"]


def test_neighbouring_segments_differ_in_colour():
    hues = [plots.hue(k) for k in range(1, 20)]
    assert all(30 < abs(a - b) < 330 for a, b in pairwise(hues))


def test_labels_are_escaped():
    svg = plots.columns([1.0], ["<b>"], x="<i>", alt='"><script>')
    assert "<b>" not in svg
    assert "<i>" not in svg
    assert "<script>" not in svg
