"""``gnnseg tune``: a study that goes on, trials that are given up, one that is chosen."""

import importlib
import json
import shlex
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from gnnseg.cli import main
from gnnseg.runs import workers
from gnnseg.runs.tuning import search, study, trial
from gnnseg.runs.tuning.study import Pruning, Study
from gnnseg.runs.tuning.trial import TrialOutcome
from gnnseg.types import InputError, space

pytest.importorskip("optuna", minversion="4")

SMALL = [
    "data=planted", "data.users=80", "data.items=40", "data.interactions=800", "data.segments=3",
    "encoder=mf", "encoder.dim=8", "trainer.max_epochs=4", "trainer.eval_every=2", "threads=1",
]  # fmt: skip
DOT = [*SMALL, "head=dot", "head.tau=tag(log,interval(0.05,0.5))"]
BOTH = space.of({"x": {"low": 0.001, "high": 1.0, "log": True}, "c": ["a", "b", "c"]})


def tune(root: Path, *words: str) -> int:
    return main(["tune", *words, f"runs.root={root}"])


def a_study(path: Path, of: space.Space = BOTH, *, kind: study.Prune = "none", **about) -> Study:
    pruning = Pruning(kind=kind, longest=30, every=1)
    found = Study(path=path, space=of, greater=True, seed=0, pruning=pruning)
    found.begin({"command": "c", "space": str(of), **about})
    return found


def value_of(chosen: tuple[str, ...]) -> float:
    return -abs(float(chosen[0].partition("=")[2]) - 0.1) + (chosen[1] == "c=b")


def drawn(found: Study, trials: int) -> list[tuple[str, ...]]:
    words = []
    while (asked := found.next(trials)) is not None:
        found.end(asked.number, "complete", value_of(asked.chosen))
        words.append(asked.chosen)
    return words


def run_json(path: Path) -> dict:
    return json.loads((path / "run.json").read_text("utf-8"))


@pytest.mark.slow
def test_a_search_goes_on_to_so_many_trials_and_its_best_is_an_experiment(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """n_trials of a stored study counts what is there, unlike Optuna's own (optuna#1865)."""
    monkeypatch.chdir(tmp_path)
    assert tune(tmp_path / "runs", *DOT, "--trials", "3", "--name", "s") == 0
    first = capsys.readouterr()
    assert tune(tmp_path / "runs", *DOT, "--trials", "5", "--name", "s") == 0
    said = capsys.readouterr()
    runs = {path.name: run_json(path) for path in (tmp_path / "runs").glob("planted-*")}
    assert len(runs) == 5
    assert "3 of 5 trials done before" in said.err
    assert said.err.count("valid/ndcg@20 0.") == 2
    assert "test/" not in first.out + first.err + said.out + said.err
    best, command = said.out.splitlines()
    value = max(record["best"]["value"] for record in runs.values())
    assert best.startswith(f"best valid/ndcg@20 {value:.4f} by trial ")
    assert best.split(" of ")[1].startswith("5: head.tau=0.")
    file = (tmp_path / "runs/.tuned/experiment/s.yaml").read_text("utf-8")
    assert f"# Chosen by valid/ndcg@20 {value:.4f}, seed 0, on planted" in file
    assert "--trials 5 --name s" in file
    assert "test/" not in file
    assert main(shlex.split(command)[1:]) == 0  # finds the trial's run: nothing is trained again
    chosen = capsys.readouterr()
    assert "finished before" in chosen.err
    assert run_json(Path(chosen.out.strip()))["best"]["value"] == value
    assert tune(tmp_path / "runs", *DOT, "--trials", "5", "--name", "s") == 0
    again = capsys.readouterr()
    assert again.out == said.out
    assert "valid/ndcg@20 0." not in again.err
    assert main(["compare", "--sweep", "s", "--root", str(tmp_path / "runs")]) == 0
    assert capsys.readouterr().out.count("0.") >= 5


@pytest.mark.slow
def test_workers_have_one_thread_each_and_share_the_study(tmp_path: Path) -> None:
    words = [word for word in DOT if word != "threads=1"]
    command = [
        sys.executable, "-m", "gnnseg", "tune", *words, "--trials", "4", "--workers", "2",
        f"runs.root={tmp_path}",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    records = [run_json(path) for path in tmp_path.glob("planted-*")]
    assert len(records) == 4
    assert {record["device"]["threads"] for record in records} == {1}
    (record,) = (tmp_path / ".sweeps").glob("[!.]*.json")
    assert [job["job"] for job in json.loads(record.read_text("utf-8"))["jobs"]] == [0, 1, 2, 3]


def test_a_study_that_goes_on_draws_what_it_would_have_drawn(tmp_path: Path) -> None:
    """A sampler with a seed begins anew with each process, and would repeat its first draws."""
    whole = drawn(a_study(tmp_path / "a.journal"), 14)
    parts = [
        *drawn(a_study(tmp_path / "b.journal"), 5),
        *drawn(a_study(tmp_path / "b.journal"), 14),
    ]
    assert parts == whole
    assert len(set(whole)) == 14
    late, early = [sum(w[1] == "c=b" for w in some) for some in (whole[10:], whole[:10])]
    assert late / 4 > early / 10  # it has learned which choice is better


def test_no_setting_of_a_finite_space_is_tried_twice(tmp_path: Path) -> None:
    few = space.of({"x": [1, 2, 3], "c": ["a", "b"]})
    found = a_study(tmp_path / "a.journal", few)
    words = drawn(found, 40)
    assert sorted(words) == sorted(few.of_grid(place) for place in range(6))
    best = found.best()
    assert best is not None
    assert best.value == max(map(value_of, words))


def test_two_processes_do_not_begin_more_than_were_asked_for(tmp_path: Path) -> None:
    one, two = a_study(tmp_path / "a.journal"), a_study(tmp_path / "a.journal")
    asked = [found.next(5) for found in (one, two, one, two, one, two, one)]
    assert [each.number for each in asked if each] == [0, 1, 2, 3, 4]
    assert asked[5:] == [None, None]
    assert (one.running(), two.running()) == (5, 5)


def test_what_was_stopped_is_tried_again_once_and_first(tmp_path: Path) -> None:
    """Trials of killed processes stay RUNNING for ever in Optuna (optuna#485, #3215)."""
    killed = a_study(tmp_path / "a.journal")
    a, b = killed.next(4), killed.next(4)
    assert a is not None
    assert b is not None
    killed.end(a.number, "interrupted")  # Ctrl-C; b is of a process that is no more
    after = a_study(tmp_path / "a.journal")
    assert after.retry(datetime.now() - timedelta(days=1)) == 1  # b may be of one that lives
    assert after.retry(datetime.now()) == 1
    assert after.retry(datetime.now()) == 0
    again = [after.next(4), after.next(4)]
    assert {each.chosen for each in again if each} == {a.chosen, b.chosen}
    for each in again:
        assert each is not None
        after.end(each.number, "complete", 0.5)
    assert len(drawn(after, 4)) == 2
    assert len(after.ended()) == 4


def test_half_a_line_of_a_process_that_was_killed_is_taken_away(tmp_path: Path) -> None:
    path = tmp_path / "a.journal"
    drawn(a_study(path), 2)
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"op_code":4,"wor')
    found = a_study(path)
    assert len(drawn(found, 3)) == 1
    assert len(found.ended()) == 3


def test_another_space_under_the_same_name_is_one_sentence(tmp_path: Path) -> None:
    """Optuna fails on it in the middle: no dynamic value space (optuna#2199)."""
    drawn(a_study(tmp_path / "a.journal"), 1)
    with pytest.raises(InputError, match="--name a: a study of another space stands there"):
        a_study(tmp_path / "a.journal", space.of({"c": ["a", "b"]}))


def test_a_poor_curve_is_given_up_by_the_median_of_the_others(tmp_path: Path) -> None:
    found = a_study(tmp_path / "a.journal", kind="median")

    def reach(height: float) -> int | None:
        asked = found.next(100)
        assert asked is not None
        curve = trial._Curve(
            study.running(found.path, True, found.pruning, asked.key), "valid/ndcg@20"
        )
        for epoch in range(1, 31):
            if curve(epoch, {"valid/ndcg@20": height * epoch / 30}):
                found.end(asked.number, "pruned")
                return curve.given_up
        found.end(asked.number, "complete", height)
        return None

    assert [reach(height) for height in (0.3, 0.4, 0.5, 0.4, 0.3)] == [None] * 5
    assert reach(0.1) == 10  # a third of the epochs
    assert reach(0.6) is None
    best = found.best()
    assert best is not None
    assert best.value == 0.6
    assert [each.state for each in found.ended()].count("pruned") == 1


@pytest.mark.slow
def test_a_trial_that_is_given_up_leaves_a_run_that_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Poor:
        def __init__(self) -> None:
            self.reported: dict[int, float] = {}

        def report(self, value: float, epoch: int) -> None:
            self.reported[epoch] = value

        def should_prune(self) -> bool:
            return True

    poor = Poor()
    monkeypatch.setattr(study, "running", lambda *given: poor)
    assert tune(tmp_path, *DOT, "--trials", "1", "--name", "s") == 2
    assert "all 1 trials were given up; choose --prune none" in capsys.readouterr().err
    (path,) = tmp_path.glob("planted-*")
    assert list(poor.reported) == [2]
    assert run_json(path)["state"] == "interrupted"
    assert run_json(path)["metrics"] == {}
    lines = (path / "metrics.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [2]
    (drawn_tau,) = [
        job["overrides"][-1]
        for job in json.loads((tmp_path / ".sweeps/s.json").read_text("utf-8"))["jobs"]
    ]
    assert main(["train", *DOT[:-1], drawn_tau, f"runs.root={tmp_path}"]) == 0
    assert capsys.readouterr().out.strip() == str(path)
    lines = (path / "metrics.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [2, 4]


@pytest.mark.slow
def test_all_failed_is_one_sentence_with_the_commonest_cause(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Optuna answers 'No trials are completed yet' (optuna#2867), and Hydra's sweeper crashes."""
    words = [*SMALL, "head.segments=999", "head.tau_alpha=interval(0.1,0.2)"]
    assert tune(tmp_path, *words, "--trials", "40") == 2
    said = capsys.readouterr()
    assert said.out == ""
    last = said.err.splitlines()[-1]
    assert last.startswith("gnnseg: tune: all 5 trials failed: head.segments=999: there are 80")
    assert not list(tmp_path.glob("planted-*"))


@pytest.mark.slow
def test_failures_alone_are_tried_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Their cause may be mended by now, as a file that was not there yet."""
    file = tmp_path / "own.csv"
    words = ["data=file", f"data.path={file}", *DOT[5:], "--trials", "2", "--name", "late"]
    assert tune(tmp_path, *words) == 2
    assert "tune: all 2 trials failed" in capsys.readouterr().err
    file.write_text("user,item\n" + "".join(f"u{n % 9},i{n % 7}\n" for n in range(63)), "utf-8")
    assert tune(tmp_path, *words) == 0
    said = capsys.readouterr().err
    assert "2 trials that were stopped or failed before are tried again first" in said
    assert tune(tmp_path, *words) == 0
    assert "2 of 2 trials done before" in capsys.readouterr().err


def test_the_commonest_cause_whatever_its_numbers() -> None:
    ended = [
        study.Tried(number=n, state="failed", value=None, chosen=(), error=error)
        for n, error in enumerate(
            ["loss became nan at step 12", "no memory", "loss became nan at step 3e4"]
        )
    ]
    said = search._all_failed(ended)
    assert said == ("tune: all 3 trials failed, 2 of them for this: loss became nan at step 12")


@pytest.mark.slow
def test_stopped_by_hand_it_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, calls = trial.DoTrial.__call__, list[str]()

    def stop(self: trial.DoTrial, asked: study.Trial) -> TrialOutcome:
        calls.append(asked.chosen[0])
        if len(calls) == 2:
            raise KeyboardInterrupt
        return whole(self, asked)

    monkeypatch.setattr(trial.DoTrial, "__call__", stop)
    assert tune(tmp_path, *DOT, "--trials", "3", "--name", "s") == 130
    assert "stopped and saved; the same command goes on" in capsys.readouterr().err
    assert tune(tmp_path, *DOT, "--trials", "3", "--name", "s") == 0
    assert (
        "1 trials that were stopped or failed before are tried again first"
        in capsys.readouterr().err
    )
    assert calls[1] == calls[2]
    assert len(set(calls)) == 3
    assert len(list(tmp_path.glob("planted-*"))) == 3


def test_without_optuna_or_with_an_old_one_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = importlib.import_module

    def missing(name: str, package: str | None = None):
        if name == "optuna":
            raise ModuleNotFoundError("No module named 'optuna'", name="optuna")
        return real(name, package)

    monkeypatch.setattr(importlib, "import_module", missing)
    assert tune(tmp_path, *DOT, "--plan") == 2
    assert "needs Optuna, which is not installed; pip install 'gnnseg[search]'" in (
        capsys.readouterr().err
    )
    old = type("old", (), {"__version__": "2.10.1"})
    monkeypatch.setattr(importlib, "import_module", lambda name, package=None: old)
    with pytest.raises(InputError, match=r"needs Optuna 4 or later, and 2\.10\.1 is installed"):
        study.imported()


@pytest.mark.parametrize(("words", "said"), [
    (["--trials", "0"], "--trials 0: give 1 or more"),
    (["--workers", "0"], "--workers 0: give 1 or more"),
    (["--timeout", "soon"], "--timeout soon: give a time such as 90, 30m or 2h"),
    (["--prune", "all"], "--prune: invalid choice"),
    (["--name", "../x"], "--name '../x'"),
    (["-m"], "-m: is of gnnseg train"),
    (["hparams=dott"], "hparams=dott: no such space; did you mean dot?"),
    (["head.taw=0.1,0.2"], "head.taw: no such setting; did you mean head.tau?"),
    (["seed=0,1"], "seed: decides what is measured"),
    (["evaluation.protocol=paper"], "evaluation.protocol=paper: validates on the test"),
    (["head.tau=0.1", "baseline=ease", "hparams=ease"], "baseline=ease"),
])  # fmt: skip
def test_what_cannot_be_searched_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    assert tune(tmp_path, *SMALL, "head=dot", *words) == 2
    err = capsys.readouterr().err
    assert said in err
    assert "Traceback" not in err
    assert not list(tmp_path.glob("planted-*"))


@pytest.mark.slow
def test_a_baseline_and_data_of_ones_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [f"u{n % 40},i{(n * 7 + n % 3) % 23}" for n in range(600)]
    (tmp_path / "orders.csv").write_text("who,what\n" + "\n".join(rows) + "\n", "utf-8")
    words = ["orders.csv", "--user", "who", "--item", "what", "baseline=ease", "cache.root=cache"]
    assert main(["tune", *words, "--trials", "3", "--out", "mine"]) == 0
    best, command = capsys.readouterr().out.splitlines()
    assert " of 3: baseline.l2=" in best
    assert command.startswith("gnnseg train orders.csv --user who --item what experiment=")
    assert command.endswith("cache.root=cache --config-dir mine")
    assert main(shlex.split(command)[1:]) == 0
    assert "finished before" in capsys.readouterr().err


def _double(number: int) -> int:
    return 2 * number


@pytest.mark.slow
def test_workers_ask_for_tasks_when_they_are_free() -> None:
    answers: list[int] = []

    def tasks():
        for number in range(5):
            assert number - len(answers) < 2  # no more are asked for than two can do
            yield number

    for task, done in workers.each(tasks(), _double, 2, lambda task, why: -1):
        answers.append(done)
        assert done == 2 * task
    assert sorted(answers) == [0, 2, 4, 6, 8]
