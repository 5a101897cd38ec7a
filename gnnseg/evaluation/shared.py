"""Lists of users who share their scores: popularity, hard segments, each user's first segment.

Where N rows of scores serve everybody, each is sorted once, and a user's list is what comes first
in it of what is not masked.

Shape legend: B users, N rows of scores, I items, L the first of them.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gnnseg.sparse import Csr

CHUNK = 1 << 20  # items looked at at once


class SharedRanking:
    """The catalogue as each of a few rows ranks it, ties by item number.

    Args:
        keys_NI: (N,I) what is ranked by; -inf is not recommended.
    """

    def __init__(self, keys_NI: Tensor) -> None:
        found = keys_NI.sort(dim=1, descending=True, stable=True)
        self._order_NI = found.indices.masked_fill(found.values == -torch.inf, -1)

    def lists(self, users: Tensor, row_B: Tensor, k: int, mask: Csr | None) -> Tensor:
        """Return the first k items of some users, (B,k), -1 where there are no more.

        ``row_B``: which row is each one's. The work is that of their masked items and k more each.
        """
        found = users.new_full((len(users), k), -1)
        masked_B = users.new_zeros(len(users))
        if mask is not None:
            masked_B = mask.start[users + 1] - mask.start[users]
        order = masked_B.argsort(stable=True)
        at = 0
        while at < len(users):  # users with as much to pass over, together
            few = order[at : at + max(1, CHUNK // (k + int(masked_B[order[at]])))]
            length = k + int(masked_B[few[-1]])
            few = few[: max(1, CHUNK // length)]
            length = k + int(masked_B[few[-1]])
            found[few] = self._first(users[few], row_B[few], k, length, mask)
            at += len(few)
        return found

    def _first(self, users: Tensor, row_B: Tensor, k: int, length: int, mask: Csr | None) -> Tensor:
        """Return the first k unmasked of the first ``length`` items, (B,k)."""
        items_BL = self._order_NI[row_B, :length]
        there_BL = items_BL >= 0
        if mask is not None:
            users_BL = users[:, None].expand_as(items_BL)
            there_BL &= ~mask.contains(users_BL, items_BL)
        place_BL = there_BL.cumsum(1)
        there_BL &= place_BL <= k
        found = users.new_full((len(users), k), -1)
        row, at = there_BL.nonzero(as_tuple=True)
        found[row, place_BL[row, at] - 1] = items_BL[row, at]
        return found
