"""How a run is evaluated.

Validation while it trains; test, sharpness, segment evidence and baselines once at the end.

Shape legend: U users, I items, C classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from gnnseg.data.labels import Labelled
from gnnseg.distributed.ranks import ALONE, Ranks
from gnnseg.evaluation import habits, offpolicy, pairs, ranking, segments
from gnnseg.evaluation import labels as classes
from gnnseg.evaluation import sampled as sampled_metrics
from gnnseg.evaluation.protocol import Bools, Protocol, Task
from gnnseg.graph import BipartiteGraph
from gnnseg.models.baselines import Baseline, OwnHistory, Popularity
from gnnseg.models.heads import posthoc
from gnnseg.rng import Rng
from gnnseg.types import (
    Embeddings,
    Features,
    Log,
    Pairs,
    Policy,
    Scorer,
    Segmentation,
    Split,
    returned,
)  # fmt: skip

if TYPE_CHECKING:
    import polars as pl

CHECKED_TOPS = (1, 3)  # each user's top segments whose recall and ndcg stand beside the run's own


@dataclass(frozen=True)
class Evaluation:
    """What a finished run is worth.

    Args:
        metrics: by name, as in ``test/ndcg@20``.
        baselines: each baseline's metrics by name.
        warnings: why the figures or the segments may not be trusted, a sentence each.
        per_user: the test's metrics by user, columns by name.
        cards: the segments' item profiles, or None.
        counts: of what the test asked and left out.
        per_user_of: the same of each baseline by its name.
    """

    metrics: dict[str, float]
    baselines: dict[str, dict[str, float]]
    warnings: list[str]
    per_user: dict[str, np.ndarray[Any, Any]]
    cards: pl.DataFrame | None = None
    counts: dict[str, int] = field(default_factory=dict)
    per_user_of: dict[str, dict[str, np.ndarray[Any, Any]]] = field(default_factory=dict)


def rank(
    scorer: Scorer,
    task: Task,
    protocol: Protocol,
    train_pairs: Pairs,
    device: torch.device,
    *,
    sampled: bool = False,
) -> ranking.Ranking:
    """Measure the protocol's metrics of one task.

    Args:
        scorer: whose lists are measured.
        task: who is asked about what.
        protocol: lengths of lists and metrics.
        train_pairs: what was trained on.
        device: where the scorer stands.
        sampled: also measure metrics of a sample of users, which are too dear for a validation.

    Returns:
        Means, figures of the catalogue, and each user's values.
    """
    move = task.to(device)
    counts = np.bincount(train_pairs.item, minlength=task.relevant.shape[1])
    whole = ranking.evaluate(
        scorer,
        move.relevant,
        move.mask,
        ks=protocol.ks,
        item_counts=torch.from_numpy(counts).to(device),
        spend=move.spend,
        cold=move.cold,
        metrics=protocol.measured,
        train_pairs=train_pairs,
        sampled=sampled,
        ranks=task.ranks,
    )
    for name, candidates in move.candidates.items():
        found = sampled_metrics.rank(
            scorer, move.relevant, candidates, move.cold, protocol.ks, protocol.measured, task.ranks
        )
        whole = whole.beside(found, name)
    return whole


def during(
    scorer: Scorer,
    task: Task,
    protocol: Protocol,
    train_pairs: Pairs,
    part: str,
    device: torch.device,
    log: Log | None = None,
    placed: Bools | None = None,
) -> dict[str, float]:
    """Measure what a validation shows while a run trains.

    Args:
        scorer: the model's scores as they are.
        task: who is asked about what.
        protocol: lengths of lists and metrics.
        train_pairs: what is trained on.
        part: valid, or test under protocol ``paper``: the names' first word.
        device: where the scorer stands.
        log: what another policy showed, or None.
        placed: (U,) who is in a segment; None: everybody.

    Returns:
        The part's metrics, what the policy would earn on the log's part, the segments' state.
    """
    found = _of(part, rank(scorer, task, protocol, train_pairs, device).metrics)
    found |= offpolicy.earned(scorer, task.mask, log, part, device)
    return found | state_of(scorer, placed)


def state_of(scorer: Scorer, placed: Bools | None = None) -> dict[str, float]:
    """Return segment/effective_k, segment/segments_per_user, habit/weight, where there are any.

    ``placed``: (U,) who is in a segment, and counts; None: everybody.
    """
    if not isinstance(scorer, Segmentation):
        return {}
    alpha = segments.those_in_one(scorer.alpha, placed)
    return habits.state_of(scorer) | {
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
    *,
    baselines: Mapping[str, Baseline] | None = None,
    features: Features | None = None,
    ranks: Ranks = ALONE,
    validation: Mapping[str, float] | None = None,
    placed: Bools | None = None,
) -> Evaluation:
    """Evaluate a trained model: the test, read once, and all that stands beside it.

    Args:
        scorer: the trained scores.
        embeddings: what they come from, for 'posthoc (own embeddings)'; of width 0: no such row.
        graph: the training graph.
        split: the data.
        train_pairs: what was trained on.
        protocol: the rules.
        clusters: K of that baseline.
        rng: of whatever is drawn here.
        negatives: at one and at so many pairs are evaluated as chances (bce); None: at none.
        baselines: the user's own by name, not fitted yet.
        features: attributes for them, or None.
        ranks: the processes that do this together, each ranking a part of the users.
        validation: what ``during`` measured of these scores already, or None.
        placed: (U,) who is in a segment; None: everybody.

    Returns:
        The figures of the run and of its baselines.
    """
    device = embeddings.user_UD.device
    task = replace(protocol.test_task(split), ranks=ranks)
    known = {n: v for n, v in (validation or {}).items() if n.startswith("valid/")}
    metrics = known or _on_validation(scorer, split, train_pairs, protocol, device, ranks)
    test = rank(scorer, task, protocol, train_pairs, device, sampled=True)
    metrics |= _of("test", test.metrics) | _earned(scorer, task, split, device, rng)
    of_pairs, counts = _on_pairs(scorer, task.to(device), split, negatives, rng.child("pairs"))
    metrics |= of_pairs
    warnings, cards = _few_rows(metrics), None
    if isinstance(scorer, Segmentation):
        metrics |= _through_few(scorer, task, train_pairs, protocol, device)
        of_segments = segmented(scorer, train_pairs, split, placed)
        metrics, warnings = metrics | of_segments.metrics, warnings + of_segments.warnings
        cards = of_segments.cards
    beside = dict(_fitted(baselines or {}, graph, features, split, train_pairs, protocol, rng))
    if (own := embeddings.user_UD).shape[1]:
        hard = posthoc.cluster(own, clusters, graph, rng.child("posthoc"))
        beside["posthoc (own embeddings)"] = hard
    ranked = {n: rank(each, task, protocol, train_pairs, device) for n, each in beside.items()}
    found = {name: _of("test", each.metrics) for name, each in ranked.items()}
    theirs, counts = {name: each.per_user for name, each in ranked.items()}, test.counts | counts
    return Evaluation(metrics, found, warnings, test.per_user, cards, counts, theirs)


def segmented(
    scorer: Segmentation, train_pairs: Pairs, split: Split, placed: Bools | None
) -> Evaluation:
    """Return what is said of segments without anything held out; ``placed``: who is in one."""
    return Evaluation(
        state_of(scorer, placed) | segments.evidence(scorer, train_pairs, split, placed=placed),
        {},
        segments.warnings(segments.those_in_one(scorer.alpha, placed)) + habits.warnings(scorer),
        {},
        segments.item_profiles(scorer.alpha, train_pairs, split.items),
    )


def with_labels(evaluation: Evaluation, classes_UC: Tensor, labels: Labelled) -> Evaluation:
    """Add how well the classes of held-out users are predicted.

    Args:
        evaluation: what is known without them.
        classes_UC: (U,C) chances of each class; the largest is what the run says.
        labels: the users' classes, and who was held out.

    Returns:
        The evaluation with label/accuracy and label/macro_f1, beside a baseline that gives everyone
        the class most training labels are of; as it was where nobody is held out.
    """
    held = labels.held_out
    if not held.any():
        return evaluation
    told, truth = labels.label[labels.observed], labels.label[held]
    own = classes.measured(truth, classes_UC.argmax(-1).cpu().numpy()[held])
    majority = classes.measured(truth, np.full(held.sum(), classes.majority(told)))
    beside = evaluation.baselines | {"majority class": majority}
    return replace(evaluation, metrics=evaluation.metrics | own, baselines=beside)


def _of(part: str, metrics: Mapping[str, float]) -> dict[str, float]:
    """Return metrics under names that begin with the part they are of."""
    return {f"{part}/{name}": value for name, value in metrics.items()}


def _on_validation(
    scorer: Scorer,
    split: Split,
    train_pairs: Pairs,
    protocol: Protocol,
    device: torch.device,
    ranks: Ranks,
) -> dict[str, float]:
    """Measure validation with the final weights; nothing where it was trained on."""
    if protocol.protocol == "paper":
        return {}
    task = replace(protocol.valid_task(split), ranks=ranks)
    found = _of("valid", rank(scorer, task, protocol, train_pairs, device).metrics)
    return found | offpolicy.earned(scorer, task.mask, split.log, "valid", device)


def _on_pairs(
    scorer: Scorer, task: Task, split: Split, negatives: int | None, rng: Rng
) -> tuple[dict[str, float], dict[str, int]]:
    """Measure pairs against one and against as many negatives as were trained with, and count."""
    no_logits = isinstance(scorer, Policy | posthoc.HardScorer)  # their scores are log rec_ij
    metrics: dict[str, float] = {}
    counts: dict[str, int] = {}
    if negatives is None or no_logits:
        return metrics, counts
    taken = pairs.known(split)
    for each in sorted({1, negatives}):
        found, asked = pairs.evaluate(scorer, task, taken, each, rng, trained=negatives)
        metrics |= _of("test", found)
        counts |= asked
    return metrics, counts


def _earned(
    scorer: Scorer, task: Task, split: Split, device: torch.device, rng: Rng
) -> dict[str, float]:
    """Measure what the scores would earn, where there is a log; nothing known is shown."""
    if split.log is None:
        return {}
    taken = None if task.mask is None else pairs.known(split)
    return offpolicy.earned(scorer, taken, split.log, "test", device, rng.child("offpolicy"))


def _few_rows(metrics: Mapping[str, float]) -> list[str]:
    """Warn of a value that too few rows of the log stand behind."""
    rows = metrics.get("test/value/effective_rows", np.inf)
    if rows >= offpolicy.FEW:
        return []
    return [
        f"value: the log's test part has {rows:.0f} effective rows for this policy, too few to "
        "say what it would earn"
    ]


def _through_few(
    scorer: Segmentation, task: Task, train_pairs: Pairs, protocol: Protocol, device: torch.device
) -> dict[str, float]:
    """Measure recall and ndcg through each user's few largest segments."""
    asked = {n: m for n, m in protocol.measured.items() if n in ("recall", "ndcg")}
    if not asked:
        return {}
    rules = replace(protocol, metrics=list(asked))
    found: dict[str, float] = {}
    for top in CHECKED_TOPS:
        reached = rank(scorer.truncated(top), task, rules, train_pairs, device).metrics
        found |= {f"test/{name}/top{top}": value for name, value in reached.items()}
    return found


def _fitted(
    own: Mapping[str, Baseline],
    graph: BipartiteGraph,
    features: Features | None,
    split: Split,
    train_pairs: Pairs,
    protocol: Protocol,
    rng: Rng,
) -> Iterator[tuple[str, Scorer]]:
    """Yield the scores of each baseline, fitted; 'own history' where things are taken again."""
    ours: dict[str, Baseline] = {"popularity": Popularity()}
    if protocol.seen == "allow":
        ours["own history"] = OwnHistory()
    everyone = {**ours, **own}
    if graph.past is not None:
        device = graph.pattern.column.device
        everyone |= habits.fading(graph, split, train_pairs, protocol, device)
    for name, baseline in everyone.items():
        baseline.fit(train_pairs, graph.users, graph.items, rng.child(f"baseline {name}"))
        where = f"baselines.{name}: {type(baseline).__name__}.scorer"
        found = baseline.scorer(graph, features or Features())
        yield name, returned(found, Scorer, where)  # type: ignore[type-abstract]
