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
        counts_I = self.state["counts"].to(graph.pattern.column.device)
        return PopularityScorer(counts_I, graph.users)


class PopularityScorer(Scorer):
    """The same row of scores for everyone."""

    def __init__(self, counts_I: Tensor, users: int) -> None:
        self._counts_I, self._users = counts_I, users

    def shared_rows(self) -> tuple[Tensor, Tensor]:
        """Return the one row, which is everybody's."""
        one = torch.zeros(self._users, dtype=torch.int64, device=self._counts_I.device)
        return one, self._counts_I[None]

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
