"""The declared table: read strictly, filled from stored lines, ranked, tested, written."""

import csv
import io
import itertools
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml
from scipy import stats

from gnnseg.config import spaces
from gnnseg.config.composition.baselines import KEPT
from gnnseg.config.names import TRAINED
from gnnseg.report.declared import (
    cells,
    declaration,
    forms,
    latex,
    page,
    reading,
    results,
    significance,
)
from gnnseg.report.declared.notes import OTHER
from gnnseg.report.table_forms import latex as as_latex
from gnnseg.types import InputError

TABLE = {
    "title": "Models & heads_1",
    "protocol": "clean",
    "seeds": [0, 1],
    "tolerance": 0.01,
    "data": [
        {"label": "ml_100k", "overrides": ["data=ml-100k"], "split_seeds": True},
        {"label": "toy", "overrides": ["data=planted"], "seeds": [0]},
    ],
    "metrics": ["test/recall@20", {"name": "test/gini@20", "digits": 2}],
    "rows": [
        {"label": "[x] $^~{}\\_%&#", "overrides": ["encoder=mf"]},
        {"label": "LightGCN", "overrides": ["encoder=lightgcn"], "ours": True},
        {
            "label": "Theirs",
            "source": "He et al. (2020), table 3",
            "figures": {"toy": {"test/recall@20": 0.7}},
        },
    ],
}


def changed(**changes):
    return {**json.loads(json.dumps(TABLE)), **changes}


@pytest.fixture
def declare(tmp_path):
    def make(content=TABLE):
        text = content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False)
        (tmp_path / "table.yaml").write_text(text, "utf-8")
        return reading.read(tmp_path)

    return make


def line(declared, row, data, seed, metrics, **more):
    wanted = next(
        declared.run(r, d, seed)
        for r, d in declared.cells() if (r.label, d.label) == (row, data)
    )  # fmt: skip
    return {
        "label": row, "data": data, "seed": seed, "overrides": list(wanted.overrides),
        "run": f"run-{row[-4:]}-{data}-{seed}", "hash": "ab" * 32, "fingerprint": data + str(seed),
        "numerics": 10, "protocol": "clean", "value": 0.3, "metrics": metrics,
        "seconds": {"total": 1.5}, "config": {"encoder": {"dim": 64}}, **more,
    }  # fmt: skip


def filled(declared):
    mf, own = (row.label for row in declared.rows[:2])
    figures = [
        (mf, "ml_100k", 0, 0.30, 0.9), (mf, "ml_100k", 1, 0.32, 0.8), (mf, "toy", 0, 0.50, 0.7),
        (own, "ml_100k", 0, 0.34, 0.9), (own, "ml_100k", 1, 0.36, 0.9), (own, "toy", 0, 0.6, 0.5),
    ]  # fmt: skip
    return results.Results(
        line(declared, row, data, seed, {"test/recall@20": recall, "test/gini@20": gini})
        for row, data, seed, recall, gini in figures
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"metric": ["test/ndcg@20"]}, "metric: no such key; did you mean metrics?"),
        ({"seeds": "0,1"}, "seeds: is '0,1'; write a list."),
        ({"seeds": [0, "1"]}, "seeds[2]: is '1'; write a whole number."),
        ({"seeds": [0, 0]}, "seeds: 0 stands twice"),
        ({"tolerance": "little"}, "tolerance: is 'little'; write a number."),
        ({"title": 5}, "title: is 5; write a text."),
        ({"overrides": ["encoder"]}, "overrides: 'encoder' is no setting; write key=value."),
        ({"overrides": ["seed=1"]}, "overrides: 'seed=1': say that by seeds:."),
        ({"data": []}, "data: is empty"),
        ({"data": [{"label": "a"}, {"label": "a"}]}, "data: 'a' stands twice"),
        ({"rows": [{"label": "a"}, {"label": "a"}]}, "rows: 'a' stands twice"),
        ({"rows": [{"label": "a", "overides": []}]}, "rows[1].overides: no such key; did you mean"),
        ({"rows": [{"label": "a", "only": ["toi"]}]}, "rows[1].only: 'toi' is none of ml_100k"),
        ({"rows": [{"label": "a", "figures": {"toy": {"test/recall@20": 1}}}]}, "source"),
        ({"rows": [{"label": "a", "source": "b"}]}, "rows[1].figures: is missing"),
        (
            {
                "rows": [
                    {"label": "a", "source": "b", "figures": {"toy": {"test/recall@20": 26.24}}}
                ]
            },
            "rows[1].figures: test/recall@20 is 26.24, and lies between 0 and 1; write a per cent",
        ),
        (
            {"rows": [{"label": "a", "expected": {"toy": {"test/recall@20": {"least": 18.3}}}}]},
            "least: test/recall@20 is 18.3, and lies between 0 and 1",
        ),
        (
            {"rows": [{"label": "a", "expected": {"toy": {"test/recal@20": 1}}}]},
            "rows[1].expected.toy: 'test/recal@20' is none of",
        ),
        (
            {"rows": [{"label": "a", "expected": {"toy": {"test/recall@20": "high"}}}]},
            "is 'high'; write a number.",
        ),
        ({"rows": [{"label": "a", "space": {"head.tau": []}}]}, "rows[1].space.head.tau: is empty"),
        (
            {"protocol": "paper", "rows": [{"label": "a", "space": {"head.tau": [0.1]}}]},
            "rows: 'a': under protocol paper a space would be chosen from on the test of ml_100k",
        ),
        ({"rows": [{"label": "a", "space": {"seed": [1, 2]}}]}, "'seed=1': say that by seeds:"),
        ({"trials": 0}, "trials: is 0; write 1 or more."),
        ({"metrics": [{"name": "test/ndcg@20", "better": "most"}]}, "metrics[1].better: 'most'"),
        ({"conf": "nowhere"}, "conf: "),
        ({"protocol": "blind"}, "protocol: 'blind' is none of clean, paper, train-mask."),
        ({"seeds": [0, -1]}, "seeds: holds -1; write 0 or more."),
        ({"tolerance": -0.1}, "tolerance: is -0.1; write 0 or more."),
        ({"metrics": [{"name": "test/ndcg@20", "digits": -1}]}, "digits: is -1; write 0 to 12."),
        (
            {
                "rows": [
                    {
                        "label": "a",
                        "source": "b",
                        "figures": {"toy": {"test/recall@20": float("nan")}},
                    }
                ]
            },
            "rows[1].figures: is nan; write a number",
        ),
        (
            {
                "rows": [
                    {"label": "a", "expected": {"toy": {"test/recall@20": {"least": float("inf")}}}}
                ]
            },
            "least: is inf; write a number",
        ),
    ],
)
def test_a_mistake_is_one_sentence_with_file_and_key(declare, change, said):
    with pytest.raises(InputError) as caught:
        declare(changed(**change))
    text = str(caught.value)
    assert "table.yaml: " in text
    assert said in text
    assert "\n" not in text


def test_what_is_no_yaml_or_says_a_key_twice_is_one_sentence(declare, tmp_path):
    with pytest.raises(InputError, match="line 2: title stands twice"):
        declare("title: a\ntitle: b\n")
    with pytest.raises(InputError, match=r"table.yaml: no YAML"):
        declare("title: [a\n")
    with pytest.raises(InputError, match="write a mapping"):
        declare("- a\n")
    with pytest.raises(InputError, match="not there"):
        reading.read(tmp_path / "other")


def test_what_is_said_later_counts_and_each_seed_may_split(declare):
    declared = declare(
        changed(
            overrides=["encoder.dim=8", "trainer.max_epochs=3"],
            rows=[{"label": "a", "overrides": ["encoder.dim=16"],
                   "special": {"toy": ["encoder.dim=32"]}}],
        )
    )  # fmt: skip
    (row,) = declared.rows
    first, second = (declared.run(row, data, 1) for data in declared.data)
    assert first.overrides == (
        "encoder.dim=16", "trainer.max_epochs=3", "evaluation.protocol=clean", "data=ml-100k",
        "seed=1", "split.seed=1",
    )  # fmt: skip
    assert "encoder.dim=32" in second.overrides
    assert "split.seed=1" not in second.overrides


def shared_with(declare, shared, own, space=None):
    data = [{"label": "toy", "overrides": ["data=planted", "optimizer.lr=0.1"]}]
    rows = [{"label": "a", "overrides": own, "space": space or {}}]
    declared = declare(changed(data=data, rows=rows, overrides=shared))
    return set(declared.run(*next(declared.cells()), 0, declared.rows[0].trials[-1:][0]
                            if space else ()).overrides)  # fmt: skip


def test_a_baseline_takes_nothing_on_training_from_what_rows_share(declare):
    shared = [
        "trainer.max_epochs=4", "trainer.monitor=valid/recall@20", "encoder=mf", "encoder.dim=8",
        "head.segments=4", "threads=1", "regularisers.l2.weight=0.1", "baselines@x=y",
    ]  # fmt: skip
    every = {"data=planted", "evaluation.protocol=clean", "seed=0"}
    kept = every | {"threads=1", "trainer.monitor=valid/recall@20", "baselines@x=y"}
    of_mf = every | set(shared) | {"optimizer.lr=0.1"}
    assert shared_with(declare, shared, ["baseline=ease"]) == {*kept, "baseline=ease"}
    found = shared_with(declare, shared, [], {"baseline": ["ease", "itemknn"]})
    assert found == {*kept, "baseline=itemknn"}
    # what a row says itself stays, to be refused; a head that clusters has its settings
    assert "encoder=lightgcn" in shared_with(declare, shared, ["baseline=ease", "encoder=lightgcn"])
    clustered = ["baseline=ease", "head=posthoc"]
    assert shared_with(declare, shared, clustered) == {*kept, *clustered, "head.segments=4"}
    assert shared_with(declare, shared, []) == of_mf


def test_what_rows_share_on_training_is_what_a_baseline_refuses():
    assert (*TRAINED, "trainer") == declaration.TRAINED
    assert (declaration.CHOSEN_BY,) == KEPT


def test_a_run_is_known_whatever_the_order_and_where_it_is_done(declare):
    assert results.key_of(["b=2", "a=1", "threads=1", "device=cpu"]) == ("a=1", "b=2")
    assert results.key_of(["runs.root=x", "a=1"]) != results.key_of(["a=2"])


def test_trials_are_the_grid_or_as_many_drawn_from_it(declare):
    rows = [{"label": "a", "space": {"head.tau": [0.1, 0.2], "encoder.layers": [1, 2, None]}}]
    every = declare(changed(rows=rows, trials=6)).rows[0].trials
    assert len(every) == len(set(every)) == 6
    assert ("head.tau=0.1", "encoder.layers=null") in every
    some = declare(changed(rows=rows, trials=4)).rows[0].trials
    assert some == declare(changed(rows=rows, trials=4)).rows[0].trials
    assert len(some) == 4
    assert set(some) < set(every)
    grid = itertools.product(["0.1", "0.2"], ["1", "2", "null"])
    assert every == tuple((f"head.tau={a}", f"encoder.layers={b}") for a, b in grid)
    listed = [{"label": "a", "space": [[], ["head.tau=0.1", "encoder.layers=2"]]}]
    assert declare(changed(rows=listed)).rows[0].trials == (
        (), ("head.tau=0.1", "encoder.layers=2")
    )  # fmt: skip
    with pytest.raises(InputError, match="lists 2 settings, and trials: is 1"):
        declare(changed(rows=listed, trials=1))


@pytest.mark.parametrize(("less", "best"), [(False, 1), (True, 0)])
def test_the_best_trial_on_validation_is_chosen(declare, less, best):
    space = {"head.tau": [0.1, 0.2, 0.4]}
    declared = declare(changed(rows=[{"label": "a", "space": space}]))
    row, data = declared.rows[0], declared.data[1]
    tried = declared.tried(row, data)
    lines = [
        {"overrides": list(run.overrides), "seed": 0, "trial": True, "value": value, "less": less,
         "metrics": {}}
        for run, value in zip(tried[:2], (0.2, 0.3), strict=True)
    ]  # fmt: skip
    assert results.Results(lines).chosen(declared, row, data) is None
    assert cells.table(declared, results.Results(lines)).rows[0][2].why == "not run: 2 of 3 trials"
    failed = {"overrides": list(tried[2].overrides), "seed": 0, "error": "no memory"}
    found = results.Results([*lines, failed])
    assert found.chosen(declared, row, data) == row.trials[best]
    assert found.cell(declared, row, data) == []  # a trial is no result
    # one whose validation was the test is none to choose from
    on_the_test = results.Results([*({**one, "protocol": "paper"} for one in lines), failed])
    assert on_the_test.chosen(declared, row, data) is None
    made = cells.table(declared, on_the_test)
    assert made.rows[0][2].why == "every trial failed: no memory"
    assert "a on toy: every trial failed: no memory" in made.notes


def test_cells_are_means_over_seeds_and_what_is_printed_alike_is_ranked_alike(declare):
    declared = declare()
    made = cells.table(declared, filled(declared))
    mf, own, theirs = made.rows
    assert own[0].mean == pytest.approx(0.35)
    assert own[0].std == pytest.approx(np.std([0.34, 0.36], ddof=1))
    assert own[2].std is None
    assert [cell.rank for cell in own] == ["best", "second", "second", "best"]
    assert [cell.rank for cell in mf] == ["second", "best", "", "second"]
    assert theirs[2].rank == "best"
    assert theirs[0].why == "not published"
    expected = [100 * (0.35 - 0.31) / 0.31, -100 * (0.9 - 0.85) / 0.85, 100 * (0.6 - 0.7) / 0.7]
    assert made.improvement[:3] == pytest.approx(expected)
    assert made.improvement[3] == pytest.approx(100 * (0.7 - 0.5) / 0.7)  # of gini less is better
    tied = filled(declared)
    for each in tied.lines:
        each["metrics"]["test/recall@20"] = 0.4 + 1e-7 * each["seed"]
    column = [row[0].rank for row in cells.table(declared, tied).rows]
    assert column == ["best", "best", ""]


def test_the_best_other_row_is_the_best_whatever_is_printed(declare):
    rows = [
        {"label": name, "overrides": [f"head.tau={n}"], "ours": name == "ours"}
        for n, name in enumerate(("first", "best", "ours"))
    ]
    metrics = [{"name": "test/recall@20", "digits": 2}]
    declared = declare(changed(rows=rows, metrics=metrics, data=[{"label": "toy"}], seeds=[0]))
    figures = {"first": 0.3851, "best": 0.3949, "ours": 0.40}
    made = cells.table(
        declared,
        results.Results(
            line(declared, row, "toy", 0, {"test/recall@20": value}) | {"run": row}
            for row, value in figures.items()
        ),
    )
    assert made.improvement == [pytest.approx(100 * (0.40 - 0.3949) / 0.3949)]
    assert [row[0].rank for row in made.rows] == ["second", "second", "best"]  # .39, .39, .40


def test_a_row_whose_experiment_brings_protocol_paper_is_marked(declare):
    declared = declare()
    found = filled(declared)
    for one in found.lines:
        if one["label"] == "LightGCN" and one["data"] == "toy":
            one["protocol"] = "paper"
    made = cells.table(declared, found)
    assert forms.plain(made.rows[1][2]).endswith("†")
    assert not forms.plain(made.rows[1][0]).endswith("†")
    assert "† protocol paper: best epoch chosen on the test." in forms.caption(made)
    assert r"$^{\dagger}$" in latex.written(made)
    by_cell = {
        (each["row"], each["data"]): each["protocol"]
        for each in csv.DictReader(io.StringIO(forms.as_csv(made)))
    }
    assert by_cell["LightGCN", "toy"] == "paper"
    assert by_cell["LightGCN", "ml_100k"] == "clean"


def test_every_failed_trial_is_a_failed_cell(declare):
    rows = [{"label": "a", "space": {"head.tau": [0.1, 0.2]}}, {"label": "b"}]
    declared = declare(changed(rows=rows, data=[{"label": "toy"}], seeds=[0]))
    failed = [
        {"label": "a", "data": "toy", "seed": 0, "overrides": list(run.overrides), "trial": True,
         "error": "no memory"}
        for run in declared.tried(declared.rows[0], declared.data[0])
    ]  # fmt: skip
    made = cells.table(declared, results.Results(failed))
    assert [forms.plain(row[0]) for row in made.rows] == ["failed", "not run"]
    assert made.notes == ["a on toy: every trial failed: no memory"]


def test_check_names_each_cell_that_is_off_or_not_there(declare):
    rows = json.loads(json.dumps(TABLE["rows"]))
    rows[1]["expected"] = {
        "ml_100k": {"test/recall@20": 0.355, "test/gini@20": {"value": 0.7, "within": 0.1}},
        "toy": {"test/recall@20": {"least": 0.6}, "test/gini@20": {"least": 0.6}},
    }
    declared = declare(changed(rows=rows))
    off = cells.off(cells.table(declared, filled(declared)).cells())
    assert off == [
        "LightGCN, ml_100k, test/gini@20: 0.90, expected 0.7 ± 0.1",
        "LightGCN, toy, test/gini@20: 0.50, expected at least 0.6",
    ]
    nothing = cells.off(cells.table(declared, results.Results([])).cells())
    assert len(nothing) == 4
    assert nothing[0] == "LightGCN, ml_100k, test/recall@20: not run, expected 0.355 ± 0.01"


def test_what_is_not_alike_is_said(declare):
    declared = declare()
    found = filled(declared)
    found.lines[0]["numerics"] = 6
    found.lines[2]["fingerprint"] = "other"
    lines = [one for at, one in enumerate(found.lines) if at != 4]
    for one in lines:
        del one["metrics"]["test/gini@20"]
        one["metrics"]["test/gini@10"] = 0.5
    made = cells.table(
        declared, results.Results(lines), old=lambda one: "6" if one["numerics"] == 6 else OTHER
    )
    mf = declared.rows[0].label
    assert made.notes == [
        "ml_100k, 1 of 2 seeds: LightGCN",
        "ml_100k: figures are of former definitions (numerics 6)",
        f"ml_100k: figures are {OTHER}: {mf}; LightGCN",
        "toy: rows are of different data (their fingerprints differ)",
        f"toy: figures are {OTHER}: {mf}; LightGCN",
        "no run has test/gini@20; did you mean test/gini@10?",
    ]


def test_what_rows_of_one_data_set_are_evaluated_by_is_said_where_it_differs(declare):
    declared = declare()
    found = filled(declared)
    mf = declared.rows[0].label
    for one in found.lines:
        one["config"]["evaluation"] = {"seen": "mask"}
    assert cells.table(declared, found).notes == []
    found.lines[2]["protocol"] = "paper"
    found.lines[5]["config"]["evaluation"]["seen"] = "allow"
    found.lines[0]["config"]["evaluation"]["users"] = 20
    assert cells.table(declared, found).notes == [
        "ml_100k: rows differ in evaluation.users, so their figures do not compare "
        f"(20: {mf}; everybody: {mf}, LightGCN)",
        "toy: rows differ in protocol, so their figures do not compare "
        f"(paper: {mf}; clean: LightGCN)",
        "toy: rows differ in evaluation.seen, so their figures do not compare "
        f"(mask: {mf}; allow: LightGCN)",
    ]


def test_the_visits_that_habits_read_are_no_other_data(declare):
    declared = declare()
    found = filled(declared)
    toy = [one for one in found.lines if one["data"] == "toy"]
    other = "toy: rows are of different data (their fingerprints differ)"
    toy[1]["fingerprint"] = "with visits"
    assert cells.table(declared, found).notes == [other]
    toy[1]["config"]["head"] = {"habit": True}
    assert cells.table(declared, found).notes == []
    for one in toy:  # where the pairs are known, they decide
        one["pairs"] = {"train": "a", "valid": "b", "test": "c"}
    del toy[1]["config"]["head"]
    assert cells.table(declared, found).notes == []
    toy[1]["pairs"] = {"train": "a", "valid": "b", "test": "d"}
    assert cells.table(declared, found).notes == [other]


def test_rows_that_are_the_same_run_are_said(declare):
    declared = declare()
    found = filled(declared)
    mine, theirs = declared.rows[0].label, declared.rows[1].label
    on_toy = [one for one in found.lines if one["data"] == "toy"]
    on_toy[1]["run"] = on_toy[0]["run"]
    assert cells.table(declared, found).notes == [
        f"toy: rows are the same run by their settings: {mine}; {theirs}"
    ]


def test_results_keep_the_declarations_order_and_what_it_no_longer_names(declare, tmp_path):
    declared = declare()
    lines = filled(declared).lines
    other = {**lines[0], "overrides": ["encoder=sage", "seed=0"]}
    broken = {"label": "x", "data": "toy", "seed": 0, "overrides": ["a=b"], "error": "no"}
    renamed = {**lines[5], "label": "what it was called"}
    ordered = results.in_order(declared, [other, broken, *reversed(lines), renamed])
    assert ordered == [*lines, other]
    assert results.unnamed(declared, results.Results(ordered)) == 1
    path = tmp_path / results.FILE
    path.write_text(results.text(ordered), "utf-8")
    assert results.read(path) == ordered
    path.write_text(results.text(ordered) + "<<<<<<< HEAD\n", "utf-8")
    with pytest.raises(InputError, match=r"results.jsonl: line 8 is no result"):
        results.read(path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"metrics": None}, "metrics are no figures by name"),
        ({"metrics": [1]}, "metrics are no figures by name"),
        ({"metrics": {"test/recall@20": "0.3"}}, "metrics are no figures by name"),
        ({"overrides": ["a=b", 3]}, "overrides is no list of texts"),
        ({"seed": None}, "seed is no whole number"),
        ({"fingerprint": 3}, "fingerprint is no text"),
        ({"value": "high"}, "value is no figure"),
        ({"error": 3}, "error is no text"),
    ],
)
def test_a_line_that_was_spoilt_is_one_sentence(declare, tmp_path, change, said):
    lines = filled(declare()).lines
    path = tmp_path / results.FILE
    path.write_text(results.text([lines[0], {**lines[1], **change}]), "utf-8")
    with pytest.raises(InputError) as caught:
        results.read(path)
    assert f"results.jsonl: line 2 is no result of a run ({said}); take it out" in str(caught.value)


def test_a_spoilt_comparison_is_made_anew_and_a_folder_is_no_file(declare, tmp_path):
    good = {"of": ["test/recall@20", "a", "b"], "p": 0.2, "difference": 0.1}
    no = [{**good, "difference": None}, {"of": [], "p": 0.1}, {**good, "p": "0.2"}]
    (tmp_path / results.SIGNIFICANCE).write_text(results.text([good, *no]), "utf-8")
    assert results.comparisons(tmp_path) == [good]
    (tmp_path / results.FILE).mkdir()
    with pytest.raises(InputError, match=r"results.jsonl: is no file"):
        results.read(tmp_path / results.FILE)


def test_randomisation_is_exact_for_few_and_scipys_for_all(declare):
    draw = np.random.default_rng(3)
    few = draw.normal(0.4, 1, 9)
    sums = [abs(np.dot(few, signs)) for signs in itertools.product((-1, 1), repeat=9)]
    exact = np.mean(np.array(sums) >= abs(few.sum()) * (1 - 1e-9))
    assert significance.randomisation(few) == pytest.approx(exact)
    a, b = draw.normal(0.1, 1, 80), draw.normal(0, 1, 80)
    theirs = stats.permutation_test(
        (a, b), lambda x, y, axis: np.mean(x - y, axis=axis), permutation_type="samples",
        n_resamples=9999, rng=np.random.default_rng(0), vectorized=True,
    ).pvalue  # fmt: skip
    assert significance.randomisation(a - b) == pytest.approx(theirs, abs=0.02)
    assert significance.randomisation(np.zeros(50)) == 1.0
    assert significance.randomisation(np.array([])) == 1.0
    assert significance.randomisation(np.full(40, 0.1)) == 1 / 10_001
    assert significance.randomisation(a - b) == significance.randomisation(a - b)


def test_holm_is_the_slow_definition():
    ps = np.random.default_rng(1).random(7) * 0.2

    def adjusted(n):
        smaller = [j for j in range(7) if ps[j] <= ps[n]]
        return max(min(1, ps[j] * sum(ps >= ps[j])) for j in smaller)

    assert significance.holm(list(ps)) == pytest.approx([adjusted(n) for n in range(7)])
    assert significance.holm([]) == []
    assert significance.mark(0.009, worse=False) == "**"
    assert significance.mark(0.04, worse=True) == "−"
    assert significance.mark(0.05, worse=False) == significance.mark(None, worse=True) == ""


@pytest.fixture
def compared(declare, tmp_path):
    """Return a table with run folders, in which the second row is better for nearly everybody."""
    declared = declare()
    found, draw = filled(declared), np.random.default_rng(0)
    base = draw.random(60)
    for one in found.lines:
        folder = tmp_path / "runs" / one["run"]
        folder.mkdir(parents=True)
        better = 0.1 if one["label"] == "LightGCN" else 0
        recall = base + better * (one["data"] == "ml_100k") + 0.05 * draw.normal(size=60)
        users = [f"u{n}" for n in range(60)]
        pl.DataFrame({"user": users, "recall@20": recall}).write_parquet(
            folder / "per_user.parquet"
        )
        one["per_user"] = significance.digest(folder)
    return declared, found, tmp_path / "runs"


def test_ours_are_compared_with_the_best_other_user_by_user(compared):
    declared, found, runs = compared
    made = cells.table(declared, found, runs=runs)
    tests = {(each["data"], each["metric"]): each for each in made.tests}
    assert set(tests) == {("ml_100k", "test/recall@20"), ("toy", "test/recall@20")}
    mine = made.rows[1]
    assert mine[0].p is not None
    assert mine[0].p < 0.01 < mine[2].p
    assert mine[0].p == pytest.approx(2 * tests["ml_100k", "test/recall@20"]["p"])
    both = [
        [pl.read_parquet(runs / one["run"] / "per_user.parquet")["recall@20"].to_numpy()
         for one in found.lines if one["data"] == "ml_100k" and one["label"] == row.label]
        for row in declared.rows[:2]
    ]  # fmt: skip
    slow = np.mean([b - a for a, b in zip(*both, strict=True)], axis=0)
    assert tests["ml_100k", "test/recall@20"]["difference"] == pytest.approx(slow.mean())
    assert (mine[0].worse, mine[0].mark) == (False, "**")
    assert r"**0.3500** ± 0.0141\*\*" in forms.markdown(made)
    # the other way round
    swapped = [{**a, "run": b["run"], "per_user": b["per_user"]} for a, b in
               zip(found.lines, [*found.lines[3:], *found.lines[:3]], strict=True)]  # fmt: skip
    worse = cells.table(declared, results.Results(swapped), runs=runs).rows[1][0]
    assert (worse.worse, worse.mark) == (True, "−−")


def test_without_run_folders_stored_comparisons_count_while_figures_are_the_same(compared):
    declared, found, runs = compared
    tests = cells.table(declared, found, runs=runs).tests
    made = cells.table(declared, found, tests)
    assert made.tests == tests
    assert made.rows[1][0].p is not None
    found.lines[0]["per_user"] = "0" * 64
    other = cells.table(declared, found, tests, runs)
    assert [each["data"] for each in other.tests] == ["toy"]  # the folder is of another run
    assert other.rows[1][0].p is None


def test_csv_has_a_number_a_cell(compared):
    declared, found, runs = compared
    text = forms.as_csv(cells.table(declared, found, runs=runs))
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 12
    own = rows[4]
    assert (own["row"], own["data"], own["metric"]) == ("LightGCN", "ml_100k", "test/recall@20")
    assert (float(own["mean"]), own["n"]) == (pytest.approx(0.35), "2")
    assert float(own["std"]) > 0
    assert float(own["p_holm"]) < 0.01
    assert rows[6]["std"] == ""
    assert rows[8]["why_not"] == "not published"


def test_latex_escapes_ranks_and_fits(compared):
    declared, found, runs = compared
    text = latex.written(cells.table(declared, found, runs=runs))
    assert r"{[}x{]} \$\textasciicircum{}\textasciitilde{}\{\}\textbackslash{}\_\%\&\#" in text
    assert r"\caption{Models \& heads\_1. Protocol clean." in text
    assert r"\textbf{0.3500}$^{**}$" in text
    assert r"\underline{0.3100}" in text
    assert r"\resizebox" in text
    assert "Holm-corrected for 2 comparisons" in text
    assert "He et al. (2020), table 3" in text
    assert not re.search(r"(?<!\\)&.*(?<!\\)&", text.partition(r"\caption")[2].splitlines()[0])


def test_latex_prints_notes_and_knows_greek_and_common_signs(declare):
    found = filled(declare())
    made = cells.table(declare(), results.Results(found.lines[1:]))
    assert r"\footnotesize ml\_100k, 1 of 2 seeds: {[}x{]}" in latex.written(made)
    assert "over 2 seeds" in forms.caption(made)[1]
    assert as_latex('β-VAE, α ≥ 1 → "Ω" × Σ') == (
        r"$\beta$-VAE, $\alpha$ $\geq$ 1 $\rightarrow$ {''}$\Omega${''} $\times$ $\Sigma$"
    )
    assert as_latex("λ ς ο é") == r"$\lambda$ $\varsigma$ o é"


def test_latex_puts_many_data_sets_into_panels(declare):
    data = [{"label": f"d{n}", "overrides": [f"data.users={n}"]} for n in range(9)]
    rows = [{"label": "a"}, {"label": "b", "overrides": ["encoder=mf"]}]
    text = latex.written(cells.table(declare(changed(data=data, rows=rows)), results.Results([])))
    tables = re.findall(r"\\begin\{tabular\}\{@\{\}l(r+)@\{\}\}", text)
    assert [len(each) for each in tables] == [8, 8, 2]
    one = changed(data=data[:1], rows=rows)
    assert r"\begin{table}[t]" in latex.written(cells.table(declare(one), results.Results([])))


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="LaTeX is not installed")
def test_latex_compiles_in_two_columns_without_overfull_boxes(compared, tmp_path):
    declared, found, runs = compared
    document = (
        "\\documentclass[twocolumn]{article}\\usepackage{booktabs,graphicx}\\begin{document}\n"
        f"{latex.written(cells.table(declared, found, runs=runs))}\\end{{document}}\n"
    )
    (tmp_path / "paper.tex").write_text(document, "utf-8")
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert "Overfull" not in done.stdout


def test_the_page_leads_from_a_figure_to_its_runs(compared):
    declared, found, runs = compared
    text = page.written(cells.table(declared, found, runs=runs))
    (target,) = set(re.findall(r'<a href="#(cell-2-1)">', text))
    part = text.partition(f'id="{target}"')[2].partition('<div id="cell')[0]
    for one in found.lines[3:5]:
        assert one["run"] in part
        assert one["fingerprint"] in part
        assert "encoder=lightgcn" in part
    assert "encoder.dim" in part
    assert "<b>0.3500" in text
    assert "[x] $^~{}" in text


ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "folder", sorted(path.parent.name for path in ROOT.glob("experiments/*/table.yaml"))
)
def test_the_tables_of_the_experiments_are_written_from_what_is_stored(folder):
    """Figures that were moved into results.jsonl have no run folder's name."""
    declared = reading.read(ROOT / "experiments" / folder, spaces.named)
    found = results.Results.read(declared.folder)
    made = cells.table(declared, found, results.comparisons(declared.folder))
    assert any(cell.values for cell in made.cells())
    for form in (forms.markdown, forms.as_csv, forms.terminal, latex.written, page.written):
        assert form(made)
