"""What of a household's own past says most about what comes next, on validation: past.json.

python experiments/shop/past.py [LEVEL ...]      default product_type product_id
No model: own history by lines of receipts, by visits, by visits that fade by half in DAYS, and by
these times (visits a buyer)^1/2 of the item, the household itself left out. ndcg@20 of validation;
the test is not read.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gnnseg import config
from gnnseg.config import build
from gnnseg.data import visits
from gnnseg.evaluation import ranking
from gnnseg.evaluation.metrics import METRICS
from gnnseg.graph import build as graph_of
from gnnseg.models.baselines import FadingHistory
from gnnseg.rng import Rng
from gnnseg.runs import train as pipeline
from gnnseg.types import Features, Past

HERE = Path(__file__).parent
DAYS = (30.0, 73.0, 147.0, 293.0)
SHRUNK = 3.0  # buyers of the average item that stand beside an item's own


def variants(apart: Any, train: Any, users: int, items: int) -> dict[str, Past]:
    """The pasts that are compared, by name; the first column of each counts."""
    half_lives = np.array([*DAYS, np.inf]) * visits.DAY
    past = visits.latest(apart, half_lives, users, items)
    found = {f"visits, half-life {days:g} days": column(past, m) for m, days in enumerate(DAYS)}
    found = {"visits": column(past, len(DAYS)), **found}
    key, times = np.unique(apart.user * items + apart.item, return_counts=True)
    item = key % items
    seen, buyers = np.bincount(item, times, minlength=items), np.bincount(item, minlength=items)
    usual = times.sum() / len(key)
    again = (seen[item] - times + SHRUNK * usual) / (buyers[item] - 1 + SHRUNK)
    faded = past.share[:, DAYS.index(147.0)] * torch.from_numpy(np.sqrt(again)).float()
    weighed = Past(past.taken, faded[:, None], past.traits)
    lines = torch.from_numpy(train.count).float()
    return {
        "lines": Past(past.taken, lines[:, None], past.traits),
        **found,
        "visits, half-life 147 days, bought again": weighed,
    }


def column(past: Past, m: int) -> Past:
    """One half-life of a past."""
    return Past(past.taken, past.share[:, m : m + 1], past.traits)


def measured(level: str) -> dict[str, float]:
    """ndcg@20 on validation of every variant."""
    composed = config.compose(["experiment=shop", f"data.level={level}"])
    split = pipeline.read(composed, lambda line: None)
    protocol = build(composed["evaluation"], {})
    task, users, items = protocol.valid_task(split), len(split.users), len(split.items)
    graph = graph_of(split.train, users, items)
    counts = torch.from_numpy(np.bincount(split.train.item, minlength=items))
    found = {}
    for name, past in variants(split.visits["train"], split.train, users, items).items():
        baseline = FadingHistory(past, 0)
        baseline.fit(split.train, users, items, Rng(0))
        scorer = baseline.scorer(graph, Features())
        figures = ranking.evaluate(
            scorer, task.relevant, task.mask, ks=[20], item_counts=counts, cold=task.cold,
            metrics={"ndcg": METRICS["ndcg"]},
        )  # fmt: skip
        found[name] = figures.metrics["ndcg@20"]
        print(f"{level:14} {name:44} {found[name]:.4f}", flush=True)
    return found


if __name__ == "__main__":
    path = HERE / "past.json"
    known = json.loads(path.read_text("utf-8")) if path.exists() else {}
    for asked in sys.argv[1:] or ("product_type", "product_id"):
        known[asked] = measured(asked)
        path.write_text(json.dumps(known, indent=1) + "\n", "utf-8")
