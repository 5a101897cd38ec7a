"""The worked example, segments alone, and the published network on one shop: every run found again
or trained, results.json written. Habits: habits.py.

python experiments/shop/run.py [EXPERIMENT:SEED ...]      default shop and shop_dnn, seeds 0, 1, 2
GNNSEG_DATA and GNNSEG_RUNS as for the command; threads=1.
"""

from __future__ import annotations

import json
import platform
import statistics
import sys
from pathlib import Path
from typing import Any

from gnnseg import config
from gnnseg.runs import train as pipeline
from gnnseg.runs.folder import RunFolder

HERE = Path(__file__).parent
METRICS = (
    "ndcg@20",
    "recall@20",
    "precision@20",
    "revenue@20",
    "ndcg@20/top1",
    "ndcg@20/top3",
    "accuracy/neg1",
    "auc/neg1",
)


def cell(name: str, seed: int) -> dict[str, Any]:
    """One run of an experiment: its figures, and those of the baselines beside it."""
    alone = ["head.habit=false"] if name == "shop" else []
    composed = config.compose([f"experiment={name}", *alone, f"seed={seed}", "threads=1"])
    config.check(composed)
    record = RunFolder(pipeline.train(composed).path).read_json()
    found = record["metrics"]
    return {
        "experiment": name,
        "seed": seed,
        "hash": record["hash"],
        "fingerprint": record["data"]["fingerprint"],
        "best": record["best"],
        "metrics": {m: found[f"test/{m}"] for m in METRICS if found.get(f"test/{m}") is not None},
        "segments_per_user": found["segment/segments_per_user"],
        "baselines": {who: values["test/ndcg@20"] for who, values in record["baselines"].items()},
        "parameters": record["parameters"],
        "seconds": record["seconds"],
        "versions": record["versions"],
        "machine": platform.machine(),
    }


def main(asked: list[tuple[str, int]]) -> None:
    cells = [cell(name, seed) for name, seed in asked]
    (HERE / "results.json").write_text(json.dumps(cells, indent=1) + "\n", "utf-8")
    for name in ("shop", "shop_dnn"):
        for metric in METRICS:
            values = [
                c["metrics"][metric]
                for c in cells
                if c["experiment"] == name and metric in c["metrics"]
            ]
            if values:
                spread = statistics.stdev(values) if len(values) > 1 else float("nan")
                print(
                    f"{name:9} {metric:14} {statistics.mean(values):.4f} ± {spread:.4f} "
                    f"({len(values)} seeds)"
                )


if __name__ == "__main__":
    given = [
        (name, int(seed))
        for name, _, seed in (argument.partition(":") for argument in sys.argv[1:])
    ]
    main(given or [(name, seed) for name in ("shop", "shop_dnn") for seed in (0, 1, 2)])
