"""Terminals as they are: other encodings, readers that leave, disks that are full."""

import io
import os
import subprocess
import sys

import pytest

from gnnseg.cli import command, main, streams
from gnnseg.runs.folder import RunFolder

SMALL = [
    "data=planted", "data.users=40", "data.items=40", "data.segments=2", "data.interactions=400",
    "encoder=mf", "head.segments=2", "trainer.max_epochs=2",
]  # fmt: skip


@pytest.mark.parametrize(
    ("encoding", "text", "written"),
    [
        ("ascii", "─ 0.5 ± 0.1 … ñ 中", b"- 0.5 +/- 0.1 ... n ?"),
        ("cp1252", "─ 0.5 ± 0.1 … ñ 中", b"- 0.5 \xb1 0.1 \x85 \xf1 ?"),
        ("utf-8", "─ ± 中", "─ ± 中".encode()),
        ("utf-8", os.fsdecode(b"a\xe9b"), b"a\xe9b"),
    ],
)
def test_what_an_encoding_lacks_is_written_alike(encoding, text, written, monkeypatch):
    end, begin = os.pipe()
    with open(begin, "w", encoding=encoding) as stream:
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", stream)
            patch.setattr(sys, "__stdout__", stream)
            with streams.lasting():
                print(text)
    with open(end, "rb") as read:
        assert read.read() == written + b"\n"


def test_streams_of_somebody_else_stay(monkeypatch):
    theirs = io.StringIO()
    monkeypatch.setattr(sys, "stdout", theirs)
    with streams.lasting():
        assert sys.stdout is theirs


def test_closed_standard_error_never_writes_to_standard_output(monkeypatch, capsys):
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", None)
        with streams.lasting():
            command.say("a line about the work")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
@pytest.mark.parametrize("verb", ["segments", "compare", "train --help", "--help", "report"])
def test_every_verb_in_every_encoding(verb, encoding, make_run, monkeypatch):
    path, _ = make_run()
    words = verb.split() + ([str(path)] if verb in ("segments", "report") else [])
    with open(os.devnull, "w", encoding=encoding) as nowhere, monkeypatch.context() as patch:
        for name in ("stdout", "stderr"):
            patch.setattr(sys, name, nowhere)
            patch.setattr(sys, f"__{name}__", nowhere)
        if "--help" in words:
            with pytest.raises(SystemExit, match="0"):
                main(words)
        else:
            assert main(words) == (2 if verb == "compare" else 0)
    if verb == "report":
        assert "charset" in (path / "report.html").read_text("utf-8")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_an_answer_that_cannot_be_written_is_one_sentence():
    code = f"{sys.executable} -m gnnseg options encoder > /dev/full"
    done = subprocess.run(["bash", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("gnnseg: standard output: cannot be written (No space left")
    assert len(done.stderr.splitlines()) == 1


def test_a_training_outlives_who_reads_about_it(tmp_path):
    """Both readers are gone before the first line."""
    words = " ".join([*SMALL, f"runs.root={tmp_path}"])
    code = f"({sys.executable} -m gnnseg train {words} 2>&1; echo $? > {tmp_path}/code) | true"
    subprocess.run(["bash", "-c", code], check=True, timeout=100)
    assert (tmp_path / "code").read_text() == "0\n"
    (path,) = tmp_path.glob("planted-*")
    assert RunFolder(path).state() == "finished"
    assert (path / "report.html").exists()
