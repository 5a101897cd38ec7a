"""First light: the main job's claims on real data, each a command, several seeds, expected figures,
stored results.

usage: python experiments/first-light/run.py [CLAIM ...]     (all claims without an argument;
finished runs are found again) Data come from GNNSEG_DATA. Settings were chosen on validation
(experiments/first-light/tune.py); the tests are read here. Writes
experiments/first-light/results.json and results.md. Runs go to GNNSEG_RUNS, else ./runs.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SPLITS = ["split.seed=0", "split.seed=1", "split.seed=2"]
SEEDS = ["seed=0", "seed=1", "seed=2"]
NDCG, RECALL = "test/ndcg@20", "test/recall@20"

# name: (overrides, one per run, what must hold of the mean: metric -> least)
CLAIMS: dict[str, tuple[list[str], list[str], dict[str, float]]] = {
    "ml-100k": ([], SPLITS, {RECALL: 0.325, NDCG: 0.285}),
    "ml-100k, 64 segments": (["head.segments=64", "head.tau_alpha=0.2"], SPLITS, {NDCG: 0.315}),
    "ml-100k, membership": (["head.beta=membership"], SPLITS, {}),
    "ml-100k, affinity": (["head.beta=affinity"], SPLITS, {}),
    "ml-100k, dot": (["head=dot", "head.tau=0.12", "encoder.dim=64"], SPLITS, {}),
    "ml-100k, posthoc": (["head=posthoc"], SPLITS, {}),
    "completejourney, seen=mask": (
        ["data=completejourney", "data.level=product_id"],
        ["seed=0"],
        {},
    ),
    "completejourney, seen=allow": (
        ["data=completejourney", "data.level=product_id", "evaluation.seen=allow"],
        ["seed=0"],
        {},
    ),
    "ml-1m, 64 segments": (
        [
            "data=ml-1m",
            "encoder=lightgcn",
            "head=segments",
            "head.segments=64",
            "head.beta=distribution",
            "objective=likelihood",
            "evaluation.protocol=clean",
        ],
        SEEDS,
        {NDCG: 0.330},
    ),
    "ml-1m, 64 segments, top 3": (
        [
            "data=ml-1m",
            "encoder=lightgcn",
            "head=segments",
            "head.segments=64",
            "head.beta=distribution",
            "objective=likelihood",
            "evaluation.protocol=clean",
            "head.top=3",
        ],
        SEEDS,
        {NDCG: 0.295},
    ),
    "lastfm, dot": (
        [
            "data=lastfm",
            "encoder=lightgcn",
            "head=dot",
            "head.tau=0.12",
            "encoder.dim=64",
            "objective=sampled_softmax",
        ],
        SEEDS,
        {NDCG: 0.245},
    ),
    "gowalla, mf": (
        [
            "data=gowalla",
            "encoder=mf",
            "encoder.init=spectral",
            "encoder.dim=128",
            "head=dot",
            "head.tau=0.12",
            "objective=sampled_softmax",
            "evaluation.protocol=paper",
        ],
        ["seed=0"],
        {RECALL: 0.182, NDCG: 0.154},
    ),
    "planted": (["data=planted"], ["seed=0", "seed=1", "seed=2"], {"segment/recovery_ari": 0.95}),
    "planted, hard": (["data=planted", "data.preset=hard"], ["seed=0", "seed=1", "seed=2"], {}),
}
SHOWN = (
    RECALL,
    NDCG,
    "segment/segments_per_user",
    f"{NDCG}/top1",
    f"{NDCG}/top3",
    "segment/effective_k",
    "segment/recovery_ari",
)


def train(overrides: list[str]) -> dict[str, Any]:
    """One run by the command; its record."""
    done = subprocess.run(
        [sys.executable, "-m", "gnnseg", "train", *overrides],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    record = json.loads((Path(done.stdout.strip()) / "run.json").read_text("utf-8"))
    assert isinstance(record, dict)
    return record


def claim(name: str) -> dict[str, Any]:
    """All runs of a claim: means and deviations, baselines, times, and whether it holds."""
    overrides, seeds, least = CLAIMS[name]
    records = [train([*overrides, seed]) for seed in seeds]
    figures = {
        m: _spread([r["metrics"][m] for r in records]) for m in SHOWN if m in records[0]["metrics"]
    }
    baselines = {
        who: {m: _spread([r["baselines"][who][m] for r in records]) for m in (RECALL, NDCG)}
        for who in records[0]["baselines"]
    }
    return {
        "command": " ".join(["gnnseg train", *overrides, f"({', '.join(seeds)})"]),
        "protocol": records[0]["protocol"],
        "seen": records[0]["seen"],
        "figures": figures,
        "baselines": baselines,
        "seconds": _spread([r["seconds"]["total"] for r in records]),
        "memory_mb": _spread([r["memory_mb"] for r in records]),
        "least": least,
        "holds": all(figures[m]["mean"] >= value for m, value in least.items()) if least else None,
        "fingerprints": sorted({r["data"]["fingerprint"][:16] for r in records}),
        "device": records[0]["device"],
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "versions": records[0]["versions"],
        "measured": time.strftime("%Y-%m-%d"),
    }


def _spread(values: list[float]) -> dict[str, float]:
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    return {
        "mean": round(statistics.fmean(values), 5),
        "std": round(deviation, 5),
        "n": len(values),
    }


def table(results: dict[str, Any]) -> str:
    """The results as Markdown."""
    head = (
        "| claim | recall@20 | ndcg@20 | segments a user | ndcg@20 top 1 / top 3 "
        "| popularity ndcg@20 | posthoc (own) ndcg@20 | s a run | must be |"
    )
    lines = [head, "|---|---:|---:|---:|---:|---:|---:|---:|---|"]
    for name, result in results.items():
        f, b = result["figures"], result["baselines"]

        def show(metric: str, f: dict[str, Any] = f) -> str:
            if metric not in f:
                return ""
            return f"{f[metric]['mean']:.4f}" + (
                f" ± {f[metric]['std']:.4f}" if f[metric]["n"] > 1 else ""
            )

        tops = (
            ""
            if f"{NDCG}/top1" not in f
            else f"{f[f'{NDCG}/top1']['mean']:.4f} / {f[f'{NDCG}/top3']['mean']:.4f}"
        )
        soft = (
            ""
            if "segment/segments_per_user" not in f
            else f"{f['segment/segments_per_user']['mean']:.1f}"
        )
        must = ", ".join(f"{m.removeprefix('test/')} ≥ {v:g}" for m, v in result["least"].items())
        if "segment/recovery_ari" in f:
            must = (must + f" (ARI {f['segment/recovery_ari']['mean']:.3f})").strip()
        mark = (
            ""
            if result["holds"] is None
            else (": holds" if result["holds"] else ": **does not hold**")
        )
        paper = "†" if result["protocol"] == "paper" else ""
        cells = [
            name + paper,
            show(RECALL),
            show(NDCG),
            soft,
            tops,
            f"{b['popularity'][NDCG]['mean']:.4f}",
            f"{b['posthoc (own embeddings)'][NDCG]['mean']:.4f}",
            f"{result['seconds']['mean']:.0f}",
            must + mark,
        ]
        lines.append("| " + " | ".join(cells) + " |")
    lines.append("")
    lines.append(
        "† protocol paper: best epoch chosen on the test. Mean ± standard deviation over the seeds "
        "in results.json."
    )
    return "\n".join(lines) + "\n"


def main(names: list[str]) -> None:
    path = HERE / "results.json"
    results = json.loads(path.read_text("utf-8")) if path.exists() else {}
    for name in names or list(CLAIMS):
        results[name] = claim(name)
        results = {known: results[known] for known in CLAIMS if known in results}
        path.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", "utf-8")
        (HERE / "results.md").write_text(table(results), "utf-8")
        print(
            name,
            results[name]["figures"],
            "holds" if results[name]["holds"] else results[name]["holds"],
            file=sys.stderr,
        )


if __name__ == "__main__":
    main(sys.argv[1:])
