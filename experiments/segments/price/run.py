"""The price of segments: validation ndcg@20 of segmented heads over that of `dot`, on sparse sets.

usage: python experiments/segments/price/run.py [--minutes M] [--seeds 0,1,2] [SET ...] [=ROW ...]
(data in GNNSEG_DATA) Every row of a set has its encoder, split and budget (`SETS`); nothing but the
head differs. A training is stored as a line of results.jsonl when it is finished and found again;
table.py makes results.md of what there is. Training is in memory, on one thread; the test is never
read. ``--minutes``: begin no training after so many.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gnnseg import config
from gnnseg.evaluation import evaluator
from gnnseg.models.baselines.popularity import PopularityScorer
from gnnseg.runs import environment, inputs, train
from gnnseg.runs.assembly import assemble
from gnnseg.runs.fitting import finished, fit_in_memory
from gnnseg.runs.identity import source_digest
from gnnseg.runs.numerics import NUMERICS
from gnnseg.runs.plan import Plan
from gnnseg.types import Scorer, Segmentation, Split

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from cells import keep, stored

RESULTS = Path(__file__).resolve().parent / "results.jsonl"
SETS: dict[str, list[str]] = {
    "lastfm": ["data=lastfm", "trainer.max_epochs=8", "trainer.eval_every=4"],
    "ml-1m": ["data=ml-1m", "trainer.max_epochs=8", "trainer.eval_every=4"],
    "gowalla": ["data=gowalla", "encoder=mf", "trainer.max_epochs=6", "trainer.eval_every=3"],
}
BUDGET = ["objective=sampled_softmax", "objective.negatives=256", "trainer.patience=null"]
WARM = ["head.beta=affinity", "head.start=k-means", "head.warmup=0.6"]
ROWS: dict[str, list[str]] = {
    "popularity": [],
    "dot": ["head=dot", "head.tau=0.12", "encoder.dim=64", *BUDGET],
    "affinity-128": [*WARM, "head.segments=128", "head.tau_alpha=0.1", *BUDGET],
    "affinity-256-top3": ["experiment=few-of-many", *BUDGET],
    "affinity-256-top3-cold": ["experiment=few-of-many", "head.warmup=0", *BUDGET],
    "hybrid-16": ["head=hybrid", "head.tau=0.14", "encoder.dim=64", *BUDGET],
    "hybrid-16-sharp": [
        "head=hybrid",
        "head.tau_beta=0.2",
        "head.tau=0.12",
        "encoder.dim=64",
        *BUDGET,
    ],
    "dot-default": ["head=dot", *BUDGET],
    "hybrid-16-default": ["head=hybrid", *BUDGET],
    **{
        f"{head}-default-{tau}": [f"head={name}", f"head.tau={tau}", *BUDGET]
        for tau in (0.1, 0.08)
        for head, name in (("dot", "dot"), ("hybrid-16", "hybrid"))
    },
    "affinity-16": [*WARM, "head.segments=16", *BUDGET],
    "distribution-16": ["head.segments=16"],
}
NDCG = "valid/ndcg@20"


def trained(data: str, row: str, seed: int, splits: dict[str, Split]) -> dict[str, Any]:
    """Train a row on a set and return what validation says of it, with its sharpness."""
    overrides = [*ROWS[row], *_less_budget(row, SETS[data]), f"seed={seed}", "threads=1"]
    composed = config.compose(overrides)
    config.check(composed)
    if data not in splits:
        splits[data] = train.read(composed, lambda line: None)
    split = splits[data]
    plan = Plan.of(composed, split, torch.device("cpu"))
    begun = time.process_time()
    if row == "popularity":
        scorer = PopularityScorer(torch.from_numpy(_counts(plan)))
        return {"data": data, "row": row, "seed": seed, "ndcg": _ndcg(scorer, plan)}
    with environment.threads(1), environment.deterministic(plan.device):
        given = inputs.of(composed, split, plan.train_pairs, lambda line: None)
        model = assemble(composed, given.shape, plan.rng)
        state = fit_in_memory(plan, model, given)
        _, scorer = finished(plan, model, given)
        seconds = time.process_time() - begun
        return {
            "data": data, "row": row, "seed": seed, "overrides": overrides,
            "ndcg": state.best_value, "epoch": state.best_epoch,
            **(_sharpness(scorer, plan) if isinstance(scorer, Segmentation) else {}),
            "cpu_seconds": round(seconds, 1), "fingerprint": split.fingerprint,
            "numerics": NUMERICS, "source": source_digest(),
        }  # fmt: skip


def _less_budget(row: str, settings: list[str]) -> list[str]:
    """Return a set's settings; likelihood, full batch, has the epochs of its own."""
    if row == "popularity" or "objective=sampled_softmax" in ROWS[row]:
        return settings
    return [each for each in settings if not each.startswith("trainer.")]


def _counts(plan: Plan) -> np.ndarray[Any, Any]:
    counted = np.bincount(plan.train_pairs.item, minlength=len(plan.split.items))
    return counted.astype(np.float32)


def _ndcg(scorer: Scorer, plan: Plan) -> float:
    task = plan.protocol.valid_task(plan.split)
    with torch.no_grad():
        found = evaluator.during(
            scorer, task, plan.protocol, plan.train_pairs, "valid", plan.device, plan.split.log
        )
    return float(found[NDCG])


@torch.no_grad()
def _sharpness(scorer: Segmentation, plan: Plan) -> dict[str, float]:
    """exp(mean entropy) of alpha, the mean largest alpha, and ndcg through the top 1 and 3."""
    alpha_UK = scorer.alpha.double()
    return {
        "segments_per_user": float(torch.special.entr(alpha_UK).sum(1).mean().exp()),
        "effective_k": float(torch.special.entr(alpha_UK.mean(0)).sum().exp()),
        "largest_alpha": float(alpha_UK.max(1).values.mean()),
        **{f"ndcg_top{top}": _ndcg(scorer.truncated(top), plan) for top in (1, 3)},
    }


def main(arguments: list[str]) -> None:
    def option(name: str, default: str) -> str:
        return arguments[arguments.index(name) + 1] if name in arguments else default

    deadline = time.monotonic() + 60 * float(option("--minutes", "inf"))
    seeds = [int(seed) for seed in option("--seeds", "0").split(",")]
    chosen = [each[1:] for each in arguments if each.startswith("=")] or list(ROWS)
    splits: dict[str, Split] = {}
    for seed in seeds:
        for data in [each for each in arguments if each in SETS] or list(SETS):
            for row in chosen:
                key = f"{data}-{row}-{seed}"
                if key in stored(RESULTS) or time.monotonic() > deadline:
                    continue
                found = trained(data, row, seed, splits)
                keep(RESULTS, key, found)
                print(f"{data} {row} seed {seed}: {found['ndcg']:.4f}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
