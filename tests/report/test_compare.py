"""The table of many runs: which rows are one, which columns tell them apart, in every form."""

import csv
import itertools
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from gnnseg.report import compare
from gnnseg.report.run_settings import GROUPS
from gnnseg.report.table_forms import latex
from gnnseg.types import InputError

DATA = {"name": "orders", "fingerprint": "f" * 64, "whole": "e" * 64}


@pytest.fixture
def run(tmp_path: Path) -> Any:
    """Make a finished run's folder with one figure; settings by dotted key."""
    number = itertools.count()

    def made(ndcg: float | None, *, name: str = "", **more: Any) -> Path:
        config: dict[str, Any] = {group: {} for group in GROUPS}
        config |= {"encoder": {"_target_": "gnnseg.encoders.mf.MF", "dim": 64}, "seed": 0}
        config["split"] = {"seed": 0}
        for key, value in more.pop("set", {}).items():
            *groups, last = key.split(".")
            node = config
            for group in groups:
                node = node.setdefault(group, {})
            node[last] = value
        unique = f"run {next(number)}"
        record = {
            "state": "finished", "protocol": "clean", "numerics": 1, "hash": unique,
            "config": config, "data": DATA,
            "metrics": {} if ndcg is None else {"test/ndcg@20": ndcg},
            "seconds": {"total": 2.0}, "memory_mb": 10.0, **more,
        }  # fmt: skip
        folder = tmp_path / (name or unique)
        folder.mkdir()
        (folder / "run.json").write_text(json.dumps(record), "utf-8")
        return folder

    return made


def rows(paths: list[Path], **more: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(compare.table(paths, form="csv", **more).splitlines()))


def test_seeds_are_one_row_with_their_deviation(run: Any) -> None:
    runs = [run(0.1 + n / 10, set={"seed": n}) for n in range(3)]
    wide, other = (
        run(0.4, set={"encoder.dim": 128}),
        run(0.6, set={"encoder.dim": 128.0, "seed": 1}),
    )
    three, two = rows([*runs, wide, other])
    assert (three["encoder.dim"], three["runs"], three["seed"]) == ("64", "3", "0, 1, 2")
    assert float(three["test/ndcg@20"]) == pytest.approx(0.2)
    assert float(three["test/ndcg@20 sd"]) == pytest.approx(0.1)
    assert (two["encoder.dim"], two["runs"]) == ("128", "2")
    text = compare.table(runs)
    assert "0.2000 ± 0.1000" in text
    assert "split.seed" not in text
    assert r"0.2000 $\pm$ 0.1000" in compare.table(runs, form="latex")
    assert rows([wide])[0]["test/ndcg@20 sd"] == ""  # of one run


def test_seeds_of_the_split_are_named_apart(run: Any) -> None:
    def split(seed: int, fingerprint: str, **more: Any) -> Path:
        return run(0.1, set={"split.seed": seed}, data={**DATA, "fingerprint": fingerprint, **more})

    one, two = split(0, "a"), split(1, "b")
    (row,) = rows([one, two])
    assert (row["runs"], row["split.seed"]) == ("2", "0, 1")
    assert "seed" not in row
    assert len(rows([one, two, split(1, "c", whole="d")])) == 2  # other data
    before = [split(0, "g", whole=""), split(1, "h", whole="")]  # recorded before it was known
    assert len(rows(before)) == 2
    assert any("is not known" in note for note in compare.compared(before).notes)
    same = [run(0.1, data={**DATA, "whole": ""}), run(0.1, set={"seed": 1})]
    assert (
        len(rows(same)) == 1
    )  # by the fingerprint of its split a run is known to be of those data


def test_other_data_are_another_row(run: Any) -> None:
    one = run(0.1, set={"data.path": "/home/me/orders.csv"})
    two = run(0.9, set={"seed": 1}, data={**DATA, "fingerprint": "a" * 64, "whole": "b" * 64})
    moved = run(0.3, set={"data.path": "/elsewhere/orders.csv", "seed": 2})
    found = rows([one, two, moved])
    assert [row["data"] for row in found] == ["orders (eeeeeeee)", "orders (bbbbbbbb)"]
    assert [row["runs"] for row in found] == ["2", "1"]
    named = run(0.1, data={**DATA, "name": "clicks", "whole": "c"}, set={"data.user": "u"})
    assert [row["data"] for row in rows([one, named])] == ["orders", "clicks"]
    assert "data.user" not in rows([one, named])[0]  # how other data are read tells nothing


@pytest.mark.parametrize(
    ("more", "column"),
    [
        ({"protocol": "paper"}, "evaluation.protocol"),
        ({"numerics": 2}, "numerics"),
        ({"set": {"evaluation.seen": "allow"}}, "evaluation.seen"),
        ({"set": {"evaluation.ks": [10]}}, "evaluation.ks"),
        ({"set": {"metrics.mine": {"_target_": "mylab.Mine"}}}, "metrics.mine"),
        ({"depends": {"packages": {"mylab": {"digest": "1" * 64}}, "files": {}}}, "package mylab"),
    ],
)
def test_other_definitions_are_another_row(run: Any, more: dict[str, Any], column: str) -> None:
    found = rows([run(0.1), run(0.2, **more)])
    assert len(found) == 2
    assert found[0][column] != found[1][column]


def test_a_file_counts_by_its_content(run: Any) -> None:
    def with_file(path: str, digest: str, seed: int = 0) -> Path:
        depends = {"packages": {}, "files": {"features.item_vectors": digest * 16}}
        return run(0.1, set={"features.item_vectors": path, "seed": seed}, depends=depends)

    one, copy = with_file("/home/me/v.npz", "abcdabcd"), with_file("w.npz", "abcdabcd", seed=1)
    other, named = with_file("/lab/v.npz", "01230123"), with_file("/lab/u.npz", "45674567")
    assert [row["runs"] for row in rows([one, copy, named])] == ["2", "1"]
    assert [row["features.item_vectors"] for row in rows([one, named])] == ["v.npz", "u.npz"]
    assert [row["features.item_vectors"] for row in rows([one, other])] == [
        "v.npz (abcdabcd)", "v.npz (01230123)",
    ]  # fmt: skip


def test_a_run_counts_once(run: Any, tmp_path: Path) -> None:
    one, other = run(0.1), run(0.3, set={"seed": 1})
    shutil.copytree(one, tmp_path / "copy")
    (tmp_path / "link").symlink_to(one)
    paths = [one, Path(f"{one}/"), tmp_path / "copy", tmp_path / "link", other]
    (row,) = rows(paths)
    assert row["runs"] == "2"
    assert float(row["test/ndcg@20 sd"]) == pytest.approx(0.1414, abs=1e-4)
    said = f"one run, given 4 times, counted once: {one}"
    assert compare.compared(paths).notes == [said]
    assert said in compare.table(paths)
    record = json.loads((one / "run.json").read_text("utf-8"))
    record["metrics"]["test/ndcg@20"] = 0.2
    (tmp_path / "copy" / "run.json").write_text(json.dumps(record), "utf-8")
    assert "their figures differ" in compare.table(paths)
    renamed = run(0.1, data={**DATA, "name": "copy"}, set={"data.name": "copy"})  # another hash
    assert [row["runs"] for row in rows([other, one, renamed])] == ["2"]


def test_what_is_no_finished_run_is_left_out_and_listed(run: Any, tmp_path: Path) -> None:
    good = run(0.1)
    for state in ("failed", "interrupted", "running"):
        run(None, name=state, state=state)
    run(None, name="again", refit={"run": "run 0"})
    for name, content in (("broken", "{"), ("foreign", "[]")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").write_text(content, "utf-8")
    (tmp_path / "locked").mkdir()
    (tmp_path / "locked" / ".lock").touch()
    (tmp_path / "notes.txt").touch()
    found = compare.compared(sorted(tmp_path.iterdir()))
    assert len(found.rows) == 1
    assert sorted(found.notes) == [
        "left out, damaged: broken", "left out, failed: failed",
        "left out, interrupted: interrupted", "left out, no run: foreign, locked, notes.txt",
        "left out, refitted on all events, without test figures: again",
        "left out, running or killed: running",
    ]  # fmt: skip
    with pytest.raises(InputError, match="no finished run; left out, failed: failed; left out, no"):
        compare.table([tmp_path / "failed", tmp_path / "locked"])
    with pytest.raises(InputError, match="nowhere: not a run folder"):
        compare.table([good, tmp_path / "nowhere"])  # nobody means that


def test_what_was_chosen_on_the_test_is_marked(run: Any) -> None:
    runs = [run(0.1), run(0.2, set={"encoder.dim": 8}, protocol="paper")]
    for form, mark in (("text", "†"), ("md", "†"), ("latex", r"$\dagger$")):
        said = compare.table(runs, form=form)
        assert f"0.2000{mark}" in said
        assert f"0.1000{mark}" not in said
        assert "best epoch chosen on the test" in said
        assert "best epoch chosen on the test" not in compare.table(runs[:1], form=form)
    assert r"\multicolumn{6}{l}{$\dagger$ protocol paper" in compare.table(runs, form="latex")
    assert [row["chosen on"] for row in rows(runs)] == ["validation", "test"]


def test_columns_are_at_the_lengths_that_runs_have(run: Any) -> None:
    def at(*ks: int, **more: Any) -> Path:
        names = ("test/recall@{}", "test/ndcg@{}", "test/ndcg@{}/top1")
        metrics = {name.format(k): 0.5 for k in ks for name in names}
        return run(None, metrics=metrics, set={"evaluation.ks": list(ks)}, **more)

    def shown(*paths: Path) -> list[str]:
        found = compare.compared(paths)
        assert all(cell != "" for row in found.rows for cell in row)
        return [name.removeprefix("test/") for name in found.columns if name.startswith("test/")]

    assert shown(at(5, 10), at(10, 20)) == ["recall@10", "ndcg@10", "ndcg@10/top1"]
    assert shown(at(5, 10)) == ["recall@10", "ndcg@10", "ndcg@10/top1"]
    assert shown(at(20, 50)) == ["recall@20", "ndcg@20", "ndcg@20/top1"]
    apart = compare.compared([at(5), at(10)]).columns
    assert {"test/ndcg@5", "test/ndcg@10"} <= set(apart)
    assert shown(run(None, metrics={"test/hit@3": 1.0})) == ["hit@3"]


def test_a_baseline_among_models_has_no_column_of_how_they_were_trained(run: Any) -> None:
    """Of a model's forty settings none tells it from a baseline, but that it is one."""
    trained = {
        "regularisers.l2._target_": "gnnseg.regularisers.l2.L2", "regularisers.l2.weight": 0.0,
        "optimizer._target_": "torch.optim.Adam", "head._target_": "gnnseg.heads.dot.Dot",
        "objective._target_": "gnnseg.objectives.bpr.BPR", "objective.tau": 0.2,
    }  # fmt: skip
    popular = {"baseline._target_": "gnnseg.baselines.popularity.Popularity", "encoder": {}}
    found = rows([run(0.3, set=trained), run(0.1, set=popular)])
    settings = [each for each in found[0] if not each.startswith(("test/", "runs", "s", "MB"))]
    assert settings == ["encoder", "head", "baseline"]
    assert [one["baseline"] for one in found] == ["", "popularity"]
    # of two models what differs is told, and so is a clustering over a baseline
    other = trained | {"regularisers.l2.weight": 0.1, "encoder.dim": 32}
    over = popular | {"head._target_": "gnnseg.heads.posthoc.PostHoc", "head.segments": 4}
    found = rows(
        [
            run(0.3, set=trained), run(0.2, set=other), run(0.1, set=over),
            run(0.1, set=over | {"head.segments": 8}),
        ]
    )  # fmt: skip
    assert [one["regularisers.l2.weight"] for one in found] == ["0.0", "0.1", "", ""]
    assert [one["head.segments"] for one in found] == ["", "", "4", "8"]


def test_figures_asked_for(run: Any) -> None:
    runs = [run(0.1), run(None, set={"encoder.dim": 8})]
    assert list(rows(runs, metrics=[" test/ndcg@20", "test/ndcg@20"])[0])[2:4] == [
        "test/ndcg@20", "test/ndcg@20 sd",
    ]  # fmt: skip
    with pytest.raises(InputError, match=r"no run has a figure test/ncdg@20; did you mean test/nd"):
        compare.table(runs, metrics=["test/ncdg@20"])
    with pytest.raises(InputError, match=r"figure loss; there are test/ndcg@20"):
        compare.table(runs, metrics=["loss"])
    with pytest.raises(InputError, match="none is named"):
        compare.table(runs, metrics=[""])
    with pytest.raises(InputError, match="compare: name run folders, or a sweep"):
        compare.table([])


def test_forms(run: Any) -> None:
    runs = [run(0.1), run(None, set={"encoder.dim": 8})]
    markdown = compare.table(runs, form="md", metrics=["test/ndcg@20"]).splitlines()
    assert markdown[1] == "| --- | ---: | ---: | ---: | ---: |"
    assert markdown[3] == "| 8 | 1 |  | 2.0 | 10.0 |"  # a figure that was not measured
    table = compare.table(runs, form="latex")
    assert table.startswith(r"\begin{tabular}{lrrrr}")
    assert r"test/ndcg@20 & s & MB \\" in table
    assert table.endswith(r"\end{tabular}")


def test_whatever_is_in_a_name_is_shown_by_latex_and_markdown(run: Any) -> None:
    name = r"m&m_50%$x^2{a}~b#\c|d[e*f`g<h"
    assert latex(name) == (
        r"m\&m\_50\%\$x\textasciicircum{}2\{a\}\textasciitilde{}b\#\textbackslash{}c\textbar{}d"
        r"{[}e{*}f\textasciigrave{}g\textless{}h"
    )
    runs = [run(0.1, data={**DATA, "name": name, "whole": "x"}), run(0.1)]
    assert "\n" + latex(name) + " & 1 & " in compare.table(runs, form="latex")
    row = compare.table(runs, form="md").splitlines()[2]
    assert r"m&m_50%\$x^2{a}\~b#\\c\|d[e\*f\`g\<h" in row
    assert rows(runs)[0]["data"] == name
    two = [run(0.1, set={"evaluation.ks": [5, 10]}), run(0.1)]
    assert r"{[}5, 10{]} & " in compare.table(two, form="latex")  # no argument of \\


def _searched(run: Any) -> list[Path]:
    """Three widths, two seeds each, with validation and test; the middle one is best on the first
    and the last one on the second."""
    figures = {32: (0.20, 0.30), 64: (0.26, 0.31), 128: (0.25, 0.36)}
    return [
        run(
            test, set={"encoder.dim": dim, "seed": seed},
            metrics={"valid/ndcg@20": valid + seed / 100, "test/ndcg@20": test},
            best={"epoch": 3, "metric": "valid/ndcg@20", "value": valid + seed / 100},
        )
        for dim, (valid, test) in figures.items() for seed in (0, 1)
    ]  # fmt: skip


def test_a_search_shows_validation_and_the_test_of_what_that_chose(run: Any) -> None:
    runs = _searched(run)
    shown = rows(runs, search=compare.Search())
    assert [row["chosen"] for row in shown] == ["", "yes", ""]
    assert [float(row["valid/ndcg@20"]) for row in shown] == pytest.approx([0.205, 0.265, 0.255])
    assert [row["test/ndcg@20"] for row in shown] == ["", "0.31", ""]
    every = compare.compared(runs, search=compare.Search(test=True))
    text = every.text("csv")
    assert [row["test/ndcg@20"] for row in csv.DictReader(text.splitlines())] == [
        "0.3", "0.31", "0.36"
    ]  # fmt: skip
    assert [row["chosen"] for row in csv.DictReader(text.splitlines())] == ["", "yes", ""]
    assert "chooses on the test" in every.notes[-1]
    # a figure that is asked for by name is no way around
    asked = rows(runs, metrics=["test/ndcg@20"], search=compare.Search())
    assert [row["test/ndcg@20"] for row in asked] == ["", "0.31", ""]
    # runs that are named show their test
    assert [row["test/ndcg@20"] for row in rows(runs)] == ["0.3", "0.31", "0.36"]
    less = rows(runs, search=compare.Search(less={"valid/ndcg@20"}))
    assert [row["chosen"] for row in less] == ["yes", "", ""]


def test_each_data_set_has_a_chosen_row_and_seeds_alone_hide_nothing(run: Any) -> None:
    other = {"name": "others", "fingerprint": "a" * 64, "whole": "b" * 64}
    best = {"epoch": 1, "metric": "valid/ndcg@20", "value": 0.1}
    runs = [*_searched(run), run(0.5, data=other, best=best)]
    assert [row["chosen"] for row in rows(runs, search=compare.Search())] == ["", "yes", "", "yes"]
    (alone,) = rows(runs[:2], search=compare.Search())
    assert "chosen" not in alone
    assert alone["test/ndcg@20"] == "0.3"
    paper = [
        run(0.1 * dim, protocol="paper", set={"encoder.dim": dim},
            best={"epoch": 1, "metric": "test/ndcg@20", "value": 0.1 * dim})
        for dim in (1, 2)
    ]  # fmt: skip
    assert all(row["test/ndcg@20"] for row in rows(paper, search=compare.Search()))
