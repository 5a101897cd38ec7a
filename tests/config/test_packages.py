"""A package of one's own: edited, it is another run; it is found again from anywhere."""

import importlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gnnseg import config
from gnnseg.config import conf_folder, packages
from gnnseg.types import InputError

SMALL = [
    "data=planted", "data.users=60", "data.items=40", "data.interactions=500", "data.segments=3",
    "head.segments=3", "trainer.max_epochs=2", "trainer.eval_every=2", "encoder.dim=4", "threads=1",
]  # fmt: skip
ANSWERS = """
import sys
from gnnseg.cli import main
run, here = sys.argv[1:]
for verb in (
    ["assign", run, "new.csv", "--out", "assigned.csv"],
    ["evaluate", run],
    ["recommend", run, "--user", "0"],
    ["report", run],
):
    assert main(verb) == 0, verb
import gnnseg, mylab.enc
assert mylab.enc.__file__.startswith(here)
loaded = gnnseg.load(run)
assert type(loaded.stored.fold_in._model.encoder).__module__ == "mylab.enc"
assert len(loaded.assign({"x": ["1"]})) == 1
"""


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """A folder with an encoder of one's own and its YAML."""
    package, conf = tmp_path / "lab" / "mylab", tmp_path / "lab" / "my_conf" / "encoder"
    package.mkdir(parents=True)
    conf.mkdir(parents=True)
    (package / "__init__.py").write_text("", "utf-8")
    (package / "enc.py").write_text(
        "from gnnseg.encoders import MF\n\n\nclass Mine(MF):\n    pass\n", "utf-8"
    )
    lines = (conf_folder() / "encoder" / "mf.yaml").read_text("utf-8").splitlines()
    own = ["_target_: mylab.enc.Mine" if "_target_" in line else line for line in lines]
    (conf / "mine.yaml").write_text("\n".join(own) + "\n", "utf-8")
    return tmp_path / "lab"


@pytest.mark.slow
def test_edited_it_is_another_run_and_from_elsewhere_it_is_found(
    lab: Path, tmp_path: Path, gnnseg: Any
) -> None:
    words = [*SMALL, "encoder=mine", "allow=[mylab]", "--config-dir", "my_conf"]
    first = gnnseg(["train", *words], lab)
    assert first.returncode == 0, first.stderr
    run = Path(first.stdout.strip())
    again = gnnseg(["train", *words], lab)
    assert again.stdout == first.stdout
    assert "finished before" in again.stderr

    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "new.csv").write_text("user,item\nanna,1\nanna,2\n", "utf-8")

    def answers() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", ANSWERS, str(run), str(lab)],
            capture_output=True, text=True, cwd=elsewhere, check=False,
        )  # fmt: skip

    done = answers()
    assert done.returncode == 0, done.stderr
    assert (elsewhere / "assigned.csv").exists()

    with open(lab / "mylab" / "enc.py", "a", encoding="utf-8") as file:
        file.write("\n# another thought\n")
    other = gnnseg(["train", *words], lab)
    assert other.returncode == 0, other.stderr
    assert other.stdout != first.stdout
    assert f"mylab has changed since {run.name} was trained: another run" in other.stderr
    assert "mylab has changed" in answers().stderr  # the first run answers, and says so

    shutil.move(lab / "mylab", lab / "moved")
    gone = answers()
    assert gone.returncode != 0
    sentence = next(line for line in gone.stderr.splitlines() if line.startswith("gnnseg: "))
    assert f"was trained with the package mylab, which lay in {lab} and is not there" in sentence


def test_edited_in_one_process_it_is_imported_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    file = tmp_path / "onefile.py"
    file.write_text("value = 1\n", "utf-8")
    given = {"allow": ["onefile"]}
    before = packages.allowed(given)["onefile"]
    import onefile

    assert before.place == tmp_path
    assert packages.allowed(given)["onefile"] == before
    assert sys.modules["onefile"] is onefile
    file.write_text("value = 1 + 1\n", "utf-8")
    assert packages.allowed(given)["onefile"].digest != before.digest
    assert "onefile" not in sys.modules
    import onefile as anew

    assert anew.value == 2
    del sys.modules["onefile"]


def test_a_package_that_is_nowhere_is_one_sentence(tmp_path: Path) -> None:
    was = {"digest": "0", "place": str(tmp_path / "gone")}
    record = json.loads(json.dumps({"depends": {"packages": {"nolab": was}}}))
    with pytest.raises(
        InputError, match=r"a-run: was trained with the package nolab, which lay in"
    ):
        packages.find_again("a-run", record)
    packages.find_again("a-run", {})  # a run of ours alone asks for nothing


@pytest.fixture
def edited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A module of one's own in a package, which the process forgets afterwards."""
    package = tmp_path / "editlab"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "part.py").write_text("VALUE = 1\n", "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(packages, "_MET", {})
    # what is compiled is told from what is edited within the same second by nothing
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield package / "part.py"
    packages._forget("editlab")


def value() -> int:
    return int(importlib.import_module("editlab.part").VALUE)


def test_what_was_imported_before_it_was_met_is_imported_anew(edited: Path) -> None:
    """Imported by the user, edited, and only then named by ``allow``."""
    assert value() == 1
    edited.write_text("VALUE = 2\n", "utf-8")
    importlib.invalidate_caches()
    found = packages.refresh("editlab")
    assert found is not None
    assert found.digest == packages.digest_of(edited.parent)
    assert value() == 2


def test_what_a_loaded_run_imported_is_imported_anew(edited: Path) -> None:
    was = packages.refresh("editlab")
    assert was is not None
    record = {"depends": {"packages": {"editlab": was.record()}}}
    packages.find_again("a-run", record)
    assert value() == 1
    edited.write_text("VALUE = 3\n", "utf-8")
    config.check(config.compose(["allow=[editlab]"]))
    assert value() == 3


def test_an_old_import_of_an_old_file_stays(edited: Path) -> None:
    """A library that nobody edits is not loaded twice: classes stay what they are."""
    for path in edited.parent.glob("*.py"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    before = importlib.import_module("editlab.part")
    packages.refresh("editlab")
    assert importlib.import_module("editlab.part") is before


def test_hidden_files_beside_a_package_are_no_part_of_it(edited: Path) -> None:
    before = packages.digest_of(edited.parent)
    (edited.parent / ".#part.py").symlink_to("nowhere")
    kept = edited.parent / ".ipynb_checkpoints"
    kept.mkdir()
    (kept / "part-checkpoint.py").write_text("VALUE = 0\n", "utf-8")
    assert packages.digest_of(edited.parent) == before


def test_a_folder_of_the_same_name_is_no_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "emptylab").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    assert packages.refresh("emptylab") is None


def test_a_package_in_two_folders_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder / "twolab").mkdir(parents=True)
        (tmp_path / folder / "twolab" / f"{folder}.py").touch()
        monkeypatch.syspath_prepend(tmp_path / folder)
    with pytest.raises(InputError, match=r"allow=\[twolab\]: it lies in several folders"):
        packages.refresh("twolab")
