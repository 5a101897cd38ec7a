"""Decimal signs and thousands signs, detected from the whole column; two readings are asked about,
never guessed."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnseg.data.tables import numbers
from gnnseg.types import InputError


def read(cells, decimal=None):
    return numbers.read(pl.Series("n", cells, dtype=pl.String), "t.csv", "weight", decimal)


@pytest.mark.parametrize(
    ("cells", "values", "said"),
    [
        (["1", "-2", " 3 ", "007"], [1, -2, 3, 7], None),
        (["12.5", "1e3", ".5", "2.", "+1"], [12.5, 1000, 0.5, 2, 1], None),
        (["12,50", "3"], [12.5, 3], "decimal comma"),
        (["0,125"], [0.125], "decimal comma"),  # no thousands begin with 0
        (["1.234,56", "7"], [1234.56, 7], "decimal comma"),
        (["1.234.567", "1.000"], [1234567, 1000], "decimal comma"),
        (["1,234.56", "-1,000"], [1234.56, -1000], "thousands signs left out"),
        (["1,234,567", "12"], [1234567, 12], "thousands signs left out"),
        (["1 234,56", "1 234 567"], [1234.56, 1234567], "decimal comma"),
        (["1\u00a0234,5", "1\u202f000"], [1234.5, 1000], "decimal comma"),
        (["1'234.50", "2’000"], [1234.5, 2000], "thousands signs left out"),
        (["1.234", "0.5"], [1.234, 0.5], None),
        (["1.234", "12.5"], [1.234, 12.5], None),
        (["many", "12,5", None, ""], [None, 12.5, None, None], "decimal comma"),
        (["many", "2", "1,2,3"], [None, 2, None], None),
        (["12,34,56"], [None], None),
        (["nan", "1,5"], [None, 1.5], "decimal comma"),
    ],
)
def test_numbers_are_read_by_the_sign_that_fits_all(cells, values, said):
    found, how = read(cells)
    assert found.to_list() == values
    assert how == said


@pytest.mark.parametrize(
    "cells", [["1,234"], ["1,234", "12", "-5,000"], ["1.234"], ["1.500", "250", "nan"]]
)
def test_two_readings_are_asked_about_and_either_answer_is_heeded(cells):
    with pytest.raises(
        InputError,
        match=r"^t.csv: weight '1.\d+' may be \S+ \(data.decimal=point\) or "
        r"\S+ \(data.decimal=comma\)",
    ):
        read(cells)
    values = {sign: read(cells, sign)[0][0] for sign in (".", ",", "point", "comma")}
    assert values["."] == values["point"]
    assert values[","] == values["comma"]
    assert {1000 * min(values.values())} == {max(values.values())}


def test_rows_that_contradict_each_other_are_named():
    with pytest.raises(
        InputError, match=r"both '12.50' \(decimal point\) and '3,5' \(decimal comma\)"
    ):
        read(["12.50", "3,5"])
    assert read(["12.50", "3,5"], "point")[0].to_list() == [12.5, None]
    assert read(["12.50", "3,5"], ",")[0].to_list() == [None, 3.5]


def test_a_late_row_settles_what_the_first_hundreds_leave_open():
    cells = ["1.234"] * 500
    with pytest.raises(InputError, match="may be"):
        read(cells)
    assert read([*cells, "0.5"])[0][0] == 1.234
    assert read([*cells, "0,5"])[0][0] == 1234.0


@settings(max_examples=200, deadline=None)
@given(
    values=st.lists(st.decimals(-(10**9), 10**9, places=2).map(float), min_size=1, max_size=8),
    form=st.sampled_from(["point", "comma", "grouped point", "grouped comma", "blanks"]),
)
def test_numbers_as_people_write_them_are_read_right_or_asked_about(values, form):
    point = [f"{value:.2f}" if form in ("point", "comma") else f"{value:,.2f}" for value in values]
    swap = str.maketrans(",.", " ," if form == "blanks" else ".,")
    cells = [
        cell.translate(swap) if form in ("comma", "grouped comma", "blanks") else cell
        for cell in point
    ]
    assert read(cells)[0].to_list() == values


def test_columns_of_numbers_stay_as_they_are():
    assert numbers.read(pl.Series([1, 2]), "t", "weight")[0].to_list() == [1.0, 2.0]
    assert numbers.read(pl.Series([1.234, None]), "t", "weight", ",")[0].to_list() == [1.234, None]


@pytest.mark.parametrize(
    "cells",
    [
        ["1", "2,5", "x", "1.000,5"],
        ["1,000", "2.5", " 3 "],
        ["1", "2", "1,5", "7", "2.5"],
        ["1,234"] * 5,
    ],
)
def test_chunks_do_not_change_what_is_read(monkeypatch, cells):
    def outcome():
        try:
            return read(cells)[0].to_list()
        except InputError as error:
            return str(error)

    whole = outcome()
    monkeypatch.setattr(numbers, "CHUNK", 2)
    assert outcome() == whole
