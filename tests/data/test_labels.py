"""Whose label training sees, drawn as promised; and what cannot be a label, in one sentence."""

from typing import Any

import numpy as np
import pytest

from gnnseg.data.labels import observe
from gnnseg.rng import Rng
from gnnseg.types import InputError, Table

NAMES = ["b"] * 60 + ["a"] * 20 + [None, "", " "] * 5 + ["rare"]


def table(values: list[Any], name: str = "kind") -> Table:
    return Table({"age": np.arange(len(values), dtype=float), name: np.array(values, dtype=object)})


def test_classes_are_named_in_order_and_what_is_missing_is_no_label() -> None:
    found = observe(table(NAMES), "kind", 0.5, Rng(0), "here")
    assert found.classes == ("a", "b", "rare")
    assert [None if k < 0 else found.classes[k] for k in found.label] == [
        None if n in ("", " ") else n for n in NAMES
    ]


@pytest.mark.parametrize(
    ("share", "told"),
    [(0.05, (1, 3, 1)), (0.5, (10, 30, 1)), (1.0, (20, 60, 1)), (0.001, (1, 1, 1))],
)
def test_a_share_of_each_class_is_seen_and_at_least_one(
    share: float, told: tuple[int, ...]
) -> None:
    found = observe(table(NAMES), "kind", share, Rng(0), "here")
    assert tuple(np.bincount(found.label[found.observed], minlength=3)) == told
    assert (found.known[~found.observed] == -1).all()
    assert (found.known[found.observed] == found.label[found.observed]).all()
    assert not (found.observed & found.held_out).any()
    assert ((found.observed | found.held_out) == (found.label >= 0)).all()
    account = found.account()
    assert account["told"] == sum(told)
    assert account["told"] + account["held_out"] == account["labelled"] == 81


def test_a_function_of_the_seed_and_larger_shares_hold_the_smaller() -> None:
    few, many = (
        observe(table(NAMES), "kind", share, Rng(3), "here").observed for share in (0.1, 0.4)
    )
    assert (few & ~many).sum() == 0
    assert (few == observe(table(NAMES), "kind", 0.1, Rng(3), "here").observed).all()
    assert (few != observe(table(NAMES), "kind", 0.1, Rng(4), "here").observed).any()


@pytest.mark.parametrize(
    ("given", "column", "share", "said"),
    [
        (table(NAMES), "knd", 0.5, r"here\.column=knd: .*there are age, kind\."),
        (table(NAMES), None, 0.5, r"here\.column=None: .*there are age, kind\."),
        (None, "kind", 0.5, r"here\.column=kind: .*this set has none; give data\.users=FILE"),
        (table(NAMES), "age", 0.5, r"here\.column=age: holds numbers.*bin them"),
        (
            table([str(n) for n in range(40)]),
            "kind",
            0.5,
            r"here\.column=kind: holds numbers.*bin them",
        ),
        (
            table(["a"] * 9 + [None]),
            "kind",
            0.5,
            r"here\.column=kind: holds 1 classes; there must be at least 2",
        ),
        (table([None] * 9), "kind", 0.5, r"here\.column=kind: holds 0 classes"),
        (table(NAMES), "kind", 0.0, r"here\.share is 0\.0"),
        (table(NAMES), "kind", 1.5, r"here\.share is 1\.5"),
    ],
)
def test_what_cannot_be_a_label_is_one_sentence(
    given: Table | None, column: str | None, share: float, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        observe(given, column, share, Rng(0), "here")


def test_a_few_codes_are_classes() -> None:
    assert observe(table(["1", "2", "3"] * 5), "kind", 0.5, Rng(0), "here").classes == (
        "1",
        "2",
        "3",
    )
