"""Sweeps: jobs in order, found again, failures told at once, two workers, one killed; a component
from outside the checkout."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from gnnseg.report import compare

SMALL = [
    "data=planted", "data.users=120", "data.items=60", "data.interactions=1500", "data.segments=4",
    "head.segments=4",
    "trainer.max_epochs=6", "trainer.eval_every=3", "encoder.dim=8",
]  # fmt: skip
GNNSEG = [sys.executable, "-m", "gnnseg", "train"]


def call(here: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*GNNSEG, *SMALL, *arguments], capture_output=True, text=True, cwd=here, check=False
    )


@pytest.mark.slow
def test_a_sweep_in_order_found_again_and_compared(tmp_path: Path) -> None:
    sweep = ["-m", "head.segments=2,4", "seed=0,1", "sweep.name=mine"]
    first = call(tmp_path, *sweep)
    assert first.returncode == 0, first.stderr
    paths = first.stdout.splitlines()
    assert len(paths) == len(set(paths)) == 4
    configs = [json.loads((Path(p) / "run.json").read_text("utf-8"))["config"] for p in paths]
    assert [(c["head"]["segments"], c["seed"]) for c in configs] == [(2, 0), (2, 1), (4, 0), (4, 1)]
    assert "±" in first.stderr.split("head.segments")[-1]
    record = json.loads((tmp_path / "runs/.sweeps/mine.json").read_text("utf-8"))
    assert [job["path"] for job in record["jobs"]] == paths
    again = call(tmp_path, *sweep)
    assert again.stdout == first.stdout
    assert again.stderr.count("finished before") == 4
    assert sorted(p.name for p in tmp_path.iterdir()) == ["runs"]


@pytest.mark.slow
def test_encoders_are_swept_with_a_setting_that_the_default_one_has_not(tmp_path: Path) -> None:
    words = [
        "-m",
        "encoder=sage,pinsage",
        "encoder.combine=last",
        "head=dot",
        "trainer.max_epochs=1",
        "trainer.eval_every=1",
    ]
    small = [o for o in SMALL if not o.startswith(("head.segments", "trainer"))]
    done = subprocess.run(
        [*GNNSEG, *small, *words], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr
    paths = [Path(path) for path in done.stdout.splitlines()]
    assert [path.name.split("-")[1] for path in paths] == ["sage", "pinsage"]
    configs = [json.loads((path / "run.json").read_text("utf-8"))["config"] for path in paths]
    assert [c["encoder"]["combine"] for c in configs] == ["last", "last"]


@pytest.mark.slow
def test_a_failure_is_told_and_leaves_the_others_alone_unless_asked(tmp_path: Path) -> None:
    bad = ["-m", "encoder.layers=-1,1"]
    done = call(tmp_path, *bad)
    assert done.returncode == 1
    assert "job 0 failed: encoder.layers is -1" in done.stderr
    assert len(done.stdout.splitlines()) == 1
    stopped = call(tmp_path, *bad, "sweep.fail_fast=true", "seed=1")
    assert stopped.returncode == 2
    assert stopped.stdout == ""
    assert "job 0 (encoder.layers=-1): encoder.layers is -1" in stopped.stderr
    assert "nothing was trained" in stopped.stderr


@pytest.mark.slow
def test_two_workers_one_killed_and_the_sweep_started_again(tmp_path: Path) -> None:
    sweep = [
        "-m",
        "seed=0,1,2,3",
        "trainer.max_epochs=400",
        "hydra/launcher=joblib",
        "hydra.launcher.n_jobs=2",
    ]
    process = subprocess.Popen(
        [*GNNSEG, *SMALL, *sweep],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=tmp_path,
        start_new_session=True,
    )
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
    process.wait()
    again = subprocess.run(
        [*GNNSEG, *SMALL, *sweep], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert again.returncode == 0, again.stderr
    paths = again.stdout.splitlines()
    assert len(set(paths)) == 4
    assert len(list(tmp_path.glob("runs/planted*"))) == 4
    for path in paths:
        assert json.loads((Path(path) / "run.json").read_text("utf-8"))["state"] == "finished"


@pytest.mark.slow
def test_an_encoder_of_ones_own(tmp_path: Path) -> None:
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
        command = [*GNNSEG, *small, "--config-dir", "my_conf", "encoder=mine", *more]
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)

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


def test_compare_groups_seeds_and_marks_paper(tmp_path: Path) -> None:
    def record(
        name: str, seed: int, split_seed: int, segments: int, value: float, protocol: str = "clean"
    ) -> Path:
        groups = {g: {} for g in compare.GROUPS}
        config = {
            **groups,
            "seed": seed,
            "split": {"seed": split_seed},
            "head": {"_target_": "gnnseg.models.heads.segments.Segments", "segments": segments},
        }
        folder = tmp_path / name
        folder.mkdir()
        content = {
            "config": config, "numerics": 1, "state": "finished", "protocol": protocol,
            "metrics": {"test/ndcg@20": value},
            "seconds": {"total": 2.0}, "memory_mb": 100.0,
        }  # fmt: skip
        (folder / "run.json").write_text(json.dumps(content), "utf-8")
        return folder

    paths = [
        record("a", 0, 0, 8, 0.1),
        record("b", 1, 2, 8, 0.3),
        record("c", 0, 0, 16, 0.5, "paper"),
    ]
    rows = compare.table(paths, "csv").splitlines()
    assert rows[0] == "head.segments,runs,test/ndcg@20,s,MB"
    assert rows[1] == "8,2,0.2000 ± 0.1414,2.0 ± 0.0,100.0 ± 0.0"
    assert rows[2] == "16,1,0.5000†,2.0,100.0"
    assert r"0.2000 $\pm$ 0.1414" in compare.table(paths, "latex")
    assert "| 8 | 2 |" in compare.table(paths, "md")
    assert "best epoch chosen on the test" in compare.table(paths)
