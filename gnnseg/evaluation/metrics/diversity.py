"""How unlike each other the items of one list are.

Shape legend: B users, U users, I items, T length of the longest list.
"""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import torch
from torch import Tensor

from gnnseg.evaluation.metrics.base import OracleUser, UserMetric
from gnnseg.evaluation.metrics.lists import Lists
from gnnseg.types import Floats


class IntraListDiversity(UserMetric):
    """ild@k = 1 - mean cosine of the pairs of items in a list (Ziegler et al. 2005).

    An item is the set of its training users: cos(a, b) = |users(a) and users(b)| / sqrt(n_a n_b);
    an item nobody took has cosine 0 with every other. Lists shorter than two items are left out.
    """

    of_hits = False
    name = "ild"
    requires = frozenset({"train_pairs"})
    sample = 500

    def values(self, lists: Lists) -> Tensor:
        """Return (B,) one less the mean cosine; NaN for lists shorter than two items."""
        found = [_unlike(cosine[: lists.k, : lists.k]) for cosine in lists.once("cosine", _cosines)]
        return torch.tensor(found, dtype=torch.float64)

    def oracle(self, user: OracleUser) -> float:
        """Compare the sets of users of every two items."""
        pairs = list(combinations(user.listed, 2))
        if not pairs:
            return float("nan")
        size = [max(1, len(takers)) for takers in user.takers]
        alike = (len(user.takers[a] & user.takers[b]) / math.sqrt(size[a] * size[b])
                 for a, b in pairs)  # fmt: skip
        return 1 - sum(alike) / len(pairs)


def _unlike(cosine: Floats) -> float:
    """Return one less the mean off the diagonal; NaN where there is none."""
    length = len(cosine)
    if length < 2:
        return float("nan")
    return 1 - float((cosine.sum() - np.trace(cosine)) / (length * (length - 1)))


def _cosines(lists: Lists) -> list[Floats]:
    """Return the cosines of each list's items with each other."""
    from scipy.sparse import csr_array

    (users, items), train = lists.background.relevant.shape, lists.background.train_pairs
    assert train is not None
    matrix = csr_array((np.ones(len(train)), (train.item, train.user)), shape=(items, users))
    norm = np.sqrt(np.maximum(matrix.sum(1), 1.0))
    found = []
    for row, listed in zip(
        lists.items_Bk.cpu().numpy(), lists.listed_Bk.cpu().numpy(), strict=True
    ):
        shown = row[listed]
        taken = matrix[shown]
        found.append((taken @ taken.T).toarray() / np.outer(norm[shown], norm[shown]))
    return found
