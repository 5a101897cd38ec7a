"""The intents of an embedding say different things (DGCF, Wang et al. 2020).

Shape legend: R rows, K intents, d width of an intent.
"""

from __future__ import annotations

from itertools import combinations
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from gnnseg.models.objectives.base import Objective
from gnnseg.rng import Rng
from gnnseg.types import Batch, InputError, Step

TINY = 1e-8  # under roots, whose derivative at 0 has no bound


class Independence(Objective):
    """Distance correlation of the intents' chunks (Szekely et al. 2007), the mean over their pairs.

    dCor(x, y) = dCov(x, y) / sqrt(dCov(x, x) dCov(y, y)), dCov^2 = mean of A * B, A and B the
    distances between the rows of x and of y, centred by row, column and in all; 0 where x and y are
    independent. Of users and items together, so many drawn for each step. The authors' code looks
    at neighbouring chunks alone, and divides by K (K + 1)/2.

    Args:
        rows: Users, and items, that a step looks at, at most: it holds (2 rows)^2 numbers an
            intent.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"intents"})

    def __init__(self, *, rows: int = 512) -> None:
        super().__init__()
        if rows < 2:
            raise InputError(f"rows is {rows} in regularisers.independence: it must be 2 or more.")
        self.rows = rows

    def forward(self, step: Step, batch: Batch, rng: Rng) -> Tensor:
        """Compute the mean distance correlation of the intents of some users and items."""
        e = step.embeddings
        assert e.intents is not None
        x = torch.cat(
            [self._drawn(e.user_UD, rng.child("users")), self._drawn(e.item_ID, rng.child("items"))]
        )
        centred = [centred_distances(chunk) for chunk in x.chunk(e.intents, -1)]
        own = [covariance(a, a) for a in centred]
        pairs = list(combinations(range(len(centred)), 2))
        found = [
            covariance(centred[k], centred[m]) / (own[k] * own[m] + TINY**2).sqrt()
            for k, m in pairs
        ]
        return torch.stack(found).mean()

    def _drawn(self, table: Tensor, rng: Rng) -> Tensor:
        """Some rows of those that a step embeds; all where they are few."""
        if len(table) <= self.rows:
            return table
        order = rng.stream("rows", table.device).permutation(len(table))
        return F.embedding(order[: self.rows], table)


def centred_distances(x: Tensor) -> Tensor:
    """Return |x_r - x_s| less the means of its row and column, plus that of all, (R,d) -> (R,R)."""
    size = x.square().sum(-1)
    square = size[:, None] - 2 * x @ x.T + size
    distance = (square.clamp(min=0) + TINY).sqrt()
    column, row = distance.mean(0, keepdim=True), distance.mean(1, keepdim=True)
    return distance - column - row + distance.mean()


def covariance(a: Tensor, b: Tensor) -> Tensor:
    """Return the distance covariance of two samples by their centred distances, (R,R) each."""
    return ((a * b).mean().clamp(min=0) + TINY).sqrt()
