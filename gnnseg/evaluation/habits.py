"""What stands beside habits: how much of a run they are, and a user's own fading history.

Shape legend: U users, I items.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch

from gnnseg.evaluation import metrics, ranking
from gnnseg.evaluation.protocol import Protocol
from gnnseg.graph import BipartiteGraph
from gnnseg.models.baselines import Baseline, FadingHistory
from gnnseg.rng import Rng
from gnnseg.types import Features, HabitScorer, Pairs, Scorer, Split


def state_of(scorer: Scorer) -> dict[str, float]:
    """Return habit/weight, the mean h_i of users with a past, where a head has habits."""
    if not isinstance(scorer, HabitScorer):
        return {}
    habits = scorer.habits
    known = habits[habits > 0]
    return {"habit/weight": float(known.mean()) if len(known) else 0.0}


def warnings(scorer: Scorer) -> list[str]:
    """Return a sentence where habits learned nothing, though users have a past."""
    if not isinstance(scorer, HabitScorer) or bool((scorer.habits > 0).any()):
        return []
    return [
        "habits: no training event has an earlier visit of its user, so that nothing was learned "
        "of them; recommendations are the segments' alone (h = 0)"
    ]


def fading(
    graph: BipartiteGraph,
    split: Split,
    train_pairs: Pairs,
    protocol: Protocol,
    device: torch.device,
) -> dict[str, Baseline]:
    """Return the baselines 'own history (decay)' and, as the run has it, with 'repeats'.

    Visits that fade, without and with the weight that an item has by how often others take it
    again.
    """
    past = graph.past
    assert past is not None, "a run without habits keeps no past"
    plain = _best(graph, split, train_pairs, protocol, device, past.share.shape[1] // 2, False)
    found: dict[str, Baseline] = {"own history (decay)": plain}
    if past.again is not None:
        name = "own history (decay, repeats)"
        found[name] = _best(graph, split, train_pairs, protocol, device, plain.at, True)
    return found


def _best(
    graph: BipartiteGraph,
    split: Split,
    train_pairs: Pairs,
    protocol: Protocol,
    device: torch.device,
    begin: int,
    repeats: bool,
) -> FadingHistory:
    """Return a fading history, its half-life chosen on validation by ndcg.

    The half-lives are those that habits mix, tried from number ``begin`` on towards either side as
    long as the next is better (each ranks the whole catalogue); under ``paper``, where validation
    is trained on, nothing fades.
    """
    past = graph.past
    assert past is not None
    candidates = [FadingHistory(past, at, repeats=repeats) for at in range(past.share.shape[1])]
    if protocol.protocol == "paper":
        return candidates[-1]
    task = protocol.valid_task(split).to(device)
    ndcg = {"ndcg": metrics.METRICS["ndcg"]}
    counts = torch.from_numpy(np.bincount(train_pairs.item, minlength=graph.items)).to(device)

    @cache
    def reached(at: int) -> float:
        candidate = candidates[at]
        candidate.fit(train_pairs, graph.users, graph.items, Rng(0))
        scorer, k = candidate.scorer(graph, Features()), max(protocol.ks)
        found = ranking.evaluate(
            scorer, task.relevant, task.mask, ks=[k], item_counts=counts, cold=task.cold,
            metrics=ndcg,
        )  # fmt: skip
        return found.metrics[f"ndcg@{k}"]

    best = begin
    for step in (-1, 1):
        while 0 <= best + step < len(candidates) and reached(best + step) > reached(best):
            best += step
    return candidates[best]
