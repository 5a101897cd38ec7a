"""Scores of fitted baselines, a block of users at a time, on the graph's device.

Shape legend: U users, I items, M of whatever lies between them, B users in a block, N items asked
for, D width, e entries.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor

from gnnseg.models.baselines.base import Vectors
from gnnseg.models.heads.base import FactorScorer, pick_bias
from gnnseg.models.vectors import pick
from gnnseg.rng import Rng
from gnnseg.sparse import Csr
from gnnseg.types import Scorer

BLOCK_BYTES = 64 << 20  # scores of a block of users take at most so much
ENTRIES = 1 << 21  # of a product of two sparse matrices, multiplied at once


class BlockScorer(Scorer):
    """A scorer whose scores are computed by whole rows; pairs and edges are read off them."""

    def __init__(self, items: int) -> None:
        self.items = items

    @abstractmethod
    def rows(self, users: Tensor) -> Tensor:
        """Return (B,I) the users' scores of all items, the caller's own to write into."""

    def block(self, users: Tensor, items: Tensor | None = None) -> Tensor:
        """Return (B,N) the users' scores of the same items; None: of all."""
        scores = self.rows(users)
        return scores if items is None else scores[:, items]

    def pairs(self, users: Tensor, items: Tensor) -> Tensor:
        """Return the users' scores of the items, (B,) or (B,N)."""
        columns = items if items.dim() == 2 else items[:, None]
        distinct, row = torch.unique(users, return_inverse=True)
        found = torch.zeros(columns.shape, device=columns.device)
        for at in blocks(len(distinct), self.items):
            inside = (row >= at.start) & (row < at.stop)
            scores = self.rows(distinct[at])
            found[inside] = scores[row[inside, None] - at.start, columns[inside]]
        return found if items.dim() == 2 else found.squeeze(1)

    def edges(self, pattern: Csr) -> Tensor:
        """Return (E,) the scores at the pattern's entries."""
        return self.pairs(pattern.row, pattern.column)


class RowsScorer(BlockScorer):
    """Scores by a function of users, (B,) -> (B,I)."""

    def __init__(self, items: int, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__(items)
        self._function = function

    def rows(self, users: Tensor) -> Tensor:
        """Return (B,I) the users' scores of all items."""
        return self._function(users)


class LinearScorer(FactorScorer):
    """s_ij = <user_i, item_j> + b_j, or without b."""

    def __init__(self, vectors: Vectors, bias_I: Tensor | None = None) -> None:
        self._vectors, self._bias_I = vectors, bias_I

    def left(self, users: Tensor | None) -> Tensor:
        """Return the users' factors, (B,D) of some rows; None: of all."""
        return pick(self._vectors.user_UD, users)

    def right(self, items: Tensor | None) -> Tensor:
        """Return the items' factors, (N,D) of some rows; None: of all."""
        return pick(self._vectors.item_ID, items)

    def logit(self, product: Tensor, items: Tensor | None) -> Tensor:
        """Add the items' bias, where there is one."""
        return product if self._bias_I is None else product + pick_bias(self._bias_I, items)


def sparse_rows(left: Csr, right: Csr, rows: Tensor) -> Tensor:
    """Return some rows of the product of two sparse matrices, (U,M),(M,I),(B,) -> (B,I) dense.

    Values are one where a matrix has none. The work is that of the entries that meet.
    """
    width = right.shape[1]
    where, entry = left.entries_of(rows)
    middle = left.column[entry]
    weight = None if left.value is None else left.value[entry]
    found = torch.zeros(len(rows) * width, device=rows.device)
    for at in _bounded(right.start[middle + 1] - right.start[middle]):
        position, inner = right.entries_of(middle[at])
        value = torch.ones_like(inner, dtype=found.dtype)
        value = value if right.value is None else right.value[inner]
        value = value if weight is None else value * weight[at][position]
        found.index_add_(0, where[at][position] * width + right.column[inner], value)
    return found.view(len(rows), width)


def _bounded(sizes: Tensor) -> list[slice]:
    """Return slices of whole rows that hold at most ``ENTRIES`` entries, or one row each."""
    ends, found, begin, before = sizes.cumsum(0), [], 0, 0
    while begin < len(sizes):
        end = int(torch.searchsorted(ends, before + ENTRIES, right=True))
        end = max(end, begin + 1)
        found.append(slice(begin, end))
        begin, before = end, int(ends[end - 1])
    return found


def blocks(users: int, items: int) -> list[slice]:
    """Return slices of users whose scores of all items are of bounded memory."""
    size = max(1, BLOCK_BYTES // (4 * max(1, items)))
    return [slice(at, min(at + size, users)) for at in range(0, users, size)]


def leading(
    scorer: Scorer, users: int, items: int, width: int, rng: Rng, rounds: int = 2
) -> Vectors:
    """Return the leading directions of the scores: S ~ user_UD item_ID^T, item_ID orthonormal.

    A randomised singular value decomposition with ``rounds`` power iterations (Halko, Martinsson
    and Tropp 2011); S is read by blocks of rows and never stands as a whole.
    """
    width = min(width, users, items)
    drawn = torch.randn(items, width, generator=rng.torch("directions"))
    device = scorer.block(torch.zeros(1, dtype=torch.int64)).device if users else drawn.device
    basis_ID = torch.linalg.qr(drawn.to(device).double()).Q
    for _ in range(rounds):
        product_ID = torch.zeros_like(basis_ID)
        for at in blocks(users, items):
            scores = scorer.block(torch.arange(at.start, at.stop, device=device)).double()
            product_ID += scores.T @ (scores @ basis_ID)
        basis_ID = torch.linalg.qr(product_ID).Q
    user_UD = torch.cat(
        [
            scorer.block(torch.arange(at.start, at.stop, device=device)).double() @ basis_ID
            for at in blocks(users, items)
        ]
    )
    turn_DD = torch.linalg.svd(user_UD, full_matrices=False).Vh.T  # by size of the directions
    return Vectors((user_UD @ turn_DD).float(), (basis_ID @ turn_DD).float())
