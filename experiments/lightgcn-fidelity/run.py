"""Published figures of LightGCN and LightGCN++ again, under their authors' own settings.

usage: python experiments/lightgcn-fidelity/run.py [--minutes M] [SET ...]     (data in GNNSEG_DATA,
runs in GNNSEG_RUNS, else ./runs) Writes a cell as results/<hash>.json when it is finished, finds it
again, and writes results.md from the cells there are. Settings as in the code of Lee et al. (2024):
D 64, 2 layers, normal start of .1, BPR with one uniform negative, Adam 1e-3, L2 1e-4, batch 2048,
raw dot products, validation every 5 epochs and patience of 10, protocol `train-mask`. Their code
draws a user first and then one of the user's items: each user weighs the same, which
objective.degree_power=-1 says of pairs. LightGCN++ on ml-1m with the exponents and gamma their
script gives it. ``--minutes``: begin no cell after so many.
"""

from __future__ import annotations

import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from cells import SEEDS, cell, minutes

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
LIMIT = 7200  # seconds a run may take
COMMON = [
    "evaluation.protocol=train-mask",
    "objective=bpr",
    "objective.degree_power=-1",
    "head=dot",
    "head.similarity=dot",
    "encoder.init=normal",
    "encoder.layers=2",
    "regularisers.l2.weight=0.0001",
    "trainer.max_epochs=2000",
    "trainer.patience=10",
]
ROWS: list[tuple[str, str, list[str], float]] = [  # set, model, settings, published ndcg@20
    ("lastfm", "LightGCN", ["encoder=lightgcn"], 0.2427),
    ("lastfm", "LightGCN++", ["encoder=lightgcnpp"], 0.2624),
    ("ml-1m", "LightGCN", ["encoder=lightgcn"], 0.3010),
    (
        "ml-1m",
        "LightGCN++",
        ["encoder=lightgcnpp", "encoder.alpha=0.5", "encoder.beta=0.0", "encoder.gamma=0.0"],
        0.3275,
    ),
]


def main(arguments: list[str]) -> None:
    deadline = minutes(arguments)
    names = [a for a in arguments if a in {row[0] for row in ROWS}] or [row[0] for row in ROWS]
    lines = [
        (
            "Protocol `train-mask`, means over seeds ± one standard deviation. `python "
            "experiments/lightgcn-fidelity/run.py`"
        ),
        "",
        (
            "| set | model | ndcg@20 | published | ratio | recall@20 | best epoch | CPU s a run | "
            "seeds |"
        ),
        "|---|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for data, model, overrides, published in ROWS:
        found = [
            cell(
                RESULTS,
                [f"data={data}", *overrides, *COMMON, f"seed={seed}"],
                deadline if data in names else 0.0,
                LIMIT,
            )
            for seed in SEEDS
        ]
        done = [one for one in found if one is not None and "metrics" in one]
        if not done:
            lines.append(f"| {data} | {model} | not run | {published} |" + " |" * 5)
            continue
        ndcg, recall = (
            [one["metrics"][f"test/{m}@20"] for one in done] for m in ("ndcg", "recall")
        )
        spread = f" ± {statistics.stdev(ndcg):.4f}" if len(ndcg) > 1 else ""
        epochs = statistics.fmean(one["best"]["epoch"] for one in done)
        cpu = statistics.fmean(one["cpu_seconds"] for one in done)
        mean = statistics.fmean(ndcg)
        cells = [
            f"{mean:.4f}{spread}",
            f"{published}",
            f"{mean / published:.3f}",
            f"{statistics.fmean(recall):.4f}",
            f"{epochs:.0f}",
            f"{cpu:.0f}",
            str(len(done)),
        ]
        lines.append(f"| {data} | {model} | {' | '.join(cells)} |")
    (HERE / "results.md").write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
