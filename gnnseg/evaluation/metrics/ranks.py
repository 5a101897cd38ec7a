"""How high in a list the relevant items stand.

Shape legend: B users, k length of a list.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from gnnseg.evaluation.metrics.base import OracleUser, UserMetric
from gnnseg.evaluation.metrics.lists import Lists


class NDCG(UserMetric):
    """Normalised discounted cumulative gain with binary gains (Järvelin & Kekäläinen 2002).

    ndcg@k = sum over hits of 1/log2(rank + 1), divided by the same sum of a list whose first
    min(k, |relevant|) items are all relevant.
    """

    name = "ndcg"

    def values(self, lists: Lists) -> Tensor:
        """Return (B,) the gains as parts of the best possible."""
        discount = 1 / (lists.rank_k + 1).log2()
        none = torch.zeros(1, dtype=torch.float64, device=discount.device)
        ideal = torch.cat([none, discount.cumsum(0)])[lists.relevant_B.clamp(max=lists.k)]
        return (lists.hits_Bk * discount).sum(1) / ideal

    def oracle(self, user: OracleUser) -> float:
        """Add the gains one by one."""
        gain = sum(1 / math.log2(r + 2) for r, j in enumerate(user.listed) if j in user.relevant)
        return gain / sum(1 / math.log2(r + 2) for r in range(min(user.k, len(user.relevant))))


class AveragePrecision(UserMetric):
    """map@k = sum over hits of the precision at their rank / min(k, |relevant|)."""

    name = "map"

    def values(self, lists: Lists) -> Tensor:
        """Return (B,) the average precisions."""
        hits, best = lists.hits_Bk, lists.relevant_B.clamp(max=lists.k)
        return (hits * hits.cumsum(1) / lists.rank_k).sum(1) / best.double()

    def oracle(self, user: OracleUser) -> float:
        """Add the precision at each hit."""
        hits = [j in user.relevant for j in user.listed]
        at = (sum(hits[: r + 1]) / (r + 1) for r, hit in enumerate(hits) if hit)
        return sum(at) / min(user.k, len(user.relevant))


class ReciprocalRank(UserMetric):
    """mrr@k = 1 / rank of the first hit; 0 without one."""

    name = "mrr"

    def values(self, lists: Lists) -> Tensor:
        """Return (B,) the reciprocal ranks."""
        return (lists.hits_Bk / lists.rank_k).amax(1)

    def oracle(self, user: OracleUser) -> float:
        """Look for the first hit."""
        return next((1 / (r + 1) for r, j in enumerate(user.listed) if j in user.relevant), 0.0)
