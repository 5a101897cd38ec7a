"""A finished run is read where nothing can be written."""

import pytest

from gnnseg import config
from gnnseg.cli import main
from gnnseg.runs import train as pipeline
from gnnseg.runs.folder import RunFolder
from gnnseg.types import InputError

SMALL = [
    "data=planted", "data.users=40", "data.items=40", "data.segments=2", "data.interactions=400",
    "encoder=mf", "head.segments=2", "trainer.max_epochs=2",
]  # fmt: skip


def test_a_finished_run_needs_no_lock(tmp_path, monkeypatch):
    composed = config.compose([*SMALL, f"runs.root={tmp_path}"])
    config.check(composed)
    first = pipeline.train(composed, say=lambda line: None)

    def refuse(self, wait=None):
        raise InputError(f"{self.path}: cannot be written.")

    monkeypatch.setattr(RunFolder, "locked", refuse)
    again = pipeline.train(composed, say=lambda line: None)
    assert again.reused
    assert again.value == first.value
    with pytest.raises(InputError, match="cannot be written"):
        pipeline.train(composed, say=lambda line: None, fresh=True)


def test_the_page_of_a_folder_that_cannot_be_written_goes_elsewhere(
    make_run, tmp_path, capsys, monkeypatch
):
    path, _ = make_run()
    before = sorted(each.name for each in path.iterdir())
    assert main(["report", str(path), "--out", str(tmp_path / "page.html")]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'page.html'}\n"
    assert "<html" in (tmp_path / "page.html").read_text("utf-8")
    assert sorted(each.name for each in path.iterdir()) == before
    assert main(["report", str(path), "--out", str(tmp_path / "no" / "page.html")]) == 2
    assert "cannot be written" in capsys.readouterr().err
