"""How many of a list's items are relevant, wherever they stand in it.

Shape legend: B users.
"""

from __future__ import annotations

from torch import Tensor

from gnnseg.evaluation.metrics.base import OracleUser, UserMetric
from gnnseg.evaluation.metrics.lists import Lists


class Recall(UserMetric):
    """recall@k = |top-k and relevant| / |relevant|."""

    name = "recall"

    def values(self, lists: Lists) -> Tensor:
        """Return (B,) the shares of the relevant items that are listed."""
        return lists.found_B / lists.relevant_B.double()

    def oracle(self, user: OracleUser) -> float:
        """Count over the list."""
        return sum(j in user.relevant for j in user.listed) / len(user.relevant)


class Precision(UserMetric):
    """precision@k = |top-k and relevant| / k, also where fewer than k items are left."""

    name = "precision"

    def values(self, lists: Lists) -> Tensor:
        """Return (B,) the shares of the list's places that hold a relevant item."""
        return lists.found_B / lists.k

    def oracle(self, user: OracleUser) -> float:
        """Count over the list."""
        return sum(j in user.relevant for j in user.listed) / user.k


class F1(UserMetric):
    """f1@k = 2 recall precision / (recall + precision) of each user; 0 without a hit."""

    name = "f1"

    def values(self, lists: Lists) -> Tensor:
        """Return (B,) the harmonic means of recall and precision."""
        recall, precision = lists.found_B / lists.relevant_B.double(), lists.found_B / lists.k
        return 2 * recall * precision / (recall + precision).clamp(min=1e-300)

    def oracle(self, user: OracleUser) -> float:
        """Take the harmonic mean of two counts."""
        recall, precision = Recall().oracle(user), Precision().oracle(user)
        return 2 * recall * precision / (recall + precision) if recall else 0.0


class Hit(UserMetric):
    """hit@k = 1 where at least one listed item is relevant, else 0."""

    name = "hit"

    def values(self, lists: Lists) -> Tensor:
        """Return (B,) 1 for users with a hit, 0 for others."""
        return (lists.found_B > 0).double()

    def oracle(self, user: OracleUser) -> float:
        """Look for one hit."""
        return float(any(j in user.relevant for j in user.listed))
