"""What the recommended items that were bought brought in.

Shape legend: B users, k length of a list, T length of the longest.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gnnseg.evaluation.metrics.base import OracleUser, UserMetric
from gnnseg.evaluation.metrics.lists import Lists


class Revenue(UserMetric):
    """revenue@k = spend on recommended items that were bought / the best possible list's.

    NaN, and so left out of the mean, for a user who spent nothing.
    """

    name = "revenue"
    of_hits = False
    requires = frozenset({"spend"})

    def values(self, lists: Lists) -> Tensor:
        """Return (B,) the spends as parts of the best possible."""
        spend_BT, best_B = lists.once("spend", _spend)
        found = (lists.hits_Bk * spend_BT[:, : lists.k]).sum(1)
        return found / best_B[:, : lists.k].sum(1).double()

    def oracle(self, user: OracleUser) -> float:
        """Add what was spent on the hits, and the largest k of all."""
        found = sum(user.spend[j] for j in user.listed if j in user.relevant)
        best = sum(sorted((user.spend[j] for j in user.relevant), reverse=True)[: user.k])
        return found / best if best else float("nan")


def _spend(lists: Lists) -> tuple[Tensor, Tensor]:
    """Return spend at the lists' items (B,T), and the users' own spends, largest first."""
    relevant, spend = lists.background.relevant, lists.background.spend
    assert spend is not None
    where, entry = relevant.entries_of(lists.users_B)
    place = entry - relevant.start[lists.users_B][where]
    width = int(place.max()) + 1
    dense = torch.zeros(len(lists.users_B), width, dtype=spend.dtype, device=spend.device)
    dense[where, place] = spend[entry]
    item = torch.full_like(dense, -1, dtype=torch.long)
    item[where, place] = relevant.column[entry]
    at = (lists.items_Bk[:, :, None] == item[:, None, :]).double()
    return (at * dense.double()[:, None, :]).sum(-1), dense.sort(dim=1, descending=True).values
