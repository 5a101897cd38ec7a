"""Cleaning and indexing against loops; what is dropped is counted and said."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnseg.data import clean
from gnnseg.data.raw import Raw, RawRelation
from gnnseg.types import Dataset, InputError


def raw(rows: list[tuple[str, str]], weights: list[float] | None = None, **more: object) -> Raw:
    frame = pl.DataFrame(
        {"user": [u for u, _ in rows], "item": [i for _, i in rows]},
        schema={"user": pl.String, "item": pl.String},
    )
    if weights is not None:
        frame = frame.with_columns(weight=pl.Series(weights, dtype=pl.Float64))
    return Raw(name="hand", events=frame, **more)  # type: ignore[arg-type]


def build(
    given: Raw, min_weight: float | None = None, k_core: int = 0, said: list[str] | None = None
) -> Dataset:
    return clean.build(
        given, min_weight=min_weight, k_core=k_core, say=(said if said is not None else []).append
    )


def events(d: Dataset) -> set[tuple[str, str]]:
    return {
        (d.users.ids[u], d.items.ids[i])
        for u, i in zip(d.interactions.user, d.interactions.item, strict=True)
    }


def test_ids_rank_as_numbers_where_all_are_else_as_bytes() -> None:
    d = build(raw([("10", "b"), ("9", "é"), ("2", "Z"), ("2", "a")]))
    assert d.users.ids.tolist() == ["2", "9", "10"]
    assert d.items.ids.tolist() == ["Z", "a", "b", "é"]
    mixed = build(raw([("10", "1"), ("9", "2"), ("x", "1")]))
    assert mixed.users.ids.tolist() == ["10", "9", "x"]


def test_order_of_rows_does_not_matter() -> None:
    rows = [("3", "x"), ("1", "y"), ("2", "x"), ("1", "x")]
    a, b = build(raw(rows)), build(raw(rows[::-1]))
    assert events(a) == events(b) == set(rows)
    assert a.users.ids.tolist() == b.users.ids.tolist()


def core_loop(rows: list[tuple[int, int]], k: int) -> set[tuple[int, int]]:
    left = set(rows)
    while True:
        few = {
            (u, i)
            for u, i in left
            if sum(a == u for a, _ in left) < k or sum(b == i for _, b in left) < k
        }
        if not few:
            return left
        left -= few


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=40),
    st.integers(1, 4),
)
def test_k_core_equals_a_loop(rows: list[tuple[int, int]], k: int) -> None:
    user, item = np.array([u for u, _ in rows]), np.array([i for _, i in rows])
    keep = clean.core(user, item, 7, 7, k)
    assert {row for row, kept in zip(rows, keep, strict=True) if kept} == core_loop(rows, k)
    assert all(
        kept == (row in core_loop(rows, k)) for row, kept in zip(rows, keep, strict=True)
    )  # repeats stay or go together


def test_what_is_dropped_is_counted_and_said() -> None:
    rows = [(str(u), str(i)) for u in range(3) for i in range(3)] + [("9", "0"), ("0", "0")]
    said: list[str] = []
    d = build(raw(rows, [5.0] * 9 + [5.0, 1.0]), min_weight=3, k_core=2, said=said)
    assert d.notes["dropped"] == {"weight below 3": 1, "outside the 2-core": 1}
    assert d.notes["rows"] == 11
    assert len(d.interactions) == 9
    assert any("1 rows: outside the 2-core" in line for line in said)


@pytest.mark.parametrize(
    ("given_rows", "options", "match"),
    [
        ([("1", "a"), ("2", "b")], {"min_weight": 9.0}, "min_weight=9 filters everything away"),
        ([("1", "a"), ("2", "b")], {"k_core": 5}, "k_core=5 empties the set"),
        ([("1", "a"), ("1", "b")], {}, "only one user"),
        ([("1", "a"), ("2", "a")], {}, "only one item"),
    ],
)
def test_nothing_left_is_one_sentence(
    given_rows: list[tuple[str, str]], options: dict[str, float], match: str
) -> None:
    with pytest.raises(InputError, match=match):
        build(raw(given_rows, [1.0] * len(given_rows)), **options)  # type: ignore[arg-type]


def test_min_weight_without_weights_is_one_sentence() -> None:
    with pytest.raises(InputError, match="has no weights"):
        build(raw([("1", "a"), ("2", "b")]), min_weight=1.0)


def test_attributes_are_aligned_and_strangers_left_out() -> None:
    users = pl.DataFrame(
        {
            "id": ["3", "1", "8"],
            "age": [30.0, 10.0, 80.0],
            "job": ["c", None, "h"],
            "tags": [["x", "y"], None, []],
        }
    )
    items = pl.DataFrame({"id": ["b", "a"], "name": ["Bee", "Ay"]})
    d = build(raw([("1", "a"), ("2", "b"), ("3", "a")], users=users, items=items))
    assert d.items.names is not None
    assert d.items.names.tolist() == ["Ay", "Bee"]
    assert d.user_table is not None
    np.testing.assert_array_equal(d.user_table.columns["age"], [10.0, np.nan, 30.0])
    assert d.user_table.columns["job"].tolist() == [None, None, "c"]
    assert d.user_table.columns["tags"].tolist() == [None, None, "x|y"]
    assert d.notes["left out"] == {"users known only from their attributes": 1}
    twice = pl.DataFrame({"id": ["1", "1"], "age": [1.0, 2.0]})
    with pytest.raises(InputError, match="user attributes: id 1 stands 2 times"):
        build(raw([("1", "a"), ("2", "b")], users=twice))


def test_social_and_typed_edges() -> None:
    social = pl.DataFrame(
        {
            "source": ["1", "2", "2", "1", "7"],
            "target": ["2", "1", "2", "2", "1"],
            "weight": [1.0, 1.0, 1.0, 2.0, 1.0],
        }
    )
    relation = RawRelation(
        name="made by",
        source_kind="item",
        target_kind="maker",
        edges=pl.DataFrame(
            {"source": ["a", "b", "z"], "target": ["M", "L", "M"], "weight": [1.0] * 3}
        ),
    )
    d = build(raw([("1", "a"), ("2", "b")], social=social, relations=(relation,)))
    assert d.social is not None
    assert list(zip(d.social.source, d.social.target, d.social.weight, strict=True)) == [
        (0, 1, 3.0),
        (1, 0, 1.0),
    ]
    assert d.notes["left out"] == {
        "social ties of a user to themselves": 1,
        "social edges to ids without an interaction": 1,
        "made by edges to ids without an interaction": 1,
    }
    apart = RawRelation(
        name="is near", source_kind="makers", target_kind="town", edges=relation.edges
    )
    with pytest.raises(
        InputError, match="'is near' joins makers and town, which no relation joins to user or item"
    ):
        build(raw([("1", "a"), ("2", "b")], relations=(relation, apart)))
    wrong = RawRelation(
        name="made by", source_kind="user", target_kind="maker", edges=relation.edges
    )
    with pytest.raises(
        InputError,
        match=r"'made by': no edge joins a known user .*\(the first joins a to M, the",
    ):
        build(raw([("1", "a"), ("2", "b")], relations=(wrong,)))
    assert d.entities["maker"].ids.tolist() == ["L", "M"]
    made = d.relations[0]
    assert [
        (d.items.ids[s], d.entities["maker"].ids[t])
        for s, t in zip(made.source, made.target, strict=True)
    ] == [
        ("a", "M"),
        ("b", "L"),
    ]
