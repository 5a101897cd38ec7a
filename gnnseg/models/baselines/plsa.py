"""Probabilistic latent semantic analysis: each user a mixture of aspects.

Shape legend: U users, I items, D aspects, E pairs, e pairs at once.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse
from torch import Tensor

from gnnseg.models.baselines.factors import FactorBaseline, of_factors
from gnnseg.models.baselines.settings import at_least
from gnnseg.rng import Rng
from gnnseg.types import Floats

BLOCK_BYTES = 64 << 20  # of the pairs that are looked at at once
LEAST = 1e-300


class PLSA(FactorBaseline):
    """PLSA (Hofmann 1999): s_uj = P(j|u) = sum_k P(k|u) P(j|k).

    Expectation maximisation over the pairs: P(k|u,j) ~ P(k|u) P(j|k); P(k|u) ~ sum_j P(k|u,j),
    P(j|k) ~ sum_u P(k|u,j). A user without pairs has everybody's P(k).

    Args:
        factors: How many aspects.
        epochs: Rounds of expectation maximisation; more follow the pairs more closely.
    """

    def __init__(self, *, factors: int = 64, epochs: int = 50) -> None:
        self.factors = int(at_least("factors", factors, 1))
        self.epochs = int(at_least("epochs", epochs, 1))

    def learn(self, taken: sparse.csr_matrix, rng: Rng) -> dict[str, Tensor]:
        """Return P(k|u) and P(j|k); drawn are their first values."""
        drawn = rng.numpy("aspects")
        user_UD, item_ID = (drawn.uniform(0.5, 1.5, (rows, self.factors)) for rows in taken.shape)
        user_UD /= user_UD.sum(1, keepdims=True)
        item_ID /= item_ID.sum(0, keepdims=True)
        row = np.repeat(np.arange(taken.shape[0]), np.diff(taken.indptr))
        for _ in range(self.epochs if taken.nnz else 0):
            chance_E = _at(user_UD, item_ID, row, taken.indices)
            weight = sparse.csr_matrix(
                (1 / np.maximum(chance_E, LEAST), taken.indices, taken.indptr), shape=taken.shape
            )
            of_user = user_UD * (weight @ item_ID)
            of_item = item_ID * (weight.T @ user_UD)
            user_UD, item_ID = _shares(of_user, 1), _shares(of_item, 0)
        met = np.diff(taken.indptr) > 0
        user_UD[~met] = user_UD[met].mean(0) if met.any() else 1 / self.factors
        return of_factors(user_UD, item_ID)


def _at(user_UD: Floats, item_ID: Floats, row: np.ndarray, column: np.ndarray) -> Floats:
    """Return sum_k P(k|u) P(j|k) of the pairs, (E,)."""
    found = np.empty(len(row))
    size = max(1, BLOCK_BYTES // (16 * user_UD.shape[1]))
    for begin in range(0, len(row), size):
        part = slice(begin, begin + size)
        found[part] = np.einsum("ek,ek->e", user_UD[row[part]], item_ID[column[part]])
    return found


def _shares(counts: Floats, axis: int) -> Floats:
    """Return counts as shares along an axis; 0 where there are none."""
    total = counts.sum(axis, keepdims=True)
    shares: Floats = counts / np.where(total > 0, total, 1)
    return shares
