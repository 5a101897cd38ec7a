"""What each of 1, 2 and 4 processes holds, sends and computes in a training step, on one machine.

python bench.py              measures all, and writes results.json
python bench.py NAME         (under torchrun) measures one configuration as one of several processes
"""

import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch

from gnnseg import config
from gnnseg.distributed.joining import joined
from gnnseg.distributed.ranks import Ranks
from gnnseg.runs import fitting, inputs, train
from gnnseg.runs.assembly import assemble
from gnnseg.runs.plan import Plan
from gnnseg.training import loop
from gnnseg.training.steps import Steps

WARM, STEPS = 2, 8
BATCH = ["trainer.batch_size=8192", "threads=1"]
RUNS = {
    "gowalla, likelihood, full batch": ["data=gowalla", "threads=1"],
    "ml-1m, likelihood, full batch": ["data=ml-1m", "threads=1"],
    "ml-1m, lightgcn, bpr": ["data=ml-1m", "head=dot", "objective=bpr", *BATCH],
    "ml-1m, mf, sampled softmax": ["data=ml-1m", "encoder=mf", "head=dot", *BATCH],
    "ml-1m, sage sampled, margin": [
        "data=ml-1m", "encoder=sage", "encoder.neighbours=[10,5]", "head=dot", "objective=margin",
        *BATCH,
    ],
}  # fmt: skip
HERE = Path(__file__).parent


def size(*tensors: Any) -> int:
    """Bytes of what is a tensor among these."""
    return sum(each.numel() * each.element_size() for each in tensors if torch.is_tensor(each))


class Watch:
    """Looks on while a model is trained: what is held, what is sent, and for how long."""

    def __init__(self) -> None:
        self.sent = 0
        self.wall, self.cpu, self.bytes = list[float](), list[float](), list[int]()
        self.held: dict[str, int] = {}
        take, total = Steps.__call__, Ranks.total

        def timed(steps: Any, *given: Any) -> Any:
            begun, used, sent = time.perf_counter(), time.process_time(), self.sent
            found = take(steps, *given)
            self.wall.append(time.perf_counter() - begun)
            self.cpu.append(time.process_time() - used)
            self.bytes.append(self.sent - sent)
            self.hold(steps._model, steps._optimizer, steps._data)
            return found

        def counted(ranks: Ranks, x: torch.Tensor) -> torch.Tensor:
            self.sent += 0 if ranks.alone else size(x)
            return total(ranks, x)

        Steps.__call__, Ranks.total = timed, counted  # type: ignore[assignment, method-assign]

    def hold(self, model: Any, optimizer: Any, data: Any) -> None:
        """Note the bytes of weights, gradients, the optimiser's state, and the graph's pairs."""
        parameters = list(model.parameters())
        moments = [v for state in optimizer.state.values() for v in state.values()]
        pattern = data.graph.pattern
        self.held = {
            "users": pattern.shape[0], "edges": pattern.entries,
            "weights, gradients, moments": size(
                *parameters, *(p.grad for p in parameters), *moments
            ),
            "graph": size(*(getattr(pattern, each.name) for each in fields(pattern))),
        }  # fmt: skip


def measured(name: str) -> dict[str, Any]:
    """Train a few steps, alone or as one of several; what this process held, sent and took."""
    composed = config.compose([*RUNS[name], "device=cpu", "trainer.max_epochs=100"])
    config.check(composed)
    torch.set_num_threads(1)
    with joined() as ranks:
        split = train.read(composed, lambda line: None)
        plan = Plan.of(composed, split, torch.device("cpu"), ranks)
        given = inputs.of(composed, split, plan.train_pairs, lambda line: None, None)
        model = assemble(composed, given.shape, plan.rng)
        watch = Watch()

        def enough() -> bool:
            return len(watch.wall) >= WARM + STEPS

        with contextlib.suppress(loop.Interrupted):
            fitting.fit_in_memory(plan, model, given, epochs=WARM + STEPS, stop=enough)
        found = {
            **watch.held,
            "bytes sent a step": int(statistics.median(watch.bytes[WARM:])),
            "CPU seconds a step": round(statistics.median(watch.cpu[WARM:]), 4),
            "seconds a step, fastest": round(min(watch.wall[WARM:]), 4),
        }
        return {"processes": ranks.count, "each": ranks.gathered(found), "leads": ranks.first}


def launched(name: str, count: int) -> dict[str, Any]:
    """Measure one configuration in so many processes."""
    how = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(count)]
    done = subprocess.run(
        [sys.executable, *(how if count > 1 else []), str(HERE / "bench.py"), name],
        capture_output=True, text=True, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main() -> None:
    """Measure all and write them, each after it is known."""
    results: dict[str, Any] = {
        "machine": f"{os.cpu_count()} cores, CPU, gloo, one thread a process"
    }
    for name in RUNS:
        results[name] = [launched(name, count) for count in (1, 2, 4)]
        (HERE / "results.json").write_text(json.dumps(results, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    if sys.argv[1:]:
        answer = measured(sys.argv[1])
        if answer.pop("leads"):
            print(json.dumps(answer))
    else:
        main()
