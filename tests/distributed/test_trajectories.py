"""Two and four processes take the steps that one takes: losses, gradients, weights, validations.

python test_trajectories.py FOLDER trains in two and in four, and writes what each process found.
"""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import gnnseg
from gnnseg import config
from gnnseg.distributed.joining import joined
from gnnseg.distributed.ranks import ALONE, Ranks
from gnnseg.runs import environment, fitting, inputs, train
from gnnseg.runs.assembly import assemble
from gnnseg.runs.plan import Plan
from gnnseg.training import steps as stepping
from gnnseg.types import Features

pytestmark = pytest.mark.slow  # processes

SMALL = [
    "data=planted", "data.users=90", "data.items=50", "data.interactions=1100", "data.segments=3",
    "encoder.dim=8", "trainer.eval_every=2", "trainer.patience=null", "device=cpu",
]  # fmt: skip
SEGMENTS = ["head.segments=3"]
TERMS = [f"regularisers.{name}.weight=0.05" for name in ("l2", "balance", "entropy")]
BATCHES = ["trainer.max_epochs=2", "trainer.batch_size=300"]
FULL = ["trainer.max_epochs=4"]
RUNS = {
    # users and their edges are spread
    "likelihood": [*SEGMENTS, *TERMS, *FULL],
    "likelihood, mf, clipped": ["encoder=mf", *SEGMENTS, "trainer.clip=0.01", *FULL],
    "likelihood, lightgcn++, attributes": [
        "encoder=lightgcnpp", "encoder.attributes=beside", *SEGMENTS, *FULL,
    ],
    "50 steps in float32": [*SEGMENTS, *TERMS, "trainer.max_epochs=50"],
    # a batch is shared, each process with its part
    "likelihood in batches": [*SEGMENTS, *TERMS, *BATCHES],
    "affinity after a warm-up, sampled softmax, l2": [
        *SEGMENTS, "head.beta=affinity", "head.warmup=0.5", *TERMS, *BATCHES,
    ],
    "membership, in batch": [
        *SEGMENTS, "head.beta=membership", "objective.sampling=in_batch", "objective.negatives=64",
        *BATCHES,
    ],
    "bpr, dropout": [
        "head=dot", "head.similarity=dot", "objective=bpr", "encoder.dropout=0.2",
        "regularisers.l2.weight=0.01", *BATCHES,
    ],
    # what compares within the batch, or looks at everybody, each process computes whole
    "bpr and simgcl": [
        "head=dot", "objective=bpr", "regularisers.simgcl.weight=0.1", *BATCHES,
    ],
    "full batch, friends": [
        *SEGMENTS, "data.homophily=0.8", "regularisers.social.weight=0.5", *FULL,
    ],
    "directau": ["encoder=mf", "head=dot", "head.bias=false", "objective=directau", *BATCHES],
    # a process samples neighbours for its own part: other draws than one process makes
    "sage, sampled": [
        "encoder=sage", "encoder.neighbours=[4,3]", "head=dot", "objective=margin", *BATCHES,
    ],
}  # fmt: skip


def trajectory(name: str, ranks: Ranks) -> dict[str, Any]:
    """Train one of them; return each step's losses, the weights, and what was said of it."""
    composed = config.compose([*SMALL, *RUNS[name]])
    config.check(composed)
    split = train.read(composed, lambda line: None)
    plan = Plan.of(composed, split, torch.device("cpu"), ranks)
    given = inputs.of(composed, split, plan.train_pairs, lambda line: None, None)
    model = assemble(composed, given.shape, plan.rng)
    if "float32" not in name:
        model = model.double()
        in_double = (None if each is None else each.double()
                     for each in (given.features.user, given.features.item))  # fmt: skip
        given = replace(given, features=Features(*in_double))
    steps: list[dict[str, float]] = []
    rows: list[int] = []
    usual = stepping.reduced

    def recorded(model: Any, losses: Any, ranks: Ranks, own: Any) -> dict[str, Any]:
        found = usual(model, losses, ranks, own)
        steps.append({name: value.item() for name, value in found.items()})
        rows.append(len(model.encoder.tables.user))
        return found

    stepping.reduced = recorded
    try:
        state = fitting.fit_in_memory(plan, model, given)
    finally:
        stepping.reduced = usual
    weights = {key: value.double().flatten().tolist() for key, value in model.state_dict().items()}
    return {
        "steps": steps, "weights": weights, "rows": rows, "best": state.best_value,
        "best_epoch": state.best_epoch,
    }  # fmt: skip


SPREAD = list(RUNS)[:4]
SAMPLED = "sage, sampled"
FLOAT32 = "50 steps in float32"
BY_FOUR = ["likelihood", "likelihood in batches"]
EXACT = [name for name in RUNS if name not in (SAMPLED, FLOAT32)]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[int, list[dict[str, Any]]]:
    """What each of two processes found, and each of four, forked from one that had imported all."""
    folder = tmp_path_factory.mktemp("found")
    done = subprocess.run(
        [sys.executable, __file__, str(folder)], capture_output=True, text=True, timeout=300,
        env={
            **os.environ, "OMP_NUM_THREADS": "1",
            "PYTHONPATH": str(Path(gnnseg.__file__).parent.parent),
        },
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return {
        count: [json.loads((folder / f"{count}-{rank}").read_text()) for rank in range(count)]
        for count in (2, 4)
    }


def agree(one: dict[str, Any], other: dict[str, Any]) -> None:
    """In float64, to 1e-8."""
    assert len(one["steps"]) == len(other["steps"]) > 1
    for mine, theirs in zip(one["steps"], other["steps"], strict=True):
        assert theirs == pytest.approx(mine, abs=1e-8, rel=1e-8)
    for key, weight in one["weights"].items():
        assert other["weights"][key] == pytest.approx(weight, abs=1e-6), key
    assert other["best"] == pytest.approx(one["best"], abs=1e-8)
    assert other["best_epoch"] == one["best_epoch"]


@pytest.mark.parametrize("name", EXACT)
def test_two_processes_take_the_steps_of_one(
    name: str, found: dict[int, list[dict[str, Any]]]
) -> None:
    alone = trajectory(name, ALONE)
    for each in found[2]:
        agree(alone, each[name])
    users = alone["rows"][0]
    mine = [each[name]["rows"][0] for each in found[2]]
    assert sum(mine) == (users if name in SPREAD else 2 * users)
    assert max(mine) < 0.6 * users or name not in SPREAD


@pytest.mark.parametrize("name", BY_FOUR)
def test_four_processes_take_the_steps_of_two(
    name: str, found: dict[int, list[dict[str, Any]]]
) -> None:
    for each in found[4]:
        agree(found[2][0][name], each[name])


def test_in_float32_the_loss_stays_within_a_ten_thousandth(
    found: dict[int, list[dict[str, Any]]],
) -> None:
    alone = trajectory(FLOAT32, ALONE)["steps"]
    other = found[2][0][FLOAT32]["steps"]
    assert len(alone) == len(other) == 50
    assert [s["loss"] for s in other] == pytest.approx([s["loss"] for s in alone], rel=1e-4)


def test_sampled_neighbours_are_other_ones_and_all_processes_end_alike(
    found: dict[int, list[dict[str, Any]]],
) -> None:
    one, other = (each[SAMPLED] for each in found[2])
    alone = trajectory(SAMPLED, ALONE)
    assert one == other
    assert one["weights"] != alone["weights"]
    assert one["steps"][-1]["loss"] < one["steps"][0]["loss"]


def fork(count: int, folder: Path, names: Sequence[str]) -> None:
    """Train in so many processes, each writing what it found."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    os.environ |= {
        "WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)
    }  # fmt: skip
    children = []
    for rank in range(count):
        if (child := os.fork()) == 0:
            os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank)}
            with joined() as ranks:
                each = {name: trajectory(name, ranks) for name in names}
            (folder / f"{count}-{rank}").write_text(json.dumps(each), "utf-8")
            os._exit(0)
        children.append(child)
    for child in children:
        assert os.waitpid(child, 0)[1] == 0


if __name__ == "__main__":
    import torch._dynamo  # else each of them imports it with its optimiser

    environment.import_ahead(*environment.TRAINING, *environment.EVALUATION)
    torch.use_deterministic_algorithms(True)
    fork(2, Path(sys.argv[1]), list(RUNS))
    fork(4, Path(sys.argv[1]), BY_FOUR)
