"""A sparse linear item-item model, learned an item at a time.

Shape legend: U users, I items, b items in a block, c candidates of an item.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse
from torch import Tensor

from gnnseg.graph import BipartiteGraph
from gnnseg.models.baselines.base import FittedBaseline
from gnnseg.models.baselines.knn import alike, of_items
from gnnseg.models.baselines.neighbours import stored
from gnnseg.models.baselines.scores import RowsScorer
from gnnseg.models.baselines.settings import at_least
from gnnseg.rng import Rng
from gnnseg.types import Features, Floats

BLOCK_BYTES = 64 << 20  # of the Gram matrices that are solved at once
STILL = 1e-4  # change of a weight below which an item's weights have come to rest


class SLIM(FittedBaseline):
    """Sparse linear method on selected features (fsSLIM, Ning and Karypis 2011): S = X W.

    Column j minimises |x_j - X w|^2/2 + l2 |w|^2/2 + l1 |w|_1 with w >= 0 and w_j = 0, over the
    ``neighbours`` items nearest to j by cosine; by coordinate descent on their Gram matrix.

    Args:
        neighbours: Items among which those that stand for an item are chosen.
        l1: Weight of the sum of weights; larger is sparser.
        l2: Weight of the sum of squares.
        epochs: Rounds over the weights at most.
    """

    def __init__(
        self, *, neighbours: int = 100, l1: float = 1.0, l2: float = 10.0, epochs: int = 50
    ) -> None:
        self.neighbours = int(at_least("neighbours", neighbours, 1))
        self.epochs = int(at_least("epochs", epochs, 1))
        self.l1, self.l2 = at_least("l1", l1, 0), at_least("l2", l2, 0)

    def learn(self, taken: sparse.csr_matrix, rng: Rng) -> dict[str, Tensor]:
        """Return w, rows the items that were taken; nothing is drawn."""
        near = alike(taken.T.tocsr(), 0.0, self.neighbours)  # row j: j's candidates
        columns, items = taken.tocsc(), taken.shape[1]
        widest = max(1, int(np.diff(near.indptr).max(initial=0)))
        size = max(1, BLOCK_BYTES // (8 * widest**2))
        rows, targets, weights = [], [], []
        for at in range(0, items, size):
            block = range(at, min(at + size, items))
            gram, own, place = _grams(columns, near, block, widest)
            weight = self._descended(gram, own)
            for n, j in enumerate(block):
                found = np.flatnonzero(weight[n])
                rows.append(place[n, found])
                targets.append(np.full(len(found), j))
                weights.append(weight[n, found])
        entries = np.concatenate(weights), (np.concatenate(rows), np.concatenate(targets))
        return stored(sparse.csr_matrix(entries, shape=(items, items)))

    def _descended(self, gram: Floats, own: Floats) -> Floats:
        """Return the weights of a block of items, (b,c), by their Gram matrices (b,c,c)."""
        weight, rest = np.zeros_like(own), own.copy()  # rest: own - gram weight
        scale = np.einsum("bcc->bc", gram) + self.l2
        for _ in range(self.epochs):
            moved = 0.0
            for i in range(own.shape[1]):
                wanted = rest[:, i] + (scale[:, i] - self.l2) * weight[:, i] - self.l1
                now = np.maximum(wanted, 0) / np.where(scale[:, i] > 0, scale[:, i], 1)
                step = now - weight[:, i]
                weight[:, i] = now
                rest -= gram[:, :, i] * step[:, None]
                moved = max(moved, float(np.abs(step).max(initial=0)))
            if moved < STILL:
                break
        return weight

    def scorer(self, graph: BipartiteGraph, features: Features) -> RowsScorer:
        """Return x_u W."""
        return of_items(self.state, graph)


def _grams(
    columns: sparse.csc_matrix, near: sparse.csr_matrix, block: range, widest: int
) -> tuple[Floats, Floats, np.ndarray[Any, Any]]:
    """Return each item's candidates' Gram matrix, their products with it, and which they are.

    (b,c,c), (b,c), (b,c); 0 beyond an item's candidates.
    """
    gram = np.zeros((len(block), widest, widest))
    own, place = np.zeros((len(block), widest)), np.zeros((len(block), widest), dtype=np.int64)
    for n, j in enumerate(block):
        some = near.indices[near.indptr[j] : near.indptr[j + 1]]
        chosen = columns[:, some]
        gram[n, : len(some), : len(some)] = (chosen.T @ chosen).toarray()
        own[n, : len(some)] = (chosen.T @ columns[:, [j]]).toarray()[:, 0]
        place[n, : len(some)] = some
    return gram, own, place
