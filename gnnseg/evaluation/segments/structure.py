"""How well segments fit the graph, the ties, and another partition.

Shape legend: U users, I items, K segments.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from gnnseg.evaluation.segments.profiles import lift
from gnnseg.types import Edges, Pairs


def modularity(
    user_segment: np.ndarray[Any, Any], item_segment: np.ndarray[Any, Any], train: Pairs
) -> float:
    """Return the bipartite modularity (Barber 2007).

    The sum over user and item in one segment of (A_ij - d_i d_j / E) / E; 0 where all are in one.
    """
    edges = len(train)
    k = int(max(user_segment.max(), item_segment.max())) + 1
    inside = float((user_segment[train.user] == item_segment[train.item]).sum())
    users = np.bincount(
        user_segment, np.bincount(train.user, minlength=len(user_segment)), minlength=k
    )
    items = np.bincount(
        item_segment, np.bincount(train.item, minlength=len(item_segment)), minlength=k
    )
    return inside / edges - float(users @ items) / edges**2


def item_segments(alpha_UK: Tensor, train: Pairs, items: int) -> np.ndarray[Any, Any]:
    """Return (I,) each item's segment from 0: where its lift is largest; 0 without training."""
    telling: np.ndarray[Any, Any] = lift(alpha_UK, train, items)[0].argmax(0)
    return telling


def friends_together(user_segment: np.ndarray[Any, Any], ties: Edges) -> tuple[float, float]:
    """Return the share of ties within one segment, and what chance would give.

    Chance: the sum over segments of the squared share of tie ends.
    """
    ends = np.bincount(user_segment[np.concatenate([ties.source, ties.target])])
    inside = user_segment[ties.source] == user_segment[ties.target]
    return float(inside.mean()), float(((ends / ends.sum()) ** 2).sum())


def agreement(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> dict[str, float]:
    """Return ARI (Hubert & Arabie 1985) and NMI of two partitions of the same users."""
    from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

    return {
        "ari": float(adjusted_rand_score(a, b)),
        "nmi": float(normalized_mutual_info_score(a, b)),
    }
