"""Friends of known homophily: what the social parts add, and that they add nothing where friends
say nothing.

usage: python experiments/social/planted.py          (finished runs are found again) Settings are
chosen on validation, on sets drawn for that alone (CHOSEN_ON); the tests of SEEDS are read once.
Writes experiments/social/results.json and results.md. Runs go to GNNSEG_RUNS, else ./runs.
"""

from __future__ import annotations

import json
import platform
import statistics
import time
from pathlib import Path
from typing import Any

from gnnseg import config, graph
from gnnseg.runs import identity
from gnnseg.runs import train as pipeline
from gnnseg.runs.folder import RunFolder
from gnnseg.types import Edges

HERE = Path(__file__).resolve().parent
SET = [
    "data=planted", "data.preset=hard", "data.users=1000", "data.items=500", "data.segments=8",
    "data.interactions=10000",
    "head.segments=8", "threads=1",
]  # fmt: skip
HOMOPHILY = (0.0, 0.3, 0.6, 0.9)
SEEDS = (0, 1, 2, 3, 4)  # of the set drawn, its split and the run alike
CHOSEN_ON, CHOSEN_AT = (10, 11), 0.6
MESSAGES, PULL = (0.5, 1, 2), (1, 3, 10)  # encoder.social, regularisers.social.weight
GATE = (0.0, 0.1, 0.3)  # homophily at which only its measurement is looked at
DRAWS = 50  # sets for each
SHOWN = {
    "recall@20": "test/recall@20", "ndcg@20": "test/ndcg@20",
    "recovery ARI": "segment/recovery_ari",
    "friends together": "segment/friends_together", "by chance": "segment/friends_by_chance",
}  # fmt: skip


def train(homophily: float, seed: int, *overrides: str) -> dict[str, Any]:
    """One run; its record."""
    seeds = [
        f"seed={seed}",
        f"data.seed={seed}",
        f"split.seed={seed}",
        f"data.homophily={homophily}",
    ]
    composed = config.compose([*SET, *seeds, *overrides])
    config.check(composed)
    path = pipeline.train(composed, say=lambda line: None, progress=False).path
    return RunFolder(path).read_json()


def choose() -> dict[str, Any]:
    """The weight of each social part with the best validation ndcg."""
    found: dict[str, Any] = {}
    for key, values in (("encoder.social", MESSAGES), ("regularisers.social.weight", PULL)):
        scores = {
            str(v): statistics.fmean(
                train(CHOSEN_AT, s, f"{key}={v}")["metrics"]["valid/ndcg@20"] for s in CHOSEN_ON
            )
            for v in values
        }
        found[key] = {"valid/ndcg@20": scores, "chosen": max(scores, key=lambda v: scores[v])}
    return found


def gate() -> dict[str, Any]:
    """How often ties are found to say something, by the homophily that they were drawn with."""
    found = {}
    for homophily in GATE:
        measured = []
        for seed in range(DRAWS):
            composed = config.compose(
                [*SET, f"data.seed={seed}", f"split.seed={seed}", f"data.homophily={homophily}"]
            )
            split = pipeline.read(composed, lambda line: None)
            assert isinstance(split.social, Edges)
            built = graph.build(
                split.train, len(split.users), len(split.items), weights=None, ties=split.social
            )
            measured.append(built.homophily)
        found[str(homophily)] = {
            "open": sum(m > 0 for m in measured),
            "of": DRAWS,
            "mean": statistics.fmean(measured),
        }
    return found


def spread(values: list[float]) -> dict[str, float]:
    return {
        "mean": round(statistics.fmean(values), 5),
        "std": round(statistics.stdev(values), 5),
        "n": len(values),
    }


def measure(chosen: dict[str, Any]) -> dict[str, Any]:
    """Every arm at every homophily: means, deviations, and differences from the arm without ties,
    seed by seed."""
    messages, pull = (f"{key}={node['chosen']}" for key, node in chosen.items())
    arms = {
        "no ties": [], f"{messages}": [messages], f"{pull}": [pull], "both": [messages, pull],
        "ties alone (encoder=social objective=network)": ["encoder=social", "objective=network"],
    }  # fmt: skip
    unmeasured = {"both, graph.homophily=full": [messages, pull, "graph.homophily=full"]}
    rows: dict[str, Any] = {}
    for homophily in HOMOPHILY:
        plain: list[dict[str, float]] = []
        for arm, overrides in (arms | (unmeasured if homophily == 0 else {})).items():
            records = [train(homophily, seed, *overrides) for seed in SEEDS]
            metrics = [r["metrics"] for r in records]
            plain = plain or metrics
            rows[f"{homophily} {arm}"] = {
                "homophily": homophily,
                "arm": arm,
                "figures": {name: spread([m[key] for m in metrics]) for name, key in SHOWN.items()},
                "less no ties": {
                    name: spread([m[key] - p[key] for m, p in zip(metrics, plain, strict=True)])
                    for name, key in SHOWN.items()
                },
                "measured homophily": [r["data"]["homophily"] for r in records],
                "seconds": spread([r["seconds"]["total"] for r in records]),
                "fingerprints": [r["data"]["fingerprint"][:16] for r in records],
            }
    return rows


def table(results: dict[str, Any]) -> str:
    names = list(SHOWN)
    lines = [
        "| homophily | arm | " + " | ".join(names) + " | ndcg@20 less no ties | ARI less no ties |"
    ]
    lines.append("|---:|---|" + "---:|" * (len(names) + 2))

    def show(node: dict[str, float], sign: str = "") -> str:
        return f"{node['mean']:{sign}.4f} ± {node['std']:.4f}"

    for row in results["rows"].values():
        apart = row["less no ties"]
        cells = [show(row["figures"][name]) for name in names]
        cells += [
            "" if row["arm"] == "no ties" else show(apart[name], "+")
            for name in ("ndcg@20", "recovery ARI")
        ]
        lines.append(f"| {row['homophily']} | {row['arm']} | " + " | ".join(cells) + " |")
    lines += [
        "",
        "| homophily drawn | sets whose ties are found to say something | mean measured |",
        "|---:|---:|---:|",
    ]
    for drawn, node in results["gate"].items():
        lines.append(f"| {drawn} | {node['open']} of {node['of']} | {node['mean']:.3f} |")
    lines += [
        "",
        (
            f"Mean ± standard deviation over {len(SEEDS)} drawn sets; differences are paired, set "
            "by set."
        ),
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    begun = time.monotonic()
    chosen = choose()
    results = {
        "chosen": chosen, "rows": measure(chosen), "gate": gate(), "set": SET,
        "machine": f"{platform.machine()}, one thread",
        "versions": identity.versions(), "measured": time.strftime("%Y-%m-%d"),
        "seconds": round(time.monotonic() - begun),
    }  # fmt: skip
    (HERE / "results.json").write_text(
        json.dumps(results, indent=1, ensure_ascii=False) + "\n", "utf-8"
    )
    (HERE / "results.md").write_text(table(results), "utf-8")


if __name__ == "__main__":
    main()
