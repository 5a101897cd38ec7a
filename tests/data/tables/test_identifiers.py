"""Ids in one spelling: what programs put on them is taken off, what people meant stays."""

import unicodedata

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnseg.data.tables import identifiers, nobody
from gnnseg.types import IdMap, text_of_id


def read(cells, **how):
    return identifiers.read(pl.Series("c", cells, **how), "user ids")


@pytest.mark.parametrize(
    ("cells", "right"),
    [
        (["12345.0", "12345", "7.00"], ["12345", "12345", "7"]),
        (["12345,0", "7,0", "12345"], ["12345", "7", "12345"]),
        (["12,342", "5", "12342"], ["12342", "5", "12342"]),
        (["12 342", "12\u00a0343", "1’234’567"], ["12342", "12343", "1234567"]),
        (['="00123"', "'00123", "00123"], ["00123", "00123", "00123"]),
        (["4.006381333931E+12", "1e+05"], ["4006381333931", "100000"]),
        (["a\u200b", "\ufeffa", "e\u0301", "\u00e9"], ["a", "a", "\u00e9", "\u00e9"]),
        # what stays as it is written
        (["007", "7", "A1", "a1"], ["007", "7", "A1", "a1"]),
        (["1.0", "1.5", "2.0"], ["1.0", "1.5", "2.0"]),
        (["1.0", "1.0.2"], ["1.0", "1.0.2"]),
        (["802.758.87", "100.234"], ["802.758.87", "100.234"]),
        (["101,202", "303,404"], ["101,202", "303,404"]),
        (["1E10", "12E5", "85123A"], ["1E10", "12E5", "85123A"]),
        (["12.000", "13.000"], ["12.000", "13.000"]),
        (["007.0"], ["007.0"]),
    ],
)
def test_text_is_read_in_one_spelling(cells, right):
    found = read(cells)
    assert found.ids.to_list() == right
    assert bool(found.notes) == (cells != right)
    assert not len(found.lost)
    assert found.ids.name == "c"


def test_what_was_done_is_said_with_an_example():
    assert read(["12345.0", "12345", "7.0"]).notes == (
        "user ids without '.0': 12345.0 is 12345 (1 id was written both ways)",
    )


@pytest.mark.parametrize(
    ("cells", "dtype", "right"),
    [
        ([3, 0, None], pl.Int32, ["3", "0", None]),
        ([12345.0, float("nan"), None], pl.Float64, ["12345", None, None]),
        ([1.5, 2.0], pl.Float64, ["1.5", "2.0"]),
        (["12.00", "7.00"], pl.Decimal(10, 2), ["12", "7"]),
        (["12.50", "7.00"], pl.Decimal(10, 2), ["12.50", "7.00"]),
        (["a", "b"], pl.Categorical, ["a", "b"]),
        ([2**60 + 1], pl.Int64, [str(2**60 + 1)]),
    ],
)
def test_other_types_are_read_so_too(cells, dtype, right):
    series = pl.Series("c", cells)
    assert identifiers.identifiers(series.cast(dtype)).to_list() == right


def test_digits_that_a_program_has_lost_are_known():
    assert read(["1.23457E+12", "12"]).lost.to_list() == ["1.23457E+12"]
    assert read(["1.23457e+06"]).lost.to_list() == ["1.23457e+06"]  # six digits, as C prints
    assert read([2.0**60, 1.0]).lost.to_list() == [str(2**60)]
    assert read([2.0**53 - 1, 1.0]).lost.to_list() == []
    assert read([2.0**25, 1.0], dtype=pl.Float32).lost.to_list() == [str(2**25)]


@given(st.lists(st.integers(-(10**15), 10**15), min_size=1, max_size=20))
@settings(max_examples=60, deadline=None)
def test_whole_numbers_are_the_same_ids_in_every_form(numbers):
    right = [str(n) for n in numbers]
    for cells in (right, numbers, [float(n) for n in numbers], [f"{n}.0" for n in numbers]):
        assert read(cells).ids.to_list() == right
    assert [text_of_id(float(n)) for n in numbers] == right


@given(
    st.lists(
        st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1), min_size=1
    )
)
@settings(max_examples=100, deadline=None)
def test_reading_again_changes_nothing(cells):
    once = read(cells).ids
    again = identifiers.identifiers(once)
    assert again.to_list() == once.to_list()
    assert all(unicodedata.is_normalized("NFC", one) for one in once)


def test_ids_that_differ_in_case_or_zeros_are_said_and_kept():
    ids = pl.Series(["p3@x.org", "P3@x.org", "007", "7", "q"])
    assert list(identifiers.twins(ids, "user ids")) == [
        "1 pair of user ids differ in letter case alone (P3@x.org and p3@x.org); they are kept "
        "apart",
        "1 pair of user ids differ in leading zeros alone (007 and 7); they are kept apart",
    ]


def test_ids_are_looked_up_by_number_too():
    ids = IdMap(np.array(["7", "12345"], dtype=object))
    assert 12345.0 in ids
    assert ids.index(np.float64(7)) == 0
    assert ids.to_index([12345.0, np.int64(7), "x"], missing=-1).tolist() == [1, 0, -1]
    assert ids.to_index(pl.Series([7.0, None]), missing=-1).tolist() == [0, -1]


@pytest.mark.parametrize("word", nobody.MISSING)
def test_words_for_nothing_are_known(word):
    found = read([word, "7"])
    assert nobody.words(found.ids).to_list() == [True, False]
    assert found.blank


@pytest.mark.parametrize("name", ["Nan", "na", "Nil", "nobody", "nullam", "None-1", "O-"])
def test_names_are_no_words_for_nothing(name):
    assert nobody.words(pl.Series([name])).to_list() == [False]


def test_a_guest_holds_far_more_than_any_user():
    def guest(first, count, others=(3, 2, 2, 1)):
        ids = [first] * count + [f"u{n}" for n, times in enumerate(others) for _ in range(times)]
        found = read(ids)
        return nobody.guest(found.ids, found.guests)

    assert guest("0", 40) == ("0", 40 / 48, True)
    assert guest("guest@shop.example", 40).certain
    assert not guest("-1", 20).certain  # said, and kept
    assert guest("0", 5) is None
    assert guest("77", 40) is None
    assert guest("0", 40, others=(1, 1)) is None  # too few to compare with
    numbers = read([0] * 40 + [1, 1, 2, 3, 4])
    assert nobody.guest(numbers.ids, numbers.guests).id == "0"
