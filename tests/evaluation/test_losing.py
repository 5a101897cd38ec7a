"""Which baselines a run is not better than, and what is said of it."""

import numpy as np
import pytest

from gnnseg.evaluation.evaluator import Evaluation
from gnnseg.evaluation.losing import losing
from gnnseg.report import losing as said
from gnnseg.rng import Rng

U = 200


def evaluation(mine: np.ndarray, name: str = "ndcg@20", **theirs: np.ndarray) -> Evaluation:
    cold = np.zeros(U, dtype=bool)
    cold[0] = True  # whose values count for nothing
    users = {"user": np.arange(U), "cold": cold}
    return Evaluation(
        {f"test/{name}": float(mine[1:].mean())},
        {who: {f"test/{name}": float(each[1:].mean())} for who, each in theirs.items()},
        [],
        {**users, name: mine},
        per_user_of={who: {**users, name: each} for who, each in theirs.items()},
    )


def drawn(shift: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random(U) * 0.2 + 0.3 + shift


def test_only_what_is_not_below_is_named_the_best_first() -> None:
    found = losing(
        evaluation(drawn(0), low=drawn(-0.1), high=drawn(0.05), higher=drawn(0.1)),
        "valid/ndcg@20", False, Rng(0),
    )  # fmt: skip
    assert [row["name"] for row in found] == ["higher", "high"]
    assert all(row["p"] == pytest.approx(0.001) for row in found)
    assert found[0]["metric"] == "test/ndcg@20"
    assert found[0]["theirs"] - found[0]["value"] == pytest.approx(0.1)


def test_where_the_smallest_is_best_it_is_the_other_way_round() -> None:
    given = evaluation(drawn(0), low=drawn(-0.1), high=drawn(0.05))
    found = losing(given, "valid/ndcg@20", True, Rng(0))
    assert [row["name"] for row in found] == ["low"]
    sentence = said.sentence({"losing": found})
    assert sentence is not None
    assert "On ndcg@20 (smaller is better) this run" in sentence
    assert "is above 'low'" in sentence


def test_a_cold_users_value_counts_for_nothing() -> None:
    mine, theirs = drawn(0), drawn(0)
    theirs[0] = 100.0
    found = losing(evaluation(mine, same=theirs), "valid/ndcg@20", False, Rng(0))
    assert [(row["name"], row["p"]) for row in found] == [("same", 1.0)]  # a tie is no better


def test_within_noise_it_is_no_better() -> None:
    theirs = drawn(0.001, seed=1)
    mine = drawn(0)
    mine += theirs[1:].mean() - mine[1:].mean() - 0.001
    found = losing(evaluation(mine, level=theirs), "valid/ndcg@20", False, Rng(0))
    assert found[0]["p"] > 0.05
    sentence = said.sentence({"losing": found}) or ""
    assert "is no better than 'level' (" in sentence
    assert "; p = " in sentence
    assert "below" not in sentence


def test_what_has_no_such_figure_or_is_the_run_itself_is_left_out() -> None:
    given = evaluation(drawn(0), high=drawn(0.1))
    assert losing(given, "valid/value", False, Rng(0)) == []
    assert losing(given, "valid/ndcg@20", False, Rng(0), without=["high"]) == []
    undefined = Evaluation(
        {"test/ndcg@20": float("nan")}, {"a": {"test/ndcg@20": 1.0}}, [], {"cold": np.zeros(0)}
    )
    assert losing(undefined, "valid/ndcg@20", False, Rng(0)) == []


def test_figures_without_users_are_compared_without_a_test() -> None:
    given = Evaluation({"test/gini@20": 0.9}, {"a": {"test/gini@20": 0.4}}, [], {})
    found = losing(given, "test/gini@20", True, Rng(0))
    assert [row["p"] for row in found] == [None]
    assert said.sentence({"losing": found}) == (
        "On gini@20 (smaller is better) this run (0.9000) is above 'a' (0.4000): what needs no "
        "such training ranks better."
    )


def row(name: str, theirs: float, p: float | None) -> dict[str, object]:
    return {"name": name, "metric": "test/ndcg@20", "value": 0.348, "theirs": theirs, "p": p}


def test_the_sentence() -> None:
    assert said.sentence({"losing": []}) is None
    assert said.sentence({}) is None  # a folder of before
    found = [row("own history", 0.475, 0.001), row("popularity", 0.35, 0.4), row("b", 0.349, 0.5)]
    assert said.sentence({"losing": found}) == (
        "On ndcg@20 this run (0.3480) is below 'own history' (0.4750) and no better than "
        "'popularity' (0.3500; p = 0.40) and 'b' (0.3490; p = 0.50): what each user took before, "
        "counted, ranks better."
    )
    assert said.counted([{"losing": found[:1]}, {}]) == "own history (1 of 2)"
    assert said.counted([{"losing": found[:1]}] * 2) == "own history"
