"""A declared table is run: what is missing alone, seed 0 first, failures apart; it goes on."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from gnnseg.cli import main
from gnnseg.report.declared import reading, results
from gnnseg.report.declared.declaration import DeclaredRun
from gnnseg.report.declared.results import Results
from gnnseg.runs import train, workers
from gnnseg.runs.declared import line, plan, work
from gnnseg.runs.identity import identify
from gnnseg.runs.numerics import NUMERICS

SMALL = [
    "data=planted", "data.users=80", "data.items=40", "data.interactions=800", "data.segments=3",
]  # fmt: skip
TABLE = {
    "title": "Small",
    "protocol": "clean",
    "overrides": ["trainer.max_epochs=2", "trainer.eval_every=1", "encoder.dim=4", "threads=1"],
    "seeds": [0, 1],
    "trials": 2,
    "data": [{"label": "toy", "overrides": SMALL}],
    "metrics": ["test/recall@20", "test/ndcg@20"],
    "rows": [
        {"label": "broken", "overrides": ["encoder=lightgcn", "encoder.layres=2"]},
        {"label": "mf", "overrides": ["encoder=mf", "head=dot"]},
        {
            "label": "tuned",
            "overrides": ["head=dot"],
            "space": {"head.tau": [0.1, 0.3]},
            "ours": True,
            "expected": {"toy": {"test/recall@20": {"least": 0.0}}},
        },
    ],
}


def declared_in(folder: Path, content: object = None) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "table.yaml").write_text(
        yaml.safe_dump(TABLE if content is None else content, sort_keys=False), "utf-8"
    )
    return folder


@pytest.mark.slow
def test_a_table_is_run_and_found_again(tmp_path, capsys):
    folder, root = declared_in(tmp_path / "small"), ["--root", str(tmp_path / "runs")]
    assert main(["table", str(folder), "--plan", *root]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[-1] == "0 of 6 runs done, 6 missing; 2 more once trials have been chosen from"
    assert "broken, toy: 0 of 2 done; encoder.layres: no such setting; did you mean" in out[1]
    assert main(["table", str(folder), *root]) == 1
    said = capsys.readouterr()
    assert "2 runs failed" in said.err
    order = [one.partition(":")[0] for one in said.err.splitlines()[:8]]
    assert order == [
        "tuned, toy, trial head.tau=0.1", "tuned, toy, trial head.tau=0.3",
        "broken, toy, seed 0 failed", "mf, toy, seed 0", "tuned, toy, seed 0",
        "broken, toy, seed 1 failed", "mf, toy, seed 1", "tuned, toy, seed 1",
    ]  # fmt: skip
    assert "left, about" in said.err
    lines = results.read(folder / results.FILE)
    kept = [one for one in lines if "error" not in one]
    trials = [one for one in kept if one.get("trial")]
    assert len(kept) == 5  # the chosen trial's line is its seed 0's
    (trial,) = trials
    assert all(name.startswith("valid/") for name in trial["metrics"])
    assert str(tmp_path) not in (folder / results.FILE).read_text("utf-8")
    assert {"cpu", "threads"} <= kept[0]["machine"].keys()
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert {"table.md", "table.csv", "table.tex", "table.html", results.SIGNIFICANCE} < set(first)
    # the same command does the failed ones alone, and without runs the figures are the same
    assert main(["table", str(folder), *root]) == 1
    assert "mf, toy" not in capsys.readouterr().err
    assert main(["table", str(folder), "--no-runs", "--root", str(tmp_path / "none")]) == 0
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == first
    # without results, finished runs are found by their hashes
    (folder / results.FILE).unlink()
    assert main(["table", str(folder), "--rows", "mf", *root]) == 0
    again = results.read(folder / results.FILE)
    assert [one for one in kept if one["label"] == "mf"] == again
    _change(folder, tmp_path, capsys)


def test_figures_beside_a_run_may_be_a_column(tmp_path, capsys):
    beside = ["baseline/popularity/test/ndcg@20", "baseline/rp3beta/test/ndcg@20"]
    content = {
        **TABLE,
        "seeds": [0],
        "overrides": [*TABLE["overrides"], "evaluation.baselines=[rp3beta]"],
        "metrics": ["test/ndcg@20", *beside, "baseline/nobody/test/ndcg@20"],
        "rows": [{"label": "mf", "overrides": ["encoder=mf"]}],
    }
    folder = tmp_path / "beside"
    declared_in(folder, content)
    assert main(["table", str(folder), "--root", str(tmp_path / "runs")]) == 0
    (line,) = results.read(folder / results.FILE)
    record = json.loads(next(tmp_path.glob("runs/*/run.json")).read_text("utf-8"))
    for name in beside:
        _, who, metric = name.split("/", 2)
        assert line["metrics"][name] == record["baselines"][who][metric]
    kept = [name for name in line["metrics"] if name.startswith("baseline/")]
    assert all(name.endswith("/test/ndcg@20") for name in kept)
    assert "baseline/nobody/test/ndcg@20" in (folder / "table.md").read_text("utf-8")
    assert "no run has baseline/nobody/test/ndcg@20" in capsys.readouterr().out


def _change(folder, tmp_path, capsys):
    """A changed setting is another run; the former stays, and is said."""
    content = json.loads(json.dumps(TABLE))
    content["rows"] = [content["rows"][1]]
    content["rows"][0]["overrides"].append("encoder.dim=6")
    declared_in(folder, content)
    root = ["--root", str(tmp_path / "runs")]
    assert main(["table", str(folder), "--seeds", "0", *root]) == 0
    lines = results.read(folder / results.FILE)
    assert ["encoder.dim=6" in one["overrides"] for one in lines] == [True, False, False]
    capsys.readouterr()
    assert main(["table", str(folder), "--plan", *root]) == 0
    out = capsys.readouterr().out
    assert "2 stored runs are of no cell" in out
    assert "1 of 2 runs done" in out
    text = (folder / "table.md").read_text("utf-8")
    assert "±" not in text.partition("\n\n- ")[0]
    assert "One seed." in text
    # of other code than today's: shown, and to be run again
    lines[0]["numerics"] -= 1
    (folder / results.FILE).write_text(results.text(lines), "utf-8")
    assert main(["table", str(folder), "--plan", *root]) == 0
    assert "1 stored by other code or settings" in capsys.readouterr().out


def test_check_reads_what_is_stored_alone(tmp_path, capsys):
    folder = declared_in(tmp_path / "small")
    assert main(["table", str(folder), "--check"]) == 1
    out = capsys.readouterr().out.splitlines()
    assert out == [
        "tuned, toy, test/recall@20: not run: 0 of 2 trials, expected at least 0",
        "0 of 1 expected figures hold",
    ]
    assert [path.name for path in folder.iterdir()] == ["table.yaml"]


def test_check_is_of_the_part_that_is_asked_for(tmp_path, capsys):
    folder = declared_in(tmp_path / "small")
    assert main(["table", str(folder), "--check", "--rows", "mf"]) == 0
    assert capsys.readouterr().out.startswith("no figure is expected here")
    assert main(["table", str(folder), "--check", "--rows", "mff"]) == 2
    assert main(["table", str(folder), "--check", "--seeds", "0"]) == 2
    assert "leave --seeds out" in capsys.readouterr().err


def test_figures_of_other_settings_are_said_and_hold_nothing(tmp_path, capsys):
    rows = [{**TABLE["rows"][1], "expected": {"toy": {"test/recall@20": {"least": 0.0}}}}]
    folder = declared_in(tmp_path / "small", {**TABLE, "rows": rows, "seeds": [0]})
    declared = reading.read(folder)
    (run,) = plan.TablePlan(declared, plan.TablePart()).every(Results([]))
    config = plan.composed(run.overrides, None)
    stored = {
        "label": "mf", "data": "toy", "seed": 0, "overrides": list(run.overrides), "value": 0.1,
        "metrics": {"test/recall@20": 0.4, "test/ndcg@20": 0.3}, "numerics": NUMERICS,
        "fingerprint": "f", "hash": identify(config, "f").digest, "run": "r", "protocol": "clean",
    }  # fmt: skip
    work.store(declared, [stored], tmp_path)
    assert main(["table", str(folder), "--check"]) == 0
    assert capsys.readouterr().out == "1 of 1 expected figures hold\n"
    for changed, said, code in (
        ({"hash": "0" * 64}, "toy: figures are of other settings than are declared today: mf", 1),
        ({"numerics": 3}, "toy: figures are of former definitions (numerics 3)", 0),
    ):
        work.store(declared, [{**stored, **changed}], tmp_path)
        assert main(["table", str(folder), "--check"]) == code
        assert said in capsys.readouterr().out
        assert main(["table", str(folder), "--no-runs", "--root", str(tmp_path)]) == 0
        assert said in (folder / "table.md").read_text("utf-8")


def test_a_raise_of_numerics_leaves_the_figures_that_it_does_not_alter(tmp_path):
    """12 is about users without training, and habits: a table without them stands as it is."""
    folder = declared_in(tmp_path / "small", {**TABLE, "seeds": [0]})
    declared = reading.read(folder)
    today = plan.TablePlan(declared, plan.TablePart(rows=("mf",)))
    (run,) = today.every(Results([]))
    config = plan.composed(run.overrides, None)
    of_11, of_10 = (identify(config, "f", numerics=n).digest for n in (11, 10))
    assert len({of_11, of_10, identify(config, "f").digest}) == 3
    stored = {
        "label": "mf", "data": "toy", "seed": 0, "overrides": list(run.overrides), "value": 0.1,
        "metrics": {"test/recall@20": 0.4, "segment/effective_k": 3.0}, "numerics": 11,
        "fingerprint": "f", "hash": of_11, "config": {"head": {"segments": 4}, "evaluation": {}},
    }  # fmt: skip
    assert today.is_done(run, Results([stored]))
    assert today.old(stored) == ""
    altered = [
        {"metrics": {"segment/effective_k": 3.0, "test/recall@20/cold": 0.1}},
        {"config": {"head": {"segments": 4, "habit": True}, "evaluation": {}}},
        {"config": {"head": {"segments": 4}, "evaluation": {"users": 100}}},
        {"numerics": 10, "hash": of_10},  # 11 altered whatever is drawn
        {"numerics": None},
        {"numerics": 999},
        {"hash": of_10},
    ]
    for each in altered:
        again = plan.TablePlan(declared, plan.TablePart(rows=("mf",)))
        assert not again.is_done(run, Results([stored | each])), each
    no_segments = {"metrics": {"test/recall@20/cold": 0.1}, "config": {"head": {}}}
    assert today.is_done(run, Results([stored | no_segments]))


def test_files_of_ones_own_count_by_what_they_hold_today(tmp_path):
    file = tmp_path / "own.csv"
    file.write_text("user,item\n" + "".join(f"u{n % 9},i{n % 7}\n" for n in range(63)), "utf-8")
    data = [{"label": "own", "overrides": ["data=file", f"data.path={file}"]}]
    folder = declared_in(
        tmp_path / "small", {**TABLE, "data": data, "rows": TABLE["rows"][1:2], "seeds": [0]}
    )
    declared = reading.read(folder)
    today = plan.TablePlan(declared, plan.TablePart(), reads=True)
    (run,) = today.every(Results([]))
    config = today.config(run)
    split = train.read(config, lambda line: None)
    found = Results([{
        "label": "mf", "data": "own", "seed": 0, "overrides": list(run.overrides), "metrics": {},
        "numerics": NUMERICS, "fingerprint": split.fingerprint,
        "hash": identify(config, split.fingerprint).digest,
    }])  # fmt: skip
    assert today.is_done(run, found)
    with open(file, "a", encoding="utf-8") as more:
        more.write("u1,i99\n")
    again = plan.TablePlan(declared, plan.TablePart(), reads=True)
    assert not again.is_done(run, found)
    assert plan.TablePlan(declared, plan.TablePart()).is_done(run, found)  # by what is stored alone


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--root", "/dev/null/x"], "/dev/null/x: no folder can be made there"),
        (["--rows", "ml"], "--rows ml: the table has broken, mf, tuned."),
        (["--seeds", "2"], "--seeds 2: the table has 0, 1."),
        (["--seeds", "a"], "--seeds a: give whole numbers"),
        (["--workers", "0"], "--workers 0: give 1 or more."),
        (["--plan", "--check"], "exclude each other"),
    ],
)
def test_what_is_asked_for_must_be_there(tmp_path, capsys, words, said):
    assert main(["table", str(declared_in(tmp_path / "small")), *words]) == 2
    assert said in capsys.readouterr().err


def test_lines_hold_no_folders_of_the_machine():
    said = line.without_folders("/home/me/data/ml-100k: not there; see https://x.org/a/b (a/b).")
    assert said == "ml-100k: not there; see https://x.org/a/b (a/b)."


def test_a_failure_never_takes_the_place_of_figures(tmp_path):
    declared = reading.read(declared_in(tmp_path / "small"))
    (run, *_) = plan.TablePlan(declared, plan.TablePart(rows=("mf",))).every(Results([]))
    good = {"label": "mf", "data": "toy", "seed": 0, "overrides": list(run.overrides),
            "metrics": {}}  # fmt: skip
    work.store(declared, [good], tmp_path)
    work.store(declared, [line.failed(run, "no memory")], tmp_path)
    assert results.read(declared.folder / results.FILE) == [good]


def test_nothing_is_chosen_where_an_experiment_brings_the_protocol_paper(tmp_path, capsys):
    space = {"encoder.layers": [1, 2]}
    rows = [{"label": "paper", "overrides": ["experiment=lightgcn-paper"], "space": space}]
    content = {key: each for key, each in TABLE.items() if key != "protocol"}
    folder = declared_in(tmp_path / "small", content | {"rows": rows})
    root = ["--root", str(tmp_path / "runs")]
    assert main(["table", str(folder), "--plan", *root]) == 0
    assert "would be chosen from on the test" in capsys.readouterr().out
    assert main(["table", str(folder), *root]) == 1
    assert capsys.readouterr().err.count("would be chosen from on the test") == 2
    lines = results.read(folder / results.FILE)
    assert len(lines) == 2
    assert all("metrics" not in one for one in lines)
    assert not list((tmp_path / "runs").glob("planted*"))
    # without a space it is a row like any other
    declared_in(folder, content | {"rows": [{**rows[0], "space": {}}]})
    assert main(["table", str(folder), "--plan", *root]) == 0
    assert capsys.readouterr().out.startswith("paper, toy: 0 of 2 done\n")


def test_a_table_of_models_and_baselines_shares_how_models_are_trained(tmp_path, capsys):
    rows = [
        {"label": "MF", "overrides": ["encoder=mf", "head=dot"]},
        {"label": "EASE", "overrides": ["baseline=ease"], "space": {"baseline.l2": [1, 100]}},
    ]
    folder = declared_in(tmp_path / "small", TABLE | {"rows": rows, "seeds": [0]})
    assert main(["table", str(folder), "--root", str(tmp_path / "runs")]) == 0
    lines = results.read(folder / results.FILE)
    assert [one["label"] for one in lines if "error" not in one].count("EASE") == 2
    assert not any("trainer.max_epochs=2" in one["overrides"] for one in lines[1:])


def _do(run: DeclaredRun):
    if run.seed == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return {"seed": run.seed, "process": os.getpid()}


@pytest.mark.slow
def test_a_worker_that_is_killed_fails_its_run_alone():
    runs = [DeclaredRun(row="a", data="b", seed=seed, overrides=()) for seed in range(4)]
    found = {run.seed: done for run, done in workers.each(runs, _do, 2, line.failed)}
    assert set(found) == {0, 1, 2, 3}
    assert "killed" in found[1]["error"]
    assert os.getpid() not in {done.get("process") for done in found.values()}


def _sleep(run: DeclaredRun):
    Path(run.row).write_text(str(os.getpid()), "utf-8")
    time.sleep(600)


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_workers_end_with_the_process_that_gave_them_their_runs(tmp_path, how):
    """As under Slurm, timeout or docker stop; nobody is left who trains for nobody."""
    code = (
        "import sys; sys.path.insert(0, 'tests/runs'); import test_declared as t\n"
        f"runs = [t.DeclaredRun(row=f'{tmp_path}/{{n}}', data='', seed=n, overrides=()) "
        "for n in (0, 1)]\n"
        "list(t.workers.each(runs, t._sleep, 2, t.line.failed))"
    )
    with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL) as process:
        files = [tmp_path / "0", tmp_path / "1"]
        while not all(f.exists() and f.read_text() for f in files) and process.poll() is None:
            time.sleep(0.05)
        process.send_signal(how)
        process.wait(60)
    mine = [int(file.read_text()) for file in files]
    deadline = time.monotonic() + 60
    while (
        left := [n for n in mine if Path(f"/proc/{n}").exists()]
    ) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not left


@pytest.mark.slow
def test_killed_midway_it_goes_on_with_two_workers_too(tmp_path):
    content = json.loads(json.dumps(TABLE))
    content["rows"] = content["rows"][1:2]
    content["seeds"] = [0, 1, 2]
    folder = declared_in(tmp_path / "small", content)
    command = [sys.executable, "-m", "gnnseg", "table", str(folder), "--root", str(tmp_path / "r")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        while not (folder / results.FILE).exists() and process.poll() is None:
            time.sleep(0.02)
        process.kill()
        said = process.communicate()[1]
    assert process.returncode == -signal.SIGKILL, said
    before = results.read(folder / results.FILE)
    assert 1 <= len(before) < 3
    done = subprocess.run([*command, "--workers", "2"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    after = results.read(folder / results.FILE)
    assert [one["seed"] for one in after] == [0, 1, 2]
    assert after[: len(before)] == before
