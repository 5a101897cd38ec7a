"""Do segments help when they go back into the model? Negatives, weights and item bias by segment;
against the same without.

usage: python experiments/back/run.py [SET | table]    (finished runs are found again; table:
results.md from results.json) Settings are chosen on validation, split.seed=0; the chosen ones and
the plain ones are then run on all splits, tests read once. One partition of the users for all rows
of a set and split: k-means (K = 16) on the embeddings of the plain ``dot`` run. Data come from
GNNSEG_DATA. Writes experiments/back/results.json and results.md. Runs go to GNNSEG_RUNS, else
./runs.
"""

from __future__ import annotations

import json
import platform
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from safetensors.torch import load_file

from gnnseg import config
from gnnseg.models.kmeans import nearest, prototypes
from gnnseg.rng import Rng
from gnnseg.runs import identity
from gnnseg.runs import train as pipeline
from gnnseg.runs.folder import RunFolder

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))  # for parts
SETS = ("ml-100k", "lastfm-2k")
SPLITS = (0, 1, 2)
K = 16
FEW = 20  # judged users below which a segment's mean is not looked at
NEGATIVES = "objective.negatives=256"  # a quarter of the default, in every row that samples: time
SOFTMAX, LIKELIHOOD = "objective=segment_softmax", "objective=segment_likelihood"
OWN = [[SOFTMAX, NEGATIVES, f"objective.own={v}"] for v in (-1, -0.5, 0.5, 1)]
# eta of one more row, whatever validation says: overall ndcg cannot choose what is for the worst
# segment
STRONG = 0.03
# head: (plain, or what to choose it from; {what: its few settings})
HEADS: dict[str, tuple[list[Any], dict[str, list[list[str]]]]] = {
    "dot": (
        ["head=dot", "head.tau=0.12", "encoder.dim=64", NEGATIVES],
        {
            "negatives by segment": [
                ["head=dot", "head.tau=0.12", "encoder.dim=64", *one] for one in OWN
            ],
            "worst-segment weights": [
                [
                    "head=dot",
                    "head.tau=0.12",
                    "encoder.dim=64",
                    SOFTMAX,
                    NEGATIVES,
                    f"objective.eta={v}",
                ]
                for v in (0.003, 0.03)
            ],
            "worst-segment weights, strong": [
                [
                    "head=dot",
                    "head.tau=0.12",
                    "encoder.dim=64",
                    SOFTMAX,
                    NEGATIVES,
                    f"objective.eta={STRONG}",
                ]
            ],
            "item bias by segment": [
                ["head=biased_dot", NEGATIVES, f"head.pace={v}"] for v in (0.1, 1)
            ],
        },
    ),
    "segments (distribution, likelihood)": (
        ["head=segments"],
        {
            "worst-segment weights": [
                ["head=segments", LIKELIHOOD, f"objective.eta={v}"] for v in (0.003, 0.03)
            ],
            "worst-segment weights, strong": [
                ["head=segments", LIKELIHOOD, f"objective.eta={STRONG}"]
            ],
            "item bias by segment": [["head=biased_segments", f"head.pace={v}"] for v in (0.1, 1)],
        },
    ),
    "segments (affinity, sampled softmax)": (
        ["head=segments", "head.beta=affinity", NEGATIVES],
        {
            "negatives by segment": [["head=segments", "head.beta=affinity", *one] for one in OWN],
            "worst-segment weights": [
                ["head=segments", "head.beta=affinity", SOFTMAX, NEGATIVES, f"objective.eta={v}"]
                for v in (0.003, 0.03)
            ],
            "worst-segment weights, strong": [
                [
                    "head=segments",
                    "head.beta=affinity",
                    SOFTMAX,
                    NEGATIVES,
                    f"objective.eta={STRONG}",
                ]
            ],
        },
    ),
    # hard negatives and another temperature do alike: the same, where both may have the temperature
    # that validation likes best
    "segments (affinity, sampled softmax, tau chosen)": (
        [
            ["head=segments", "head.beta=affinity", NEGATIVES, f"head.tau={v}"]
            for v in (0.1, 0.12, 0.15, 0.2, 0.3, 0.4)
        ],
        {
            "negatives by segment": [
                [
                    "head=segments",
                    "head.beta=affinity",
                    f"head.tau={v}",
                    SOFTMAX,
                    NEGATIVES,
                    "objective.own=1",
                ]
                for v in (0.2, 0.3, 0.4)
            ]
        },
    ),
}
SHOWN = ("recall@20", "ndcg@20", "worst segment", "worst segment of plain dot")


def train(name: str, split: int, overrides: list[str]) -> Path:
    composed = config.compose(
        [f"data={name}", f"split.seed={split}", "threads=1", "allow=[parts]", *overrides],
        [HERE / "conf"],
    )
    config.check(composed)
    return pipeline.train(composed, say=lambda line: None, progress=False).path


def partition(run: Path) -> np.ndarray[Any, Any]:
    """(U,) the users' segments by k-means on the embeddings of a finished run."""
    user_UD = load_file(run / "scores.safetensors")["user"]
    found: np.ndarray[Any, Any] = nearest(
        user_UD, prototypes(user_UD, K, Rng(0).child("partition"), rounds=300)
    ).numpy()
    return found


def by_segment(run: Path, segment_U: np.ndarray[Any, Any]) -> dict[int, tuple[float, int]]:
    """ndcg@20 on the test and the number of judged users of each segment."""
    ids = (
        pl.read_parquet(run / "ids.parquet")
        .filter(pl.col("kind") == "user")
        .select(user="id", index="index")
    )
    users = (
        pl.read_parquet(run / "per_user.parquet")
        .filter(~pl.col("cold"))
        .join(ids, on="user", how="left")
    )
    place, ndcg = segment_U[users["index"].to_numpy()], users["ndcg@20"].to_numpy()
    return {
        k: (float(ndcg[place == k].mean()), int((place == k).sum()))
        for k in range(K)
        if (place == k).any()
    }


def judged(
    name: str, split: int, overrides: list[str], segment_U: np.ndarray[Any, Any], hardest: int
) -> dict[str, Any]:
    run = train(name, split, overrides)
    record, ndcg = RunFolder(run).read_json(), by_segment(run, segment_U)
    large = {k: value for k, (value, users) in ndcg.items() if users >= FEW}
    return {
        "recall@20": record["metrics"]["test/recall@20"],
        "ndcg@20": record["metrics"]["test/ndcg@20"],
        "worst segment": min(large.values()),
        "worst segment of plain dot": ndcg[hardest][0],
        "seconds": record["seconds"]["total"],
        "fingerprint": record["data"]["fingerprint"][:16],
        "hash": record["hash"][:12],
    }


def chosen(name: str, settings: list[list[str]]) -> tuple[list[str], dict[str, float]]:
    """The setting with the best validation ndcg on the first split, and all that were tried."""
    tried = {}
    for overrides in settings:
        metrics = RunFolder(train(name, SPLITS[0], overrides)).read_json()["metrics"]
        tried[" ".join(overrides)] = round(metrics["valid/ndcg@20"], 5)
    best = max(tried, key=lambda key: tried[key])
    return best.split(" "), tried


def spread(values: list[float]) -> dict[str, float]:
    return {
        "mean": round(statistics.fmean(values), 5),
        "std": round(statistics.stdev(values), 5),
        "n": len(values),
    }


def measure(name: str) -> list[dict[str, Any]]:
    """Every row of one set."""
    parts, hardest = {}, {}
    for split in SPLITS:
        run = train(name, split, HEADS["dot"][0])
        parts[split] = partition(run)
        ndcg = {
            k: value for k, (value, users) in by_segment(run, parts[split]).items() if users >= FEW
        }
        hardest[split] = min(ndcg, key=lambda k: ndcg[k])
    rows = []
    for head, (plain, ideas) in HEADS.items():
        tuned: dict[str, float] = {}
        if isinstance(plain[0], list):
            plain, tuned = chosen(name, plain)
        before = [judged(name, split, plain, parts[split], hardest[split]) for split in SPLITS]
        rows.append(
            {
                "set": name,
                "head": head,
                "idea": "plain",
                "setting": " ".join(plain),
                "valid/ndcg@20": tuned,
                "runs": before,
            }
        )
        for idea, settings in ideas.items():
            setting, tried = chosen(name, settings)
            after = [judged(name, split, setting, parts[split], hardest[split]) for split in SPLITS]
            rows.append(
                {
                    "set": name,
                    "head": head,
                    "idea": idea,
                    "setting": " ".join(setting),
                    "valid/ndcg@20": tried,
                    "runs": after,
                }
            )
            rows[-1]["less plain"] = {
                m: spread([a[m] - b[m] for a, b in zip(after, before, strict=True)]) for m in SHOWN
            }
        for row in rows:
            row["figures"] = {m: spread([run[m] for run in row["runs"]]) for m in SHOWN}
    return rows


def table(results: dict[str, Any]) -> str:
    names = [
        "recall@20",
        "ndcg@20",
        "worst segment's ndcg@20",
        "ndcg@20 of plain dot's worst segment",
    ]
    lines = [
        "| set | head | idea | chosen | "
        + " | ".join(names)
        + " | ndcg@20 less plain | worst segment less plain |"
    ]
    lines.append("|---|---|---|---|" + "---:|" * 6)

    def show(node: dict[str, float], sign: str = "") -> str:
        return f"{node['mean']:{sign}.4f} ± {node['std']:.4f}"

    for row in [row for name in SETS if name in results for row in results[name]["rows"]]:
        setting = " ".join(
            s
            for s in row["setting"].split(" ")
            if s.startswith(("objective.own", "objective.eta", "head.pace", "head.tau"))
        )
        cells = [show(row["figures"][m]) for m in SHOWN]
        apart = row.get("less plain")
        cells += [show(apart[m], "+") if apart else "" for m in ("ndcg@20", "worst segment")]
        lines.append(
            f"| {row['set']} | {row['head']} | {row['idea']} | {setting} | "
            + " | ".join(cells)
            + " |"
        )
    lines += [
        "",
        (
            "Mean ± standard deviation over three splits; differences are paired, split by split. "
            "Worst segment: the lowest mean"
        ),
    ]
    lines += [
        f"over the segments of at least {FEW} judged users, of one partition for all rows of a set "
        "and split."
    ]
    return "\n".join(lines) + "\n"


def main(*names: str) -> None:
    path = HERE / "results.json"
    for name in [one for one in SETS if one in names] if names else SETS:
        found = {
            "rows": measure(name),
            "machine": f"{platform.machine()}, one thread",
            "versions": identity.versions(),
            "measured": time.strftime("%Y-%m-%d"),
        }
        results = {**(json.loads(path.read_text("utf-8")) if path.exists() else {}), name: found}
        path.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", "utf-8")
    (HERE / "results.md").write_text(table(json.loads(path.read_text("utf-8"))), "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
