"""How little known the recommended items are.

Shape legend: B users.
"""

from __future__ import annotations

import math

from torch import Tensor

from gnnseg.evaluation.metrics.base import OracleUser, UserMetric
from gnnseg.evaluation.metrics.lists import Lists


class Novelty(UserMetric):
    """novelty@k = mean over the list of -log2(n_j / U), in bits (Zhou et al. 2010).

    n_j: the item's training interactions, at least 1 and at most U, the number of users.
    """

    name = "novelty"
    of_hits = False

    def values(self, lists: Lists) -> Tensor:
        """Return (B,) the mean information of the listed items; 0 for an empty list."""
        information = lists.background.information_I[lists.items_Bk]
        return (information * lists.listed_Bk).sum(1) / lists.listed_Bk.sum(1).clamp(min=1)

    def oracle(self, user: OracleUser) -> float:
        """Add the information item by item."""
        share = (min(1.0, max(user.counts[j], 1) / user.users) for j in user.listed)
        return sum(-math.log2(s) for s in share) / max(1, len(user.listed))
