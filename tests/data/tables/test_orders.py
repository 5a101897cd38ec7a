"""Baskets in a cell, and order lines that two exports both hold."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnseg.data.sets.fetching import Place
from gnnseg.data.tables import checking, orders
from gnnseg.data.tables.readers import FileReader
from gnnseg.types import InputError

NONE = dict.fromkeys(("user", "item", "weight", "time", "spend"))
SPLIT = "user,item,spend\na,x|y| z,6\nb,x,1\na,|,5\nb,y|y,4\n"


def put(folder, text, name="t.csv"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def raw(folder, **told):
    return FileReader(**told).read(Place(folder, folder, lambda _: None), "t")


def test_the_items_of_a_cell_are_events_that_share_its_spend(tmp_path):
    found = raw(tmp_path, path=put(tmp_path, SPLIT), basket="bar")
    assert found.events.rows() == [
        ("a", "x", 2.0), ("a", "y", 2.0), ("a", "z", 2.0), ("b", "x", 1.0),
        ("b", "y", 2.0), ("b", "y", 2.0),
    ]  # fmt: skip
    assert "4 baskets of 6 items, whose spend they share" in found.notes["read"][0]
    with pytest.raises(InputError, match="names one item a row, and the rows are baskets"):
        raw(tmp_path, path=put(tmp_path, SPLIT), basket="bar", item_title="spend")


@settings(max_examples=50, deadline=None)
@given(
    baskets=st.lists(
        st.lists(st.sampled_from(["a", "b c", "d-1", "é"]), min_size=1, max_size=4),
        min_size=1,
        max_size=6,
    ),
    mark=st.sampled_from(["|", ";", "+", "::"]),
)
def test_splitting_is_what_a_loop_does(tmp_path_factory, baskets, mark):
    folder = tmp_path_factory.mktemp("baskets")
    rows = "".join(f"u{n},{mark.join(items)}\n" for n, items in enumerate(baskets))
    path = put(folder, f"user,item\n{rows}")
    found = raw(folder, path=path, basket=mark, separator=",").events.rows()
    assert found == [(f"u{n}", item) for n, items in enumerate(baskets) for item in items]


@pytest.mark.parametrize("mark", ["|", ";"])
def test_cells_that_seem_baskets_are_said_and_left(tmp_path, mark):
    rows = "".join(f"u{n % 7},i{n % 5}{mark}i{n % 3}{mark}i{n % 2}\n" for n in range(60))
    path = put(tmp_path, f"user,item\n{rows}")
    found = raw(tmp_path, path=path, separator=",")
    assert len(found.events) == 60
    name = "bar" if mark == "|" else "semicolon"
    assert f"may be baskets (data.basket={name} splits)" in found.notes["read"][0]
    checked = checking.checked(path, NONE, ",")
    assert any(f"--basket {name}" in line for line in checked.lines)
    assert orders.mark_in(pl.Series([f"p{n}|x" for n in range(50)])) is None


@pytest.mark.parametrize("name", ["t.parquet", "t.json"])
def test_lists_of_items_are_asked_about_and_split(tmp_path, name):
    path = tmp_path / name
    frame = pl.DataFrame({"user": ["a", "b"], "item": [["x", "y"], ["y"]]})
    frame.write_parquet(path) if name == "t.parquet" else frame.write_ndjson(path)
    with pytest.raises(InputError, match="the column of items holds lists; set data.basket=list"):
        raw(tmp_path, path=str(path))
    assert raw(tmp_path, path=str(path), basket="list").events.rows() == [
        ("a", "x"), ("a", "y"), ("b", "y"),
    ]  # fmt: skip


LINES = [f"o{n // 3},{n % 3},u{n % 7},i{n % 5},{n}\n" for n in range(30)]


def test_overlapping_exports_hold_each_order_line_once(tmp_path):
    head = "order,line,user,item,qty\n"
    put(tmp_path, head + "".join(LINES[:20]), "m1.csv")
    put(tmp_path, head + "".join(LINES[10:]), "m2.csv")
    pattern = str(tmp_path / "m*.csv")
    assert len(raw(tmp_path, path=pattern).events) == 40
    whole = raw(tmp_path, path=put(tmp_path, head + "".join(LINES), "all.csv")).events
    for unique in ("order,line", "*", "line, order"):
        found = raw(tmp_path, path=pattern, unique=unique)
        assert found.events.equals(whole)
        assert found.rejected == {"order line that stands before": 10}
    assert len(raw(tmp_path, path=pattern, unique="order").events) == 10


def test_rows_that_lack_their_order_stay(tmp_path):
    path = put(tmp_path, "order,user,item\n1,a,x\n,a,x\n,a,x\n1,b,y\n")
    assert len(raw(tmp_path, path=path, unique="order").events) == 3


def test_a_column_that_is_not_there_is_named(tmp_path):
    path = put(tmp_path, "order,user,item\n1,a,x\n2,b,y\n")
    with pytest.raises(InputError, match=r"no column 'ordr' for data.unique; did you mean 'order'"):
        raw(tmp_path, path=path, unique="ordr")
    with pytest.raises(InputError, match="data.unique=,: names no column"):
        raw(tmp_path, path=path, unique=",")


def test_frames_in_python_have_baskets_and_order_lines_too():
    import gnnseg

    frame = pl.DataFrame({"user": ["a", "a", "b"], "item": ["x|y", "x|y", "z"], "order": [1, 1, 2]})
    found = gnnseg.interactions(frame, basket="bar", unique="order").events
    assert found.rows() == [("a", "x"), ("a", "y"), ("b", "z")]
    assert len(gnnseg.interactions(frame, unique="*").events) == 2
