"""How a run is judged: validation while it trains; test, sharpness, segment evidence and baselines
once at the end."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from gnnseg.data.labels import Labelled
from gnnseg.evaluation import diversity, offpolicy, pairs, ranking, segments
from gnnseg.evaluation import labels as told
from gnnseg.evaluation.protocol import Protocol, Task
from gnnseg.graph import BipartiteGraph
from gnnseg.models.baselines.history import History
from gnnseg.models.baselines.popularity import Popularity
from gnnseg.models.heads import posthoc
from gnnseg.rng import Rng
from gnnseg.sparse import Csr
from gnnseg.types import Embeddings, Features, Log, Pairs, Policy, Scorer, Segmentation, Split

if TYPE_CHECKING:
    import polars as pl

CHECKED_TOPS = (
    1,
    3,
)  # the ndcg reached through each user's top 1 and top 3 segments stands beside every segmented figure


@dataclass(frozen=True)
class Evaluation:
    """Metrics by name, baselines' metrics by baseline and name, alarms as sentences, the test's
    metrics by user, cards."""

    metrics: dict[str, float]
    baselines: dict[str, dict[str, float]]
    warnings: list[str]
    per_user: dict[str, np.ndarray[Any, Any]]
    cards: pl.DataFrame | None = None
    counts: dict[str, int] = field(default_factory=dict)


def rank(
    scorer: Scorer, task: Task, protocol: Protocol, train_pairs: Pairs, device: torch.device
) -> ranking.Ranking:
    """Every metric of one task."""
    move = task.to(device)
    return ranking.evaluate(
        scorer,
        move.relevant,
        move.mask,
        ks=protocol.ks,
        item_counts=_item_counts(move, train_pairs),
        spend=move.spend,
        cold=move.cold,
    )


def during(
    scorer: Scorer,
    task: Task,
    protocol: Protocol,
    train_pairs: Pairs,
    part: str,
    device: torch.device,
    log: Log | None = None,
) -> dict[str, float]:
    """What a validation measures: the part's metrics, what the policy would earn on the log's part,
    the segments' state."""
    metrics = {
        f"{part}/{name}": value
        for name, value in rank(scorer, task, protocol, train_pairs, device).metrics.items()
    }
    return {**metrics, **earned(scorer, task.mask, log, part, device), **state_of(scorer)}


def earned(
    scorer: Scorer,
    taken: Csr | None,
    log: Log | None,
    part: str,
    device: torch.device,
    rng: Rng | None = None,
) -> dict[str, float]:
    """PART/value of a policy on its part of a log with propensities (``offpolicy.metrics``);
    nothing for others. ``taken`` (U,I): what is not shown, as far as the log does not show it."""
    if log is None or log.propensity is None or log.part is None or not isinstance(scorer, Policy):
        return {}
    mine = log.rows(log.part == ("train", "valid", "test").index(part))
    if not len(mine):
        return {}
    seen = None if taken is None else offpolicy.barred(taken.to(device), log)
    return {
        f"{part}/{name}": value
        for name, value in offpolicy.metrics(scorer, mine, seen, rng).items()
    }


def state_of(scorer: Scorer) -> dict[str, float]:
    """segment/effective_k and segment/segments_per_user, where the scorer has segments."""
    if not isinstance(scorer, Segmentation):
        return {}
    alpha = scorer.alpha
    return {
        "segment/effective_k": segments.effective_k(alpha),
        "segment/segments_per_user": segments.segments_per_user(alpha),
    }


def final(
    scorer: Scorer,
    embeddings: Embeddings,
    graph: BipartiteGraph,
    split: Split,
    train_pairs: Pairs,
    protocol: Protocol,
    clusters: int,
    rng: Rng,
    negatives: int | None = None,
) -> Evaluation:
    """The test, read once; validation with the same weights; the baselines; the segments' evidence.

    ``negatives``: at how many a taken pair the scores' sigmoid is a probability (objective bce):
    pairs are then judged at that many and at one. None: at no number, so that accuracy and log loss
    of pairs would mean nothing.
    """
    device = embeddings.user_UD.device
    metrics: dict[str, float] = {}
    if protocol.protocol != "paper":
        valid = rank(scorer, protocol.valid_task(split), protocol, train_pairs, device)
        metrics |= {f"valid/{name}": value for name, value in valid.metrics.items()}
        metrics |= earned(scorer, protocol.valid_task(split).mask, split.log, "valid", device)
    test_task = protocol.test_task(split)
    test = rank(scorer, test_task, protocol, train_pairs, device)
    metrics |= {f"test/{name}": value for name, value in test.metrics.items()}
    served_without = (
        None if test_task.mask is None else pairs.known(split)
    )  # the run, served, shows nobody what they have
    metrics |= earned(scorer, served_without, split.log, "test", device, rng.child("offpolicy"))
    asked = torch.from_numpy(diversity.sample(test_task.relevant)).to(device)
    lists, _ = ranking.topk(
        scorer,
        asked,
        max(protocol.ks),
        None if test_task.mask is None else test_task.mask.to(device),
    )
    diverse = diversity.intra_list(
        lists, train_pairs, len(split.users), len(split.items), protocol.ks
    )
    metrics |= {f"test/{name}": value for name, value in diverse.items()}
    counts = dict(test.counts)
    if negatives is not None and not isinstance(
        scorer, Policy | posthoc.HardScorer
    ):  # whose scores are log rec_ij
        taken = pairs.known(split)
        for each in sorted({1, negatives}):
            found, judged = pairs.evaluate(
                scorer, test_task.to(device), taken, each, rng.child("pairs"), trained=negatives
            )
            metrics |= {f"test/{name}": value for name, value in found.items()}
            counts |= judged
    warnings: list[str] = []
    if (rows := metrics.get("test/value/effective_rows", np.inf)) < offpolicy.FEW:
        warnings.append(
            f"value: the log's test part has {rows:.0f} effective rows for this policy, too few to "
            "say what it would earn"
        )
    cards = None
    if isinstance(scorer, Segmentation):
        for top in CHECKED_TOPS:
            through = rank(scorer.truncated(top), test_task, protocol, train_pairs, device)
            metrics |= {
                f"test/{n}/top{top}": v
                for n, v in through.metrics.items()
                if n.split("@")[0] in ("recall", "ndcg")
            }
        metrics |= state_of(scorer) | segments.evidence(scorer, train_pairs, split)
        warnings += segments.warnings(scorer.alpha)
        cards = segments.cards(scorer.alpha, train_pairs, split.items)
    baselines: dict[str, dict[str, float]] = {}
    users, items = len(split.users), len(split.items)
    rivals: dict[str, Scorer] = {
        "popularity": Popularity(train_pairs, users, items).scorer(graph, Features())
    }
    if protocol.seen == "allow":
        rivals["own history"] = History(train_pairs, users, items).scorer(graph, Features())
    rivals["posthoc (own embeddings)"] = posthoc.cluster(
        embeddings.user_UD, clusters, graph, rng.child("posthoc")
    )
    for name, rival in rivals.items():
        result = rank(rival, test_task, protocol, train_pairs, device)
        baselines[name] = {f"test/{metric}": value for metric, value in result.metrics.items()}
    return Evaluation(metrics, baselines, warnings, test.per_user, cards, counts)


def with_labels(verdict: Evaluation, classes_UC: Tensor, labels: Labelled) -> Evaluation:
    """The verdict with label/accuracy and label/macro_f1 of the users held out, argmax of (U,C),
    beside the class that most of those told are in; as it was where nobody is held out."""
    held = labels.held_out
    if not held.any():
        return verdict
    said = {
        "this run": classes_UC.argmax(-1).cpu().numpy()[held],
        "majority class": np.full(held.sum(), told.majority(labels.label[labels.told])),
    }
    found = {
        who: {
            "label/accuracy": told.accuracy(labels.label[held], classes),
            "label/macro_f1": told.macro_f1(labels.label[held], classes),
        }
        for who, classes in said.items()
    }
    metrics = verdict.metrics | found.pop("this run")
    return replace(verdict, metrics=metrics, baselines=verdict.baselines | found)


def _item_counts(task: Task, train_pairs: Pairs) -> Tensor:
    items = task.relevant.shape[1]
    return torch.from_numpy(np.bincount(train_pairs.item, minlength=items)).to(
        task.relevant.column.device
    )
