"""The table of many runs: which rows are one, which columns tell them apart, in every form."""

import json
from pathlib import Path
from typing import Any

import pytest

from gnnseg.report import compare
from gnnseg.types import InputError


def run(folder: Path, ndcg: float | None, **more: Any) -> Path:
    """A finished run's folder with one figure; ``more``: seed, dim, protocol, state."""
    groups: dict[str, Any] = {group: {} for group in compare.GROUPS}
    groups["encoder"] = {"_target_": "gnnseg.encoders.mf.MF", "dim": more.get("dim", 64)}
    record = {
        "state": more.get("state", "finished"),
        "protocol": more.get("protocol", "clean"),
        "numerics": 1,
        "config": {"seed": more.get("seed", 0), **groups},
        "metrics": {} if ndcg is None else {"test/ndcg@20": ndcg},
        "seconds": {"total": 2.0},
        "memory_mb": 10.0,
    }
    folder.mkdir()
    (folder / "run.json").write_text(json.dumps(record), "utf-8")
    return folder


def test_seeds_are_one_row_with_their_deviation(tmp_path: Path) -> None:
    runs = [run(tmp_path / str(n), 0.1 + n / 10, seed=n) for n in range(3)]
    said = compare.table([*runs, run(tmp_path / "wide", 0.4, dim=128)], form="csv").splitlines()
    assert said[0] == "encoder.dim,runs,test/ndcg@20,s,MB"
    assert said[1] == "64,3,0.2000 ± 0.1000,2.0 ± 0.0,10.0 ± 0.0"
    assert said[2] == "128,1,0.4000,2.0,10.0"


def test_what_was_chosen_on_the_test_is_marked(tmp_path: Path) -> None:
    runs = [run(tmp_path / "a", 0.1), run(tmp_path / "b", 0.2, dim=8, protocol="paper")]
    for form, mark in (("text", "†"), ("csv", "†"), ("md", "†"), ("latex", r"$\dagger$")):
        said = compare.table(runs, form=form)
        assert f"0.2000{mark}" in said
        assert f"0.1000{mark}" not in said
    assert "best epoch chosen on the test" in compare.table(runs)
    assert "best epoch chosen on the test" not in compare.table(runs[:1])


def test_forms(tmp_path: Path) -> None:
    runs = [run(tmp_path / "a", 0.1), run(tmp_path / "b", None, dim=8)]
    markdown = compare.table(runs, form="md", metrics=["test/ndcg@20"]).splitlines()
    assert markdown[1] == "| --- | ---: | ---: | ---: | ---: |"
    assert markdown[3] == "| 8 | 1 |  | 2.0 | 10.0 |"  # a figure that was not measured
    latex = compare.table(runs, form="latex")
    assert latex.startswith(r"\begin{tabular}{lrrrr}")
    assert r"test/ndcg@20 & s & MB \\" in latex
    assert latex.endswith(r"\end{tabular}")


def test_mistakes(tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "run.json").write_text("{", "utf-8")
    for paths, said in (
        ([], "compare: name run folders, or a sweep"),
        ([tmp_path / "none"], "not a run folder"),
        ([tmp_path / "broken"], "damaged"),
        ([run(tmp_path / "half", None, state="interrupted")], "the run is interrupted; finish it"),
    ):
        with pytest.raises(InputError, match=said):
            compare.table(paths)
