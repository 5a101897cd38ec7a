"""Walks of three steps, popular items discounted.

Shape legend: U users, I items.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse
from torch import Tensor

from gnnseg.graph import BipartiteGraph
from gnnseg.models.baselines.base import FittedBaseline
from gnnseg.models.baselines.knn import of_items
from gnnseg.models.baselines.neighbours import nearest_of_rows, stored
from gnnseg.models.baselines.scores import RowsScorer
from gnnseg.models.baselines.settings import at_least
from gnnseg.rng import Rng
from gnnseg.types import Features, Floats


class RP3beta(FittedBaseline):
    """Where a random walk of three steps from a user ends (Paudel et al. 2016).

    s_uj = sum_i x_ui w_ij, w_ij = n_j^-beta sum_v p_iv^alpha p_vj^alpha, i and j apart,
    p_iv = x_vi/n_i, p_vj = x_vj/n_v, n_v and n_j the numbers of items and of users met. Of each i
    the ``neighbours`` largest w_ij are kept. The first step's probability, the same for all of a
    user's items, changes no order and is left out.

    Args:
        neighbours: How many items an item leads to.
        alpha: Power of the steps' probabilities.
        beta: How far popular items are discounted; 0: not.
    """

    def __init__(self, *, neighbours: int = 100, alpha: float = 1.0, beta: float = 0.3) -> None:
        self.neighbours = int(at_least("neighbours", neighbours, 1))
        self.alpha, self.beta = at_least("alpha", alpha, 0), at_least("beta", beta, 0)

    def learn(self, taken: sparse.csr_matrix, rng: Rng) -> dict[str, Tensor]:
        """Return w, rows the items that were taken; nothing is drawn."""
        of_user = np.maximum(taken.sum(1).A1, 1)
        of_item = np.maximum(taken.sum(0).A1, 1)
        to_item = sparse.diags(of_user**-self.alpha) @ taken @ sparse.diags(of_item**-self.beta)
        to_user = (sparse.diags(of_item**-self.alpha) @ taken.T).tocsr()

        def walked(at: slice) -> Floats:
            block: Floats = (to_user[at] @ to_item).toarray()
            block[np.arange(len(block)), np.arange(at.start, at.stop)] = 0
            return block

        items = taken.shape[1]
        return stored(nearest_of_rows(walked, items, items, self.neighbours))

    def scorer(self, graph: BipartiteGraph, features: Features) -> RowsScorer:
        """Return x_u W."""
        return of_items(self.state, graph)
