"""Whether the rule of ``gnnseg choose-k`` names the planted number of segments.

usage: python experiments/segments/how_many.py [--cells PATTERN …] [--minutes M] [--table]

A cell is a line of how_many.jsonl; what stands there is not done again. --table writes how_many.md
of what there is. Trainings and refits are the command's own, at its defaults, in memory and on one
thread; refits of a K are made where a rule asks about it: from the smallest K that ranks well
enough upwards, until one comes back.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import math
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent))
from plan import GENERATORS, SEGMENTS, Cell

from gnnseg import config
from gnnseg.config import build
from gnnseg.config.extensions import parts
from gnnseg.data import resampling
from gnnseg.evaluation import evaluator
from gnnseg.evaluation.protocol import Protocol
from gnnseg.evaluation.segments import how_many, stability
from gnnseg.rng import Rng
from gnnseg.runs import candidates, environment, inputs, refits
from gnnseg.runs import train as pipeline
from gnnseg.runs.assembly import assemble
from gnnseg.runs.choose_k import REFITS
from gnnseg.runs.fitting import finished, fit_in_memory
from gnnseg.runs.identity import source_digest
from gnnseg.runs.numerics import NUMERICS
from gnnseg.runs.plan import Plan
from gnnseg.types import Floats, Pairs, Segmentation

HERE = Path(__file__).resolve().parent
OUT, TABLE = HERE / "how_many.jsonl", HERE / "how_many.md"
CPU = torch.device("cpu")
SEEDS = (0, 1, 2)
LEVEL = "easy"
RULES = {
    "rule": "smallest K within one standard error of the best K's mean, median Jaccard ≥ .6",
    "paired error": "the same, within one standard error of the difference from the best by user",
    "no Jaccard": "smallest K within one standard error of the best K's mean",
    "best recall": "the K of the best recall",
}


@dataclass(frozen=True)
class Question:
    """A cell's data, and its trainings as they are asked for."""

    cell: Cell

    @cached_property
    def config(self) -> dict[str, Any]:
        """Return the configuration without its K."""
        few = ["evaluation.metrics=[recall,ndcg]", "evaluation.ks=[20]"]
        overrides = [f"data={self.cell.data}", *self.cell.overrides, *few, "device=cpu"]
        return config.compose([*overrides, f"seed={self.cell.seed}"])

    @cached_property
    def split(self) -> Any:
        """Return the data, drawn and split."""
        return pipeline.read(self.config, lambda line: None)

    @cached_property
    def protocol(self) -> Protocol:
        """Return the rules of the figures."""
        protocol: Protocol = build(self.config["evaluation"], parts(self.config, "metrics"))
        return protocol

    def trained(self, k: int, seed: int, pairs: Pairs) -> Segmentation:
        """Return the segments of a training with K, a seed and some pairs."""
        mine = {**candidates.with_segments(self.config, k), "seed": seed}
        plan = Plan(
            config=mine, split=self.split, train_pairs=pairs, protocol=self.protocol, device=CPU
        )
        with environment.deterministic(CPU):
            visits = self.protocol.training_visits(self.split)
            given = inputs.of(mine, self.split, pairs, lambda line: None, visits)
            model = assemble(mine, given.shape, plan.rng)
            fit_in_memory(plan, model, given)
            scorer = finished(plan, model, given)[1]
        assert isinstance(scorer, Segmentation)
        return scorer

    def ranked(self, scorer: Segmentation) -> Floats:
        """Return recall@20 of validation by user."""
        task = self.protocol.valid_task(self.split)
        found = evaluator.rank(scorer, task, self.protocol, self.split.train, CPU).per_user
        return np.asarray(found["recall@20"][~found["cold"].astype(bool)], dtype=np.float64)

    def jaccard(self, k: int, scorer: Segmentation) -> float:
        """Return the median over segments of their mean Jaccard over refits."""
        alpha, seed = scorer.alpha.detach().double().numpy(), self.cell.seed
        met = np.bincount(self.split.train.user, minlength=len(alpha)) > 0
        found = []
        for number in range(1, REFITS + 1):
            rng = Rng(seed).child("refits").at(number)
            some = resampling.thinned(self.split.train, refits.SHARE, rng)
            other = self.trained(k, seed + number, some).alpha.detach().double().numpy()
            order = stability.match(alpha[met], other[met])
            theirs = np.argsort(order)[other[met].argmax(1)]
            found.append(stability.jaccard(alpha[met].argmax(1), theirs, k))
        return float(np.median(np.mean(found, axis=0)))


def run(cell: Cell) -> dict[str, Any]:
    """Return the line of a cell: what each rule names, and the figures it is of."""
    begun, question = time.monotonic(), Question(cell)
    grid = candidates.grid(None, question.split)
    scorers = {k: question.trained(k, cell.seed, question.split.train) for k in grid}
    recall = {k: question.ranked(scorer) for k, scorer in scorers.items()}
    measured: dict[int, float] = {}

    def jaccard(k: int) -> float:
        if k not in measured:
            measured[k] = question.jaccard(k, scorers[k])
        return measured[k]

    mean = {k: float(values.mean()) for k, values in recall.items()}
    best = max(grid, key=lambda k: (mean[k], -k))
    gaps = {k: how_many.difference(recall[best], recall[k]) for k in grid}
    error = how_many.standard_error(recall[best])
    near = [k for k in grid if mean[k] >= mean[best] - error]
    paired = [k for k in grid if gaps[k].mean <= gaps[k].error]
    named = {
        "rule": chosen(near, jaccard),
        "paired error": chosen(paired, jaccard),
        "no Jaccard": near[0],
        "best recall": best,
    }
    known = [how_many.Candidate(k, recall[k], measured.get(k, math.nan)) for k in grid]
    assert how_many.recommend(known).segments == named["rule"]
    return {
        "cell": cell.name, "group": cell.group, "segments": cell.segments, "named": named,
        "by_k": [
            {
                "k": k, "recall": mean[k], "behind": gaps[k].mean, "error": gaps[k].error,
                "jaccard": measured.get(k),
            }
            for k in grid
        ],
        "error": error, "users": len(recall[best]), "overrides": cell.overrides,
        "seconds": round(time.monotonic() - begun, 1), "numerics": NUMERICS,
        "source": source_digest()[:12], "fingerprint": question.split.fingerprint[:16],
    }  # fmt: skip


def chosen(near: list[int], jaccard: Callable[[int], float]) -> int:
    """Return the smallest K that comes back; of none that does, the most stable."""
    for k in near:
        if jaccard(k) >= how_many.JACCARD:
            return k
    return max(near, key=lambda k: (jaccard(k), -k))


def table(lines: list[Mapping[str, Any]]) -> str:
    """Return how often each rule names the planted K, and what else it names."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for line in lines:
        groups.setdefault(line["group"], []).append(line)
    rows = [
        "| cell | seeds | "
        + " | ".join(RULES)
        + " | least Jaccard named | recall below the best at the K before |"
    ]
    rows.append("|---|---:|" + "---|" * len(RULES) + "---:|---:|")
    for group, found in sorted(groups.items(), key=lambda each: _order(each[0])):
        cells = [", ".join(str(line["named"][rule]) for line in found) for rule in RULES]
        stable = [_of(line, line["named"]["rule"])["jaccard"] for line in found]
        before = [
            each["behind"] / line["error"] for line in found if (each := _before(line)) is not None
        ]
        rows.append(
            f"| {group} | {len(found)} | {' | '.join(cells)} | {min(stable):.2f} | "
            f"{min(before):.1f} se |"
        )
    right = {
        rule: statistics.fmean(line["named"][rule] == line["segments"] for line in lines)
        for rule in RULES
    }
    said = [
        f"- {rule}: {right[rule]:.0%} ({sum(l['named'][rule] == l['segments'] for l in lines)} of "
        f"{len(lines)}): {text}"
        for rule, text in RULES.items()
    ]
    head = (
        "# Does choose-k name the planted number of segments?\n\n"
        "Written by `python experiments/segments/how_many.py --table`; numerics "
        f"{', '.join(sorted({str(line['numerics']) for line in lines}))}. Grid 2, 3, 4, 6, 8, 12, "
        f"16, 24, 32; {REFITS} refits; level easy; what each rule names, seed by seed.\n\n"
    )
    return head + "\n".join([*said, "", *rows]) + "\n"


def _of(line: Mapping[str, Any], k: int) -> Mapping[str, Any]:
    return next(each for each in line["by_k"] if each["k"] == k)


def _before(line: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the figures of the largest K tried below the planted one."""
    below = [each for each in line["by_k"] if each["k"] < line["segments"]]
    return below[-1] if below else None


def _order(group: str) -> tuple[int, int]:
    kind, _, k = group.split("/")
    return list(GENERATORS).index(kind), int(k[1:])


def _cells(patterns: list[str]) -> Iterator[Cell]:
    for seed in SEEDS:
        for k in SEGMENTS["planted"]:
            for kind in GENERATORS:
                cell = Cell(kind, LEVEL, k, seed)
                if any(fnmatch.fnmatch(cell.name, pattern) for pattern in patterns):
                    yield cell


def main() -> None:
    """Do what is asked for and not done yet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", nargs="+", default=["*"], help="such as 'blocks/*/K4/s0'")
    parser.add_argument("--minutes", type=float, default=float("inf"))
    parser.add_argument("--table", action="store_true", help="write how_many.md and stop")
    given = parser.parse_args()
    torch.set_num_threads(1)
    lines = (
        [json.loads(text) for text in OUT.read_text("utf-8").splitlines()] if OUT.exists() else []
    )
    if given.table:
        TABLE.write_text(table(lines), "utf-8")
        return
    done, end = {line["cell"] for line in lines}, time.monotonic() + 60 * given.minutes
    for cell in _cells(given.cells):
        if cell.name in done or time.monotonic() > end:
            continue
        line = run(cell)
        with OUT.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        print(
            f"{cell.name}: {line['named']} ({line['seconds']:.0f} s)", file=sys.stderr, flush=True
        )


if __name__ == "__main__":
    main()
