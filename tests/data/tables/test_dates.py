"""The order of day, month and year, detected from the whole column; two orders that fit are asked
about, never guessed."""

import datetime as dt

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnseg.data.tables import dateparts, dates
from gnnseg.types import InputError

DAY = dt.datetime(2024, 1, 31, tzinfo=dt.UTC).timestamp()
EVENING = DAY + 18 * 3600 + 5 * 60


def read(cells, order=None):
    found, said = dates.read(pl.Series("time", cells, dtype=pl.String), "t.csv", order)
    return found.to_list(), said


@pytest.mark.parametrize(
    ("cell", "seconds", "said"),
    [
        ("31/01/2024", DAY, "day, month, year"),
        ("31.01.2024", DAY, "day, month, year"),
        ("31-1-2024", DAY, "day, month, year"),
        ("31. 1. 2024", DAY, "day, month, year"),
        ("01/31/2024", DAY, "month, day, year"),
        ("1/31/2024 6:05 PM", EVENING, "month, day, year"),
        ("31/01/2024 18:05", EVENING, "day, month, year"),
        ("31.01.2024, 18:05:00", EVENING, "day, month, year"),
        ("1/31/2024 12:00 AM", DAY, "month, day, year"),
        ("1/31/2024 12:00:30 pm", DAY + 43230, "month, day, year"),
        ("2024/1/31 18:05", EVENING, "year, month, day"),
        ("2024.01.31", DAY, "year, month, day"),
        ("2024-1-31 18:05:00", EVENING, ""),
        ("31-Jan-2024", DAY, "dates such as 31-Jan-2024"),
        ("31-JAN-24", DAY, "years of two digits as 1969 to 2068"),
        ("31 January 2024 18:05", EVENING, "dates such as"),
        ("Jan 31, 2024", DAY, "dates such as"),
        ("January 31, 2024 6:05 p.m.", EVENING, "dates such as"),
        ("2024年1月31日", DAY, "dates such as"),
        ("2024年01月31日 18:05:00", EVENING, "dates such as"),
        ("20240131", DAY, "dates such as 20240131"),
    ],
)
def test_one_form_that_fits_is_used_and_said(cell, seconds, said):
    found, how = read([cell, None, cell])
    assert found == [seconds, None, seconds]
    assert said in how


@pytest.mark.parametrize(
    ("cells", "readings"),
    [
        (["03/04/2025"], ["2025-04-03 (data.dates=dmy)", "2025-03-04 (data.dates=mdy)"]),
        (
            ["03.04.2025", "01.02.2025 10:00"],
            ["2025-04-03 (data.dates=dmy)", "2025-03-04 (data.dates=mdy)"],
        ),
        (["05/05/2025", "3-4-2025"], ["2025-04-03", "2025-03-04"]),
        (["31/01/24"], ["2024-01-31 (data.dates=dmy)", "2031-01-24 (data.dates=ymd)"]),
        (
            ["01/02/03"],
            [
                "2003-02-01 (data.dates=dmy)",
                "2003-01-02 (data.dates=mdy)",
                "2001-02-03 (data.dates=ymd)",
            ],
        ),
    ],
)
def test_two_forms_that_fit_are_asked_about_and_every_answer_is_heeded(cells, readings):
    with pytest.raises(InputError, match="^t.csv: time ") as caught:
        read(cells)
    text = str(caught.value)
    for reading in readings:
        assert reading in text
    for order in ("dmy", "mdy", "ymd"):
        if f"data.dates={order}" in text:
            assert None not in read(cells, order)[0]


def test_one_late_row_settles_the_order():
    assert (
        read(["03/04/2025"] * 300 + ["13/04/2025"])[0][0]
        == dt.datetime(2025, 4, 3, tzinfo=dt.UTC).timestamp()
    )
    assert (
        read(["03/04/2025"] * 300 + ["04/13/2025"])[0][0]
        == dt.datetime(2025, 3, 4, tzinfo=dt.UTC).timestamp()
    )
    assert (
        read(["31/01/99", "01/01/99"])[0][0] == dt.datetime(1999, 1, 31, tzinfo=dt.UTC).timestamp()
    )


def test_days_that_are_the_same_in_both_orders_need_no_answer():
    assert (
        read(["05/05/2025", "12/12/2025"])[0][0]
        == dt.datetime(2025, 5, 5, tzinfo=dt.UTC).timestamp()
    )


def test_rows_in_two_orders_are_named():
    with pytest.raises(
        InputError,
        match="both '31/01/2024' and '01/31/2024', so day and month do not stand in one order",
    ):
        read(["31/01/2024", "01/31/2024"])
    assert read(["31/01/2024", "01/31/2024"], "dmy")[0] == [DAY, None]


@pytest.mark.parametrize(
    "cell",
    [
        "31/02/2024",
        "29/02/2023",
        "1/1/2024 25:00",
        "1/31/2024 13:05 PM",
        "soon",
        "2024-13-01",
        "31-Foo-2024",
        "31/1/024",
        "1/2",
        "",
    ],
)
def test_what_is_no_day_is_not_read(cell):
    assert read([cell, "31/01/2024"], "dmy")[0] == [None, DAY]


def test_a_cell_that_cannot_be_read_does_not_turn_day_numbers_into_seconds():
    assert read(["20240131", "n/a"])[0] == [DAY, None]


@settings(max_examples=200, deadline=None)
@given(
    moments=st.lists(st.datetimes(dt.datetime(1970, 1, 1), dt.datetime(2060, 1, 1)),
        min_size=1, max_size=6),
    form=st.sampled_from(
        ["%d/%m/%Y %H:%M:%S", "%m/%d/%Y %I:%M:%S %p", "%d.%m.%y %H:%M:%S", "%y-%m-%d %H:%M:%S",
         "%d-%b-%Y %H:%M:%S",
         "%B %d, %Y %H:%M:%S", "%Y/%m/%d %H:%M:%S", "%Y年%m月%d日 %H:%M:%S", "%Y-%m-%dT%H:%M:%SZ"]
    ),
)  # fmt: skip
@pytest.mark.slow
def test_dates_agree_with_datetime_or_are_asked_about(moments, form):
    moments = [moment.replace(microsecond=0, tzinfo=dt.UTC) for moment in moments]
    try:
        found, _ = read([moment.strftime(form) for moment in moments])
    except InputError as error:
        found, asked = None, "may be" in str(error)
    assert asked if found is None else found == [moment.timestamp() for moment in moments]


@pytest.mark.parametrize(
    "form", ["%d/%m/%Y", "%m/%d/%Y %H:%M", "%d.%m.%Y %H:%M:%S", "%Y/%m/%d %H:%M"]
)
@pytest.mark.parametrize(
    "odd", [None, "31/01/24", "soon", "2024-01-31", "12/31/2024", "1. 2. 2024"]
)
@pytest.mark.slow
def test_the_fast_way_is_the_same_as_the_slow(monkeypatch, form, odd):
    first = dt.datetime(2024, 1, 1)
    cells = [(first + dt.timedelta(hours=7 * n)).strftime(form) for n in range(200)] + (
        [odd] if odd else []
    )

    def outcome():
        try:
            return read(cells)
        except InputError as error:
            return str(error)

    slow = outcome()
    monkeypatch.setattr(dates, "SAMPLE", 120)
    monkeypatch.setattr(dateparts, "CHUNK", 7)
    assert outcome() == slow
