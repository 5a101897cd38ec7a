"""A few ratios to what else does the work, in the same process, beside those that are stored.

usage: scripts/bench [--tiny] [--rounds N] [--store]

A ratio moves less from machine to machine than seconds do. Both sides are timed in turn, in CPU
time on one thread; a ratio is the median of the rounds, its noise their median absolute deviation.
What is slower than stored by more than 15 % and four times both noises is said; the exit code is 0
whatever is found: somebody reads it. --store: keep what was found, in results.json.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

HERE = Path(__file__).resolve().parent
SIZE, TINY = (6_039, 3_628, 590_000), (300, 200, 4_000)  # users, items, pairs: of ml-1m
SLOWER, NOISES = 0.15, 4.0
Work = Callable[[], Any]


def speed() -> Any:
    """experiments/speed, which has the steps and a skewed graph."""
    spec = importlib.util.spec_from_file_location("speed", HERE.parent / "speed" / "run.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pairs_of_work(size: tuple[int, int, int]) -> dict[str, tuple[Work, Work]]:
    """What is measured, and what by."""
    from gnnseg.sparse import Csr, spmm

    other = speed()
    p = other.pattern_of(*size, torch.device("cpu"))
    value, dense = torch.rand(p.entries), torch.randn(p.shape[1], 64, requires_grad=True)
    shuffled = torch.randperm(p.entries, generator=torch.Generator().manual_seed(0))
    rows, columns = p.row[shuffled].numpy(), p.column[shuffled].numpy()
    scorer, relevant, counts, user, item = ranked(p)
    from gnnseg.evaluation.ranking import evaluate

    return {
        "a LightGCN step, BPR / PyG's": (other.our_step(p, None), other.pyg_step(p)),
        "a full-batch likelihood step / a sparse product and its gradient": (
            full_batch_step(p),
            lambda: torch.autograd.grad(spmm(p, value, dense).sum(), dense),
        ),
        "Csr.of / one sort": (
            lambda: Csr.of(rows, columns, p.shape),
            lambda: np.lexsort((columns, rows)),
        ),
        "ranking / scores and their largest 20": (
            lambda: evaluate(scorer, relevant, None, ks=(20,), item_counts=counts),
            lambda: (user @ item.T).topk(20),
        ),
    }


def full_batch_step(pattern: Any) -> Work:
    """A step of the default model, all pairs at once."""
    from gnnseg.config import build, compose
    from gnnseg.graph import BipartiteGraph
    from gnnseg.rng import Rng
    from gnnseg.runs.assembly import assemble
    from gnnseg.testing.drawn import shape_of
    from gnnseg.training.batching import Batches, Training
    from gnnseg.training.events import TrainingEvents
    from gnnseg.training.steps import Steps
    from gnnseg.types import Features

    config = compose(["data=planted", "trainer.batch_size=null"])
    graph = BipartiteGraph(pattern)
    model = assemble(config, shape_of(graph), Rng(0))
    weight = torch.full((pattern.entries,), 1 / pattern.entries)
    data = Training(graph, Features(), TrainingEvents(pattern.row, pattern.column, weight))
    batches = Batches(data, build(config["trainer"]), model.objective)
    with torch.no_grad():
        model.reset(graph, Features(), Rng(0))
    take, number = (
        Steps(model, build(config["optimizer"], model.parameters()), data, batches, Rng(0)),
        iter(range(10**9)),
    )
    return lambda: take(None, next(number))


def ranked(pattern: Any) -> tuple[Any, ...]:
    """A scorer of random embeddings, what is asked of it, and the embeddings."""
    from gnnseg.config import compose
    from gnnseg.graph import BipartiteGraph
    from gnnseg.rng import Rng
    from gnnseg.runs.assembly import assemble
    from gnnseg.testing.drawn import shape_of
    from gnnseg.types import Features

    config = compose(["data=planted", "encoder=mf", "encoder.dim=64", "head=dot"])
    graph = BipartiteGraph(pattern)
    model = assemble(config, shape_of(graph), Rng(0))
    with torch.no_grad():
        model.reset(graph, Features(), Rng(0))
        model.eval()
        scorer = model.scorer(graph, Features())
    user, item = (torch.randn(count, 64) for count in pattern.shape)
    counts = torch.bincount(pattern.column, minlength=pattern.shape[1])
    return scorer, pattern, counts, user, item


def measured(ours: Work, theirs: Work, rounds: int) -> dict[str, float]:
    """The ratio of their CPU times, each timed in turn."""

    def seconds(work: Work) -> float:
        begun = time.process_time()
        work()
        return time.process_time() - begun

    for work in (ours, theirs):
        work()
    found = [seconds(ours) / max(seconds(theirs), 1e-6) for _ in range(rounds)]
    ratio = statistics.median(found)
    noise = statistics.median(abs(each - ratio) for each in found)
    return {"ratio": round(ratio, 3), "noise": round(noise, 3)}


def verdict(now: dict[str, float], stored: dict[str, float] | None) -> str:
    """How a ratio stands to the stored one, in words."""
    if stored is None:
        return "nothing stored"
    more = now["ratio"] / stored["ratio"] - 1
    noise = NOISES * (now["noise"] / now["ratio"] + stored["noise"] / stored["ratio"])
    if abs(more) <= max(SLOWER, noise):
        return f"as stored ({stored['ratio']:g})"
    return f"{'SLOWER' if more > 0 else 'faster'} than stored ({stored['ratio']:g}): {more:+.0%}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tiny", action="store_true", help="sizes of a moment; nothing is stored")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--store", action="store_true")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    path = HERE / "results.json"
    stored = json.loads(path.read_text("utf-8")) if path.exists() and not asked.tiny else {}
    found = {}
    for name, both in pairs_of_work(TINY if asked.tiny else SIZE).items():
        found[name] = measured(*both, asked.rounds)
        print(f"{name}: {found[name]['ratio']:g} ± {found[name]['noise']:g}, "
              f"{verdict(found[name], stored.get(name))}", flush=True)  # fmt: skip
    if asked.store and not asked.tiny:
        path.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
