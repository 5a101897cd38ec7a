"""The nearest neighbours of each row, computed a block at a time: what item-item and user-user
models keep.

Shape legend: R rows, C columns, n neighbours.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from gnnseg.data.values import Floats32
from gnnseg.sparse import Csr
from gnnseg.types import Floats

BLOCK_BYTES = 64 << 20  # likenesses of a block of rows take at most so much


def nearest_of_rows(
    likeness: Callable[[slice], Floats], rows: int, columns: int, neighbours: int
) -> sparse.csr_matrix:
    """Return the ``neighbours`` largest positive entries of each row, (R,C); ties by column.

    Args:
        likeness: Some rows as a dense array, (r,C); compared in float32, in which what is alike
            but for rounding is a tie.
        rows: R.
        columns: C.
        neighbours: n.
    """
    size = max(1, BLOCK_BYTES // (8 * max(1, columns)))
    found = [
        sparse.csr_matrix(
            largest(likeness(slice(at, min(at + size, rows))).astype(np.float32), neighbours)
        )
        for at in range(0, rows, size)
    ]
    return sparse.vstack(found, format="csr") if found else sparse.csr_matrix((rows, columns))


def largest(block: Floats32, neighbours: int) -> Floats32:
    """Return the block with each row's largest positive entries alone, else 0; ties by column."""
    np.maximum(block, 0, out=block)
    columns = block.shape[1]
    if neighbours >= columns:
        return block
    least = np.partition(block, columns - neighbours, axis=1)[:, columns - neighbours, None]
    above = block > least
    tied = block == least
    spare = neighbours - above.sum(1, keepdims=True)
    block[~(above | (tied & (np.cumsum(tied, 1, dtype=np.int32) <= spare)))] = 0
    return block


def stored(found: sparse.spmatrix) -> dict[str, Tensor]:
    """Return a sparse matrix as named tensors: start, column, value."""
    found = sparse.csr_matrix(found)
    found.sort_indices()
    return {
        "start": torch.from_numpy(found.indptr.astype(np.int64)),
        "column": torch.from_numpy(found.indices.astype(np.int64)),
        "value": torch.from_numpy(found.data.astype(np.float32)),
    }


def restored(state: dict[str, Tensor], columns: int, device: torch.device) -> Csr:
    """Return the matrix of ``stored``, (R,C), on a device."""
    start, column, value = (state[name].to(device) for name in ("start", "column", "value"))
    rows = len(start) - 1
    row = torch.repeat_interleave(torch.arange(rows, device=device), start.diff())
    return Csr.by_rows(row, column, (rows, columns)).with_value(value)
