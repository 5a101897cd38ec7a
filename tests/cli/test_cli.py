"""The command, as a user types it: what goes to which stream, exit codes, one sentence for a
mistake."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gnnseg.cli import main

pytestmark = pytest.mark.slow  # whole runs

SMALL = [
    "data=planted", "data.users=150", "data.items=80", "data.interactions=2500", "data.segments=4",
    "head.segments=4",
    "trainer.max_epochs=10", "trainer.eval_every=5", "encoder.dim=16",
]  # fmt: skip
GNNSEG = [sys.executable, "-W", "error", "-m", "gnnseg"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One run by the real command, typed in a folder that must stay clean but for runs/."""
    here = tmp_path_factory.mktemp("typed here")
    done = subprocess.run(
        [*GNNSEG, "train", *SMALL], capture_output=True, text=True, cwd=here, check=False
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 1  # the run's folder and nothing else
    assert [path.name for path in here.iterdir()] == ["runs"]
    first, second = done.stderr.splitlines()[:2]
    assert first == "planted lightgcn+segments K=4, seed 0: starting"
    assert second.startswith("device ")
    assert "posthoc (own embeddings)" in done.stderr
    path = Path(lines[0])
    assert path.is_absolute()
    assert (path / "report.html").stat().st_size > 1000
    return path


def test_show_prints_one_figure(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", str(run), "test/ndcg@20"]) == 0
    record = json.loads((run / "run.json").read_text("utf-8"))
    assert float(capsys.readouterr().out) == pytest.approx(
        record["metrics"]["test/ndcg@20"], abs=1e-4
    )
    assert main(["show", str(run), "test/ndcg@20", "test/recall@20"]) == 0
    names = [line.split("\t")[0] for line in capsys.readouterr().out.splitlines()]
    assert names == ["test/ndcg@20", "test/recall@20"]
    assert main(["show", str(run)]) == 0
    listed = capsys.readouterr().out
    assert "test/ndcg@K" in listed
    assert "segment/modularity" in listed


def test_recommend_segment_explain_segments_report_compare(
    run: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["recommend", str(run), "--user", "3", "-k", "5"]) == 0
    assert "segment" in capsys.readouterr().out
    assert main(["recommend", str(run), "--segment", "2", "-k", "5"]) == 0
    capsys.readouterr()
    out = tmp_path / "all.csv"
    assert main(["recommend", str(run), "--all", "-k", "3", "--out", str(out)]) == 0
    assert len(out.read_text("utf-8").splitlines()) == 1 + 150 * 3
    assert main(["explain", str(run), "--user", "3", "--item", "7"]) == 0
    assert "%" in capsys.readouterr().out
    for command in (["segments", str(run)], ["evaluate", str(run)], ["report", str(run)]):
        assert main(command) == 0
        assert capsys.readouterr().out.strip()
    for form in ("text", "csv", "md", "latex"):
        assert main(["compare", str(run), "--format", form]) == 0
        assert "test/ndcg" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["show", "{run}", "test/ndgc@20"], "test/ndcg@20"),
        (["show", "nowhere", "test/ndcg@20"], "not a run folder"),
        (["recommend", "{run}", "--user", "nobody"], "nobody"),
        (["recommend", "{run}", "--segment", "9"], "segment"),
        (["recommend", "{run}", "--all"], "--out"),
        (["explain", "{run}", "--user", "3", "--item", "x"], "x"),
        (["compare", "nowhere"], "not a run folder"),
        (["compare", "--sweep", "nothing"], "sweep nothing"),
        (["train", "encoder.layer=2"], "did you mean encoder.layers?"),
        (["train", "data=file"], "data.path is not set"),
        (["train", "data=file", "data.path=no-such.csv"], "no such file"),
        (["train", "device=cuda", *SMALL], "device=cuda"),
        (["train", "--config-dir", "nowhere"], "no such folder"),
    ],
)
@pytest.mark.slow
def test_mistakes_are_one_sentence_and_exit_2(
    arguments: list[str],
    said: str,
    run: Path,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import torch

    if "device=cuda" in arguments and torch.cuda.is_available():
        return
    monkeypatch.chdir(tmp_path)
    assert main([a.format(run=run) for a in arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err.splitlines()[-1]
    assert "Traceback" not in err


def test_help_needs_nothing_heavy() -> None:
    """Help imports neither torch nor Hydra nor polars: that keeps it under half a second."""
    heavy = "print([m for m in ('torch', 'hydra', 'polars', 'numpy') if m in sys.modules])"
    asked = "from gnnseg.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass"
    script = f"import sys; {asked}\n{heavy}"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
    for command in (
        "train",
        "evaluate",
        "segments",
        "recommend",
        "explain",
        "compare",
        "report",
        "show",
        "data",
    ):
        assert command in done.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.slow
def test_signals_save_and_the_same_command_goes_on(number: signal.Signals, tmp_path: Path) -> None:
    command = [*GNNSEG, "train", *SMALL, "trainer.max_epochs=600", "trainer.eval_every=20"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path
    )
    for _ in range(6000):  # a state after 20 epochs of 600, seen at once: it is midway
        if list(tmp_path.glob("runs/*/state.pt")):
            break
        time.sleep(0.01)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert out == ""
    assert "the same command goes on" in err
    folder = next(tmp_path.glob("runs/planted*"))
    assert json.loads((folder / "run.json").read_text("utf-8"))["state"] == "interrupted"
    again = subprocess.run(
        command, capture_output=True, text=True, cwd=tmp_path, env={**os.environ}, check=False
    )
    assert again.returncode == 0, again.stderr
    assert "going on at epoch" in again.stderr
    assert Path(again.stdout.strip()) == folder


def test_assign_and_filters(run: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """New users from a file, with what is in stock and what may not be shown; Excel's own CSV."""
    import polars as pl

    new = tmp_path / "neue kunden.csv"
    new.write_text("Kunde;Artikel\nanna;3\nanna;17\nbert;5\nbert;unheard of\n", "utf-8")
    who, lists, stock, banned = (
        tmp_path / name for name in ("who.csv", "lists.csv", "stock.txt", "banned.csv")
    )
    stock.write_text("".join(f"{j}\n" for j in range(40)), "utf-8")
    banned.write_text("id,why\n1,rights\n2,rights\n", "utf-8")
    words = [
        "assign",
        str(run),
        str(new),
        "--out",
        str(who),
        "--lists",
        str(lists),
        "-k",
        "50",
        "--excel",
    ]
    assert main([*words, "--only", str(stock), "--exclude", str(banned)]) == 0
    out, err = capsys.readouterr()
    assert out.split() == [str(lists), str(who)]
    assert "separated by semicolon" in err
    assert err.count("1 of 4 rows name items") == 1  # said, and once
    assert who.read_bytes().startswith(b"\xef\xbb\xbfuser,segment,reason,alpha_1")
    found = pl.read_csv(lists, schema_overrides={"item": pl.String})
    assert found.group_by("id").len().sort("id").rows() == [("anna", 36), ("bert", 37)]
    assert not {"1", "2", "3", "17"} & set(found.filter(pl.col("id") == "anna")["item"])
    assert pl.read_csv(who)["user"].to_list() == ["anna", "bert"]
    assert main(["assign", str(run), str(new)]) == 0
    assert "anna" in capsys.readouterr().out
    assert main(["recommend", str(run), "--user", "3", "--only", str(banned)]) == 0
    quoted = tmp_path / "quoted.csv"
    quoted.write_text('"1"\n"2.0"\n', "utf-8")
    capsys.readouterr()
    assert main(["recommend", str(run), "--user", "3", "--only", str(quoted)]) == 0
    assert len(capsys.readouterr().out.splitlines()) <= 5
    quoted.write_text("\n".join(f"{j:06}" for j in range(9)), "utf-8")
    for wrong, sentence in (
        (["recommend", str(run), "--user", "anna"], "somebody new brings a history: gnnseg assign"),
        (["assign", str(run), str(tmp_path / "none.csv")], "no such file"),
        (
            ["recommend", str(run), "--user", "3", "--exclude", str(quoted)],
            "none of its 9 items is known to",
        ),
        (["assign", str(run), str(new), "--user", "Kunden"], "did you mean 'Kunde'?"),
        (
            ["recommend", str(run), "--segment", "1", "--only", str(stock)],
            "--only and --exclude go with",
        ),
        (
            ["recommend", str(run), "--user", "3", "--only", str(tmp_path / "none.txt")],
            "no such file",
        ),
    ):
        assert main(wrong) == 2
        assert sentence in capsys.readouterr().err


def test_assign_reads_a_file_as_training_does(
    run: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """What a sentence asks for can be given: encoding, decimal sign, returns, rows to leave out."""
    new = tmp_path / "neue.csv"
    new.write_bytes(
        "user;item;qty\nZoë;3;1\nZoë;17;2\nZoë;17;-2\n;5;1\n an;5;1\n".encode("latin-1")
    )
    words = ["assign", str(run), str(new), "--out", str(tmp_path / "who.csv")]
    for more, sentence in (
        (["--encoding", "latin-1"], "set --encoding latin-1"),
        (["--returns", "subtract"], "set --returns subtract, drop or keep"),
        (["--on-error", "drop"], "set --on-error drop"),
    ):
        assert main(words) == 2
        assert sentence in capsys.readouterr().err
        words += more
    assert main(words) == 0
    err = capsys.readouterr().err
    assert "left out 1 row: no user" in err
    assert "left out 1 row: user id with blanks around it" in err
    mine = (tmp_path / "who.csv").read_text("utf-8")
    new.write_text("user,item\nZoë,3\n", "utf-8")
    assert main(words[:5]) == 0
    assert (tmp_path / "who.csv").read_text("utf-8") == mine


def test_options_lists_the_users_own(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_conf" / "encoder").mkdir(parents=True)
    mine = tmp_path / "my_conf" / "encoder" / "mine.yaml"
    mine.write_text("# Mine\n_target_: lab_of_test_cli.Mine\nwide: 3  # how wide\n", "utf-8")
    lab = "class Mine:\n    def __init__(self, shape, rng, *, wide: int): ...\n"
    (tmp_path / "lab_of_test_cli.py").write_text(lab, "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p != ""])
    own = ["--config-dir", "my_conf"]
    for form in (["allow=[lab_of_test_cli]"], ["--allow", "lab_of_test_cli"]):
        assert main(["options", "encoder", *own, "mine", *form]) == 0
        assert "encoder.wide=3  a whole number\n    how wide\n" in capsys.readouterr().out
    assert main(["options", "encoder", "mine", *own]) == 2
    assert "say allow=[lab_of_test_cli]" in capsys.readouterr().err


def test_options_and_doctor_answer(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["options", "encoder=lightgcn"]) == 0
    typed = capsys.readouterr().out
    assert main(["options", "encoder", "lightgcn"]) == 0
    assert (out := capsys.readouterr().out) == typed
    assert "He et al. 2020" in out
    for wrong, sentence in (
        (["encoder", "lightgnc"], "did you mean lightgcn"),
        (["encoder", "mf", "dim"], "options encoder mf dim: give a group and one of its choices"),
        (["encoder", "allow=mylab"], "allow='mylab': give a list of package names"),
        (["encoder", "--config-dir", "nowhere"], "--config-dir nowhere: no such folder"),
    ):
        assert main(["options", *wrong]) == 2
        assert sentence in capsys.readouterr().err
    assert main(["doctor", "--root", str(tmp_path), "--runs", str(tmp_path / "runs")]) == 0
    assert "kernels" in capsys.readouterr().out
