"""A linear item-item model in closed form.

Shape legend: U users, I items, B users in a block.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy import linalg, sparse
from torch import Tensor

from gnnseg.graph import BipartiteGraph
from gnnseg.models.baselines.base import FittedBaseline
from gnnseg.models.baselines.scores import RowsScorer
from gnnseg.models.baselines.settings import above
from gnnseg.rng import Rng
from gnnseg.sparse import Fixed
from gnnseg.types import Features

Matrix = np.ndarray[Any, Any]
BLOCK = 1024  # columns of a Gram matrix computed at once
DOUBLE = 1 << 13  # rows up to which the inverse is computed in float64, beyond in float32


class EASE(FittedBaseline):
    """Embarrassingly shallow autoencoder (Steck 2019): S = X B.

    B minimises |X - X B|^2 + l2 |B|^2 with diag(B) = 0: P = (X^T X + l2 1)^-1,
    B = 1 - P diag(P)^-1, so that S = X - X P diag(P)^-1. Where users are fewer than items, X P =
    M X with M = (X X^T + l2 1)^-1 (Woodbury), and diag(P)_j = (1 - x_j^T M x_j)/l2: the smaller of
    (I,I) and (U,U) is inverted and stored.

    Args:
        l2: Weight of the penalty; 200 to 1000 are usual, less on small sets.
    """

    def __init__(self, *, l2: float = 500.0) -> None:
        self.l2 = above("l2", l2)

    def memory(self, users: int, items: int) -> tuple[float, str]:
        """Return that of the inverse, and of what is stored of it."""
        rows = min(users, items)
        each = 8 + 4 if rows <= DOUBLE else 4 + 4
        kind = "users" if users < items else "items"
        return float(each) * rows**2, f"the inverse of a matrix of {rows:,} x {rows:,} {kind}"

    def learn(self, taken: sparse.csr_matrix, rng: Rng) -> dict[str, Tensor]:
        """Return P or M, by which is smaller, and diag(P); nothing is drawn."""
        users, items = taken.shape
        by_users = users < items
        rows = min(users, items)
        x = taken.astype(np.float64 if rows <= DOUBLE else np.float32)
        inverse = _inverse(_gram(x if by_users else x.T.tocsr()), self.l2)
        if by_users:
            within = np.empty(items)
            columns = x.T.tocsr()
            for j in range(items):
                who = columns.indices[columns.indptr[j] : columns.indptr[j + 1]]
                within[j] = inverse[np.ix_(who, who)].sum()
            diagonal = (1 - within) / self.l2
        else:
            diagonal = inverse.diagonal().astype(np.float64)
        return {
            "inverse": torch.from_numpy(inverse.astype(np.float32, copy=False)),
            "diagonal": torch.from_numpy(diagonal).float(),
        }

    def scorer(self, graph: BipartiteGraph, features: Features) -> RowsScorer:
        """Return X - X P diag(P)^-1."""
        pattern = graph.pattern
        device = pattern.column.device
        inverse, diagonal_I = (self.state[name].to(device) for name in ("inverse", "diagonal"))
        ones = torch.ones(pattern.entries, device=device)
        whole = Fixed.of(pattern.with_value(None), ones)
        by_users = graph.users < graph.items

        def rows(users: Tensor) -> Tensor:
            product = (whole.T @ inverse[users].T).T if by_users else whole.at(users) @ inverse
            scores = -product / diagonal_I
            where, entry = pattern.entries_of(users)
            scores[where, pattern.column[entry]] += 1
            return scores

        return RowsScorer(graph.items, rows)


def _gram(rows: sparse.csr_matrix) -> Matrix:
    """Return rows rows^T, dense by columns, a block at a time."""
    found = np.zeros((rows.shape[0],) * 2, dtype=rows.dtype, order="F")
    for at in range(0, len(found), BLOCK):
        part = slice(at, at + BLOCK)
        found[:, part] = (rows @ rows[part].T).toarray()
    return found


def _inverse(gram: Matrix, l2: float) -> Matrix:
    """Return (gram + l2 1)^-1 by its Cholesky factor, in the place of ``gram``."""
    if not len(gram):
        return gram
    gram[np.diag_indices_from(gram)] += l2
    factor, inverted = linalg.lapack.get_lapack_funcs(("potrf", "potri"), (gram,))
    found: Matrix
    found, failed = factor(gram, lower=True, overwrite_a=True, clean=False)
    assert not failed, "a Gram matrix plus a positive diagonal is positive definite"
    found, failed = inverted(found, lower=True, overwrite_c=True)
    assert not failed
    for at in range(0, len(found), BLOCK):  # the upper triangle from the lower
        part = slice(at, at + BLOCK)
        found[:at, part] = found[part, :at].T
        found[part, part] = np.tril(found[part, part]) + np.tril(found[part, part], -1).T
    return found
