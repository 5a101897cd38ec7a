"""The run folder: one process at a time, nothing left of a refusal, a rerun beside what stands."""

import contextlib
import re
import threading
from pathlib import Path
from typing import Any

import pytest

from gnnseg import config
from gnnseg.runs import folder as folders
from gnnseg.runs import train as pipeline
from gnnseg.runs.folder import Busy, RunFolder
from gnnseg.types import InputError

SMALL = [
    "data=planted", "data.users=60", "data.items=30", "data.interactions=450", "data.segments=3",
    "head.segments=3", "encoder.dim=8", "trainer.max_epochs=4", "trainer.eval_every=2",
]  # fmt: skip


def train(root: Path, *overrides: str, fresh: bool = False, **more: Any) -> pipeline.Result:
    composed = config.compose([f"runs.root={root}", *SMALL, *overrides])
    return pipeline.train(
        composed, fresh=fresh, progress=False, **{"say": lambda line: None, **more}
    )


def content(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in (".lock", ".holder")
    }


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tmp_path_factory.mktemp("runs")).path


@pytest.mark.parametrize(
    "settings",
    [
        "head.segments=61", "encoder.dim=0", "head.tau_alpha=0", "trainer.max_epochs=0",
        "trainer.patience=0", "encoder.layers=-1", "split.ratios=[0.9999,0.00005,0.00005]",
    ],
)  # fmt: skip
def test_what_is_refused_before_training_leaves_no_folder(tmp_path: Path, settings: str) -> None:
    with pytest.raises(
        InputError, match=re.escape(settings.partition("=")[0].removesuffix(".ratios"))
    ):
        train(tmp_path, settings)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InputError):
        train(tmp_path, settings, fresh=True)
    assert list(tmp_path.iterdir()) == []


def test_a_refused_command_leaves_what_stands_there(
    finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = content(finished)

    def refused(*arguments: Any) -> None:
        raise InputError("no.")

    monkeypatch.setattr(pipeline, "assembled", refused)
    with pytest.raises(InputError, match="no."):
        train(finished.parent, fresh=True)
    assert content(finished) == before


def test_a_rerun_that_dies_leaves_the_finished_run(
    finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At any of its writes: what stands is whole, a rerun and the plain command go on."""
    before, record = content(finished), RunFolder(finished).read_json()

    class Killed(BaseException):
        pass

    def killed(*arguments: Any, **more: Any) -> None:
        raise Killed

    for module, name in (
        (pipeline, "fit_in"),
        (pipeline.writer, "write"),
        (folders, "_move"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, killed)
            with contextlib.suppress(Killed):
                train(finished.parent, fresh=True)
        now = content(finished)
        assert {name: now[name] for name in before} == before, name
        assert RunFolder(finished).state() == "finished"
        assert train(finished.parent).reused
    again = RunFolder(finished).read_json()  # what was done to its end took its place at last
    assert again["metrics"] == record["metrics"]
    assert again["seconds"] != record["seconds"]
    assert not (finished / ".fresh").exists()
    assert not (finished / ".ready").exists()


def test_a_rerun_stopped_while_its_files_take_their_places(finished: Path) -> None:
    """The next command moves the rest."""
    before, folder = content(finished), RunFolder(finished)
    ready = finished / ".ready"
    ready.mkdir()
    for name in ("scores.safetensors", "run.json"):
        (finished / name).rename(ready / name)
    with folder.locked():
        assert content(finished) == before


def test_a_rerun_says_where_the_run_is_and_keeps_unsent_tracking(finished: Path) -> None:
    (finished / "wandb" / "offline-run-1").mkdir(parents=True)
    (finished / "stability.parquet").write_text("of the run before")
    lines: list[str] = []
    result = train(finished.parent, fresh=True, say=lines.append)
    assert (result.path, result.reused) == (finished, False)
    said = "\n".join(lines)
    assert f"report: {finished}/report.html" in said
    assert ".fresh" not in said
    assert (finished / "wandb" / "offline-run-1").is_dir()
    assert not (finished / "stability.parquet").exists()


def test_an_interrupted_rerun_goes_on_by_the_same_command(
    finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gnnseg.training.loop import Interrupted

    def stopped(*arguments: Any, **more: Any) -> Any:
        raise Interrupted

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "fit_in", stopped)
        with pytest.raises(Interrupted):
            train(finished.parent, fresh=True)
    place = finished / ".fresh" / finished.name
    assert RunFolder(place).state() == "interrupted"
    (place / "of this attempt").write_text("")
    assert train(finished.parent).reused
    assert not train(finished.parent, fresh=True).reused
    assert (finished / "of this attempt").exists()


def test_another_process_is_waited_for_or_refused(tmp_path: Path) -> None:
    folder, lines = RunFolder(tmp_path / "run"), []
    entered = threading.Event()

    def held() -> None:
        with folder.locked():
            entered.set()
            while not lines:
                pass

    other = threading.Thread(target=held)
    other.start()
    entered.wait()
    try:
        with pytest.raises(Busy, match="is at work there; wait for it or stop it"):
            with RunFolder(folder.path).locked():
                pass
        with RunFolder(folder.path).locked(lines.append):
            assert "run: waiting for process" in lines[0]
    finally:
        lines.append("")
        other.join()
    assert not folder.path.exists()
