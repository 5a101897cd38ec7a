"""How a verb is found and asked, and how what goes wrong is said."""

import errno
import os
import signal
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import gnnseg.cli
from gnnseg.cli import command, main

VERBS = sorted(command.verbs())
GREET = '''"""Greet somebody, loudly."""


def arguments(parser):
    parser.add_argument("who", nargs="+")
    parser.add_argument("--times", type=int, default=1)


def call(options):
    print(" ".join(options.who * options.times))
    return 3
'''


def test_a_verb_is_one_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(gnnseg.cli, "__path__", [*gnnseg.cli.__path__, str(tmp_path)])
    (tmp_path / "greet.py").write_text(GREET)
    (tmp_path / "nothing.py").write_text("")  # no call: no verb
    assert command.verbs()["greet"] == "Greet somebody, loudly."
    assert "nothing" not in command.verbs()
    assert (
        main(["greet", "anna", "--times", "2", "bert"]) == 3
    )  # options and arguments as they come
    assert capsys.readouterr().out == "anna bert anna bert\n"
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "greet somebody, loudly\n" in capsys.readouterr().out
    sys.modules.pop("gnnseg.cli.greet")
    sys.modules.pop("gnnseg.cli.nothing")


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main([verb, "--help"])
    assert left.value.code == 0
    said = capsys.readouterr().out
    assert said.startswith(f"usage: gnnseg {verb} ")
    assert command.verbs()[verb].split(":")[0].rstrip(".") in " ".join(said.split())
    assert max(map(len, said.splitlines())) <= 100
    undescribed = [
        a.dest for a in command.parser(verb)._actions if not a.help and a.dest != "action"
    ]
    assert [dest for dest in undescribed if dest != "==SUPPRESS=="] == []


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_takes_only_its_own_options(verb: str) -> None:
    if verb in (
        "train",
        "tune",
        "choose-k",
    ):  # takes everything, and says itself what it cannot use
        return
    with pytest.raises(SystemExit) as left:
        main([verb, "--no-such-option"])
    assert left.value.code == 2


@pytest.mark.parametrize("flag", ["--version", "-V"])
def test_version(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([flag]) == 0
    assert capsys.readouterr().out == f"gnnseg {version('gnnseg')}\n"


def test_python_dash_m() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gnnseg", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"gnnseg {version('gnnseg')}\n"


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("shwo", "gnnseg: shwo: no such command; did you mean show (there are assign, audience,"),
        (
            "xyz",
            "gnnseg: xyz: no such command; there are assign, audience, choose-k, compare, data,",
        ),
        ("command", "gnnseg: command: no such command;"),
        ("diagnosis", "gnnseg: diagnosis: no such command;"),
    ],
)
def test_a_command_that_is_not_there(
    word: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([word]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(said)


@pytest.mark.parametrize(
    ("there", "given", "expected"),
    [(True, None, "1"), (True, "0", "0"), (False, None, None)],
    ids=["asked", "somebody said no", "no huge pages here"],
)
def test_torch_is_asked_for_huge_pages_where_there_are_any(
    there: bool,
    given: str | None,
    expected: str | None,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(command, "HUGE_PAGES", tmp_path if there else tmp_path / "none")
    monkeypatch.setenv("THP_MEM_ALLOC_ENABLE", given or "")
    if given is None:
        monkeypatch.delenv("THP_MEM_ALLOC_ENABLE")
    assert main(["--version"]) == 0
    assert os.environ.get("THP_MEM_ALLOC_ENABLE") == expected


def test_no_command_at_all(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main([])
    assert left.value.code == 2
    assert "usage: gnnseg" in capsys.readouterr().err


@pytest.mark.slow
def test_a_reader_that_leaves_is_no_mistake() -> None:
    """As in ``gnnseg options | head -1``."""
    code = f"{sys.executable} -m gnnseg options encoder | head -c 1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "e", "")


def test_what_is_stopped_ends_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def ends(given: list[str]) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "_dispatch", ends)
    assert main(["show"]) == 130


def test_a_library_stopped_while_it_is_imported_is_no_fault(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What numpy makes of KeyboardInterrupt is an ImportError."""

    def ends(given: list[str]) -> int:
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise ImportError("multiarray failed to import") from None
        return 0

    monkeypatch.setattr(command, "_dispatch", ends)
    assert main(["show"]) == 130
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_write_that_the_system_refuses_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def ends(given: list[str]) -> int:
        raise OSError(errno.EROFS, "Read-only file system", "/runs/.sweeps")

    monkeypatch.setattr(command, "_dispatch", ends)
    assert main(["show"]) == 2
    assert capsys.readouterr().err == (
        "gnnseg: /runs/.sweeps: cannot be written (Read-only file system); free space or choose "
        "another folder.\n"
    )


def test_a_fault_of_ours_is_no_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(given: list[str]) -> int:
        raise ValueError("ours")

    monkeypatch.setattr(command, "_dispatch", fails)
    with pytest.raises(ValueError, match="ours"):
        main(["show"])


def test_what_describes_a_set_is_taken_word_for_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Options may stand before the file."""
    monkeypatch.chdir(tmp_path)
    rows = [f"u{n % 9},i{n % 7}" for n in range(60)]
    Path("met.csv").write_text("\n".join(["who,what", *rows]) + "\n", "utf-8")
    given = ["--user", "who", "--item", "what", "met.csv", f"cache.root={tmp_path / 'cache'}"]
    assert main(["data", "stats", *given]) == 0
    assert "9 users" in capsys.readouterr().out
