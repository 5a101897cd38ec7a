"""How the recommendations of all users are spread over the catalogue.

Shape legend: I items.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from gnnseg.evaluation.metrics.base import CatalogueMetric


class Coverage(CatalogueMetric):
    """coverage@k = share of the catalogue that is in at least one list."""

    name = "coverage"

    def value(self, counts_I: Tensor) -> float:
        """Return the share of items that are recommended at all."""
        return float((counts_I > 0).double().mean())

    def oracle(self, lists: Sequence[Sequence[int]], items: int) -> float:
        """Collect the items of all lists."""
        return len({j for listed in lists for j in listed}) / items


class Gini(CatalogueMetric):
    """gini@k: inequality of how often items are recommended, 0 even, near 1 one item alone.

    sum_i sum_j |x_i - x_j| / (2 I sum_i x_i) of the counts x; 0 where nothing is recommended.
    """

    name = "gini"
    lower_is_better = True

    def value(self, counts_I: Tensor) -> float:
        """Return the coefficient from the sorted counts."""
        items = len(counts_I)
        x = counts_I.double().sort().values
        total = float(x.sum())
        place = torch.arange(1, items + 1, dtype=torch.float64, device=x.device)
        return float(((2 * place - items - 1) * x).sum()) / (items * total) if total else 0.0

    def oracle(self, lists: Sequence[Sequence[int]], items: int) -> float:
        """Compare every two items."""
        x = [sum(j in listed for listed in lists) for j in range(items)]
        apart = sum(abs(a - b) for a in x for b in x)
        return apart / (2 * items * sum(x)) if sum(x) else 0.0
