"""Tab completion, asked for as a shell asks."""

import subprocess
import sys
from pathlib import Path

import pytest

from gnnseg.cli import command, main

COMPLETE = r"""
gnnseg() { PYTHON -W error -m gnnseg "$@"; }
eval "$(gnnseg train -sc install=bash)"
read -ra COMP_WORDS <<< "$1"
[ "${1: -1}" = " " ] && COMP_WORDS+=("")
COMP_LINE="$1" COMP_POINT=${#1} COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_gnnseg
printf '%s\n' "${COMPREPLY[@]}"
complete -p gnnseg
"""


def offered(line: str, here: Path) -> list[str]:
    """What bash offers behind ``line``."""
    script = COMPLETE.replace("PYTHON", f"'{sys.executable}'")
    done = subprocess.run(
        ["bash", "-c", script, "bash", line], capture_output=True, text=True, cwd=here, check=True
    )
    assert done.stderr == ""
    *found, rule = done.stdout.splitlines()
    assert rule.endswith("-F _gnnseg gnnseg")
    return [each for each in found if each]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("gnnseg re", ["recommend", "refit", "report"]),
        ("gnnseg sh", ["show "]),
        ("gnnseg show enc", []),
        ("gnnseg train encoder=light", ["encoder=lightgcn", "encoder=lightgcnpp"]),
    ],
)
@pytest.mark.slow
def test_bash(line: str, expected: list[str], tmp_path: Path) -> None:
    assert offered(line, tmp_path) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("gnnseg train enc", ["encoder.", "encoder="]),
        ("gnnseg train head=dot encoder.lay", ["encoder.layer_weights=", "encoder.layers="]),
        ("gnnseg train shop.csv --user who -m encoder=mf encoder.d", ["encoder.dim="]),
        ("gnnseg train encoder=mf encoder.lay", []),
        ("gnnseg train encoder=no_such encoder.", []),
        ("gnnseg train --us", []),
    ],
)
def test_what_is_offered_follows_what_was_typed(
    line: str,
    expected: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("COMP_LINE", line)
    monkeypatch.delenv("COMP_POINT", raising=False)
    assert main(["train", "-sc", "query=bash"]) == 0
    assert capsys.readouterr().out.split() == expected


@pytest.mark.slow
def test_a_users_own_choices_are_offered(tmp_path: Path) -> None:
    (tmp_path / "my_conf" / "encoder").mkdir(parents=True)
    (tmp_path / "my_conf" / "encoder" / "mine.yaml").write_text("_target_: mylab.Mine\n")
    line = "gnnseg train --config-dir my_conf encoder=m"
    assert offered(line, tmp_path) == ["encoder=mf", "encoder=mine"]


def test_the_cursor_may_stand_inside_the_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    line = "gnnseg train optim head=dot"
    monkeypatch.setenv("COMP_LINE", line)
    monkeypatch.setenv("COMP_POINT", str(line.index(" head")))
    assert main(["train", "-sc", "query=bash"]) == 0
    assert capsys.readouterr().out.split() == ["optimizer.", "optimizer="]


def test_install_names_every_verb_and_uninstall_takes_it_back(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["train", "-sc", "install=bash"]) == 0
    assert " ".join(command.verbs()) in capsys.readouterr().out
    assert main(["train", "-sc", "uninstall=bash"]) == 0
    assert "complete -r gnnseg" in capsys.readouterr().out


@pytest.mark.parametrize("asked", [[], ["install=fish"], ["query=bash"]])
def test_other_shells_are_one_sentence(
    asked: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("COMP_LINE", raising=False)
    assert main(["train", "-sc", *asked]) == 2
    assert "train -sc: for bash alone" in capsys.readouterr().err
