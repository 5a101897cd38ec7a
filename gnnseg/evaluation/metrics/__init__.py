"""Metrics of ranked lists: each an object with a name, what it requires, and a slow oracle.

A metric of your own derives from ``UserMetric`` or ``CatalogueMetric``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gnnseg.evaluation.metrics.base import CatalogueMetric, Metric, OracleUser, UserMetric
from gnnseg.evaluation.metrics.catalogue import Coverage, Gini
from gnnseg.evaluation.metrics.diversity import IntraListDiversity
from gnnseg.evaluation.metrics.hits import F1, Hit, Precision, Recall
from gnnseg.evaluation.metrics.lists import Background, Lists
from gnnseg.evaluation.metrics.novelty import Novelty
from gnnseg.evaluation.metrics.ranks import NDCG, AveragePrecision, ReciprocalRank
from gnnseg.evaluation.metrics.revenue import Revenue
from gnnseg.evaluation.metrics.variants import NDCGLensKit, NDCGRecTools, RecallLensKit
from gnnseg.types import InputError

METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Recall(), Precision(), F1(), Hit(), NDCG(), AveragePrecision(), ReciprocalRank(),
        Novelty(), Revenue(), Coverage(), Gini(), IntraListDiversity(),
    )
}  # fmt: skip
VARIANTS: Mapping[str, Metric] = {  # of other libraries; measured where they are named alone
    metric.name: metric for metric in (RecallLensKit(), NDCGLensKit(), NDCGRecTools())
}

__all__ = [
    "METRICS",
    "VARIANTS",
    "Background",
    "CatalogueMetric",
    "Lists",
    "Metric",
    "OracleUser",
    "UserMetric",
    "chosen",
]


def chosen(names: Sequence[str] | None, own: Mapping[str, Metric]) -> dict[str, Metric]:
    """Return the metrics to measure, by name.

    Args:
        names: which, in this order; None: all of ours but the variants of other libraries, then the
            user's own.
        own: the user's own by name.

    Raises:
        InputError: where a name is nobody's, an own metric has the name of one of ours, or is
            neither of users nor of the catalogue.
    """
    for name, metric in own.items():
        if name in METRICS or name in VARIANTS:
            raise InputError(f"metrics.{name}: there is a metric of that name; call it another.")
        if not isinstance(metric, UserMetric | CatalogueMetric):
            raise InputError(
                f"metrics.{name}: {type(metric).__name__} is of users or of the catalogue; derive "
                "it from UserMetric or CatalogueMetric."
            )
        if not {"spend", "train_pairs"}.issuperset(metric.requires):
            raise InputError(
                f"metrics.{name}: {type(metric).__name__}.requires is {set(metric.requires)}; the "
                "data may hold 'spend' and 'train_pairs'."
            )
    known = {**METRICS, **own}
    named = {**METRICS, **VARIANTS, **own}
    for name in names or ():
        if name not in named:
            raise InputError(
                f"evaluation.metrics: there is no metric {name}; choose among "
                f"{', '.join(named)}, or add one of your own (metrics=…)."
            )
    return known if names is None else {name: named[name] for name in names}
