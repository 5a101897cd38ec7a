"""Most popular items for everyone."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from gnnseg.sparse import Csr
from gnnseg.types import Features, Pairs, Scorer


class Popularity:
    """s_ij = n_j, the item's training count."""

    def __init__(self, train: Pairs, users: int, items: int) -> None:
        self.counts_I = torch.from_numpy(np.bincount(train.item, minlength=items)).float()

    def scorer(self, graph: Any, features: Features) -> PopularityScorer:
        """Return the scores on the device of a graph."""
        return PopularityScorer(self.counts_I.to(graph.pattern.column.device))


class PopularityScorer(Scorer):
    """The same row for everyone."""

    def __init__(self, counts_I: Tensor) -> None:
        self._counts_I = counts_I

    def pairs(self, users: Tensor, items: Tensor) -> Tensor:
        """Score pairs, (B,),(B,) -> (B,); (B,),(B,N) -> (B,N)."""
        return self._counts_I[items]

    def block(self, users: Tensor, items: Tensor | None = None) -> Tensor:
        """Score users against shared items, (B,),(N,) -> (B,N); None: the whole catalogue."""
        row = self._counts_I if items is None else self._counts_I[items]
        return row.repeat(len(users), 1)

    def edges(self, pattern: Csr) -> Tensor:
        """Score the pattern's entries, (E,), in its order."""
        return self._counts_I[pattern.column]
