"""Several processes by the command: one folder, one voice; one that dies or is told to stop."""

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from gnnseg import config
from gnnseg.cli import main
from gnnseg.distributed.ranks import Ranks
from gnnseg.runs import environment, together
from gnnseg.runs import train as pipeline
from gnnseg.runs.folder import Busy, RunFolder
from gnnseg.runs.standing import Result
from gnnseg.types import InputError

SMALL = [
    "data=planted", "data.users=90", "data.items=50", "data.interactions=1100", "data.segments=3",
    "encoder.dim=8", "head.segments=3", "device=cpu", "threads=1", "trainer.patience=null",
    "trainer.max_epochs=16", "trainer.eval_every=4",
]  # fmt: skip
LIVES = """
import json, os, signal, socket, sys
import sklearn.cluster, sklearn.utils.extmath, torch._dynamo
from gnnseg.cli import main
from gnnseg.runs import train
from gnnseg.training import steps as stepping

def live(rank, folder, at, how, words):
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(f"{folder}/{rank}.{name}", os.O_CREAT | os.O_TRUNC | os.O_WRONLY), number)
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank)}
    taken, usual = [0], stepping.reduced
    def reduced(*given):
        taken[0] += 1
        if rank == 1 and taken[0] == at:
            os.kill(os.getpid(), getattr(signal, how))
        return usual(*given)
    stepping.reduced = reduced
    return main(["train", *words])

lives, words = json.loads(sys.argv[1]), sys.argv[2:]
for folder, at, how in lives:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    os.environ |= {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    children = []
    for rank in range(2):
        if (child := os.fork()) == 0:
            code = live(rank, folder, at, how, words)
            sys.stderr.flush()
            os._exit(code)
        children.append(child)
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    print(json.dumps(codes), flush=True)
"""


def lived(folder: Path, lives: dict[str, tuple[int, str]], *overrides: str) -> list[dict[str, Any]]:
    """Run the command in two processes again and again, of which the second is sent a signal.

    ``lives``: by name, at which step, and which. The exit codes, what was said, and what stood in
    the state then.
    """
    for name in lives:
        (folder / name).mkdir()
    asked = [[str(folder / name), *life] for name, life in lives.items()]
    done = subprocess.run(
        [sys.executable, "-c", LIVES, json.dumps(asked), *SMALL, *overrides],
        capture_output=True, text=True, timeout=300, check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    codes = [json.loads(line) for line in done.stdout.splitlines()]
    return [
        {
            "codes": each,
            **{
                f"{stream} {rank}": (folder / name / f"{rank}.{stream}").read_text("utf-8")
                for rank in range(2)
                for stream in ("out", "err")
            },
        }
        for name, each in zip(lives, codes, strict=True)
    ]


def trained(root: Path, *overrides: str) -> dict[str, Any]:
    """The record of the run that one process makes, or goes on with."""
    composed = config.compose([*SMALL, *overrides, f"runs.root={root}"])
    config.check(composed)
    return RunFolder(pipeline.train(composed, say=lambda line: None).path).read_json()


def same_figures(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert one["best"]["epoch"] == other["best"]["epoch"]
    for name in ("valid/ndcg@20", "test/ndcg@20", "test/recall@20", "test/coverage@20"):
        assert other["metrics"][name] == pytest.approx(one["metrics"][name], abs=1e-6), name


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return trained(tmp_path_factory.mktemp("alone"))


@pytest.mark.slow
def test_torchrun_leaves_one_run_with_the_figures_of_one_process(
    alone: dict[str, Any], tmp_path: Path
) -> None:
    words = ["--standalone", "--nproc-per-node", "2", "-m", "gnnseg", "train", *SMALL]
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", *words, f"runs.root={tmp_path}"],
        capture_output=True, text=True, timeout=300, check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (folder,) = [path for path in tmp_path.iterdir() if path.name[0] != "."]
    assert done.stdout == f"{folder}\n"
    assert done.stderr.count("2 processes, each with its users and their edges") == 1
    assert done.stderr.count("device cpu") == 1
    record = RunFolder(folder).read_json()
    assert record["state"] == "finished"
    assert record["exact"] is False
    assert record["device"]["processes"] == 2
    assert record["hash"] == alone["hash"]
    same_figures(alone, record)
    lines = [json.loads(x) for x in (folder / "metrics.jsonl").read_text("utf-8").splitlines()]
    assert [line["epoch"] for line in lines] == [4, 8, 12, 16]


@pytest.mark.slow
def test_a_run_goes_on_after_a_process_died_and_after_one_was_told_to_stop(
    alone: dict[str, Any], tmp_path: Path
) -> None:
    """By two processes; then by one, as the state holds all users."""
    lives = {"killed": (7, "SIGKILL"), "stopped": (6, "SIGTERM")}  # the 6th after the 4 of before
    killed, stopped = lived(tmp_path, lives, f"runs.root={tmp_path / 'runs'}")
    assert killed["codes"] == [2, -9]
    last = killed["err 0"].splitlines()[-1]
    assert last.startswith("gnnseg: process 0 of 2: another process of this run has ended"), last
    assert "the same command goes on" in last
    assert stopped["codes"] == [130, 130]
    assert "going on at epoch 5, step 5" in stopped["err 0"]
    assert (stopped["out 1"], stopped["err 1"]) == ("", "")
    (folder,) = [path for path in (tmp_path / "runs").iterdir() if path.name[0] != "."]
    assert RunFolder(folder).read_json()["state"] == "interrupted"
    state = torch.load(folder / "state.pt", weights_only=True)
    assert state["state"]["step"] == 10
    assert len(state["model"]["encoder.tables.user"]) == 90
    record = trained(tmp_path / "runs")
    assert record["state"] == "finished"
    assert record["exact"] is False
    same_figures(alone, record)


class Heard:
    """Ranks that note what was told, or tell what is given them."""

    def __init__(self, *said: Any) -> None:
        self.said, self.given = list[Any](), list(said)

    def told(self, value: Any = None) -> Any:
        self.said.append(value)
        return self.given.pop(0) if self.given else value


@pytest.mark.parametrize("begun", [True, False])
@pytest.mark.parametrize("wrong", [True, False])
def test_the_others_hear_of_every_end_once(begun: bool, wrong: bool) -> None:
    """Else they would wait for ever: each thing that is told is asked for by ``follow``."""
    ranks, result = Heard(), Result(Path("there"), 0.5, reused=True)
    with contextlib.suppress(Busy), together.leading(ranks) as lead:
        if begun:
            lead.begin()
        if wrong:
            raise Busy("somebody is at work there")
        if not begun:
            lead.found(result)
    first = ("begin", None) if begun else ("found", 0.5)
    if wrong:
        assert ranks.said == [first if begun else ("refused", "somebody is at work there")]
    else:
        assert ranks.said == [first, "the end"]


def test_another_process_does_what_the_first_says() -> None:
    folder = RunFolder(Path("there"))
    ranks = Heard(("refused", "somebody is at work there"))
    asked = SimpleNamespace(ranks=ranks, config={"baseline": None})
    with pytest.raises(InputError, match="somebody is at work there"):
        together.follow(asked, folder)
    asked = SimpleNamespace(ranks=Heard(("found", 0.5), "the end"), config={"baseline": None})
    assert together.follow(asked, folder) == Result(folder.path, 0.5, reused=True)
    assert asked.ranks.given == []
    asked = SimpleNamespace(ranks=Heard(("begin", None), "the end"), config={"baseline": {"k": 1}})
    assert together.follow(asked, folder) == Result(folder.path, None, reused=False)


@pytest.mark.parametrize("words", [["show", "somewhere"], ["train", "-m", "seed=0,1"]])
def test_what_one_process_does_is_refused_in_several(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert main(words) == 2
    said = capsys.readouterr().err
    assert "one process does this, and 4 were started together; leave torchrun out" in said
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert main(words) == 2
    assert capsys.readouterr().err == ""


def test_each_process_of_a_machine_takes_a_device_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"GPU of {device}")
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: None)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    monkeypatch.setenv("LOCAL_RANK", "1")
    found, why = environment.choose_device("auto", Ranks(3, 4))
    assert (str(found), why) == ("cuda:1", "GPU of cuda:1")
    with pytest.raises(InputError, match="take a CUDA device each"):
        environment.choose_device("cuda:0", Ranks(3, 4))
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "3")
    with pytest.raises(InputError, match="there are 2; start at most so many"):
        environment.choose_device("cuda", Ranks(3, 4))
