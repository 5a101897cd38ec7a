"""Baselines of factors: s_ij = <user_i, item_j>, and how their vectors are stored.

Shape legend: U users, I items, D width.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse
from scipy.sparse import linalg
from torch import Tensor

from gnnseg.graph import BipartiteGraph
from gnnseg.models.baselines.base import FittedBaseline, Vectors
from gnnseg.models.baselines.scores import LinearScorer
from gnnseg.rng import Rng
from gnnseg.types import Features, Floats

DENSE = 64  # of the smaller side up to which a decomposition is computed whole


class FactorBaseline(FittedBaseline):
    """A baseline whose state is 'user' (U,D), 'item' (I,D), and 'bias' (I,) where it has one."""

    def vectors(self) -> Vectors:
        """Return the users' and the items' vectors."""
        return Vectors(self.state["user"], self.state["item"])

    def scorer(self, graph: BipartiteGraph, features: Features) -> LinearScorer:
        """Return <user_i, item_j>, plus the bias."""
        state = {name: value.to(graph.pattern.column.device) for name, value in self.state.items()}
        return LinearScorer(Vectors(state["user"], state["item"]), state.get("bias"))


def of_factors(user_UD: Floats, item_ID: Floats) -> dict[str, Tensor]:
    """Return the state of a ``FactorBaseline``."""
    return {
        "user": torch.from_numpy(np.ascontiguousarray(user_UD)).float(),
        "item": torch.from_numpy(np.ascontiguousarray(item_ID)).float(),
    }


def right_singular(matrix: sparse.csr_matrix, width: int, rng: Rng) -> Floats:
    """Return the right singular vectors of the ``width`` largest singular values, (I,D).

    Fewer where the matrix has no more; the largest entry of each is positive. By Lanczos from a
    drawn start (ARPACK), whole where a side is small.
    """
    smaller = min(matrix.shape)
    width = min(width, smaller)
    if not matrix.nnz:
        return np.zeros((matrix.shape[1], width))
    if smaller <= max(DENSE, width + 1):
        right = np.linalg.svd(matrix.toarray(), full_matrices=False)[2][:width].T
    else:
        start = rng.numpy("singular vectors").standard_normal(smaller)
        _, values, right = linalg.svds(matrix, k=width, v0=start, return_singular_vectors="vh")
        right = right[np.argsort(-values, kind="stable")].T
    sign = np.sign(np.take_along_axis(right, np.abs(right).argmax(0)[None], 0))
    return np.ascontiguousarray(right * np.where(sign == 0, 1, sign))
