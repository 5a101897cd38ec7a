"""Recall and ndcg as other libraries define them, for comparing with figures made by those.

Measured where they are named in ``evaluation.metrics``, never by default. Shape legend: B users.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from gnnseg.evaluation.metrics.base import OracleUser, UserMetric
from gnnseg.evaluation.metrics.lists import Lists


class RecallLensKit(UserMetric):
    """recall_lenskit@k = |top-k and relevant| / min(k, |relevant|) (LensKit's ``Recall``).

    RecPack calls it calibrated recall. A list of k relevant items has 1 however many there are.
    """

    name = "recall_lenskit"

    def values(self, lists: Lists) -> Tensor:
        """Return (B,) the shares of what a list of this length could hold."""
        return lists.found_B / lists.relevant_B.clamp(max=lists.k).double()

    def oracle(self, user: OracleUser) -> float:
        """Count over the list."""
        found = sum(j in user.relevant for j in user.listed)
        return found / min(user.k, len(user.relevant))


class NDCGLensKit(UserMetric):
    """ndcg_lenskit@k: ndcg@k whose discount is 1/max(1, log2 rank) (LensKit's ``NDCG``).

    The discount of Järvelin & Kekäläinen (2002): the first two ranks count alike. The ideal is over
    min(k, |relevant|).
    """

    name = "ndcg_lenskit"

    def values(self, lists: Lists) -> Tensor:
        """Return (B,) the gains as parts of the best possible."""
        discount_k = 1 / lists.rank_k.double().log2().clamp(min=1)
        none = torch.zeros(1, dtype=torch.float64, device=discount_k.device)
        ideal = torch.cat([none, discount_k.cumsum(0)])[lists.relevant_B.clamp(max=lists.k)]
        return (lists.hits_Bk * discount_k).sum(1) / ideal

    def oracle(self, user: OracleUser) -> float:
        """Add the gains one by one."""
        discount = [1 / max(1.0, math.log2(rank)) for rank in range(1, user.k + 1)]
        gain = sum(discount[r] for r, j in enumerate(user.listed) if j in user.relevant)
        return gain / sum(discount[: min(user.k, len(user.relevant))])


class NDCGRecTools(UserMetric):
    """ndcg_rectools@k: ndcg@k whose ideal is over k, however few are relevant (RecTools' ``NDCG``).

    Who has fewer than k relevant items never reaches 1.
    """

    name = "ndcg_rectools"

    def values(self, lists: Lists) -> Tensor:
        """Return (B,) the gains as parts of a list of k hits."""
        discount_k = 1 / (lists.rank_k + 1).log2()
        full = sum(1 / math.log2(rank + 1) for rank in range(1, lists.k + 1))
        return (lists.hits_Bk * discount_k).sum(1) / full

    def oracle(self, user: OracleUser) -> float:
        """Add the gains one by one."""
        gain = sum(1 / math.log2(r + 2) for r, j in enumerate(user.listed) if j in user.relevant)
        return gain / sum(1 / math.log2(rank + 1) for rank in range(1, user.k + 1))
