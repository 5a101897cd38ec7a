"""A run killed anywhere and started again ends as if nothing had happened: weights and metrics, bit
for bit.

One process imports everything, once, and forks a life at a time: each trains the real pipeline and
dies by SIGKILL at a step, or before or after a rename; the next goes on where it stood.
"""

import hashlib
import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

LIVES = """
import json, os, signal, sys
import sklearn.cluster, sklearn.utils.extmath, threadpoolctl, torch._dynamo
from gnnseg import config
from gnnseg.runs import pages, train as pipeline
from gnnseg.training import checkpoint
from gnnseg.training.progress import Progress

def live(life, composed):
    die = lambda: os.kill(os.getpid(), signal.SIGKILL)
    checkpoint.EVERY_SECONDS = 0.0 if life.get("save") == "every step" else 1e9
    seen = {"step": 0, "rename": 0}
    rename, progress = os.replace, Progress.__call__
    def replace(a, b):
        seen["rename"] += 1
        if life.get("before") == seen["rename"]: die()
        rename(a, b)
        if life.get("after") == seen["rename"]: die()
    def counted(self, state, per_epoch, values):
        seen["step"] += 1
        if life.get("step") == seen["step"]: die()
    os.replace, Progress.__call__ = replace, counted
    print(pipeline.train(composed, say=lambda line: None).path, flush=True)

for line in sys.stdin:
    lives, overrides = json.loads(line)
    composed = config.compose(overrides)
    config.check(composed)
    for life in lives:
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                live(life, composed)
                code = 0
            except BaseException:
                import traceback
                traceback.print_exc()
            os._exit(code)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if code not in (0, -9): sys.exit(f"a life ended with {code}")
        if code == 0: break
"""
SMALL = [
    "data=planted",
    "data.users=120",
    "data.items=64",
    "data.interactions=1500",
    "data.segments=4",
    "head.segments=4",
]
FULL = [*SMALL, "trainer.max_epochs=24", "trainer.eval_every=4"]
MINI = [
    *SMALL, "objective=sampled_softmax", "head.beta=affinity", "encoder.dropout=0.2",
    "objective.negatives=16",
    "trainer.batch_size=200", "trainer.max_epochs=4", "trainer.eval_every=2",
]  # fmt: skip

LOG = [
    *SMALL, "data.log_events=2000", "objective=policy", "objective.reward=logged",
    "objective.importance=learned",
    "objective.baseline=segments", "objective.entropy=0.01", "trainer.batch_size=500",
    "trainer.max_epochs=4", "trainer.eval_every=2",
    "trainer.monitor=valid/value",
]  # fmt: skip
WALKS = [
    *SMALL, "encoder=pinsage", "encoder.dim=16", "head=hybrid", "objective=margin",
    "trainer.batch_size=500", "trainer.max_epochs=4",
    "trainer.draw=weight", "objective.degree_power=-1",
    "trainer.eval_every=2",
]  # fmt: skip
TERMS = [
    *SMALL, "encoder=dgcf", "encoder.dim=16", "encoder.layers=2", "head.beta=affinity",
    "objective=sampled_softmax", "objective.negatives=16", "trainer.batch_size=200",
    "trainer.max_epochs=4", "trainer.eval_every=2", "regularisers.lightgcl.weight=0.1",
    "regularisers.ncl_structure.weight=0.1", "regularisers.ncl_prototypes.weight=0.1",
    "regularisers.ncl_prototypes.prototypes=5", "regularisers.ncl_prototypes.warmup=1",
    "regularisers.ncl_prototypes.every=2", "regularisers.independence.weight=0.1",
]  # fmt: skip


Live = Callable[[Path, list[str], list[dict[str, object]]], str]


@pytest.fixture(scope="module")
def live() -> Iterator[Live]:
    """Gives the folder of the run that one life after another has finished."""
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", LIVES],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "2", "OMP_WAIT_POLICY": "passive"},
    ) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None

        def lived(root: Path, overrides: list[str], lives: list[dict[str, object]]) -> str:
            given = [lives, [f"runs.root={root}", "threads=2", *overrides]]
            print(json.dumps(given), file=parent.stdin, flush=True)
            folder = parent.stdout.readline().strip()
            assert folder, "a life failed: see standard error"
            return folder

        yield lived
        parent.stdin.close()


def digest(folder: str) -> tuple[str, str]:
    """sha256 of the weights, and of the metrics without times."""
    lines = [
        json.loads(line)
        for line in (Path(folder) / "metrics.jsonl").read_text("utf-8").splitlines()
    ]
    for line in lines:
        line.pop("seconds", None)
    weights = hashlib.sha256((Path(folder) / "model.safetensors").read_bytes()).hexdigest()
    record = json.loads((Path(folder) / "run.json").read_text("utf-8"))
    return weights, hashlib.sha256(
        json.dumps([lines, record["metrics"], record["baselines"]]).encode()
    ).hexdigest()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("overrides", "renames"),
    [(FULL, {"before": 40}), (MINI, {"before": 7, "after": 7})],
    ids=["full batch", "mini-batch, negatives, dropout"],
)
def test_killed_and_started_again_equals_uninterrupted(
    overrides: list[str], renames: dict[str, int], tmp_path: Path, live: Live
) -> None:
    whole = live(tmp_path / "whole", overrides, [{}])
    # Twenty deaths at random steps, some with the state saved after every step, some only at
    # evaluations; then a death before every rename there is, what it was to put in place lying
    # beside: each rename number is tried until a life gets past all of them. Those that end a run
    # do not depend on how it was trained: by mini-batches the first few, of states and weights, are
    # tried again, and a death after each.
    chance = random.Random(0)
    lives: list[dict[str, object]] = [
        {"step": chance.randint(1, 3), "save": "every step" if chance.random() < 0.6 else ""}
        for _ in range(20)
    ]
    lives += [{when: number} for when, most in renames.items() for number in range(1, most)]
    killed = live(tmp_path / "killed", overrides, [*lives, {}])
    assert digest(killed) == digest(whole)
    assert Path(killed).name == Path(whole).name
    assert not list(Path(killed).glob(".*.part"))


@pytest.mark.slow
@pytest.mark.parametrize(
    "overrides",
    [LOG, WALKS, TERMS],
    ids=[
        "a log, mean rewards kept",
        "walks drawn an epoch, hard negatives",
        "centres renewed in some epochs, a spectrum kept",
    ],
)
def test_what_is_kept_between_steps_survives_a_death(
    overrides: list[str], tmp_path: Path, live: Live
) -> None:
    whole = live(tmp_path / "whole", overrides, [{}])
    deaths: list[dict[str, object]] = [
        {"step": step, "save": "every step" if step != 2 else ""} for step in (3, 2, 4, 1)
    ]
    assert digest(live(tmp_path / "killed", overrides, [*deaths, {}])) == digest(whole)
