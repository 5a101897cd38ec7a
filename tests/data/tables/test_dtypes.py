"""Columns of unusual types are read as plain ones, or left out by name; none stops a reading."""

import datetime as dt

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from pyarrow import parquet

import gnnseg
from gnnseg.data.sets.fetching import Place
from gnnseg.data.tables import dtypes
from gnnseg.data.tables.readers import FileReader

pd = pytest.importorskip("pandas")
PEOPLE = {"user": [1, 2, 3], "item": ["x", "y", "z"]}
ODD = {
    "complex": lambda: pd.Series(np.full(3, 1 + 2j)),
    "sparse": lambda: pd.Series(pd.arrays.SparseArray([0, 1, 0])),
    "interval": lambda: pd.Series(pd.interval_range(0, 3)),
    "cut": lambda: pd.Series(pd.cut([1, 2, 3], 2)),
    "period": lambda: pd.Series(pd.period_range("2020-01", periods=3, freq="M")),
    "duration": lambda: pd.Series(pd.to_timedelta([1, 2, 3], unit="D")),
    "dict": lambda: pd.Series([{"a": 1}, {"b": 2}, None]),
    "set": lambda: pd.Series([{1}, {2}, {3}]),
    "several": lambda: pd.Series([1, "a", 2.5], dtype=object),
    "bytes": lambda: pd.Series([b"a", b"\xff", None]),
}
ARROW = {
    "map": pa.array([[("a", 1)]] * 3, type=pa.map_(pa.string(), pa.int64())),
    "decimal": pa.array([1, 2, 3], type=pa.decimal128(10, 2)),
    "wide decimal": pa.array([1, 2, 3], type=pa.decimal256(50, 2)),
    "half": pa.array(np.array([1, 2, 3], dtype=np.float16)),
    "time": pa.array([1, 2, 3], type=pa.time32("s")),
    "nothing": pa.array([None] * 3),
    "struct": pa.array([{"a": 1}] * 3),
}


@pytest.mark.parametrize("kind", ODD)
def test_a_column_of_pandas_stops_nothing(kind):
    odd = ODD[kind]()
    frame = pd.DataFrame(PEOPLE).assign(odd=odd)
    found = gnnseg.interactions(frame, users=frame.drop(columns="item"))
    assert found.events["user"].to_list() == ["1", "2", "3"]
    assert found.users["id"].to_list() == ["1", "2", "3"]
    left = kind in ("dict", "bytes")
    assert ("left out: odd" in str(found.notes)) == left
    if kind == "interval":
        assert found.users["odd"].to_list() == ["(0, 1]", "(1, 2]", "(2, 3]"]
    if kind == "period":
        assert found.users["odd"].to_list() == ["2020-01-01", "2020-02-01", "2020-03-01"]
    if kind == "duration":
        assert found.users["odd"].to_list() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize("kind", ARROW)
def test_a_column_of_arrow_stops_nothing(kind, tmp_path):
    table = pa.table({**PEOPLE, "odd": ARROW[kind]})
    found = gnnseg.interactions(table, users=table.drop_columns(["item"]))
    assert found.events["user"].to_list() == ["1", "2", "3"]
    parquet.write_table(table, tmp_path / "t.parquet")
    reader = FileReader(path=str(tmp_path / "t.parquet"))
    assert len(reader.read(Place(tmp_path, tmp_path, print), "file").events) == 3


@pytest.mark.parametrize(
    "unit", ["D", "M", "Q-DEC", "Y-DEC", "W-SUN", "W-MON", "W-WED", "W-SAT", "h", "min", "s", "ms"]
)
def test_a_period_is_its_first_moment(unit):
    periods = pd.Series(pd.period_range("1969-06-03", periods=30, freq=unit))
    found = dtypes.plain(pl.DataFrame({"t": pl.from_pandas(periods)}))["t"]
    right = [one.to_pydatetime() for one in periods.dt.to_timestamp()]
    assert found.cast(pl.Datetime("us")).to_list() == right


def test_a_period_serves_as_time():
    frame = pd.DataFrame(PEOPLE).assign(t=pd.period_range("2020-01", periods=3, freq="M"))
    found = gnnseg.interactions(frame, time="t").events["time"].to_list()
    day = dt.datetime(2020, 2, 1, tzinfo=dt.UTC)
    assert found[1] == day.timestamp()
    frame["t"] = pd.period_range("2020-01", periods=3, freq="Q-MAR")
    with pytest.raises(gnnseg.InputError, match="time cannot be read"):
        gnnseg.interactions(frame, time="t")


def test_ids_of_several_types_in_one_column_are_one_person():
    mixed = pd.Series([1, 2, 3] * 4).astype(object)
    mixed[::2] = mixed[::2].map(float)
    mixed[1::6] = mixed[1::6].map(str)
    found = gnnseg.interactions(pd.DataFrame({"user": mixed, "item": list("xyzw") * 3}))
    assert sorted(found.events["user"].unique()) == ["1", "2", "3"]
