"""How long a full ranking of Gowalla's test takes: 29,858 users by 40,981 items, every metric,
median of five.

usage: python experiments/evaluation-speed/bench.py      (Gowalla in GNNSEG_DATA; writes
results.json beside this file) Embeddings are drawn (width 64): the time does not depend on what
they say.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from pathlib import Path

import torch

from gnnseg import config
from gnnseg.evaluation import ranking
from gnnseg.evaluation.protocol import Protocol
from gnnseg.models.heads.dot import DotScorer
from gnnseg.runs import train as pipeline
from gnnseg.types import Embeddings, Split


def main() -> None:
    split = pipeline.read(config.compose(["data=gowalla"]), print)
    task = Protocol(protocol="paper", seen="mask", ks=[20]).test_task(split)
    g = torch.Generator().manual_seed(0)
    user, item = (torch.randn(n, 64, generator=g) for n in (len(split.users), len(split.items)))
    scorer = DotScorer(Embeddings(user, item, user, item), 0.1, torch.zeros(len(split.items)))
    seconds = []
    for _ in range(6):
        begun = time.perf_counter()
        found = ranking.evaluate(
            scorer,
            task.relevant,
            task.mask,
            ks=[20],
            item_counts=split_counts(split),
            cold=task.cold,
        )
        seconds.append(time.perf_counter() - begun)
    result = {
        "users": found.counts["users"], "items": len(split.items),
        "median_seconds": round(statistics.median(seconds[1:]), 2),
        "seconds": [round(s, 2) for s in seconds[1:]], "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
        "machine": platform.machine(), "torch": torch.__version__,
    }  # fmt: skip
    (Path(__file__).parent / "results.json").write_text(
        json.dumps(result, indent=1) + "\n", "utf-8"
    )
    print(json.dumps(result))


def split_counts(split: Split) -> torch.Tensor:
    return torch.from_numpy(split.item_counts)


if __name__ == "__main__":
    main()
