"""Nearest neighbours: what is taken by those who took the same, of items and of users.

Shape legend: U users, I items, B users in a block.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse
from torch import Tensor

from gnnseg.graph import BipartiteGraph
from gnnseg.models.baselines.base import FittedBaseline
from gnnseg.models.baselines.neighbours import nearest_of_rows, restored, stored
from gnnseg.models.baselines.scores import RowsScorer, sparse_rows
from gnnseg.models.baselines.settings import at_least
from gnnseg.models.baselines.weighting import Weighting, weighted
from gnnseg.rng import Rng
from gnnseg.types import Features, Floats


def alike(rows: sparse.csr_matrix, shrink: float, neighbours: int) -> sparse.csr_matrix:
    """Return each row's nearest others by <a, b> / (|a| |b| + shrink), (R,R)."""
    length = np.sqrt(rows.multiply(rows).sum(1)).A1
    columns = rows.T.tocsr()

    def likeness(at: slice) -> Floats:
        block: Floats = (rows[at] @ columns).toarray()
        scale = length[at, None] * length + shrink
        np.divide(block, scale, out=block, where=scale > 0)
        block[np.arange(len(block)), np.arange(at.start, at.stop)] = 0
        return block

    return nearest_of_rows(likeness, rows.shape[0], rows.shape[0], neighbours)


class NearestNeighbours(FittedBaseline):
    """What both take, of items and of users."""

    def __init__(
        self, *, neighbours: int = 100, shrink: float = 10.0, weighting: Weighting = "none"
    ) -> None:
        self.neighbours = int(at_least("neighbours", neighbours, 1))
        self.shrink, self.weighting = at_least("shrink", shrink, 0), weighting


class ItemKNN(NearestNeighbours):
    """Items like those a user took (Sarwar et al. 2001).

    s_uj = sum_i x_ui w_ij, w_ij = <x_i, x_j> / (|x_i| |x_j| + shrink) for the ``neighbours`` items
    i nearest to j, else 0.

    Args:
        neighbours: How many items stand for an item.
        shrink: Draws likenesses of few common users towards 0 (Bell and Koren 2007).
        weighting: What an interaction weighs in x: 'none' alike, 'tfidf', 'bm25' (items as
            documents of users).
    """

    def learn(self, taken: sparse.csr_matrix, rng: Rng) -> dict[str, Tensor]:
        """Return w, rows the items that were taken; nothing is drawn."""
        items = weighted(taken.T.tocsr(), self.weighting)
        return stored(alike(items, self.shrink, self.neighbours).T)

    def scorer(self, graph: BipartiteGraph, features: Features) -> RowsScorer:
        """Return x_u W."""
        return of_items(self.state, graph)


class UserKNN(NearestNeighbours):
    """What the users nearest to a user took (Resnick et al. 1994, for interactions).

    s_uj = sum_v w_uv x_vj, w_uv = <x_u, x_v> / (|x_u| |x_v| + shrink) for the ``neighbours`` users
    v nearest to u, else 0.

    Args:
        neighbours: How many users stand for a user.
        shrink: Draws likenesses of few common items towards 0.
        weighting: What an interaction weighs in x: 'none' alike, 'tfidf', 'bm25' (users as
            documents of items).
    """

    def learn(self, taken: sparse.csr_matrix, rng: Rng) -> dict[str, Tensor]:
        """Return w, (U,U); nothing is drawn."""
        return stored(alike(weighted(taken, self.weighting), self.shrink, self.neighbours))

    def scorer(self, graph: BipartiteGraph, features: Features) -> RowsScorer:
        """Return W X."""
        pattern = graph.pattern.with_value(None)
        weight = restored(self.state, graph.users, pattern.column.device)
        return RowsScorer(graph.items, lambda users: sparse_rows(weight, pattern, users))


def of_items(state: dict[str, Tensor], graph: BipartiteGraph) -> RowsScorer:
    """Return x_u W of a sparse item-item model, (I,I), rows the items that were taken."""
    pattern = graph.pattern.with_value(None)
    weight = restored(state, graph.items, pattern.column.device)
    return RowsScorer(graph.items, lambda users: sparse_rows(pattern, weight, users))
