"""Weights of 0: labels that say no, or asked about; weights that are odd, or that nothing reads."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

import gnnseg
from gnnseg import config
from gnnseg.data import clean, logs, zeros
from gnnseg.data.tables import edges, fields
from gnnseg.data.tables.sheets import Sheet
from gnnseg.runs import histories, new_users, weights
from gnnseg.types import InputError


def table(weight, **more):
    count = len(weight)
    return {
        "user": [f"u{n % 7}" for n in range(count)],
        "item": [f"i{n % 5}" for n in range(count)],
        "weight": weight,
        **more,
    }


def built(weight, min_weight=None, **how):
    raw = gnnseg.interactions(table(weight), weight="weight", **how)
    return clean.build(raw, min_weight=min_weight, k_core=0, say=lambda _: None)


@pytest.mark.parametrize("weight", [[1, 0, 0, 0] * 20, [True, False, False, False] * 20])
def test_labels_leave_the_pairs_that_say_yes(weight):
    found = built(weight)
    assert len(found.interactions) == 20
    assert found.notes["dropped"] == {zeros.LABEL: 60}


def test_many_zeros_are_asked_about_and_either_answer_is_heeded():
    ratings = [0, 3, 5, 4] * 20
    with pytest.raises(InputError) as caught:
        built(ratings)
    assert str(caught.value) == (
        "data table: 20 of 80 weights are 0; set data.zeros=drop if that is no interaction, "
        "data.zeros=keep if it is one like others, data.weight='' if the column is no weight."
    )
    assert len(built(ratings, zeros="keep").interactions) == 80
    assert len(built(ratings, zeros="drop").interactions) == 60
    assert len(built(ratings, min_weight=1).interactions) == 60
    with pytest.raises(InputError, match="80 of 80 weights are 0"):
        built([0] * 80)


def test_python_is_told_of_its_own_arguments(tmp_path):
    raw = gnnseg.interactions(table([0, 3, 5, 4] * 20), weight="weight")
    with pytest.raises(InputError, match="set zeros=drop .* zeros=keep .* weight=''"):
        gnnseg.train(raw, [f"runs.root={tmp_path}"])
    assert "weight" not in gnnseg.interactions(table([0, 1]), weight="").events.columns


def test_few_zeros_and_those_of_named_sets_are_kept():
    assert len(built([0] + [1] * 120).interactions) == 121
    frame = pl.DataFrame({"weight": [0.0, 2.0]})
    assert zeros.settle(frame, "keep", "a") == (frame, {})


def test_histories_of_labels_hold_the_pairs_that_say_yes(tmp_path):
    frame, everyone = histories.tables(pl.DataFrame(table([1, 0] * 10)))
    assert len(frame) == 10
    assert len(everyone) == 7
    with pytest.raises(InputError, match=r"set zeros=drop .*\(in gnnseg.interactions\)"):
        histories.tables(pl.DataFrame(table([2, 0] * 10)))
    pl.DataFrame(table([1, 0] * 10)).write_csv(tmp_path / "a.csv")
    said = []
    columns = dict.fromkeys(("user", "item", "weight"))
    raw = new_users.read_file(tmp_path / "a.csv", columns, said.append)
    assert len(raw.events) == 10
    assert said[-1] == f"left out 10 rows: {zeros.LABEL}"


# --- odd weights


def notes(weight):
    sheet = Sheet(Path("t.csv"), pl.DataFrame(table(weight)))
    return fields.events(sheet, {n: n for n in sheet.frame.columns}, drop=False).notes


def test_odd_weights_are_named():
    assert notes(["3"] * 9) == ("every weight is 3, and so says nothing",)
    assert notes([*range(1, 9)]) == ()
    assert notes([1600000000 + n for n in range(9)]) == (
        "the weights look like unix times (first: 1600000000)",
    )
    assert notes([1.0, 2.0, 3.0, 1e9]) == (
        "the largest weight, 1e+09 (t.csv, line 5), is 4e+08 times the median",
    )


@pytest.mark.parametrize("cell", ["1e39", "-1e39"])
def test_a_weight_beyond_computing_is_refused_by_its_line(cell):
    with pytest.raises(InputError, match=r"line 4: weight is larger than 1e\+30.*'-?1e39'"):
        notes(["1", "2", cell, "1"])


def test_weights_that_nothing_reads_are_said():
    weight = np.array([1.0, 2.0])
    own = config.compose(["data=given", "encoder=lightgcn"])
    assert "graph.weights=log or objective.weights=log" in str(weights.unread(own, weight))
    assert weights.unread(own, None) is None
    assert weights.unread(own, np.ones(2)) is None
    for reading in ("graph.weights=log", "objective.weights=value", "data.min_weight=1"):
        read = config.compose(["data=given", "encoder=lightgcn", reading])
        assert weights.unread(read, weight) is None
    assert weights.unread(config.compose(["data=ml-100k"]), weight) is None


# --- beside


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ([1600000000, 1600086400], "1600000000 (unix time of 2020-09-13)"),
        (["1600000000000", "1600000000001"], "(unix time of 2020-09-13)"),
        (["2020-09-13", "2020-09-14"], "such as 2020-09-13"),
    ],
)
def test_a_time_in_the_place_of_a_ties_weight_is_asked_about(column, words):
    ties = pl.DataFrame({"a": ["1", "2"], "b": ["2", "3"], "since": column})
    with pytest.raises(InputError) as caught:
        edges.edge_table(Sheet(Path("ties.csv"), ties), "social ties")
    assert words in str(caught.value)
    assert "column 'since'" in str(caught.value)
    if not isinstance(column[0], str) or column[0].isdigit():
        named = Sheet(Path("ties.csv"), ties.rename({"since": "Weight"}))
        assert len(edges.edge_table(named, "social ties")) == 2


def test_a_ties_weight_stays_a_weight():
    ties = pl.DataFrame({"a": ["1", "2"], "b": ["2", "3"], "since": ["0.5", "20"]})
    found = edges.edge_table(Sheet(Path("ties.csv"), ties), "social ties")
    assert found["weight"].to_list() == [0.5, 20]


@pytest.mark.parametrize("reward", [["True", "False"], [True, False], ["yes", "no"]])
def test_true_is_1_in_a_log(reward):
    log = pl.DataFrame({"user": ["a", "b"], "item": ["x", "y"], "reward": reward})
    found = logs.read(Sheet(Path("log.csv"), log), propensity=False)
    assert found["reward"].to_list() == [1, 0]
