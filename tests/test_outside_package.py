"""A package outside the checkout, with one part of each kind: trained, swept, evaluated, folded in.

The parts are those of docs/extending.md. Every command is a process of its own, typed in another
folder where that matters.
"""

import json
import os
import re
import shutil
import sys
from pathlib import Path

import polars as pl
import pytest

pytestmark = pytest.mark.slow  # whole runs

PAGE = (Path(__file__).parent.parent / "docs" / "extending.md").read_text("utf-8")
PARTS = [
    "encoder=mine", "head=angle", "objective=hinge", "regularisers=far", "metrics=first",
    "baselines=rare", "trainer/sampler=uniform", "trainer/schedule=ramp", "trainer/callbacks=best",
    "data=shop", "split=tenths", "trainer.monitor=valid/first@10",
]  # fmt: skip
FEW = ["trainer.max_epochs=2", "trainer.eval_every=1", "threads=1", "encoder.dim=8"]
TARGETS = {
    "encoder": "mylab.enc.MyEncoder", "head": "mylab.angle.Angle", "split": "mylab.shop.Tenths",
    "objective": "mylab.hinge.Hinge", "data": "mylab.shop.Drawn",
}  # fmt: skip


@pytest.fixture(scope="module")
def call(gnnseg):
    """The command in another folder: ``call(word, …, where=folder)``."""
    paths = os.pathsep.join(path for path in sys.path if path)
    return lambda *words, where: gnnseg(words, where, PYTHONPATH=paths)


@pytest.fixture(scope="module")
def lab(tmp_path_factory) -> Path:
    """The folder that docs/extending.md describes, file by file."""
    folder = tmp_path_factory.mktemp("lab")
    for name, content in re.findall(r"^`([\w/.]+)`:\n\n```\w+\n(.*?)^```$", PAGE, re.S | re.M):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, "utf-8")
    (folder / "mylab" / "__init__.py").touch()
    return folder


@pytest.fixture(scope="module")
def swept(lab, call) -> list[Path]:
    words = ["--config-dir", "my_conf", "allow=[mylab]", *PARTS, *FEW, "seed=0,1"]
    done = call("train", "-m", *words, "sweep.name=all", where=lab)
    assert done.returncode == 0, done.stderr
    return [Path(line) for line in done.stdout.split()]


def test_one_run_is_made_of_the_users_parts_alone_in_a_sweep(swept):
    assert len(swept) == 2
    for path in swept:
        record = json.loads((path / "run.json").read_text("utf-8"))
        assert path.name.startswith("shop-myencoder-angle-")
        assert {group: record["config"][group]["_target_"] for group in TARGETS} == TARGETS
        assert "test/first@10" in record["metrics"]
        assert "rare" in record["baselines"]
        assert record["best"]["metric"] == "valid/first@10"
        assert record["config"]["regularisers"]["far"]["_target_"] == "mylab.term.Far"


def test_a_run_answers_from_any_folder(swept, tmp_path, call):
    """Evaluated, and people folded in whom training never saw, where mylab does not lie."""
    run = swept[0]
    done = call("evaluate", str(run), where=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "first@10" in done.stdout
    new = pl.DataFrame({"user": ["new"] * 4, "item": ["21", "25", "30", "33"]})
    new.write_csv(tmp_path / "new.csv")
    done = call("assign", str(run), "new.csv", "--lists", "lists.csv", "-k", "5", where=tmp_path)
    assert done.returncode == 0, done.stderr
    lists = pl.read_csv(tmp_path / "lists.csv")
    assert lists["id"].to_list() == ["new"] * 5
    assert set(lists["item"]) - set(new["item"]) == set(lists["item"])
    assert (lists["item"] >= 20).mean() > 0.5  # what people of their half take


def test_the_comparison_of_a_sweep_names_them(lab, swept, call):
    done = call("compare", "--sweep", "all", where=lab)
    assert done.returncode == 0, done.stderr
    assert "2" in done.stdout


def test_segments_of_an_own_encoder_are_assigned_in_two_workers(lab, tmp_path, call):
    """Workers of a launcher find the package too, and new users get a segment."""
    words = ["--config-dir", "my_conf", "allow=[mylab]", "encoder=mine", "data=shop", *FEW]
    words += ["head.segments=2,3", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]
    done = call("train", "-m", *words, where=lab)
    assert done.returncode == 0, done.stderr
    run = done.stdout.split()[0]
    pl.DataFrame({"user": ["new"], "item": ["21"]}).write_csv(tmp_path / "new.csv")
    done = call("assign", run, "new.csv", "--out", "segments.csv", where=tmp_path)
    assert done.returncode == 0, done.stderr
    assert pl.read_csv(tmp_path / "segments.csv")["user"].to_list() == ["new"]


def test_an_edited_part_is_another_run_and_the_reason_is_said(lab, tmp_path, call):
    folder = tmp_path / "lab"
    shutil.copytree(lab, folder, ignore=shutil.ignore_patterns("runs"))
    words = ["train", "--config-dir", "my_conf", "allow=[mylab]", "encoder=mine", "data=shop"]
    words += ["head.segments=2", *FEW]
    first = call(*words, where=folder)
    assert first.returncode == 0, first.stderr
    again = call(*words, where=folder)
    assert again.stdout == first.stdout
    source = folder / "mylab" / "enc.py"
    source.write_text(
        source.read_text("utf-8").replace("smoothed = self.user", "smoothed = 2 * self.user"),
        "utf-8",
    )
    other = call(*words, where=folder)
    assert other.returncode == 0, other.stderr
    assert other.stdout != first.stdout
    assert "mylab" in other.stderr


def test_a_moved_run_recommends_without_the_package_of_its_encoder(lab, tmp_path, call):
    """Stored embeddings and a head of ours are all that lists need."""
    words = ["train", "--config-dir", "my_conf", "allow=[mylab]", "encoder=mine", "data=shop"]
    folder = tmp_path / "lab"
    shutil.copytree(lab, folder, ignore=shutil.ignore_patterns("runs"))
    done = call(*words, "head.segments=2", *FEW, where=folder)
    assert done.returncode == 0, done.stderr
    run = tmp_path / "elsewhere"
    shutil.move(done.stdout.strip(), run)
    shutil.rmtree(folder)
    done = call("recommend", str(run), "--user", "1", where=tmp_path)
    assert done.returncode == 0, done.stderr
    done = call("explain", str(run), "--user", "1", "--item", "21", where=tmp_path)
    assert done.returncode == 0, done.stderr
    pl.DataFrame({"user": ["new"], "item": ["21"]}).write_csv(tmp_path / "new.csv")
    done = call("assign", str(run), "new.csv", where=tmp_path)
    assert done.returncode == 2
    assert "was trained with the package mylab, which lay in" in done.stderr
