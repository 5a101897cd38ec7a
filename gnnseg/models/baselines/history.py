"""Each user's own past: the baseline wherever people buy the same things again.

Shape legend: B users, N negatives, U users, I items.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from gnnseg.graph import BipartiteGraph
from gnnseg.models.baselines.base import Baseline
from gnnseg.rng import Rng
from gnnseg.sparse import Csr
from gnnseg.types import Features, Pairs, Past, Scorer

LITTLE = 1e-6  # what popularity is beside a user's own past, whose parts sum to 1


class OwnHistory(Baseline):
    """s_ij = n_ij + n_j/(1 + max n): the user's own training count.

    Popularity breaks ties and fills up, below one count.
    """

    own: Csr
    popularity_I: Tensor

    def fit(self, train: Pairs, users: int, items: int, rng: Rng) -> None:
        """Count each user's items; nothing is drawn."""
        counts = np.bincount(train.item, minlength=items)
        self.popularity_I = torch.from_numpy(counts / (1 + counts.max(initial=0))).float()
        self.own = Csr.of(train.user, train.item, (users, items), train.count.astype(np.float32))

    def scorer(self, graph: BipartiteGraph, features: Features) -> OwnHistoryScorer:
        """Return the counts as scores."""
        device = graph.pattern.column.device
        return OwnHistoryScorer(self.own.to(device), self.popularity_I.to(device))


class FadingHistory(Baseline):
    """s_ij = p_ij + LITTLE n_j/(1 + max n): the user's own visits, fading by one half-life.

    Popularity breaks ties and fills up. In next-basket recommendation hard to beat (Hu et al. 2020;
    Faggioli et al. 2020).

    Args:
        past: What users have taken, (U,I), by half-life.
        at: Which half-life.
        repeats: Items that others take again count for more, as ``past`` has it; False: visits
            weigh alike.
    """

    def __init__(self, past: Past, at: int, *, repeats: bool = True) -> None:
        self._past, self.at = past, at
        share_P = past.share[:, at]
        if past.again is not None and not repeats:
            share_P = (share_P.double() / past.again).float()
            total_U = share_P.new_zeros(past.taken.shape[0]).index_add(0, past.taken.row, share_P)
            share_P = share_P / total_U[past.taken.row]
        self._share_P = share_P

    def fit(self, train: Pairs, users: int, items: int, rng: Rng) -> None:
        """Count the items; nothing is drawn."""
        counts = np.bincount(train.item, minlength=items)
        self.popularity_I = torch.from_numpy(LITTLE * counts / (1 + counts.max(initial=0))).float()

    def scorer(self, graph: BipartiteGraph, features: Features) -> OwnHistoryScorer:
        """Return the faded visits as scores."""
        device = graph.pattern.column.device
        own = self._past.taken.with_value(self._share_P)
        return OwnHistoryScorer(own.to(device), self.popularity_I.to(device))


class OwnHistoryScorer(Scorer):
    """Own counts over popularity."""

    def __init__(self, own: Csr, popularity_I: Tensor) -> None:
        assert own.value is not None
        self._own, self._value, self._popularity_I = own, own.value, popularity_I

    def pairs(self, users: Tensor, items: Tensor) -> Tensor:
        """Return the users' scores of the items, (B,) or (B,N)."""
        columns = items if items.dim() == 2 else items[:, None]
        scores = self.block(users).gather(1, columns)
        return scores if items.dim() == 2 else scores.squeeze(1)

    def block(self, users: Tensor, items: Tensor | None = None) -> Tensor:
        """Return (B,N) the users' scores of the same items."""
        scores = self._popularity_I.repeat(len(users), 1)
        where, entry = self._own.entries_of(users)
        scores[where, self._own.column[entry]] += self._value[entry]
        return scores if items is None else scores[:, items]

    def edges(self, pattern: Csr) -> Tensor:
        """Return (E,) the scores at the pattern's entries."""
        parts = [slice(at, at + 1024) for at in range(0, pattern.entries, 1024)]
        return torch.cat([self.pairs(pattern.row[part], pattern.column[part]) for part in parts])
