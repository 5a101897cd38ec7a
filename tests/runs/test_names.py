"""Names made of what segments take: readable, short, different from one another."""

import numpy as np
import polars as pl
import pytest

from gnnseg.runs import names


def items(**columns):
    count = len(next(iter(columns.values())))
    first = {"item": [str(n) for n in range(count)], "name": [None] * count}
    types = {"item": pl.String, "name": pl.String}
    return pl.DataFrame({**first, **columns}, schema_overrides=types)


KINDS = ["WINE", "CHEESE", "DIAPERS", "BABY FOOD", "other", "unknown"]


@pytest.fixture
def taken():
    """Segment 1 takes wine and cheese, segment 2 diapers and baby food, both the rest."""
    found = np.full((2, 36), 200.0)
    for j in range(36):
        kind = KINDS[j % 6]
        found[0, j] += 900 * (kind in ("WINE", "CHEESE")) + 5000 * (kind == "other")
        found[1, j] += 900 * (kind in ("DIAPERS", "BABY FOOD"))
    return found


def test_categories_say_what_stands_out_and_other_says_nothing(taken):
    found = names.made(items(kind=[KINDS[j % 6] for j in range(36)]), taken, [[], []])
    assert [set(each) for each in found] == [{"WINE", "CHEESE"}, {"DIAPERS", "BABY FOOD"}]
    given = names.written(found, [None, None])
    assert given == ["Cheese, wine", "Baby food, diapers"]


def test_equal_names_and_columns_of_ids_are_left_out(taken):
    frame = items(
        department=[KINDS[j % 6].lower() for j in range(36)],
        kind=[KINDS[j % 6] for j in range(36)],
        code=[f"K-{j % 6:04d}" for j in range(36)],
        label=[f"a label of its own, number {chr(97 + j % 26)}{chr(97 + j)}" for j in range(36)],
    )
    found = names.made(frame, taken, [[], []])
    assert [sorted(word.lower() for word in each) for each in found] == [
        ["cheese", "wine"],
        ["baby food", "diapers"],
    ]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [("Metal", "heavy metal", True), ("hip-hop", "Hip hop", True), ("wine", "winegums", False)],
)
def test_words_within_words_are_told_once(one, other, same):
    nowhere = np.zeros(2)
    first, second = (
        names.Word(text, nowhere, nowhere, np.array([at])) for at, text in enumerate((one, other))
    )
    assert names._same(first, second) is same
    assert names._same(second, first) is same


def test_classes_joined_by_a_bar_are_several(taken):
    frame = items(genre=[f"{KINDS[j % 6]}|film" for j in range(36)])
    assert set(names.made(frame, taken, [[], []])[0]) == {"WINE", "CHEESE"}


def test_a_column_of_few_values_is_told_with_its_name(taken):
    frame = items(brand=["Private" if j % 6 < 2 else "National" for j in range(36)])
    assert names.made(frame, taken, [[], []])[0] == ["brand: Private"]


def test_without_categories_items_say_it_then_people_then_the_number(taken):
    taken[:, 4::6] = 0
    titled = items(code=["1"] * 36).with_columns(
        name=pl.Series([f"{KINDS[j % 6]} {'abcdef'[j // 6] * 3}" for j in range(36)])
    )
    assert all("WINE" in w or "CHEESE" in w for w in names.made(titled, taken, [[], []])[0])
    plain = items(code=["1"] * 36)
    assert names.made(plain, taken, [["age=45-54"], []]) == [["age=45-54"], []]
    assert names.written([["age=45-54"], []], [None, None]) == ["Age=45-54", "segment 2"]


@pytest.mark.parametrize(
    ("texts", "can"),
    [
        (["WHITE MUG", "RED LAMP", "CAKE STAND"], True),
        (["SKU-1001", "SKU-1002", "SKU-1003", "SKU-1004"], False),
        (["85123A", "71053", "84406B"], False),
        (["9f8b7c6d-1234", "0a1b2c3d-9999", "deadbeef"], False),
        (["B00X4WHP5E", "B01LTHXAHD1234", "0439023483"], False),
        (["红酒", "奶酪", "面包"], True),
        (["ワイン", "チーズ"], True),
        (["i1", "i2", "i3"], False),
        (["segment item 1", "segment item 2", "segment item 3"], False),
        ([None, ""], False),
    ],
)
def test_codes_are_no_names(texts, can):
    assert names.legible(texts) is can


def test_names_differ_and_are_short():
    same = [["WINE", "CHEESE"], ["WINE", "CHEESE"], ["WINE", "CHEESE"], ["x" * 90], []]
    found = names.written(same, [None] * 5)
    assert len({name.casefold() for name in found}) == 5
    assert max(map(len, found)) <= names.LONGEST
    assert found[4] == "segment 5"


def test_a_given_name_stays_and_none_is_made_like_it():
    assert names.written([["Wine"], ["Wine"]], ["wine", None]) == [None, "Wine (2)"]
