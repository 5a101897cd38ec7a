"""At which length of lists figures are shown: evaluation.ks is the user's choice."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

USUAL = 20


def lengths(metrics: Iterable[str], family: str) -> set[int]:
    """Return the k at which a figure was measured; ``family``: its name with ``@K``."""
    pattern = re.escape(family).replace("@K", r"@(\d+)")
    return {int(found[1]) for name in metrics if (found := re.fullmatch(pattern, name))}


def shared(records: Sequence[Mapping[str, float]], family: str) -> list[int]:
    """Return at which k a figure is shown of several runs.

    One that all have which have the figure, 20 where they do, else the largest; where they have
    none in common the largest of each.
    """
    each = [found for metrics in records if (found := lengths(metrics, family))]
    if not each:
        return []
    common = set.intersection(*each)
    if common:
        return [USUAL if USUAL in common else max(common)]
    return sorted({max(found) for found in each})


def headline(metrics: Iterable[str], names: Sequence[str]) -> list[str]:
    """Return those of the figures at 20 and 10 that a test has, at the lengths that it has.

    Without lists of 20 or 10 the longest stand for them, in that order.
    """
    there = [name.removeprefix("test/") for name in metrics if name.startswith("test/")]
    found = []
    for name in names:
        base, _, usual = name.partition("@")
        ks = sorted(lengths(there, f"{base}@K"), reverse=True)
        wanted = int(usual) in ks or not ks
        place = 0 if int(usual) == USUAL else 1
        k = int(usual) if wanted else next(iter(ks[place : place + 1]), None)
        found.append(f"{base}@{k}")
    return [name for name in dict.fromkeys(found) if name in there]
