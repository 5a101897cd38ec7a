"""What is typed behind ``gnnseg train``: one run, a sweep, or Hydra's own flags."""

from pathlib import Path

import pytest

from gnnseg.runs import command, sweep
from gnnseg.types import InputError

pytestmark = pytest.mark.slow  # whole runs

SMALL = [
    "data=planted", "data.users=60", "data.items=40", "data.interactions=500", "data.segments=3",
    "head.segments=3", "trainer.max_epochs=2", "trainer.eval_every=2", "encoder.dim=4", "threads=1",
]  # fmt: skip


@pytest.fixture
def no_sweep(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def never(*given: object) -> int:
        raise AssertionError("a single run passes through no sweep")

    monkeypatch.setattr(sweep, "many", never)
    monkeypatch.chdir(tmp_path)


def test_one_run_passes_through_no_sweep_and_fresh_begins_it_again(
    no_sweep: None, capsys: pytest.CaptureFixture[str]
) -> None:
    shown: list[str] = []
    for more in ([], ["--fresh"], []):
        assert command.run([*SMALL, *more], say=lambda line: None, show=shown.append) == 0
    assert len(set(shown)) == 1
    assert Path(shown[0]).parent == Path.cwd() / "runs"
    assert capsys.readouterr().err.count("finished before") == 1


def test_many_runs_go_to_the_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    def many(overrides: list[str], folders: list[Path], fresh: bool, *_: object) -> int:
        assert overrides == ["seed=0,1"]
        assert fresh
        return 7

    monkeypatch.setattr(sweep, "many", many)
    assert command.run(["-m", "seed=0,1", "--fresh"], say=print, show=print) == 7


def test_hydra_prints_a_configuration_and_trains_nothing(
    no_sweep: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.run(["--cfg", "job", "seed=3"], say=print, show=print) == 0
    assert "seed: 3" in capsys.readouterr().out
    assert list(Path.cwd().iterdir()) == []


def test_a_folder_of_configuration_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--config-dir nowhere: no such folder"):
        command.run(["--config-dir", "nowhere"], say=print, show=print)
