"""Factors by alternating least squares on everything, taken or not.

Shape legend: U users, I items, D width, R rows, C columns, b rows in a block, L entries of the
longest row of a block.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from gnnseg.models.baselines.factors import FactorBaseline
from gnnseg.models.baselines.settings import above, at_least
from gnnseg.rng import Rng
from gnnseg.types import Floats, Ints

NOBODY = 1e-9  # what a row without anything is taken to hold, so that it is solved, to 0
BLOCK_BYTES = 64 << 20  # of the rows that are solved at once


class IALS(FactorBaseline):
    """Implicit alternating least squares (Hu et al. 2008; Rendle et al. 2022).

    Minimises sum_taken (1 - <u_i, v_j>)^2 + unobserved sum_all <u_i, v_j>^2
    + l2 (sum_i (n_i + unobserved I)^nu |u_i|^2 + sum_j (n_j + unobserved U)^nu |v_j|^2), one side
    after the other, each row exactly. The penalty grows with what is known of a row, which decides
    how good the model is (Rendle et al. 2022).

    Args:
        factors: D.
        unobserved: Weight of every pair, taken or not.
        l2: Weight of the penalty.
        nu: Power of the frequency in the penalty; 0: all rows alike, 1: by frequency.
        epochs: How often both sides are solved.
        deviation: Standard deviation of first values, times sqrt(D).
    """

    def __init__(
        self,
        *,
        factors: int = 64,
        unobserved: float = 0.1,
        l2: float = 0.003,
        nu: float = 1.0,
        epochs: int = 16,
        deviation: float = 0.1,
    ) -> None:
        self.factors, self.epochs = (
            int(at_least(name, value, 1))
            for name, value in (("factors", factors), ("epochs", epochs))
        )
        self.unobserved, self.l2 = at_least("unobserved", unobserved, 0), above("l2", l2)
        self.nu, self.deviation = at_least("nu", nu, 0), above("deviation", deviation)

    def learn(self, taken: sparse.csr_matrix, rng: Rng) -> dict[str, Tensor]:
        """Return both sides' vectors; drawn are their first values."""
        spread, start = self.deviation / self.factors**0.5, rng.numpy("factors")
        user_UD, item_ID = (
            spread * start.standard_normal((rows, self.factors)) for rows in taken.shape
        )
        back = taken.T.tocsr()
        for _ in range(self.epochs):
            user_UD = self.solved(taken, item_ID)
            item_ID = self.solved(back, user_UD)
        return {
            "user": torch.from_numpy(user_UD).float(), "item": torch.from_numpy(item_ID).float()
        }  # fmt: skip

    def solved(self, rows: sparse.csr_matrix, other_CD: Floats) -> Floats:
        """Return the best vectors of the rows, (R,D), the other side's being as they are."""
        count = np.diff(rows.indptr)
        penalty_R = self.l2 * (count + self.unobserved * rows.shape[1]) ** self.nu
        penalty_R = np.maximum(penalty_R, self.l2 * NOBODY)
        other = torch.from_numpy(np.vstack([other_CD, np.zeros(self.factors)]))  # a row of nobody
        everyone_DD = self.unobserved * other.T @ other
        strength_D, axes_DD = torch.linalg.eigh(everyone_DD)
        turned = other @ axes_DD
        found = np.zeros((rows.shape[0], self.factors))
        order = np.argsort(count, kind="stable")
        at = 0
        while at < len(order):
            size = max(
                1, BLOCK_BYTES // (8 * self.factors * (self.factors + int(count[order[at]])))
            )
            which = order[at : at + size]
            longest = int(count[which[-1]])
            while len(which) > 1 and 8 * len(which) * self.factors * longest > BLOCK_BYTES:
                which = which[: len(which) // 2]
                longest = int(count[which[-1]])
            penalty = torch.from_numpy(penalty_R[which])
            if longest > self.factors:
                own = self._taken(rows, which, longest, other)
                found[which] = _solved(own, everyone_DD, penalty)
            else:
                own = self._taken(rows, which, longest, turned)
                found[which] = _few(own, strength_D, penalty) @ axes_DD.T
            at += len(which)
        return found

    def _taken(self, rows: sparse.csr_matrix, which: Ints, longest: int, other: Tensor) -> Tensor:
        """Return the vectors of what some rows took, (b,L,D); nobody's where they took less."""
        begin, count = rows.indptr[which], np.diff(rows.indptr)[which]
        place = np.arange(longest)
        inside = place < count[:, None]
        column = np.full(inside.shape, len(other) - 1)
        column[inside] = rows.indices[(begin[:, None] + place)[inside]]
        return other[torch.from_numpy(column)]


def _solved(own: Tensor, everyone_DD: Tensor, penalty: Tensor) -> Tensor:
    """Return (X^T X + everyone + penalty I)^-1 X^T 1 of each row's X, (b,L,D) -> (b,D)."""
    left = own.transpose(1, 2) @ own + everyone_DD
    left.diagonal(dim1=1, dim2=2).add_(penalty[:, None])
    found: Tensor = torch.linalg.solve(left, own.sum(1))
    return found


def _few(own: Tensor, strength_D: Tensor, penalty: Tensor) -> Tensor:
    """Return the same where X is (b,L,D) along the axes of everyone, by the L rows of X.

    d the eigenvalues and the penalty: (X^T X + d)^-1 X^T 1 = d^-1 X^T (1 + X d^-1 X^T)^-1 1.
    """
    scaled = own / (strength_D.clamp(min=0) + penalty[:, None])[:, None]
    small = scaled @ own.transpose(1, 2)
    small.diagonal(dim1=1, dim2=2).add_(1)
    one = torch.ones(*own.shape[:2], 1, dtype=own.dtype)
    weight = torch.cholesky_solve(one, torch.linalg.cholesky(small))
    return (scaled.transpose(1, 2) @ weight).squeeze(2)
