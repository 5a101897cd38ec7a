"""Every baseline at its defaults and after a small tuning by validation.

    python experiments/baselines/run.py ROOT [--data ml-100k ...] [--baselines ease ...]
    python experiments/baselines/run.py --table

Into results.jsonl, shown in results.md: the test figures of the defaults and of what validation
chose. ROOT: data.root. A trial is fitted and evaluated in memory, by the run's own protocol; what
stands in results.jsonl is not done again. A line's command gives its figures as a run.
"""

from __future__ import annotations

import argparse
import functools
import json
import platform
import resource
import sys
import time
from pathlib import Path
from typing import Any

import torch

from gnnseg.config import build
from gnnseg.evaluation import evaluator
from gnnseg.models.baselines.base import refuse_memory
from gnnseg.models.fitted import FittedModel
from gnnseg.rng import Rng
from gnnseg.runs import inputs, train
from gnnseg.runs.configured import configured
from gnnseg.types import InputError

HERE = Path(__file__).parent
RESULTS = HERE / "results.jsonl"
NEAR: list[dict[str, Any]] = [
    {"neighbours": 20}, {"neighbours": 50}, {"neighbours": 300}, {"shrink": 0.0},
    {"shrink": 100.0}, {"weighting": "tfidf"}, {"weighting": "bm25"},
]  # fmt: skip
TRIALS: dict[str, list[dict[str, Any]]] = {  # beside the defaults: seven of each
    "popularity": [],
    "itemknn": NEAR,
    "userknn": NEAR,
    "rp3beta": [
        {"beta": 0.2}, {"beta": 0.4}, {"beta": 0.6}, {"neighbours": 30}, {"neighbours": 300},
        {"alpha": 0.6}, {"alpha": 1.4},
    ],
    "ease": [{"l2": l2} for l2 in (20.0, 50.0, 100.0, 200.0, 1000.0, 2000.0, 4000.0)],
    "puresvd": [{"factors": d} for d in (8, 16, 32, 96, 128, 192, 256)],
    "gfcf": [
        {"alpha": 0.0}, {"alpha": 0.1}, {"alpha": 0.6}, {"alpha": 1.0}, {"factors": 32},
        {"factors": 64}, {"factors": 128},
    ],
    "ials": [
        {"unobserved": 0.03}, {"unobserved": 0.3}, {"unobserved": 1.0}, {"l2": 0.001},
        {"l2": 0.01}, {"l2": 0.03}, {"factors": 32},
    ],
    "slim": [
        {"l1": 0.1}, {"l1": 1.0}, {"l1": 5.0}, {"l2": 1.0}, {"l2": 50.0}, {"l2": 200.0},
        {"neighbours": 50},
    ],
    "nmf": [{"factors": d} for d in (8, 16, 32, 96, 128, 192, 256)],
    "plsa": [{"factors": d} for d in (8, 16, 32, 96, 128, 192, 256)],
    "bspm": [
        {"sharpen_time": 0.5}, {"sharpen_time": 2.5}, {"merge": "late"}, {"ideal": 0.1},
        {"ideal": 1.0}, {"factors": 64}, {"factors": 128},
    ],
    "multvae": [
        {"anneal": 0.0}, {"anneal": 0.5}, {"dropout": 0.2}, {"epochs": 30}, {"epochs": 60},
        {"hidden": 200}, {"latent": 64},
    ],
}  # fmt: skip
FIGURES = ("ndcg@20", "recall@20")


@functools.cache
def prepared(root: str, data: str, name: str, *extra: str) -> Any:
    """Return a baseline's settings, the split, the protocol, training pairs and the graph."""
    measured = "evaluation.metrics=[recall,ndcg]"
    words = [f"data={data}", f"baseline={name}", *extra, measured, f"data.root={root}", "threads=1"]
    config = configured(words, [])
    split = read(root, data, *extra)
    rules = build(config["evaluation"])
    pairs = rules.training_pairs(split)
    given = inputs.of(config, split, pairs, lambda said: None)
    return config["baseline"], split, rules, pairs, given


@functools.cache
def read(root: str, data: str, *extra: str) -> Any:
    """Return the split of a data set."""
    config = configured([f"data={data}", f"data.root={root}", *extra], [])
    return train.read(config, lambda said: None)


def line(root: str, data: str, name: str, settings: dict[str, Any], *extra: str) -> dict[str, Any]:
    """Fit one baseline, and return its figures."""
    node, split, rules, pairs, given = prepared(root, data, name, *extra)
    baseline, users, items = build({**node, **settings}), len(split.users), len(split.items)
    refuse_memory(f"baseline={name}", baseline, users, items)
    torch.set_num_threads(1)
    model, begun = FittedModel(baseline), time.perf_counter()
    model.fit(pairs, users, items, Rng(0).child(f"baseline {name}"))
    fitting, begun = time.perf_counter() - begun, time.perf_counter()
    tasks = {"test": rules.test_task(split)}
    if rules.protocol != "paper":
        tasks = {"valid": rules.valid_task(split), **tasks}
    found: dict[str, float] = {}
    with torch.no_grad():
        scorer = model.score(model.embed(given.graph, given.features))
        for part, task in tasks.items():
            ranked = evaluator.rank(scorer, task, rules, pairs, torch.device("cpu")).metrics
            found |= {f"{part}/{figure}": round(ranked[figure], 6) for figure in FIGURES}
    words = [
        f"data={data}",
        f"baseline={name}",
        *(f"baseline.{k}={v}" for k, v in settings.items()),
    ]
    return {
        "command": ["gnnseg", "train", *words, *extra], "data": data, "baseline": name,
        "settings": settings, "extra": list(extra), "fingerprint": split.fingerprint[:16],
        "metrics": found, "parameters": model.size, "fit_seconds": round(fitting, 2),
        "evaluate_seconds": round(time.perf_counter() - begun, 2),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "machine": f"{platform.machine()}, 1 thread",
    }  # fmt: skip


def stored() -> list[dict[str, Any]]:
    """Return the lines that are there."""
    if not RESULTS.exists():
        return []
    return [json.loads(each) for each in RESULTS.read_text("utf-8").splitlines()]


def table() -> str:
    """Return the results as Markdown: the test is shown of defaults and of what was chosen."""
    lines = ["# Baselines at their defaults and tuned by validation", ""]
    lines += ["Written by `python experiments/baselines/run.py --table` from results.jsonl.", ""]
    found = stored()
    for data, extra in dict.fromkeys((each["data"], tuple(each["extra"])) for each in found):
        mine = [e for e in found if e["data"] == data and tuple(e["extra"]) == extra]
        lines += [f"## {data} {' '.join(extra)}".rstrip(), ""]
        lines += [
            "| baseline | settings | trials | valid ndcg@20 | test ndcg@20 | test recall@20 | s |"
        ]
        lines += ["|---|---|---|---|---|---|---|"]
        rows = []
        for name in dict.fromkeys(e["baseline"] for e in mine):
            trials = [e for e in mine if e["baseline"] == name and "not run" not in e]
            for refused in (e for e in mine if e["baseline"] == name and "not run" in e):
                lines.append(f"| {name} | refused: {refused['not run']} | | | | | |")
            best = max(trials, key=lambda e: e["metrics"].get("valid/ndcg@20", 0), default=None)
            for each in trials:
                if each["settings"] and each is not best:
                    continue
                m = each["metrics"]
                said = ", ".join(f"{k}={v}" for k, v in each["settings"].items()) or "defaults"
                count = len(trials) if each is best else 1
                valid = m.get("valid/ndcg@20")
                shown = "–" if valid is None else f"{valid:.4f}"
                rows.append((
                    m["test/ndcg@20"],
                    f"| {name} | {said} | {count} | {shown} | {m['test/ndcg@20']:.4f} | "
                    f"{m['test/recall@20']:.4f} | {each['fit_seconds']:.1f} |",
                ))  # fmt: skip
        lines += [row for _, row in sorted(rows, key=lambda row: -row[0])] + [""]
    return "\n".join(lines)


def main() -> None:
    """Fit what is not there yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", nargs="?")
    parser.add_argument("--data", nargs="+", default=["ml-100k", "lastfm-2k", "ml-1m"])
    parser.add_argument("--baselines", nargs="+", default=list(TRIALS))
    parser.add_argument("--extra", nargs="*", default=[])
    parser.add_argument("--defaults", action="store_true", help="no tuning")
    parser.add_argument("--table", action="store_true", help="write results.md and stop")
    asked = parser.parse_args()
    if not asked.table:
        known = {
            (e["data"], e["baseline"], json.dumps(e["settings"]), *e["extra"]) for e in stored()
        }
        for data in asked.data:
            for name in asked.baselines:
                for settings in [{}, *([] if asked.defaults else TRIALS[name])]:
                    if (data, name, json.dumps(settings), *asked.extra) in known:
                        continue
                    try:
                        each = line(asked.root, data, name, settings, *asked.extra)
                    except InputError as refused:
                        each = {"data": data, "baseline": name, "settings": settings}
                        each |= {"extra": asked.extra, "not run": str(refused), "metrics": {}}
                    with RESULTS.open("a", encoding="utf-8") as handle:
                        handle.write(json.dumps(each) + "\n")
                    print(data, name, settings, each["metrics"], file=sys.stderr, flush=True)
    (HERE / "results.md").write_text(table(), "utf-8")


if __name__ == "__main__":
    main()
