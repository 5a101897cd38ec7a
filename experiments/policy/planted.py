"""Learning from a declared logger's log on planted users: policies against likelihood, by their
true value.

usage: python experiments/policy/planted.py [--minutes M]             (runs in GNNSEG_RUNS, else
./runs) Writes a cell as a line of results.jsonl when it is finished, finds it again, and writes
planted.md from the cells there are. 100,000 showings by loggers of sharpness 0, 1 and 3; data,
split and training drawn anew by each of five seeds (1 to 5). Settings (conf/experiment/policy.yaml)
were chosen on draws 6 to 9; but the objective was changed after earlier versions of it had been
seen on draws 1 to 5 (and 11 to 15), so that the policy is judged on five draws never looked at (21
to 25) too. Value: expected reward of one item sampled from the served policy, by summation over
what a user has not taken; optimum: the best such item of each user. Every model is its last
epoch's.
"""

from __future__ import annotations

import hashlib
import statistics
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gnnseg import api, config
from gnnseg.data.sets.answers import Answers
from gnnseg.evaluation import offpolicy
from gnnseg.runs import train as pipeline
from gnnseg.runs.run import Run
from gnnseg.sparse import Csr
from gnnseg.types import Floats, Split

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from cells import interval, kept, minutes

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results.jsonl"
SEEDS, FRESH = (1, 2, 3, 4, 5), (21, 22, 23, 24, 25)
LOGGERS = (0.0, 1.0, 3.0)
SETS = {
    "4 segments, 120 items": ["data.items=120", "data.segments=4", "head.segments=4"],
    "3 segments, 90 items": ["data.items=90", "data.segments=3", "head.segments=3"],
    "8 segments, 200 items": ["data.items=200", "data.segments=8", "head.segments=8"],
}
COMMON = [
    "data.users=1000",
    "data.interactions=8000",
    "data.log_events=100000",
    "experiment=policy",
]
PLAIN = ["objective.importance=none", "objective.baseline=none", "objective.cap=null"]
MODELS: dict[str, list[str]] = {
    "policy": [],
    "policy, no baseline, no cap": ["objective.baseline=none", "objective.cap=null"],
    "policy, no weights": [*PLAIN, "objective.baseline=segments"],
    "REINFORCE, no weights": PLAIN,
    "likelihood of the log's clicks": [*PLAIN, "objective.reward=clicked"],
    "likelihood of the log's clicks, default temperatures": [
        *PLAIN,
        "objective.reward=clicked",
        "head.tau_alpha=0.15",
        "head.tau_beta=0.2",
    ],
    "likelihood of interactions": [*PLAIN, "objective.reward=one"],
    "policy, weights learned": ["objective.importance=learned"],
}
KNOWN = "the true segments known, best mean of the same showings"
FEW = ("policy", "likelihood of the log's clicks")  # of the other sets


def models(which: str) -> tuple[str, ...]:
    return tuple(MODELS) if which == next(iter(SETS)) else FEW


def cell(
    which: str, sharpness: float, model: str, seed: int, deadline: float
) -> dict[str, Any] | None:
    """One run's true value against the optimum, stored or made; None where there was no time."""
    overrides = [
        *COMMON,
        *SETS[which],
        f"data.logger={sharpness:g}",
        *MODELS[model],
        f"data.seed={seed}",
        f"split.seed={seed}",
    ]
    digest = hashlib.sha256(" ".join([*overrides, str(seed)]).encode()).hexdigest()[:12]

    def make() -> dict[str, Any]:
        run = api.train("planted", [*overrides, "threads=1"], seed=seed)
        return {"overrides": overrides, "seed": seed, "hash": run.path.name, **judged(run)}

    return kept(RESULTS, f"planted/{digest}", deadline, make)


def known(which: str, sharpness: float, seed: int, deadline: float) -> dict[str, Any] | None:
    """Nothing learned: who knows the true segments serves each user the item of the best mean in
    the same showings. What is short of 1 here is the log's noise, and under a sharp logger that of
    its weights."""
    overrides = [
        *COMMON,
        *SETS[which],
        f"data.logger={sharpness:g}",
        f"data.seed={seed}",
        f"split.seed={seed}",
    ]
    digest = hashlib.sha256(" ".join([KNOWN, *overrides]).encode()).hexdigest()[:12]

    def make() -> dict[str, Any]:
        split = pipeline.read(config.compose(["data=planted", *overrides]), lambda line: None, None)
        assert split.log is not None
        answers = Answers.of(split.truth, split.name)
        segment_U = answers.alpha.argmax(1)
        rows = split.log.rows(split.log.part == 0)
        means = offpolicy.SegmentMeans(
            np.eye(answers.alpha.shape[1])[segment_U], rows, len(split.items)
        )
        has_UI = may_not_be_shown(split).dense().numpy() > 0
        expected = np.where(has_UI, 0.0, answers.expected())
        served_U = np.where(has_UI, -np.inf, means.mean_KI[segment_U]).argmax(1)
        value = float(expected[np.arange(len(segment_U)), served_U].mean())
        return {
            "overrides": overrides,
            "seed": seed,
            "value": value,
            "optimum": float(expected.max(1).mean()),
        }

    return kept(RESULTS, f"planted/{digest}", deadline, make)


def may_not_be_shown(split: Split) -> Csr:
    """(U,I) what users have taken, less what the log shows them."""
    assert split.log is not None
    pairs = [
        np.concatenate([getattr(part, kind) for part in split.parts.values()])
        for kind in ("user", "item")
    ]
    return offpolicy.excluded(Csr.of(*pairs, (len(split.users), len(split.items))), split.log)


def judged(run: Run) -> dict[str, Any]:
    """The served policy's true value, that of its best item, and each found segment's value against
    its optimum."""
    split = pipeline.read(run.stored.config, lambda line: None, None)
    assert split.log is not None
    answers = Answers.of(split.truth, split.name)
    users, taken = len(split.users), may_not_be_shown(split)
    has_UI = taken.dense().numpy() > 0
    with torch.no_grad():
        pi_UI = offpolicy.served(run.stored.scorer, torch.arange(users), taken)
    expected = np.where(has_UI, 0.0, answers.expected())
    value_U, best_U = (pi_UI * expected).sum(1), expected.max(1)
    segment_U = np.asarray(run.alpha).argmax(1)
    segments = [of_segment(int(k), segment_U == k, value_U, best_U) for k in np.unique(segment_U)]
    return {
        "value": float(value_U.mean()),
        "optimum": float(best_U.mean()),
        "greedy": float(expected[np.arange(users), pi_UI.argmax(1)].mean()),
        "uniform": float((expected.sum(1) / (~has_UI).sum(1)).mean()),
        "ari": run.metrics["segment/recovery_ari"],
        "ndcg": run.metrics["test/ndcg@20"],
        "segments": segments,
        "epoch": run.record["best"]["epoch"],
        "fingerprint": run.record["data"]["fingerprint"],
        "versions": run.record["versions"],
        "numerics": run.record["numerics"],
        "source": run.record["source"],
    }


def of_segment(k: int, mine: Any, value_U: Floats, best_U: Floats) -> dict[str, Any]:
    return {
        "segment": k + 1,
        "users": int(mine.sum()),
        "value": float(value_U[mine].mean()),
        "optimum": float(best_U[mine].mean()),
    }


def row(model: str, cells: list[dict[str, Any]]) -> str:
    share = interval([c["value"] / c["optimum"] for c in cells])
    greedy = interval([c["greedy"] / c["optimum"] for c in cells])
    worst = min(
        (s["value"] / s["optimum"], s["segment"], s["users"], c["seed"])
        for c in cells
        for s in c["segments"]
    )
    named = f"{worst[0]:.2f} (segment {worst[1]} of seed {worst[3]}, {worst[2]} users)"
    figures = [statistics.fmean(c[name] for c in cells) for name in ("ari", "ndcg", "cpu_seconds")]
    numbers = f"{figures[0]:.2f} | {figures[1]:.3f} | {figures[2]:.0f}"
    return f"| {model} | {share} | {greedy} | {named} | {numbers} | {len(cells)} |"


def main(arguments: list[str]) -> None:
    deadline = minutes(arguments)
    tables: dict[tuple[str, float, str], list[dict[str, Any]]] = {}
    for which in SETS:
        for seed in SEEDS:
            for sharpness in LOGGERS:
                for model in models(which):
                    found = cell(which, sharpness, model, seed, deadline)
                    if found is not None:
                        tables.setdefault((which, sharpness, model), []).append(found)
    again = "policy, draws 21 to 25"
    for which in SETS:
        for seed in FRESH:
            for sharpness in LOGGERS:
                found = cell(which, sharpness, "policy", seed, deadline)
                if found is not None:
                    tables.setdefault((which, sharpness, again), []).append(found)
    oracle = {
        (which, sharpness): [known(which, sharpness, seed, deadline) for seed in (*SEEDS, *FRESH)]
        for which in SETS
        for sharpness in LOGGERS
    }
    lines = [
        (
            "Parts of the optimum, ± half the 95 % interval over seeds; 1,000 users, 8,000 "
            "interactions, 100,000 showings of one item."
        ),
        "`python experiments/policy/planted.py`",
    ]
    for which in SETS:
        for sharpness in LOGGERS:
            lines += ["", f"## {which}, logger of sharpness {sharpness:g}", ""]
            lines.append(
                "| learned by | value | value of its best item | worst segment | ARI | ndcg@20 | "
                "CPU s | seeds |"
            )
            lines.append("|---|---:|---:|---|---:|---:|---:|---:|")
            rows = {
                model: tables.get((which, sharpness, model)) for model in (*models(which), again)
            }
            lines += [
                row(model, cells) if cells else f"| {model} | not run |" + " |" * 6
                for model, cells in rows.items()
            ]
            best = [c["value"] / c["optimum"] for c in oracle[which, sharpness] if c is not None]
            lines.append(
                f"| {KNOWN} | {interval(best)} | | | | | | {len(best)} |"
                if best
                else f"| {KNOWN} |" + " |" * 7
            )
    (HERE / "planted.md").write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
