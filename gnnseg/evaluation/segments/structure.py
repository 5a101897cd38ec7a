"""How well segments fit the graph, the ties, and another partition.

Shape legend: U users, I items, K segments.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from gnnseg.evaluation.segments.profiles import lift
from gnnseg.mapped import kept
from gnnseg.sparse.order import argsort
from gnnseg.types import Edges, Floats, Pairs


@dataclass(frozen=True)
class Cuts:
    """The training pairs by segment, (K,) each.

    ``inside``: pairs whose user and item are in the segment; ``users``, ``items``: pairs of the
    segment's users and of its items (their degrees). E, the number of pairs, is the sum of either.
    """

    inside: Floats
    users: Floats
    items: Floats

    @property
    def modularity(self) -> Floats:
        """Return each segment's part of the bipartite modularity (Barber 2007).

        The sum over its users and items of (A_ij - d_i d_j / E) / E.
        """
        edges = max(float(self.users.sum()), 1.0)
        return self.inside / edges - self.users * self.items / edges**2

    @property
    def conductance(self) -> Floats:
        """Return how much of a segment leads out of it: pairs cut / the smaller volume.

        A pair is cut where only one of its user and item is in the segment; the volume of a set is
        the sum of its degrees (Kannan, Vempala & Vetta 2004). 0: nothing leads out, 1: all does;
        NaN where one side has no pair, as that of a segment with nobody.
        """
        volume = self.users + self.items
        smaller = np.minimum(volume, 2 * self.users.sum() - volume)
        cut = volume - 2 * self.inside
        nothing = np.full(len(cut), np.nan)
        return np.asarray(np.divide(cut, smaller, out=nothing, where=smaller > 0))


def cuts(
    user_segment: np.ndarray[Any, Any],
    item_segment: np.ndarray[Any, Any],
    train: Pairs,
    segments: int,
) -> Cuts:
    """Count the training pairs within, of the users and of the items of each segment."""
    own, other = user_segment[train.user], item_segment[train.item]
    return Cuts(
        inside=np.bincount(own[own == other], minlength=segments).astype(np.float64),
        users=np.bincount(own, minlength=segments).astype(np.float64),
        items=np.bincount(other, minlength=segments).astype(np.float64),
    )


def modularity(
    user_segment: np.ndarray[Any, Any], item_segment: np.ndarray[Any, Any], train: Pairs
) -> float:
    """Return the bipartite modularity (Barber 2007).

    The sum over user and item in one segment of (A_ij - d_i d_j / E) / E; 0 where all are in one.
    """
    segments = int(max(user_segment.max(), item_segment.max())) + 1
    return float(cuts(user_segment, item_segment, train, segments).modularity.sum())


def item_segments(alpha_UK: Tensor, train: Pairs, items: int) -> np.ndarray[Any, Any]:
    """Return (I,) each item's segment from 0: where its lift is largest; 0 without training."""
    telling: np.ndarray[Any, Any] = lift(alpha_UK, train, items)[0].argmax(0)
    return telling


@dataclass(frozen=True)
class Likeness:
    """Mean cosines of what two users take, (K,) each.

    ``within``: both in the segment; NaN below two users. ``across``: one in it and one outside; NaN
    where nobody is on one side.
    """

    within: Floats
    across: Floats


def likeness(
    user_segment: np.ndarray[Any, Any], train: Pairs, items: int, segments: int
) -> Likeness:
    """Return how alike a segment's people are in what they take, and how like others.

    A user is the unit vector of their training items, each counted once; users without any are left
    out. The model's own embeddings have no part in it.
    """
    degree_U = np.bincount(train.user, minlength=len(user_segment))
    count_K = np.bincount(user_segment[degree_U > 0], minlength=segments)
    own = kept(user_segment[train.user])
    weight = kept((1 / np.sqrt(degree_U.clip(min=1)))[train.user])
    order = kept(argsort(own))
    ends = np.append(0, np.bincount(own, minlength=segments).cumsum())
    total_I = np.bincount(train.item, weight, minlength=items)
    inside, outside = np.full((2, segments), np.nan)
    for k, n in enumerate(count_K.tolist()):
        rows, others = order[ends[k] : ends[k + 1]], int(count_K.sum()) - n
        sum_I = np.bincount(train.item[rows], weight[rows], minlength=items)
        if n > 1:
            inside[k] = max(float(sum_I @ sum_I) - n, 0.0) / (n * (n - 1))
        if n and others:
            outside[k] = max(float(sum_I @ (total_I - sum_I)), 0.0) / (n * others)
    return Likeness(inside, outside)


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
