"""A run's charts in a notebook: figures of matplotlib's that show themselves."""

import xml.dom.minidom

import polars as pl
import pytest
from matplotlib.figure import Figure

from gnnseg.runs.run import Run
from gnnseg.types import InputError


def test_charts_are_figures(full_run, tmp_path):
    path, scorer = full_run()
    plot = Run(path, scorer).plot
    for picture in (plot.segments(), plot.map(), plot.heatmap(), plot.heatmap("category")):
        assert isinstance(picture, Figure)
        xml.dom.minidom.parseString(picture._repr_svg_())
    picture.savefig(tmp_path / "heat.png")
    assert (tmp_path / "heat.png").read_bytes()[:4] == b"\x89PNG"


def test_who_moved_since_another_run(full_run):
    path, scorer = full_run(name="now")
    before, _ = full_run(name="then", users=400, since=False)
    frame = pl.read_parquet(before / "segments.parquet")
    two = frame["segment"].to_list()
    changed = [1 + k % 6 if n < 40 else k for n, k in enumerate(two)]
    moved = frame.with_columns(segment=pl.Series(changed)).head(300)
    moved.write_parquet(before / "segments.parquet")
    run = Run(path, scorer)
    for earlier in (before, str(before), Run(before)):
        assert run.plot.flow(earlier).said.startswith("300 people followed; ")
    moved.with_columns(user=pl.lit("x") + pl.col("user")).write_parquet(before / "segments.parquet")
    with pytest.raises(InputError, match="no user in both"):
        run.plot.flow(before)


def test_where_there_is_nothing_to_draw_it_is_said(make_run):
    path, scorer = make_run("dot")
    plot = Run(path, scorer).plot
    for draw in (plot.segments, plot.map, plot.heatmap):
        with pytest.raises(InputError, match="nothing to draw"):
            draw()
    with pytest.raises(InputError, match="no segments there"):
        plot.flow(path)
