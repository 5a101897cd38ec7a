"""Currency signs, minus signs, brackets, other scripts' digits, words for yes and no."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnseg.data.tables import numbers
from gnnseg.types import InputError


def read(cells, decimal=None, flags=False):
    column = pl.Series("n", cells)
    found, how = numbers.read(column, "t.csv", "spend", decimal, flags=flags)
    return found.to_list(), how


@pytest.mark.parametrize(
    ("cells", "values", "said"),
    [
        (["1,50 €", "3,00 €"], [1.5, 3], "decimal comma, € left out"),
        (["$12.50", "-$3.00", "$-4", "5"], [12.5, -3, -4, 5], "$ left out"),
        (["USD 1,250.50", "USD 3"], [1250.5, 3], "thousands signs left out, USD left out"),
        (["R$ 1.234,50", "R$ 2,00"], [1234.5, 2], "decimal comma, R$ left out"),
        (["12 kr", "3 kr."], [12, 3], None),
        (["1,23,436.50", "12,34,567"], [123436.5, 1234567], "thousands signs left out"),
        (["₹1,23,436", "₹5"], [123436, 5], "thousands signs left out, ₹ left out"),
        (["5.00-", "2.00"], [-5, 2], "the minus behind the number"),
        (["5,00-", "2,00"], [-5, 2], "decimal comma, the minus behind the number"),
        (["\u22125", "2"], [-5, 2], "digits or signs of other scripts"),
        (["\u20135", "2"], [-5, 2], "digits or signs of other scripts"),
        (["１２", "３．５"], [12, 3.5], "digits or signs of other scripts"),
        (["٣٫٥", "۱۲"], [3.5, 12], "digits or signs of other scripts"),
        (["(5.00)", "2.00"], [-5, 2], "brackets read as minus"),
        (["($5.00)", "$(4.00)", "$2.00"], [-5, -4, 2], "$ left out, brackets read as minus"),
    ],
)
def test_signs_around_numbers_are_read_and_said(cells, values, said):
    if said is None:
        with pytest.raises(InputError, match="several currencies"):
            read(cells)
        return
    found, how = read(cells)
    assert found == values
    assert how == said


@pytest.mark.parametrize(
    "cells",
    [
        ["(5)", "(12)"],  # footnotes, or counts in brackets
        ["5+", "10+"],
        ["-5-", "--5", "(-5)"],
        ["18-25", "5 to 6", "12,34,56"],
        ["$", "€ €", "$5€"],
    ],
)
def test_what_may_be_something_else_is_no_number(cells):
    assert read([*cells, "many"])[0] == [None] * (len(cells) + 1)


def test_amounts_of_two_currencies_are_refused():
    with pytest.raises(InputError, match=r"spend has amounts of several currencies, '.*5' and '"):
        read(["$5", "3 €"])


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["True", "False", None], [1, 0, None]),
        ([True, False, None], [1, 0, None]),
        (["yes", "No", ""], [1, 0, None]),
        (["t", "f"], [1, 0]),
        (["wahr", "falsch", "1"], [1, 0, 1]),
    ],
)
def test_yes_is_1_and_no_is_0_where_it_is_asked_for(cells, values):
    assert read(cells, flags=True) == (values, numbers.FLAGS)
    assert None in read(cells[:2])[0]  # classes of an attribute stay classes


def test_a_word_that_is_neither_is_no_number():
    assert read(["true", "maybe"], flags=True)[0] == [None, None]
    assert read(["1", "0"], flags=True) == ([1, 0], None)


@settings(max_examples=150, deadline=None)
@given(
    values=st.lists(st.decimals(-(10**6), 10**6, places=2).map(float), min_size=1, max_size=6),
    form=st.sampled_from(["{}{:.2f} €", "${}{:,.2f}", "{}{:.2f}~", "\u2212", "({})"]),
)
def test_amounts_as_people_write_them_are_read_right(values, form):
    cells = []
    for value in values:
        sign, size = "-" if value < 0 else "", abs(value)
        if form == "{}{:.2f}~":
            cells.append(f"{size:.2f}{sign}")
        elif form == "({})":
            cells.append(f"({size:.2f})" if sign else f"{size:.2f}")
        elif form == "\u2212":
            cells.append(f"{sign.replace('-', form)}{size:.2f}")
        else:
            cells.append(form.format(sign, size))
    assert read([*cells, cells[0].replace(cells[0], "0.01")], "point")[0][:-1] == values
