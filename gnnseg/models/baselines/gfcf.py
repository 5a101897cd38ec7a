"""A low-pass filter on the graph of items.

Shape legend: U users, I items, D width, B users in a block.
"""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from gnnseg.graph import BipartiteGraph
from gnnseg.models.baselines.base import FittedBaseline
from gnnseg.models.baselines.factors import right_singular
from gnnseg.models.baselines.scores import RowsScorer
from gnnseg.models.baselines.settings import at_least
from gnnseg.rng import Rng
from gnnseg.sparse import Csr, Fixed
from gnnseg.types import Features


def normalised(taken: sparse.csr_matrix) -> sparse.csr_matrix:
    """Return R~ = D_U^-1/2 X D_I^-1/2, (U,I), D the degrees."""
    users, items = (np.maximum(taken.sum(axis).A1, 1) ** -0.5 for axis in (1, 0))
    return (sparse.diags(users) @ taken @ sparse.diags(items)).tocsr()


def taken_by(pattern: Csr, users: Tensor) -> Tensor:
    """Return what some users took, (U,I),(B,) -> (B,I) of 0 and 1."""
    found = torch.zeros(len(users), pattern.shape[1], device=users.device)
    where, entry = pattern.entries_of(users)
    found[where, pattern.column[entry]] = 1
    return found


class Filters:
    """The filters of a graph's items, on its device: P~ = R~^T R~, and the ideal low pass of V.

    Args:
        pattern: Who took what, (U,I).
        right_ID: V, right singular vectors of R~.
    """

    def __init__(self, pattern: Csr, right_ID: Tensor) -> None:
        users, items = (degree.clamp(min=1).float() for degree in pattern.degrees())
        self.pattern, self.right_ID = pattern.with_value(None), right_ID
        value = (users[pattern.row] * items[pattern.column]).rsqrt()
        self.walk = Fixed.of(self.pattern, value)
        self.root_I = items.sqrt()

    def linear(self, signal_BI: Tensor) -> Tensor:
        """Return signal P~."""
        return (self.walk.T @ (self.walk @ signal_BI.T)).T

    def ideal(self, signal_BI: Tensor) -> Tensor:
        """Return signal D_I^-1/2 V V^T D_I^1/2."""
        return ((signal_BI / self.root_I) @ self.right_ID) @ self.right_ID.T * self.root_I


class GraphFilter(FittedBaseline):
    """What filters users' rows on the graph of items; of the graph it learns V alone."""

    factors: int

    def learn(self, taken: sparse.csr_matrix, rng: Rng) -> dict[str, Tensor]:
        """Return V; drawn is the start of the decomposition."""
        right_ID = right_singular(normalised(taken), self.factors, rng)
        return {"right": torch.from_numpy(right_ID).float()}

    def scorer(self, graph: BipartiteGraph, features: Features) -> RowsScorer:
        """Return what becomes of users' rows, a block of users at a time."""
        filters = Filters(graph.pattern, self.state["right"].to(graph.pattern.column.device))
        taken = filters.pattern
        return RowsScorer(graph.items, lambda u: self.filtered(filters, taken_by(taken, u)))

    @abstractmethod
    def filtered(self, filters: Filters, signal_BI: Tensor) -> Tensor:
        """Return the scores of some users, (B,I), from what they took."""


class GFCF(GraphFilter):
    """Graph filter collaborative filtering (Shen et al. 2021): S = X (P~ + alpha L).

    P~ = R~^T R~, R~ = D_U^-1/2 X D_I^-1/2; L = D_I^-1/2 V V^T D_I^1/2, V the ``factors`` leading
    right singular vectors of R~.

    Args:
        factors: How many frequencies the ideal low-pass filter lets through.
        alpha: Its weight; 0: P~ alone.
    """

    def __init__(self, *, factors: int = 256, alpha: float = 0.3) -> None:
        self.factors = int(at_least("factors", factors, 1))
        self.alpha = at_least("alpha", alpha, 0)

    def filtered(self, filters: Filters, signal_BI: Tensor) -> Tensor:
        """Return X (P~ + alpha L)."""
        return filters.linear(signal_BI) + self.alpha * filters.ideal(signal_BI)
