"""Numbers, times and ids out of text, against datetime; rows that cannot be read."""

import datetime as dt

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnseg.data.tables import fields
from gnnseg.data.tables.formats import Sheet
from gnnseg.types import InputError

UTC = dt.UTC
MOMENTS = st.datetimes(dt.datetime(1901, 1, 1), dt.datetime(2099, 12, 31))


def sheet(tmp_path, **columns):
    return Sheet(tmp_path / "t.csv", pl.DataFrame(columns))


def read(tmp_path, drop=False, **columns):
    return fields.events(
        sheet(tmp_path, **columns), {name: name for name in columns}, drop=drop, missing_ids="fail"
    )


@settings(max_examples=40, deadline=None)
@given(
    moments=st.lists(MOMENTS, min_size=1, max_size=5),
    form=st.sampled_from(["T", " ", "Z", "+02:00", "-0330", "s", "ms"]),
)
def test_times_agree_with_datetime(moments, form):
    shift = {"+02:00": 2.0, "-0330": -3.5}.get(form, 0.0)
    moments = [moment.replace(microsecond=0) for moment in moments]
    expected = [moment.replace(tzinfo=UTC).timestamp() - 3600 * shift for moment in moments]
    if form in ("s", "ms"):
        if form == "ms":  # only told from seconds where they are larger than any second
            moments = [
                moment.replace(year=2001 + moment.year % 90)
                for moment in moments
                if moment.day < 29
            ]
            expected = [moment.replace(tzinfo=UTC).timestamp() for moment in moments]
        texts = [str(int(seconds * (1000 if form == "ms" else 1))) for seconds in expected]
    elif form in ("T", " "):
        texts = [moment.isoformat(sep=form) for moment in moments]
    else:
        texts = [moment.isoformat() + form for moment in moments]
    if texts:
        found, said = fields.moment(pl.Series("time", texts))
        assert found.to_list() == expected
        assert {"s": "seconds", "ms": "milliseconds", "Z": "zones heeded"}.get(form, "") in said


def test_days_dates_and_typed_columns():
    day = dt.datetime(2024, 1, 31, tzinfo=UTC).timestamp()
    for texts in (["2024-01-31"], ["2024/01/31"], ["20240131"], ["2024-01-31 00:00"]):
        assert fields.moment(pl.Series("time", texts))[0].to_list() == [day]
    assert fields.moment(pl.Series("time", [dt.date(2024, 1, 31)]))[0].to_list() == [day]
    assert fields.moment(pl.Series("time", [dt.datetime(2024, 1, 31)]))[0].to_list() == [day]
    zoned = pl.Series("time", [dt.datetime(2024, 1, 31)]).dt.replace_time_zone("Europe/Oslo")
    assert fields.moment(zoned)[0].to_list() == [day - 3600]
    assert fields.moment(pl.Series("time", [20240131, 20240201]))[0].to_list() == [day, day + 86400]


def test_a_day_and_month_that_could_be_swapped_are_not_guessed_at():
    with pytest.raises(InputError, match="'03/04/2024' may be 2024-04-03"):
        fields.moment(pl.Series("time", ["03/04/2024", "01/02/2024"]))


def test_one_wild_number_does_not_turn_seconds_into_milliseconds(tmp_path):
    with pytest.raises(InputError, match=r"line 3: time lies outside 1900-2100: '4e12'"):
        read(
            tmp_path,
            user=["a", "b", "c"],
            item=["x", "y", "z"],
            time=["1600000000", "4e12", "1600000001"],
        )


def test_good_rows_come_through_as_they_are(tmp_path):
    found = read(
        tmp_path,
        user=["a b", "ü"],
        item=['say "hi"', "0"],
        weight=["1e3", " -2"],
        spend=["0", "9.5"],
    )
    assert found.frame.rows() == [("a b", 'say "hi"', 1000.0, 0.0), ("ü", "0", -2.0, 9.5)]
    assert not found.rejected


@pytest.mark.parametrize(
    ("column", "cell", "words"),
    [
        ("user", "", "no user: empty"),
        ("item", None, "no item: empty"),
        ("user", " a", "user id with blanks around it: ' a'"),
        ("item", "y\t", "item id with blanks around it"),
        ("item", "y\nz", "item id with a line break in it"),
        ("weight", "NaN", "weight is NaN or infinite: 'NaN'"),
        ("weight", "inf", "weight is NaN or infinite"),
        ("weight", "many", "weight is no number: 'many'"),
        ("weight", "3,,5", "weight is no number: '3,,5'"),
        ("spend", "", "spend is no number: empty"),
        ("time", "yesterday", "time cannot be read"),
        ("time", "99999999999", "time lies outside 1900-2100: '99999999999'"),
        ("time", "nan", "time cannot be read"),
    ],
)
def test_a_bad_row_is_named_or_dropped_and_counted(tmp_path, column, cell, words):
    table = {
        "user": ["a", "b", "c", "d"], "item": ["x", "y", "z", "x"], "weight": ["1", "2", "3", "4"],
        "time": ["1600000000", "1600000001", "1600000002", "1600000003"],
        "spend": ["1", "1", "1", "1"],
    }  # fmt: skip
    table[column][2] = cell
    with pytest.raises(InputError, match=words) as caught:
        read(tmp_path, **table)
    assert "line 4:" in str(caught.value)
    assert "\n" not in str(caught.value)
    found = read(tmp_path, drop=True, **table)
    assert found.frame["user"].to_list() == ["a", "b", "d"]
    assert sum(found.rejected.values()) == 1
    assert "line 4" in next(iter(found.examples.values()))


def test_the_first_bad_row_is_named_and_reasons_are_counted(tmp_path):
    table = {
        "user": ["", "b", "c", " d", "e"],
        "item": ["x", "y", "", "x", ""],
        "weight": ["1", "x", "nan", "1", "1"],
    }
    with pytest.raises(InputError, match=r"line 2: no user: empty \(and 4 other rows\)"):
        read(tmp_path, **table)
    (
        table["user"][0],
        table["user"].append("f"),
        table["item"].append("w"),
        table["weight"].append("9"),
    )
    found = read(tmp_path, drop=True, **{**table, "user": ["a", *table["user"][1:]]})
    assert found.frame.rows() == [("a", "x", 1.0), ("f", "w", 9.0)]
    assert found.rejected == {
        "weight is no number": 1,
        "no item": 2,
        "user id with blanks around it": 1,
    }
    assert found.examples["no item"] == "t.csv, line 4: empty"


def test_nothing_left_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"every row was left out \(2 no user \(first: t"):
        read(tmp_path, drop=True, user=["", None], item=["x", "y"])


def test_ids_of_typed_tables(tmp_path):
    found = read(tmp_path, user=[1.0, 2.0], item=[10, 20])
    assert found.frame.rows() == [("1", "10"), ("2", "20")]
    assert read(tmp_path, user=[1.5], item=["x"]).frame["user"].to_list() == ["1.5"]


def test_columns_must_be_there_and_differ(tmp_path):
    table = sheet(tmp_path, customer=["a"], product=["x"])
    with pytest.raises(
        InputError, match=r"no column 'custmer' for data.user; did you mean 'customer'\?"
    ):
        fields.events(table, {"user": "custmer", "item": "product"}, drop=False)
    with pytest.raises(
        InputError,
        match=r"no column 'zzz' for data.item; it has 'customer', 'product'; set data.item",
    ):
        fields.events(table, {"user": "customer", "item": "zzz"}, drop=False)
    with pytest.raises(InputError, match="are both 'product'"):
        fields.events(table, {"user": "product", "item": "product"}, drop=False)
