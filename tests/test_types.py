"""Ids and indices, against a loop over a dictionary; records are built by keyword."""

import dataclasses
import time

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnnseg.data.raw import Raw, RawRelation
from gnnseg.types import Dataset, IdMap, Interactions, Log, Pairs, Relation, Split

TEXT = st.lists(st.text(max_size=4), unique=True, max_size=30)


def ids(*values: object) -> IdMap:
    return IdMap(np.array([*map(str, values), None], dtype=object)[:-1])


@given(TEXT, TEXT)
def test_bulk_look_ups_are_a_loop_over_a_dictionary(known: list[str], asked: list[str]) -> None:
    given_, place = ids(*known), {value: at for at, value in enumerate(known)}
    wanted = asked + known[::-1] + asked
    expected = [place.get(value, -1) for value in wanted]
    for form in (
        wanted,
        np.array([*wanted, None], dtype=object)[:-1],
        pl.Series(wanted, dtype=pl.String),
    ):
        found = given_.to_index(form, missing=-1)
        assert found.dtype == np.int64
        assert found.tolist() == expected
    assert given_.to_index(known).tolist() == [given_.index(value) for value in known]


@given(st.lists(st.integers(), unique=True, min_size=1, max_size=30), st.data())
def test_there_and_back(known: list[int], data: st.DataObject) -> None:
    map_ = ids(*known)
    rows = np.array(
        data.draw(st.lists(st.integers(0, len(known) - 1), max_size=20)), dtype=np.int64
    )
    assert map_.to_index(map_.to_ids(rows)).tolist() == rows.tolist()
    assert map_.to_index([known[row] for row in rows]).tolist() == rows.tolist()  # numbers as text
    assert map_.to_ids(rows.reshape(-1, 1)).shape == (len(rows), 1)


def test_the_first_unknown_id_is_named() -> None:
    with pytest.raises(KeyError, match="'z': none of the 2 ids here"):
        ids("a", "b").to_index(["b", "z", "y"])
    assert ids("a", "b").to_index(["z", "b"], missing=-1).tolist() == [-1, 1]
    assert ids("a", "b").to_index(["z", "b"], missing=7).tolist() == [7, 1]
    assert ids().to_index([]).tolist() == []
    assert ids("a").to_index(pl.Series([None, "a"]), missing=-1).tolist() == [-1, 0]


def test_no_index_below_0_is_anybodys() -> None:
    with pytest.raises(AssertionError, match="nobody"):
        ids("a", "b").to_ids(np.array([0, -1]))


def test_a_million_ids_take_seconds() -> None:
    known = [f"user-{n}" for n in range(1_000_000)]
    map_ = IdMap(np.array(known, dtype=object))
    asked = pl.Series(known[::-1])
    begun = time.process_time()
    found = map_.to_index(asked)
    assert time.process_time() - begun < 5
    assert found.tolist() == list(range(len(known) - 1, -1, -1))


@pytest.mark.parametrize("record", [Dataset, Split, Raw, RawRelation, Relation, Log])
def test_records_of_many_fields_are_built_by_keyword(record: type) -> None:
    assert all(field.kw_only for field in dataclasses.fields(record))


def test_what_is_optional_of_events_and_pairs_is_named() -> None:
    one = np.zeros(1, dtype=np.int64)
    with pytest.raises(TypeError):
        Interactions(one, one, one)  # type: ignore[misc, arg-type]
    with pytest.raises(TypeError):
        Pairs(one, one, one, one, one)  # type: ignore[misc, arg-type]
    assert Interactions(one, one, time=one * 2.0).rows(one == 1).time.tolist() == []
