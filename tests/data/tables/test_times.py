"""Times as people's exports have them: forms, units, several columns; odd ones are asked about."""

import datetime as dt
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gnnseg
from gnnseg.data.tables import (
    dates,
    fields,
    inspect,
    joined,
    months,
    separators,
    sql,
    stacking,
    typed,
    units,
)  # fmt: skip
from gnnseg.data.tables.sheets import Sheet
from gnnseg.types import InputError

DAY = dt.datetime(2010, 1, 5, tzinfo=dt.UTC).timestamp()
TWO = DAY + 14 * 3600
NOW = dt.datetime.now(dt.UTC)


def read(cells, order=None, form=None):
    found, said = dates.read(pl.Series("time", cells), "t.csv", order, form)
    return found.to_list(), said


def events(cells, **how):
    sheet = Sheet(
        Path("t.csv"),
        pl.DataFrame(
            {
                "user": [f"u{n % 7}" for n in range(len(cells))],
                "item": [f"i{n % 5}" for n in range(len(cells))],
                "time": pl.Series(cells),
            }
        ),
    )
    roles = {role: role for role in ("user", "item", "time")}
    return fields.events(sheet, roles, drop=False, **{"time_as": None, **how})


@pytest.mark.parametrize(
    ("cell", "seconds", "said"),
    [
        ("2010-01-05 14:00:00.000000+01", TWO - 3600, "zones heeded"),
        ("2010-01-05 14:00:00+02", TWO - 7200, "zones heeded"),
        ("2010-01-05 14:00:00 +0000 +0000", TWO, "zones heeded"),
        ("2010-01-05 14:00:00.000 +0200 CEST", TWO - 7200, "zones heeded"),
        ("1.2627E+9", TWO, "unix seconds"),
        ("2010-01-05 14", TWO, "year, month, day"),
        ("20100105T140000Z", TWO, "zones heeded"),
        ("20100105T140000", TWO, "dates such as"),
        ("Tue, 05 Jan 2010 14:00:00 GMT", TWO, "zones heeded"),
        ("Tue, 05 Jan 2010 14:00:00 +0100", TWO - 3600, "zones heeded"),
        ("Tue Jan 05 14:00:00 +0000 2010", TWO, "zones heeded"),
        ("Tue Jan  5 14:00:00 2010", TWO, "dates such as"),
        ("Tue Jan 05 2010 14:00:00 GMT+0100 (CET)", TWO - 3600, "zones heeded"),
        ("05/Jan/2010:14:00:00 -0700", TWO + 7 * 3600, "zones heeded"),
        ("[05/Jan/2010:14:00:00 -0700]", TWO + 7 * 3600, "zones heeded"),
        ("01 15, 2010", DAY + 864000, "month, day, year"),
        ("Tuesday, January 05, 2010", DAY, "dates such as"),
        ("2010-01-05T14:00:00+01:00[Europe/Berlin]", TWO - 3600, "zones heeded"),
        ("Posted January 05, 2010.", DAY, "dates such as"),
        ("Reviewed in the United States on January 5, 2010", DAY, "dates such as"),
        ("2010010514", TWO, "dates such as 2010010514"),
        ("201001051400", TWO, "dates such as"),
        ("20100105140000", TWO, "dates such as"),
        ("20100105140000123", TWO + 0.123, "dates such as"),
        ("1262700000", TWO, "unix seconds"),
        ("1262700000000", TWO, "unix milliseconds"),
        ("1262700000000000", TWO, "unix microseconds"),
        ("1262700000000000000", TWO, "unix nanoseconds"),
        ("40183.58333", TWO, "Excel's day numbers"),
        ("40183,58333", TWO, "Excel's day numbers"),
        ("2455202.08333", TWO, "Julian day numbers"),
        ("05JAN2010:14:00:00", TWO, "dates such as"),
        ("2010-Jan-05", DAY, "dates such as"),
        ("5 de enero de 2010", DAY, "dates such as"),
        ("1er janvier 2010", DAY - 4 * 86400, "dates such as"),
        ("mardi 5 janvier 2010 14h00", TWO, "dates such as"),
        ("5 января 2010 г.", DAY, "dates such as"),
        ("15.1.2010 klo 14.00", TWO + 864000, "day, month, year"),
        ("2010년 1월 5일 오후 2:00", TWO, "dates such as"),
        ("2010年1月5日 14時00分00秒", TWO, "dates such as"),
        ("2010年1月5日 下午2:00", TWO, "dates such as"),
        ("1/15/2010, 2:00:00\u202fPM", TWO + 864000, "month, day, year"),
        ("14:00 15/01/2010", TWO + 864000, "day, month, year"),
        ("２０１０-０１-０５", DAY, "year, month, day"),
        ("2010-01", DAY - 4 * 86400, "months as their first day"),
        ("January 2010", DAY - 4 * 86400, "months as their first day"),
    ],
)
def test_a_form_is_read_and_said(cell, seconds, said):
    found, how = read([cell, None, cell])
    assert found == [seconds, None, seconds]
    assert said in how


@pytest.mark.parametrize(
    "cell", ["Jan 5 14:00:00", "14:00", "Q1 2010", "P20240131", "KW 05/2010", "5 Foo 2010", "5/1"]
)
def test_what_is_no_time_is_not_read(cell):
    assert read([cell])[0] == [None]


@pytest.mark.parametrize("language", months.LANGUAGES)
def test_months_of_every_language_are_read(language):
    names = months.LANGUAGES[language].split()
    assert len(names) == 12
    for number, words in enumerate(names, 1):
        for word in words.split("/"):
            day = dt.datetime(2010, number, 5, tzinfo=dt.UTC).timestamp()
            cells = [f"5. {word} 2010", f"5 {word.title()}. 2010", f"{word.upper()} 5, 2010"]
            assert read(cells)[0] == [day] * 3, word


def test_no_name_is_a_month_of_two_numbers():
    for names in months.LANGUAGES.values():
        for number, words in enumerate(names.split(), 1):
            assert {months.NUMBERS[word] for word in words.split("/")} == {number}


def test_rows_in_another_unit_or_form_are_read_by_theirs():
    mixed = ["1262700000", "1262700000000", "1262700000000"]
    assert read(mixed) == ([TWO] * 3, "unix milliseconds, 1 of them seconds")
    both = ["2010-01-05 14:00:00", "1262700000"]
    assert read(both)[0] == [TWO, TWO]
    assert read(["2010-01-05", "2010-01-05", "2010", "0"])[0] == [DAY, DAY, None, None]
    assert read([20100105.0, None])[0] == [DAY, None]


def test_nanoseconds_that_may_be_ticks_are_asked_about():
    with pytest.raises(InputError, match=r"data.time_as=nanoseconds\) or .*data.time_as=ticks"):
        read([633982968000000000])
    assert read([633982968000000000], form="ticks")[0] == [TWO]


@pytest.mark.parametrize(
    ("cell", "form", "seconds"),
    [
        ("201001", "%Y%m", DAY - 4 * 86400),
        ("2010", "%Y", DAY - 4 * 86400),
        ("2010 005", "%Y %j", DAY),
        ("2010-W01-2", "%G-W%V-%u", DAY),
        ("2010010514", "%Y%m%d%H", TWO),
        ("5|1|2010 14:00 +0100", "%d|%m|%Y %H:%M %z", TWO - 3600),
        ("14614", "days", DAY),
        ("40183", "excel", DAY),
        ("1262700000", "milliseconds", 1262700.0),
        ("105", "seconds", 105.0),
        ("5/1/2010", "%d/%m/%Y", DAY),
    ],
)
def test_a_form_that_is_named_is_the_one(cell, form, seconds):
    assert read([cell], form=form)[0] == [seconds]


def test_a_form_that_is_none_is_refused():
    with pytest.raises(InputError, match="time_as=exel: is none of any, seconds, .*excel"):
        read(["1"], form="exel")


@settings(max_examples=150, deadline=None)
@given(
    moments=st.lists(
        st.datetimes(dt.datetime(1990, 1, 2), NOW.replace(tzinfo=None)), min_size=1, max_size=6
    ),
    form=st.sampled_from(
        ["%a, %d %b %Y %H:%M:%S +0000", "%a %b %d %H:%M:%S +0000 %Y", "%d/%b/%Y:%H:%M:%S +0000",
         "%Y%m%d%H%M%S", "%Y%m%dT%H%M%SZ", "%Y-%m-%d %H:%M:%S+00", "%A, %B %d, %Y %I:%M:%S %p",
         "%d%b%Y:%H:%M:%S", "%s", "%s000", "%s000000", "%s000000000"]
    ),
)  # fmt: skip
def test_forms_agree_with_datetime_or_are_asked_about(moments, form):
    moments = [moment.replace(microsecond=0, tzinfo=dt.UTC) for moment in moments]
    cells = [
        moment.strftime(form.replace("%s", str(int(moment.timestamp())))) for moment in moments
    ]
    try:
        assert read(cells)[0] == [moment.timestamp() for moment in moments]
    except InputError as error:
        if "may be" not in str(error):
            raise


@settings(max_examples=100, deadline=None)
@given(cells=st.lists(st.text(max_size=24), min_size=1, max_size=5))
def test_any_text_is_read_or_not_but_never_breaks(cells):
    try:
        assert len(read(cells)[0]) == len(cells)
    except InputError as error:
        if "\n" in str(error):
            raise


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (["0105"] * 9, "'0105' would be 1970-01-01 (read as unix seconds), and 9 of 9 rows lie "
         "before 1990; a month and a day without a year are no date; set data.time_as=any"),
        (["14614"] * 9, "set data.time_as=days for 2010-01-05"),
        (["201001"] * 9, "set data.time_as=%Y%m for 2010-01-01"),
        (["2010"] * 9, "set data.time_as=%Y for 2010-01-01"),
        (["31012010"] * 9, "set data.time_as=%d%m%Y for 2010-01-31"),
        (["1970-01-01"] * 9, "9 of 9 rows lie before 1990"),
        (list(range(9)), "data.time='' if these are no times"),
        ([(NOW + dt.timedelta(days=9)).isoformat()] * 9, "9 of 9 rows lie after tomorrow"),
        ([13_000_000_000_000_000] * 9, "9 of 9 rows lie after tomorrow"),
        ([dt.date(1980, 1, 1)] * 9, "9 of 9 rows lie before 1990"),
    ],
)  # fmt: skip
def test_odd_times_are_asked_about_and_the_answer_is_heeded(cells, words):
    with pytest.raises(InputError) as caught:
        events(cells)
    assert words in str(caught.value)
    if cells[0] != 13_000_000_000_000_000:
        assert len(events(cells, time_as="any").frame) == 9


def test_a_few_odd_times_are_said_and_kept():
    found = events(["2020-01-01"] * 150 + ["1980-01-01"])
    assert "1 of 151 rows lie before 1990 (first: t.csv, line 152: '1980-01-01')" in found.notes
    assert len(found.frame) == 151
    assert len(events([str(time.time())] * 5).frame) == 5


def test_named_sets_are_not_asked_about():
    assert len(events(["5"] * 9, time_as="any").frame) == 9
    sheet = Sheet(Path("t.csv"), pl.DataFrame({"user": ["a"], "item": ["x"], "time": ["5"]}))
    assert len(fields.events(sheet, {n: n for n in sheet.frame.columns}, drop=True).frame) == 1


# --- several columns


@pytest.mark.parametrize(
    ("columns", "seconds"),
    [
        ({"Date": "2010-01-05", "Time": "14:00"}, TWO),
        ({"Time": "2:00 PM", "Date": "2010-01-05"}, TWO),
        ({"Date": "2010-01-05 00:00:00", "Time": "14:00:00"}, TWO),
        ({"Date": "05.01.2010", "Uhr": "1899-12-30 14:00:00"}, TWO),
        ({"Date": 20100105, "Time": 1400}, TWO),
        ({"Date": "20100105", "Time": "140000"}, TWO),
        ({"Date": "2010-01-05", "Hour": 14}, TWO),
        ({"Date": 40183, "Time": 14 / 24}, TWO),
        ({"Date": dt.date(2010, 1, 5), "Time": dt.time(14)}, TWO),
        ({"Date": dt.datetime(2010, 1, 5), "Time": dt.timedelta(hours=14)}, TWO),
        ({"Year": 2010, "Month": 1, "Day": 5}, DAY),
        ({"Year": 2010.0, "Month": 1.0, "Day": 5.0, "Hour": 14.0}, TWO),
    ],
)
def test_a_time_in_several_columns_is_read(columns, seconds):
    frame = pl.DataFrame({name: [cell, cell] for name, cell in columns.items()})
    given = ",".join(columns)
    found = joined.added(frame, given)[given]
    assert dates.read(found, "t.csv", "dmy" if "Uhr" in columns else None)[0].to_list() == (
        [seconds] * 2
    )


def test_a_half_that_is_missing_is_no_time():
    frame = pl.DataFrame({"d": ["2010-01-05", None, "2010-01-05"], "t": ["14:00", "14:00", ""]})
    assert dates.read(joined.added(frame, "d, t")["d, t"])[0].to_list() == [TWO, None, None]


def test_a_column_that_bears_the_name_itself_is_taken():
    frame = pl.DataFrame({"d,t": ["2010-01-05"], "d": ["x"], "t": ["y"]})
    assert joined.added(frame, "d,t").equals(frame)
    assert joined.parts(["d", "t"], "d,x") == ()


def test_the_usual_years_end_tomorrow():
    assert units.soon() - time.time() == pytest.approx(2 * 86400, abs=5)


# --- through every door


ROWS = [("a", "x", "2010-01-05", "14:00"), ("b", "y", "2010-01-05", "14:00")]


def of_file(tmp_path, header="user,item,Date,Time", **named):
    path = tmp_path / "orders.csv"
    path.write_text("\n".join([header, *map(",".join, ROWS)]), "utf-8")
    columns = {**dict.fromkeys(fields.ROLES), **named}
    return separators.read(path, columns)


def test_date_and_time_are_joined_in_a_file(tmp_path):
    for found in (
        of_file(tmp_path, time="Date,Time"),
        of_file(tmp_path),
        of_file(tmp_path, header="user,item,d,t", time="d, t"),
    ):
        sheet = stacking.stacked([found], "orders.csv")
        assert sheet.frame["time"].to_list() == ["2010-01-05 14:00"] * 2
    assert "time='Date,Time'" in of_file(tmp_path).note
    assert of_file(tmp_path, time="Date").columns["time"] == "Date"
    with pytest.raises(InputError, match="no column 'Date,Tim'"):
        of_file(tmp_path, time="Date,Tim")


def test_date_and_time_are_joined_in_python_and_sql(tmp_path):
    frame = pl.DataFrame(ROWS, schema=["user", "item", "Date", "Time"], orient="row")
    assert gnnseg.interactions(frame, time="Date,Time").events["time"].to_list() == [TWO, TWO]
    with closing(sqlite3.connect(tmp_path / "shop.db")) as database:
        database.execute("create table o (user, item, Date, Time)")
        database.executemany("insert into o values (?, ?, ?, ?)", ROWS)
        database.commit()
    connect = f"sqlite:///{tmp_path / 'shop.db'}"
    sheet, note = sql.interactions("select * from o", connect, {"time": "Date,Time"})
    assert sheet.frame["time"].to_list() == ["2010-01-05 14:00"] * 2
    assert "time='Date,Time'" in note


def test_check_proposes_both_columns(tmp_path):
    of_file(tmp_path)
    said = inspect.check(str(tmp_path / "orders.csv"), dict.fromkeys(fields.ROLES))
    assert said.endswith("--user user --item item --time Date,Time")


def test_each_door_names_the_setting_in_its_words(tmp_path):
    frame = {"user": ["a", "b"], "item": ["x", "y"], "time": [1, 2]}
    with pytest.raises(InputError, match="set time_as=any if that is right, time='' if"):
        gnnseg.interactions(frame, time="time")
    found = gnnseg.interactions(frame, time="time", time_as="seconds")
    assert found.events["time"].to_list() == [1, 2]
    given = typed.sort(["o.csv", "--time-as", "%Y%m", "--zeros", "keep"])
    assert given.options == {"time_as": "%Y%m", "zeros": "keep"}


def test_times_cut_by_a_spreadsheet_are_said():
    assert any("as coarse as their digits" in note for note in events(["1.34681E+12"] * 5).notes)
    assert not any("coarse" in note for note in events(["1346810000000"] * 5).notes)
