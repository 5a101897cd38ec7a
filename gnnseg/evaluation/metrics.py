"""Ranking metrics of each user from the hits of a list. Shape legend: B users, k length of a list."""

from __future__ import annotations

import torch
from torch import Tensor


def of_lists(hits_Bk: Tensor, relevant_B: Tensor, k: int) -> dict[str, Tensor]:
    """Each user's metrics at k, (B,) float64, from hits (B,>=k) bool in rank order and the number
    of relevant items (B,).

    recall = |hits|/|relevant|; precision = |hits|/k; f1 their harmonic mean; hit = any; ndcg with
    binary gains 1/log2(rank+1) and ideal over min(k, |relevant|) (Järvelin & Kekäläinen 2002); map
    = mean precision at the hits over min(k, |relevant|); mrr = 1/rank of the first hit.
    """
    hits = hits_Bk[:, :k].double()
    relevant = relevant_B.double()
    rank = torch.arange(1, k + 1, device=hits.device, dtype=torch.float64)
    found = hits.sum(1)
    discount = 1 / (rank + 1).log2()
    best = relevant_B.clamp(max=k)
    ideal = torch.cat(
        [torch.zeros(1, dtype=torch.float64, device=hits.device), discount.cumsum(0)]
    )[best]
    recall, precision = found / relevant, found / k
    return {
        "recall": recall,
        "precision": precision,
        "f1": 2 * recall * precision / (recall + precision).clamp(min=1e-300),
        "hit": (found > 0).double(),
        "ndcg": (hits * discount).sum(1) / ideal,
        "map": (hits * hits.cumsum(1) / rank).sum(1) / best.double(),
        "mrr": (hits / rank).amax(1),
    }


def revenue(hits_Bk: Tensor, spend_Bk: Tensor, best_Bk: Tensor, k: int) -> Tensor:
    """Spend on recommended items that were bought against the best possible list's, (B,); NaN for
    who spent nothing.

    spend_Bk: spend at the list's items (0 where none); best_Bk: each user's largest spends,
    descending.
    """
    return (hits_Bk[:, :k] * spend_Bk[:, :k]).sum(1).double() / best_Bk[:, :k].sum(1).double()


def of_catalogue(counts_I: Tensor) -> dict[str, float]:
    """coverage: share of the catalogue in at least one list; gini: inequality of how often items
    are recommended (0 even, 1 one item)."""
    items = len(counts_I)
    x = counts_I.double().sort().values
    total = float(x.sum())
    place = torch.arange(1, items + 1, dtype=torch.float64, device=x.device)
    gini = float(((2 * place - items - 1) * x).sum()) / (items * total) if total else 0.0
    return {"coverage": float((counts_I > 0).double().mean()), "gini": gini}
