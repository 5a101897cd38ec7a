"""The items that go together, by whom they have in common: the nearest of each, in blocks.

Shape legend: U users, I items, N neighbours of an item.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from gnnseg.sparse import Csr
from gnnseg.types import Floats, Ints

ENTRIES = 1 << 22  # of the product A^T A that stand at once: bounds its memory


@dataclass(frozen=True)
class ItemNeighbours:
    """The nearest items of each, ``item`` (I,N), and how near they are, ``weight`` (I,N).

    Nearest first; an item that has fewer is filled up with item 0 at weight 0.
    """

    item: Tensor
    weight: Tensor


def nearest_items(pattern: Csr, count: int) -> ItemNeighbours:
    """Return the ``count`` items of largest omega of each item (UltraGCN, Mao et al. 2021).

    omega_ij = g_ij/(G_i - g_ii) sqrt(G_i/G_j), j != i: G = A^T A counts the users whom two items
    have in common, G_i = sum_j g_ij. Ties by number. G never stands as a whole.

    Args:
        pattern: (U,I) who met what.
        count: N; of a catalogue of fewer other items, those.
    """
    users, items = pattern.shape
    count = max(1, min(count, items - 1))
    start, column = pattern.start.cpu().numpy(), pattern.column.cpu().numpy()
    met = sparse.csr_array((np.ones(len(column)), column, start), shape=(users, items))
    back = met.T.tocsr()
    own = np.diff(back.indptr).astype(np.float64)  # g_ii
    total = back @ np.diff(start).astype(np.float64)  # G_i
    found = np.zeros((items, count), dtype=np.int64)
    weight = np.zeros((items, count))
    scale = np.sqrt(total) / np.maximum(total - own, 1)  # of an item alone: it has no neighbours
    for begin, end in _blocks(np.minimum(total, items)):
        block = (back[begin:end] @ met).tocsr()
        for row in range(end - begin):
            inside = slice(block.indptr[row], block.indptr[row + 1])
            other = block.indices[inside] != begin + row
            near = block.indices[inside][other].astype(np.int64)
            omega = block.data[inside][other] * scale[begin + row] / np.sqrt(total[near])
            order = _largest(omega, near, count)
            found[begin + row, : len(order)] = near[order]
            weight[begin + row, : len(order)] = omega[order]
    return ItemNeighbours(torch.from_numpy(found), torch.from_numpy(weight).float())


def _blocks(size_I: Floats) -> list[tuple[int, int]]:
    """Return runs of items whose rows hold at most ``ENTRIES`` together, or one item each."""
    ends, found, begin = np.cumsum(size_I), [], 0
    while begin < len(size_I):
        before = ends[begin - 1] if begin else 0.0
        end = max(int(np.searchsorted(ends, before + ENTRIES, side="right")), begin + 1)
        found.append((begin, end))
        begin = end
    return found


def _largest(value: Floats, number: Ints, count: int) -> Ints:
    """Return where the ``count`` largest stand, the largest first; the lowest number wins a tie."""
    candidates = np.arange(len(value))
    if len(value) > count:
        candidates = np.flatnonzero(value >= np.partition(value, -count)[-count])
    order = np.lexsort((number[candidates], -value[candidates]))
    chosen: Ints = candidates[order][:count]
    return chosen
