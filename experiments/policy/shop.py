"""What people spend as the reward: the policy gradient against likelihood on a shop, revenue first
and what it costs.

usage: python experiments/policy/shop.py [--minutes M]       (data in GNNSEG_DATA, runs in
GNNSEG_RUNS, else ./runs) Writes a cell as a line of results.jsonl when it is finished, finds it
again, and writes shop.md from the cells there are. completejourney, kinds of products, seen=allow,
five seeds of training (the split is by time). The epoch is chosen by valid/revenue@20 for every
model. Intervals of differences: paired bootstrap over households, each household's mean over seeds.
"""

from __future__ import annotations

import hashlib
import statistics
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from gnnseg import api
from gnnseg.rng import Rng

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from cells import kept, minutes, spread

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results.jsonl"
SEEDS = (0, 1, 2, 3, 4)
HOUSES = {
    "shop (attributes, 3 segments)": ["experiment=shop", "head.habit=false"],
    "LightGCN, 16 segments": [
        "data=completejourney",
        "data.level=product_type",
        "evaluation.seen=allow",
        "encoder=lightgcn",
        "head=segments",
        "head.segments=16",
    ],
}
POLICY = ["objective=policy", "objective.reward=spend"]
WAYS: dict[str, list[str]] = {
    "likelihood": [],
    "likelihood, pairs weighed by spend": ["objective.weights=spend"],
    "policy": POLICY,
    "policy, top-K correction for 20": [*POLICY, "objective.top=20"],
    "policy, behaviour learned, cap 10": [
        *POLICY,
        "objective.importance=learned",
        "objective.cap=10",
    ],
}
SHOWN = {
    "revenue@20": "revenue",
    "recall@20": "recall",
    "ndcg@20": "ndcg",
    "coverage@20": "coverage",
    "ild@20": "diversity in a list",
}
ROUNDS = 2000


def cell(house: str, way: str, seed: int, deadline: float) -> dict[str, Any] | None:
    """One run's test, each household's revenue; stored or made, None where there was no time."""
    overrides = [*HOUSES[house], *WAYS[way], "trainer.monitor=valid/revenue@20", "threads=1"]
    digest = hashlib.sha256(" ".join([*overrides, str(seed)]).encode()).hexdigest()[:12]

    def make() -> dict[str, Any]:
        run = api.train(
            "completejourney", [o for o in overrides if not o.startswith("data=")], seed=seed
        )
        judged = pl.read_parquet(run.path / "per_user.parquet").sort("user")
        return {
            "overrides": overrides,
            "seed": seed,
            "metrics": {name: run.metrics[f"test/{name}"] for name in SHOWN},
            "segments_per_user": run.metrics["segment/segments_per_user"],
            "epoch": run.record["best"]["epoch"],
            "fingerprint": run.record["data"]["fingerprint"],
            "versions": run.record["versions"],
            "numerics": run.record["numerics"],
            "source": run.record["source"],
            "by_user": {
                name: [round(x, 4) for x in judged[name].to_list()]
                for name in ("revenue@20", "recall@20")
            },
        }

    return kept(RESULTS, f"shop/{digest}", deadline, make)


def difference(mine: list[dict[str, Any]], other: list[dict[str, Any]], metric: str) -> str:
    """Mean paired difference by household and its 95 % bootstrap interval."""
    a, b = (np.mean([c["by_user"][metric] for c in cells], axis=0) for cells in (mine, other))
    gap = a - b
    g = Rng(0).numpy("bootstrap")
    means = [gap[g.integers(len(gap), size=len(gap))].mean() for _ in range(ROUNDS)]
    low, high = np.quantile(means, [0.025, 0.975])
    return f"{gap.mean():+.3f} [{low:+.3f}, {high:+.3f}]"


def main(arguments: list[str]) -> None:
    deadline = minutes(arguments)
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for seed in SEEDS:
        for house in HOUSES:
            for way in WAYS:
                one = cell(house, way, seed, deadline)
                if one is not None:
                    found.setdefault((house, way), []).append(one)
    lines = [
        (
            "completejourney, kinds of products, seen=allow; means over seeds ± one standard "
            "deviation; k = 20. Revenue: of what a"
        ),
        (
            "household spends in the test, the part its list's hits hold, of the most that 20 "
            "items could. Differences from likelihood:"
        ),
        (
            "paired over households, 95 % bootstrap. Without importance and baseline the policy "
            "gradient on pairs is the likelihood of"
        ),
        (
            "pairs weighed by spend, times the mean spend: what either gains is the reward's "
            "doing. `python experiments/policy/shop.py`"
        ),
    ]
    for house in HOUSES:
        lines += ["", f"## {house}", ""]
        lines.append(
            "| learned by | "
            + " | ".join(SHOWN.values())
            + " | revenue, less likelihood | less likelihood by spend | recall, less likelihood"
            " | CPU s | seeds |"
        )
        lines.append("|---|" + "---:|" * (len(SHOWN) + 5))
        for way in WAYS:
            cells = found.get((house, way), [])
            if not cells:
                lines.append(f"| {way} | not run |" + " |" * (len(SHOWN) + 4))
                continue
            figures = [spread([c["metrics"][name] for c in cells]) for name in SHOWN]
            seeds = {c["seed"] for c in cells}
            plain, spent = (
                [c for c in found.get((house, name), []) if c["seed"] in seeds]
                for name in list(WAYS)[:2]
            )
            gaps = ["", "", ""]
            if way != "likelihood":
                gaps = [
                    difference(cells, plain, "revenue@20"),
                    "" if cells == spent else difference(cells, spent, "revenue@20"),
                    difference(cells, plain, "recall@20"),
                ]
            cpu = statistics.fmean(c["cpu_seconds"] for c in cells)
            lines.append(
                "| " + " | ".join([way, *figures, *gaps, f"{cpu:.0f}", str(len(cells))]) + " |"
            )
    (HERE / "shop.md").write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
