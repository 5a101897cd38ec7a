"""At which length of list the figures that stand first are: 20, else the longest evaluated."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

HEADLINE = (
    "recall@20",
    "ndcg@20",
    "recall@10",
    "ndcg@10",
    "precision@20",
    "f1@20",
    "hit@20",
    "coverage@20",
    "novelty@20",
    "revenue@20",
)
OF_20 = tuple(name for name in HEADLINE if name.endswith("@20"))


def first(names: Iterable[str]) -> int:
    """Return the length of the lists whose figures stand first.

    Args:
        names: Of a run's figures, as in ``test/ndcg@20``.
    """
    found = {
        int(m[1]) for name in names if (m := re.fullmatch(r"(?:test|valid)/[a-z]\w*@(\d+)", name))
    }
    return 20 if 20 in found or not found else max(found)


def headline(names: Iterable[str]) -> list[str]:
    """Return the metrics that stand first, as far as there are figures of the test, in order."""
    there = set(names)
    k = first(there)
    asked = HEADLINE if k == 20 else (f"{name.removesuffix('@20')}@{k}" for name in OF_20)
    return [name for name in asked if f"test/{name}" in there]


def sampled(names: Iterable[str]) -> dict[str, str]:
    """Return how negatives of sampled test figures were drawn, in words, by name (``uni99``)."""
    found = {
        m[1]: f"{m[3]} {'uniform' if m[2] == 'uni' else 'popular'}"
        for name in names
        if (m := re.fullmatch(r"test/\w+@\d+/((uni|pop)(\d+))", name))
    }
    return dict(sorted(found.items()))


def measured(metrics: Iterable[str], family: str) -> set[int]:
    """Return the k at which a figure was measured; ``family``: its name with ``@K``."""
    pattern = re.escape(family).replace("@K", r"@(\d+)")
    return {int(found[1]) for name in metrics if (found := re.fullmatch(pattern, name))}


def shared(records: Sequence[Mapping[str, float]], family: str) -> list[int]:
    """Return at which k a figure is shown of several runs.

    One that all have which have the figure, 20 where they do, else the largest; where they have
    none in common the largest of each.
    """
    each = [found for metrics in records if (found := measured(metrics, family))]
    if not each:
        return []
    common = set.intersection(*each)
    if common:
        return [20 if 20 in common else max(common)]
    return sorted({max(found) for found in each})
