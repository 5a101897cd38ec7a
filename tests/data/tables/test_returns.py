"""Returned goods against a slow stack."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnseg.data.tables import returns


def slow(rows):
    """Purchases by pair as a stack; a return takes from its top."""
    stacks, excess = {}, 0
    order = sorted(range(len(rows)), key=lambda n: (rows[n][3], rows[n][2] < 0, n))
    for n in order:
        user, item, weight, _ = rows[n]
        stack = stacks.setdefault((user, item), [])
        if weight >= 0:
            stack.append([n, weight])
            continue
        left = -weight
        while left > 0 and stack:
            taken = min(left, stack[-1][1])
            stack[-1][1] -= taken
            left -= taken
            if stack[-1][1] == 0:
                stack.pop()
        excess += left > 0
    return dict(sorted((n, weight) for stack in stacks.values() for n, weight in stack)), excess


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from("ab"),
            st.sampled_from("xy"),
            st.sampled_from([1, 2, 3, -1, -2, -5]),
            st.integers(0, 4),
        ),
        min_size=1,
        max_size=12,
    )
)  # fmt: skip
@pytest.mark.slow
def test_returns_are_taken_off_the_latest_purchases_before_them(rows):
    frame = pl.DataFrame(
        rows, schema=["user", "item", "weight", "time"], orient="row"
    ).with_columns(pl.col("weight").cast(pl.Float64), pl.col("time").cast(pl.Float64))
    found, counts = returns.subtract(frame, ["user", "item"])
    left, excess = slow(rows)
    assert found["weight"].to_list() == list(left.values())
    assert found["time"].to_list() == [rows[n][3] for n in left]
    assert counts.get(returns.EXCESS, 0) == excess
    assert sum(counts.values()) == len(rows) - len(found)


def subtract(weight, **more):
    frame = pl.DataFrame(
        {"user": ["a"] * len(weight), "item": ["x"] * len(weight), "weight": weight, **more}
    )
    return returns.subtract(frame, ["user", "item"])


def test_spend_shrinks_with_the_weight_and_rounding_leaves_nothing():
    found, counts = subtract([4.0, -1.0], spend=[20.0, -5.0], time=[1.0, 2.0])
    assert found.rows() == [("a", "x", 3.0, 15.0, 1.0)]
    assert counts == {returns.TAKEN: 1}
    found, counts = subtract([0.1, 0.2, -0.3], time=[1.0, 2.0, 3.0])
    assert found.is_empty()
    assert counts == {returns.TAKEN: 1, returns.UNDONE: 2}


def test_a_purchase_after_the_return_is_left_alone_and_no_time_means_purchases_first():
    found, counts = subtract([1.0, -1.0, 1.0], time=[1.0, 2.0, 3.0])
    assert found["time"].to_list() == [3.0]
    found, counts = subtract([-1.0, 1.0], time=[1.0, 2.0])
    assert found["weight"].to_list() == [1.0]
    assert counts == {returns.EXCESS: 1}
    assert subtract([-1.0, 1.0])[0].is_empty()


def test_pairs_without_returns_stay_as_they_are():
    frame = pl.DataFrame({"user": ["a", "b"], "item": ["x", "x"], "weight": [0.0, 2.0]})
    found, counts = returns.subtract(frame, ["user", "item"])
    assert found.equals(frame)
    assert counts == {}


@pytest.mark.parametrize("part", [0, 1])
def test_parts_of_a_split_are_apart(part):
    frame = pl.DataFrame(
        {"user": ["a", "a"], "item": ["x", "x"], "weight": [1.0, -1.0], "part": [0, part]}
    )
    found, _ = returns.subtract(frame, ["user", "item", "part"])
    assert len(found) == part
