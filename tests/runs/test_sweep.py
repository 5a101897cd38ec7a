"""Sweeps: jobs in order, found again, failures told at once, two workers, one killed; a component
from outside the checkout."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest

from gnnseg import config
from gnnseg.types import InputError

SMALL = [
    "data=planted", "data.users=120", "data.items=60", "data.interactions=1500", "data.segments=4",
    "head.segments=4",
    "trainer.max_epochs=6", "trainer.eval_every=3", "encoder.dim=8",
]  # fmt: skip
GNNSEG = [sys.executable, "-m", "gnnseg", "train"]


@pytest.mark.slow
def test_a_sweep_in_order_found_again_and_compared(tmp_path: Path, gnnseg: Any) -> None:
    sweep = ["-m", "head.segments=2,4", "seed=0,1", "sweep.name=mine"]
    first = gnnseg(["train", *SMALL, *sweep], tmp_path)
    assert first.returncode == 0, first.stderr
    paths = first.stdout.splitlines()
    assert len(paths) == len(set(paths)) == 4
    configs = [json.loads((Path(p) / "run.json").read_text("utf-8"))["config"] for p in paths]
    assert [(c["head"]["segments"], c["seed"]) for c in configs] == [(2, 0), (2, 1), (4, 0), (4, 1)]
    assert "±" in first.stderr
    assert " (head.segments=" in first.stderr.splitlines()[-1]  # the best, by what varies
    record = json.loads((tmp_path / "runs/.sweeps/mine.json").read_text("utf-8"))
    assert [job["path"] for job in record["jobs"]] == paths
    again = gnnseg(["train", *SMALL, *sweep], tmp_path)
    assert again.stdout == first.stdout
    assert again.stderr.count("finished before") == 4
    assert sorted(p.name for p in tmp_path.iterdir()) == ["runs"]


@pytest.mark.slow
def test_encoders_are_swept_with_a_setting_that_the_default_one_has_not(
    tmp_path: Path, gnnseg: Any
) -> None:
    words = [
        "-m",
        "encoder=sage,pinsage",
        "encoder.combine=last",
        "head=dot",
        "trainer.max_epochs=1",
        "trainer.eval_every=1",
    ]
    small = [o for o in SMALL if not o.startswith(("head.segments", "trainer"))]
    done = gnnseg(["train", *small, *words], tmp_path)
    assert done.returncode == 0, done.stderr
    paths = [Path(path) for path in done.stdout.splitlines()]
    assert [path.name.split("-")[1] for path in paths] == ["sage", "pinsage"]
    configs = [json.loads((path / "run.json").read_text("utf-8"))["config"] for path in paths]
    assert [c["encoder"]["combine"] for c in configs] == ["last", "last"]


@pytest.mark.slow
def test_a_failure_is_told_and_leaves_the_others_alone_unless_asked(
    tmp_path: Path, gnnseg: Any
) -> None:
    bad = ["-m", "encoder.layers=-1,1"]
    done = gnnseg(["train", *SMALL, *bad], tmp_path)
    assert done.returncode == 1
    assert "job 0 failed: encoder.layers is -1" in done.stderr
    assert len(done.stdout.splitlines()) == 1
    stopped = gnnseg(["train", *SMALL, *bad, "sweep.fail_fast=true", "seed=1"], tmp_path)
    assert stopped.returncode == 2
    assert stopped.stdout == ""
    assert "job 0 (encoder.layers=-1): encoder.layers is -1" in stopped.stderr
    assert "nothing was trained" in stopped.stderr


@pytest.mark.slow
def test_two_workers_one_killed_and_the_sweep_started_again(tmp_path: Path, start: Any) -> None:
    sweep = [
        "-m",
        "seed=0,1,2,3",
        "trainer.max_epochs=200",
        "hydra/launcher=joblib",
        "hydra.launcher.n_jobs=2",
    ]
    process = start(["train", *SMALL, *sweep], tmp_path)
    for _ in range(900):
        holders = list(tmp_path.glob("runs/planted*/.holder"))
        if len(holders) >= 2:
            break
        time.sleep(0.1)
    assert len(holders) >= 2
    pid = int(holders[0].read_text("utf-8").split()[1])
    os.kill(pid, signal.SIGKILL)  # a worker dies
    time.sleep(0.5)
    os.killpg(process.pid, signal.SIGKILL)
    process.done()
    again = start(["train", *SMALL, *sweep], tmp_path).done()
    assert again.returncode == 0, again.stderr
    paths = again.stdout.splitlines()
    assert len(set(paths)) == 4
    assert len(list(tmp_path.glob("runs/planted*"))) == 4
    for path in paths:
        assert json.loads((Path(path) / "run.json").read_text("utf-8"))["state"] == "finished"


@pytest.mark.slow
def test_an_encoder_of_ones_own(tmp_path: Path, gnnseg: Any) -> None:
    package = tmp_path / "mylab"
    package.mkdir()
    (package / "__init__.py").write_text("", "utf-8")
    (package / "enc.py").write_text(
        textwrap.dedent("""
        import torch
        from gnnseg.encoders.base import Encoder
        from gnnseg.types import Embeddings, InputError

        class MyEncoder(Encoder):
            def __init__(self, shape, rng, *, dim: int, spread: float):
                super().__init__()
                if spread <= 0:
                    raise InputError(f"encoder.spread is {spread}: must be above 0.")
                self.width = dim
                g = rng.torch("mine")
                self.user = torch.nn.Parameter(torch.randn(shape.users, dim, generator=g) * spread)
                self.item = torch.nn.Parameter(torch.randn(shape.items, dim, generator=g) * spread)

            def forward(self, graph, features, users=None, items=None, *, rng=None, noise=0.0):
                return Embeddings(self.user, self.item, self.user, self.item)
        """),
        "utf-8",
    )
    conf = tmp_path / "my_conf" / "encoder"
    conf.mkdir(parents=True)
    (conf / "mine.yaml").write_text("_target_: mylab.enc.MyEncoder\ndim: 8\nspread: 0.1\n", "utf-8")
    small = [o for o in SMALL if not o.startswith("encoder")]

    def mine(*more: str) -> subprocess.CompletedProcess[str]:
        words = ["train", *small, "--config-dir", "my_conf", "encoder=mine", *more]
        return gnnseg(words, tmp_path)

    done = mine("allow=[mylab]")
    assert done.returncode == 0, done.stderr
    assert "-myencoder-" in done.stdout
    refused = mine()
    assert refused.returncode == 2
    assert "say allow=[mylab]" in refused.stderr
    typo = mine("allow=[mylab]", "+encoder.spraed=1")
    assert typo.returncode == 2
    assert "did you mean encoder.spread?" in typo.stderr
    many = mine("allow=[mylab]", "-m", "seed=0,1")
    assert many.returncode == 0, many.stderr
    assert len(many.stdout.splitlines()) == 2


SWEEPER = """
from hydra.core.plugins import Plugins
from hydra.core.config_store import ConfigStore
from hydra.plugins.sweeper import Sweeper


class Seeker(Sweeper):
    # asks for one value after the other, and ends where one is no number, as Optuna's does
    def __init__(self, direction):
        self.direction = direction

    def setup(self, *, hydra_context, task_function, config):
        self.launcher = Plugins.instance().instantiate_launcher(
            config=config, hydra_context=hydra_context, task_function=task_function
        )

    def sweep(self, arguments):
        key, _, values = next(a for a in arguments if "," in a).partition("=")
        fixed = [a for a in arguments if "," not in a]
        seen = {}
        for number, value in enumerate(values.split(",")):
            job = [*fixed, f"{key}={value}"]
            (done,) = self.launcher.launch([job], initial_job_idx=number)
            seen[value] = float(done.return_value)
        print("seen", seen)


ConfigStore.instance().store(
    group="hydra/sweeper", name="seeker", provider="seeker",
    node={"_target_": "hydra_plugins.seeker.Seeker", "direction": "minimize"},
)
"""


@pytest.mark.slow
def test_a_sweeper_that_seeks_gets_a_value_of_every_job(tmp_path: Path, gnnseg: Any) -> None:
    plugins = tmp_path / "lib" / "hydra_plugins"
    plugins.mkdir(parents=True)
    (plugins / "seeker.py").write_text(SWEEPER, "utf-8")
    path = os.pathsep.join([str(tmp_path / "lib"), *filter(None, [os.environ.get("PYTHONPATH")])])

    def seek(*words: str) -> subprocess.CompletedProcess[str]:
        small = [word for word in SMALL if not word.startswith("head.segments")]
        asked = ["-m", "hydra/sweeper=seeker", "head.segments=2,999,4", "sweep.name=s", *words]
        return gnnseg(["train", *small, *asked], tmp_path, PYTHONPATH=path)

    wrong = seek()
    assert wrong.returncode == 2
    assert "of valid/ndcg@20, which a job returns, greater is better; say hydra.sw" in wrong.stderr
    assert not list(tmp_path.glob("runs/planted*"))
    done = seek("hydra.sweeper.direction=maximize")
    assert done.returncode == 1, done.stderr
    assert "'999': -inf" in done.stdout
    paths = [line for line in done.stdout.splitlines() if "planted-" in line]
    assert len(paths) == len(list(tmp_path.glob("runs/planted*"))) == 2
    assert "1 of 3 runs failed: job 1: head.segments=999: there are 120 users" in done.stderr
    best = json.loads((tmp_path / "runs/.sweeps/s.json").read_text("utf-8"))["best"]
    values = [json.loads((Path(p) / "run.json").read_text("utf-8"))["best"]["value"] for p in paths]
    assert best["value"] == max(values)
    assert f"best valid/ndcg@20: {best['value']:.4f} by job {best['job']} " in done.stderr
    assert best["path"] in paths


@pytest.mark.slow
def test_two_processes_share_a_sweep(tmp_path: Path, start: Any) -> None:
    words = [*SMALL, "-m", "seed=0,1,2", "trainer.max_epochs=200", "sweep.name=two"]
    both = [start(["train", *words], tmp_path) for _ in range(2)]
    done = [process.done() for process in both]
    said = [(each.stdout, each.stderr) for each in done]
    assert [each.returncode for each in done] == [0, 0], said
    assert said[0][0] == said[1][0]
    assert len(said[0][0].splitlines()) == len(list(tmp_path.glob("runs/planted*"))) == 3
    assert not any("Traceback" in err for _, err in said)
    ended = sum(err.count(": valid/ndcg@20 0.") for _, err in said)
    found = sum(err.count("finished before") for _, err in said)
    assert ended - found == 3  # each run was trained once, by one of the two
    jobs = json.loads((tmp_path / "runs/.sweeps/two.json").read_text("utf-8"))["jobs"]
    assert [job["path"] for job in jobs] == said[0][0].splitlines()


@pytest.mark.slow
def test_names_and_repeats_in_one_process(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A sweep over what no figure depends on is one run, counted once."""
    from gnnseg.cli import main

    small = [*SMALL, f"runs.root={tmp_path}", "trainer.max_epochs=1", "trainer.eval_every=1"]
    (tmp_path / "notes.json").write_text("{}")
    for name in (".", "..", ".hydra"):
        assert main(["train", "-m", *small, "seed=0,1", f"sweep.name={name}"]) == 2
        assert f"sweep.name='{name}': begin with a letter" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["notes.json"]
    assert main(["train", "-m", *small, "seed=0,0", "tracking.tags=[a],[b]"]) == 0
    out, err = capsys.readouterr()
    assert len(set(out.splitlines())) == 1
    assert "one run, given 4 times, counted once" in err
    assert "±" not in err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("launcher", "plugin"), [("side_by_side", "joblib"), ("own_process", "submitit")]
)
def test_launchers_do_the_jobs_in_processes_that_share_the_cores(
    tmp_path: Path, launcher: str, plugin: str
) -> None:
    pytest.importorskip(f"hydra_plugins.hydra_{plugin}_launcher")
    words = [*SMALL, "-m", "seed=0,1", f"hydra/launcher={launcher}", "sweep.name=s"]
    free = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
    done = subprocess.run(
        [*GNNSEG, *words], capture_output=True, text=True, cwd=tmp_path, env=free, check=False
    )
    assert done.returncode == 0, done.stderr
    paths = [Path(line) for line in done.stdout.splitlines()]
    assert len(paths) == 2
    records = [json.loads((path / "run.json").read_text("utf-8")) for path in paths]
    assert [record["config"]["seed"] for record in records] == [0, 1]
    most = max(1, (os.cpu_count() or 1) // 2) if plugin == "joblib" else 1
    assert all(record["device"]["threads"] <= most for record in records)
    assert {record["state"] for record in records} == {"finished"}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["runs"]  # the folder stays clean


def test_launchers_of_conf_compose_where_their_plugins_are() -> None:
    """Hydra finds them among its own, and a missing plugin is one sentence."""
    for path in (config.conf_folder() / "hydra" / "launcher").glob("*.yaml"):
        base = path.read_text("utf-8").split("defaults:\n  - ")[1].split()[0]
        plugin = "joblib" if base == "joblib" else "submitit"
        words = ["seed=0,1", f"hydra/launcher={path.stem}"]
        if importlib.util.find_spec(f"hydra_plugins.hydra_{plugin}_launcher") is None:
            with pytest.raises(InputError, match="no such choice"):
                config.jobs(words, [])
        else:
            assert config.jobs(words, []) == [["seed=0"], ["seed=1"]]
