"""Habits beside segments alone and a user's own fading history: habits.json.

python experiments/shop/habits.py [CASE:SEED ...]      default every case, seeds 0, 1, 2
GNNSEG_DATA and GNNSEG_RUNS as for the command; threads=1. ``plays`` are drawn from lastfm-2k's
counts of plays, PLAYS a listener, without times, and written beside the runs.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from gnnseg import config
from gnnseg.runs import train as pipeline
from gnnseg.runs.run import Run

HERE = Path(__file__).parent
PLAYS = 100  # drawn for each listener, as often as they played an artist
PLAYED = "{plays}"
CASES: dict[str, list[str]] = {
    "kinds": ["experiment=shop"],
    "kinds, segments alone": ["experiment=shop", "head.habit=false"],
    "products": ["experiment=shop", "data.level=product_id"],
    "plays": [
        "data=file", f"data.path={PLAYED}", "split=random_per_user", "head.segments=16",
        "head.habit=true", "evaluation.seen=allow",
    ],
    "plays, segments alone": [
        "data=file", f"data.path={PLAYED}", "split=random_per_user", "head.segments=16",
        "evaluation.seen=allow",
    ],
    "music as it is": ["experiment=music", "head.habit=true", "evaluation.seen=allow"],
}  # fmt: skip
METRICS = ("ndcg@20", "recall@20", "ndcg@20/top1", "ndcg@20/top3")


def drawn_plays(path: Path) -> Path:
    """Write user, item (an artist): a line a play, drawn with a fixed seed."""
    root = Path(os.environ.get("GNNSEG_DATA", "./data"))
    table = pl.read_csv(root / "lastfm-2k" / "user_artists.dat", separator="\t").sort(
        "userID", "artistID"
    )
    g, rows = np.random.default_rng(0), []
    for (user,), mine in table.group_by("userID", maintain_order=True):
        played = mine["weight"].to_numpy()
        times = g.multinomial(PLAYS, played / played.sum())
        artists = np.repeat(mine["artistID"].to_numpy(), times)
        rows.append(pl.DataFrame({"user": [user] * len(artists), "item": artists}))
    path.parent.mkdir(parents=True, exist_ok=True)
    pl.concat(rows).write_csv(path)
    return path


def cell(case: str, seed: int) -> dict[str, Any]:
    """One run of a case: its figures on validation and test, and those of the baselines."""
    overrides = CASES[case]
    if any(PLAYED in one for one in overrides):
        runs = Path(os.environ.get("GNNSEG_RUNS", "./runs"))
        path = drawn_plays(runs.absolute() / "plays.csv")
        overrides = [one.replace(PLAYED, str(path)) for one in overrides]
    composed = config.compose(
        [*overrides, f"seed={seed}", "threads=1", "evaluation.metrics=[recall,ndcg]"]
    )
    config.check(composed)
    return figures(case, seed, Run.load(pipeline.train(composed).path))


def figures(case: str, seed: int, run: Run) -> dict[str, Any]:
    """What is kept of a run."""
    record, found = run.record, run.metrics
    return {
        "case": case,
        "seed": seed,
        "command": list(CASES[case]),
        "hash": record["hash"],
        "numerics": record["numerics"],
        "fingerprint": record["data"]["fingerprint"],
        "best": record["best"],
        "valid/ndcg@20": found["valid/ndcg@20"],
        "metrics": {m: found[f"test/{m}"] for m in METRICS},
        "habit": found.get("habit/weight"),
        **learned(run),
        "segments_per_user": found["segment/segments_per_user"],
        "baselines": {who: values["test/ndcg@20"] for who, values in record["baselines"].items()},
        "seconds": record["seconds"],
        "versions": record["versions"],
        "machine": platform.machine(),
    }


def learned(run: Run) -> dict[str, Any]:
    """What the habits have learned: weights by half-life (the shortest first), level, traits."""
    from safetensors.torch import load_file

    weights = load_file(run.path / "model.safetensors")
    if "head.habits.decay" not in weights:
        return {}
    decay = weights["head.habits.decay"].softmax(0).tolist()
    return {
        "decay": [round(w, 4) for w in decay],
        "level": weights["head.habits.level"].item(),
        "traits": weights["head.habits.trait"].tolist(),
    }


def main(asked: list[tuple[str, int]]) -> None:
    path = HERE / "habits.json"
    cells = json.loads(path.read_text("utf-8")) if path.exists() else []
    for case, seed in asked:
        found = cell(case, seed)
        cells = [c for c in cells if (c["case"], c["seed"]) != (case, seed)] + [found]
        order = list(CASES)
        cells.sort(key=lambda c: (order.index(c["case"]), c["seed"]))
        path.write_text(json.dumps(cells, indent=1) + "\n", "utf-8")
    for case in CASES:
        mine = [c for c in cells if c["case"] == case]
        if mine:
            values = [c["metrics"]["ndcg@20"] for c in mine]
            spread = statistics.stdev(values) if len(values) > 1 else float("nan")
            own = mine[0]["baselines"].get("own history (decay)", float("nan"))
            print(f"{case:24} {statistics.mean(values):.4f} ± {spread:.4f}   own {own:.4f}")


if __name__ == "__main__":
    given = [(case, int(seed)) for case, _, seed in (one.rpartition(":") for one in sys.argv[1:])]
    main(given or [(case, seed) for case in CASES for seed in (0, 1, 2)])
