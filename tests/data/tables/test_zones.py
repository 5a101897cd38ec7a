"""Times whose zone has a name, against Python's own zoneinfo."""

import datetime as dt
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnseg.data.tables import dates

SUMMER = dt.datetime(2024, 6, 25, 10, 5)  # as a clock on the wall shows it
MOMENTS = {
    "2024-06-25 10:05:00 CEST": 2,
    "2024-06-25T10:05:00+02:00[Europe/Berlin]": 2,
    "2024-06-25T10:05Z[UTC]": 0,
    "25/06/2024 10:05 EST": -5,
    "Tue Jun 25 10:05:00 PDT 2024": -7,  # as the command date and Java print it
    "Tue, 25 Jun 2024 10:05:00 EST": -5,  # RFC 2822
    "Tue, 25 Jun 2024 10:05:00 +0200 (CEST)": 2,
    "2024-06-25 10:05 America/New_York": -4,
    "2024-06-25 10:05:00 [America/Argentina/Buenos_Aires]": -3,
    "2024-06-25 10:05:00 +0000 UTC": 0,
}


@pytest.mark.parametrize("text", MOMENTS)
def test_a_named_zone_is_heeded(text: str) -> None:
    seconds, how = dates.read(pl.Series([text] * 3))
    moment = SUMMER.replace(tzinfo=dt.timezone(dt.timedelta(hours=MOMENTS[text])))
    assert seconds.to_list() == [moment.timestamp()] * 3
    assert "zones heeded" in how


@pytest.mark.parametrize("name", ["IST", "BST", "Foo/Bar"])
def test_a_zone_of_several_clocks_is_not_guessed(name: str) -> None:
    assert dates.read(pl.Series([f"2024-06-25 10:05:00 {name}"]))[0].to_list() == [None]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.datetimes(dt.datetime(1995, 1, 1), dt.datetime(2024, 12, 31)),
            st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Kolkata", "CET", ""]),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_zones_of_every_row_are_its_own(rows: list[tuple[dt.datetime, str]]) -> None:
    texts = [f"{when:%Y-%m-%d %H:%M:%S} {zone}".strip() for when, zone in rows]
    found = dates.read(pl.Series(texts))[0].to_list()
    for (when, zone), seconds in zip(rows, found, strict=True):
        here = when.replace(microsecond=0)
        known = {"": dt.UTC, "CET": dt.timezone(dt.timedelta(hours=1))}
        local = here.replace(tzinfo=known.get(zone) or ZoneInfo(zone))
        if (again := local.astimezone(dt.UTC).astimezone(local.tzinfo)).replace(
            tzinfo=None
        ) != here:
            assert seconds is None, again  # an hour that the clock leaves out
        else:
            assert seconds == local.timestamp()


@pytest.mark.parametrize(
    ("form", "number", "day"),
    [
        ("excel", 45468, dt.datetime(2024, 6, 25)),
        ("excel-1904", 44006, dt.datetime(2024, 6, 25)),
        ("sas", 23552 * 86400, dt.datetime(2024, 6, 25)),
        ("sas-days", 23552, dt.datetime(2024, 6, 25)),
    ],
)
def test_numbers_of_other_programs(form: str, number: int, day: dt.datetime) -> None:
    seconds, _ = dates.read(pl.Series([number]), form=form)
    zero = {"excel": (1899, 12, 30), "excel-1904": (1904, 1, 1)}.get(form, (1960, 1, 1))
    step = dt.timedelta(seconds=number) if form == "sas" else dt.timedelta(days=number)
    assert dt.datetime(*zero) + step == day
    assert seconds[0] == day.replace(tzinfo=dt.UTC).timestamp()
