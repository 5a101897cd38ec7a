"""What every rival returns, and the recommendations that pass through its segments.

Shape legend: U users, I items, E pairs, K segments.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor

from gnnseg.models.heads.base import FLOOR, FactorScorer
from gnnseg.models.heads.posthoc import PRIOR
from gnnseg.models.vectors import pick
from gnnseg.types import Pairs

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Fit:
    """A rival's segments.

    Args:
        label: (U,) each user's segment.
        objective: The rival's own, of the start that was kept; larger is better.
        alpha: (U,K) memberships, rows sum to 1; None: hard.
        beta: (K,I) the rival's own item distributions, rows sum to 1; None: it has none.
    """

    label: Array
    objective: float
    alpha: Array | None = None
    beta: Array | None = None

    @property
    def hard(self) -> Array:
        """Return the labels as memberships, (U,K) of 0 and 1."""
        return np.eye(int(self.label.max()) + 1)[self.label]


def soft(alpha: Array, beta: Array | None, objective: float) -> Fit:
    """Return the fit of memberships (U,K) of any scale; nothing known of a user: alike."""
    total = alpha.sum(1, keepdims=True)
    alpha = np.where(total > 0, alpha / np.where(total > 0, total, 1), 1 / alpha.shape[1])
    return Fit(alpha.argmax(1), objective, alpha, beta)


def matrix(pairs: Pairs, users: int, items: int) -> csr_matrix:
    """Return the training pairs as a matrix of 0 and 1, (U,I) float64."""
    ones = np.ones(len(pairs))
    return csr_matrix((ones, (pairs.user, pairs.item)), shape=(users, items))


def shares(alpha: Array, pairs: csr_matrix) -> Array:
    """Return beta_kj = (n_kj + 100 n_j/E)/(n_k + 100), (K,I), as posthoc has it.

    n_kj = sum_i alpha_ik A_ij.
    """
    counts: Array = (pairs.T @ alpha).T
    overall = np.asarray(pairs.sum(0)).ravel() / pairs.sum()
    found: Array = (counts + PRIOR * overall) / (counts.sum(1, keepdims=True) + PRIOR)
    return found


class ThroughSegments(FactorScorer):
    """Score log sum_k alpha_ik beta_kj."""

    def __init__(self, alpha: Array, beta: Array) -> None:
        self._alpha_UK = torch.from_numpy(np.ascontiguousarray(alpha)).float()
        self._beta_IK = torch.from_numpy(np.ascontiguousarray(beta.T)).float()

    def left(self, users: Tensor | None) -> Tensor:
        """Return alpha of some users, (B,K)."""
        return pick(self._alpha_UK, users)

    def right(self, items: Tensor | None) -> Tensor:
        """Return beta of some items, (N,K)."""
        return pick(self._beta_IK, items)

    def logit(self, product: Tensor, items: Tensor | None) -> Tensor:
        """Turn a probability into its logarithm."""
        return product.clamp(min=FLOOR).log()
