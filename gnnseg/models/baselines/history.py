"""Each user's own past: the baseline wherever people buy the same things again."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from gnnseg.sparse import Csr
from gnnseg.types import Features, Pairs, Scorer


class History:
    """s_ij = n_ij + n_j/(1 + max n), n_ij the user's own training count.

    Popularity breaks ties and fills up, below one count.
    """

    def __init__(self, train: Pairs, users: int, items: int) -> None:
        counts = np.bincount(train.item, minlength=items)
        self.popularity_I = torch.from_numpy(counts / (1 + counts.max(initial=0))).float()
        own = Csr.of(train.user, train.item, (users, items), train.count.astype(np.float32))
        self.own = own

    def scorer(self, graph: Any, features: Features) -> CountScorer:
        """Return the scores on the device of a graph."""
        device = graph.pattern.column.device
        return CountScorer(self.own.to(device), self.popularity_I.to(device))


class CountScorer(Scorer):
    """Own counts over popularity."""

    def __init__(self, own: Csr, popularity_I: Tensor) -> None:
        assert own.value is not None
        self._own, self._value, self._popularity_I = own, own.value, popularity_I

    def pairs(self, users: Tensor, items: Tensor) -> Tensor:
        """Score pairs, (B,),(B,) -> (B,); (B,),(B,N) -> (B,N)."""
        columns = items if items.dim() == 2 else items[:, None]
        scores = self.block(users).gather(1, columns)
        return scores if items.dim() == 2 else scores.squeeze(1)

    def block(self, users: Tensor, items: Tensor | None = None) -> Tensor:
        """Score users against shared items, (B,),(N,) -> (B,N); None: the whole catalogue."""
        scores = self._popularity_I.repeat(len(users), 1)
        where, entry = self._own.entries_of(users)
        scores[where, self._own.column[entry]] += self._value[entry]
        return scores if items is None else scores[:, items]

    def edges(self, pattern: Csr) -> Tensor:
        """Score the pattern's entries, (E,), in its order."""
        parts = [slice(at, at + 1024) for at in range(0, pattern.entries, 1024)]
        return torch.cat([self.pairs(pattern.row[part], pattern.column[part]) for part in parts])
