"""What a run is called: the content of what alters figures, never where it lies."""

import json
from pathlib import Path

import numpy as np
import pytest

from gnnseg import config
from gnnseg.runs import job
from gnnseg.runs import train as pipeline
from gnnseg.runs.folder import RunFolder
from gnnseg.runs.identity import identify, identity, what_changed
from gnnseg.types import InputError

pytestmark = pytest.mark.slow  # whole runs

SMALL = [
    "data=planted", "data.users=60", "data.items=40", "data.interactions=500", "data.segments=3",
    "head.segments=3", "trainer.max_epochs=4", "trainer.eval_every=2", "encoder.dim=4", "threads=1",
]  # fmt: skip


def vectors(path: Path, value: float) -> Path:
    np.savez(path, ids=[str(n) for n in range(40)], vectors=np.full((40, 2), value))
    return path


def test_a_file_counts_by_its_content_not_by_its_path(tmp_path: Path) -> None:
    def of(path: Path | None) -> str:
        given = [] if path is None else [f"features.item_vectors={path}"]
        return identity(config.compose([*SMALL, *given]), "f")

    here = of(vectors(tmp_path / "v.npz", 1.0))
    (tmp_path / "deep").mkdir()
    assert of(vectors(tmp_path / "deep" / "w.npz", 1.0)) == here
    assert of(vectors(tmp_path / "v.npz", 2.0)) != here
    assert of(None) != here


def test_ids_beside_vectors_count_too(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", np.ones((2, 2)))
    composed = config.compose([*SMALL, f"features.item_vectors={tmp_path / 'v.npy'}"])
    (tmp_path / "v.ids.txt").write_text("1\n2\n")
    before = identity(composed, "f")
    (tmp_path / "v.ids.txt").write_text("2\n1\n")
    assert identity(composed, "f") != before


def test_any_setting_may_name_a_file_and_a_word_is_no_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    composed = config.compose(SMALL)
    plain = identity(composed, "f")
    for name in ("likelihood", "each", "onecycle", "normal"):  # words that settings hold
        (tmp_path / name).write_text("in the way")
    assert identity(composed, "f") == plain
    composed["encoder"]["weights"] = "pre/trained.pt"
    named = identity(composed, "f")
    (tmp_path / "pre").mkdir()
    (tmp_path / "pre" / "trained.pt").write_bytes(b"1")
    first = identify(composed, "f")
    assert first.files.keys() == {"encoder.weights"}
    (tmp_path / "pre" / "trained.pt").write_bytes(b"2")
    assert len({named, first.digest, identity(composed, "f")}) == 3
    assert identify(composed, "f").plain == first.plain


def test_groups_that_came_later_count_where_they_are_set() -> None:
    composed = config.compose(SMALL)
    plain = identity(composed, "f")
    assert identity({**composed, "baselines": None, "metrics": []}, "f") == plain
    assert identity({**composed, "baselines": {"mean": {"_target_": "mylab.Mean"}}}, "f") != plain


def test_a_package_that_cannot_be_found_is_one_sentence() -> None:
    with pytest.raises(InputError, match=r"allow=\[nolab\]: no such package is found from here"):
        identity(config.compose([*SMALL, "allow=[nolab]"]), "f")


def test_why_a_run_is_another_is_said(tmp_path: Path) -> None:
    file = vectors(tmp_path / "v.npz", 1.0)
    composed = config.compose([*SMALL, f"features.item_vectors={file}", f"runs.root={tmp_path}"])
    first = pipeline.train(composed, say=lambda line: None).path
    vectors(file, 2.0)
    lines: list[str] = []
    other = pipeline.train(composed, say=lines.append).path
    assert other != first
    expected = f"features.item_vectors has changed since {first.name} was trained: another run"
    assert any(line.startswith(expected) for line in lines), lines
    assert "depends" in RunFolder(other).read_json()
    assert what_changed(tmp_path, identify(config.compose(SMALL), "f")) is None


def test_an_interrupted_run_says_that_it_goes_on_with_other_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    composed = config.compose([*SMALL, f"runs.root={tmp_path}"])
    path = pipeline.train(composed, say=lambda line: None).path

    def again(source: str) -> tuple[bool, bool]:
        record = json.loads((path / "run.json").read_text("utf-8"))
        (path / "run.json").write_text(json.dumps(record | {"state": "interrupted"}), "utf-8")
        monkeypatch.setattr(job, "source_digest", lambda: source)
        lines: list[str] = []
        pipeline.train(composed, say=lines.append)
        said = any("gnnseg's own code has changed" in line for line in lines)
        return said, RunFolder(path).read_json()["exact"]

    now = RunFolder(path).read_json()["source"]
    assert again(now) == (False, True)
    assert again("other") == (True, False)
    assert again("other") == (False, False)  # the same code again, but not from the start


def test_an_own_readers_file_counts_by_its_content(tmp_path: Path) -> None:
    """Wherever it lies; an empty group of parts is none."""
    composed, found = config.compose(SMALL), []
    for folder, content in (("a", "x"), ("b", "x"), ("c", "y")):
        table = tmp_path / folder / "table.csv"
        table.parent.mkdir()
        table.write_text(content, "utf-8")
        data = {**composed["data"], "_target_": "mylab.sets.Mine", "table": str(table)}
        found.append(identity({**composed, "data": data}, "f"))
    assert found[0] == found[1] != found[2]
    empty = {**composed, "trainer": {**composed["trainer"], "callbacks": {}}}
    assert identity(empty, "f") == identity(composed, "f")
