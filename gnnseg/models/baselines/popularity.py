"""Most popular items for everyone.

Shape legend: B users, N negatives, I items.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from gnnseg.graph import BipartiteGraph
from gnnseg.models.baselines.base import FittedBaseline
from gnnseg.rng import Rng
from gnnseg.sparse import Csr
from gnnseg.types import Features, Scorer


class Popularity(FittedBaseline):
    """s_ij = n_j, the item's training count."""

    @property
    def counts_I(self) -> Tensor:
        """Return the items' counts, or what was set in their place."""
        return self.state["counts"]

    @counts_I.setter
    def counts_I(self, value: Tensor) -> None:
        self.state = {"counts": value}

    def learn(self, taken: sparse.csr_matrix, rng: Rng) -> dict[str, Tensor]:
        """Count the items; nothing is drawn."""
        counts = np.bincount(taken.indices, minlength=taken.shape[1])
        return {"counts": torch.from_numpy(counts).float()}

    def scorer(self, graph: BipartiteGraph, features: Features) -> PopularityScorer:
        """Return the counts as scores."""
        return PopularityScorer(self.state["counts"].to(graph.pattern.column.device))


class PopularityScorer(Scorer):
    """The same row of scores for everyone."""

    def __init__(self, counts_I: Tensor) -> None:
        self._counts_I = counts_I

    def shared_rows(self, users: Tensor) -> tuple[Tensor, Tensor]:
        """Return the one row, which is everybody's."""
        return torch.zeros_like(users), self._counts_I[None]

    def pairs(self, users: Tensor, items: Tensor) -> Tensor:
        """Return the items' counts, (B,) or (B,N)."""
        return self._counts_I[items]

    def block(self, users: Tensor, items: Tensor | None = None) -> Tensor:
        """Return (B,N) the same counts for every user."""
        row = self._counts_I if items is None else self._counts_I[items]
        return row.repeat(len(users), 1)

    def edges(self, pattern: Csr) -> Tensor:
        """Return (E,) the counts at the pattern's entries."""
        return self._counts_I[pattern.column]
