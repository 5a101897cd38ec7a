"""Evidence about segments: how many there really are, who is in them, what they like more.

Shape legend: U users, I items, K segments, F attribute columns, T length of a list.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from gnnseg.types import Edges, Floats, IdMap, Pairs, Segmentation, Split

if TYPE_CHECKING:
    import polars as pl

SUPPORT = 10  # training interactions an item needs for its lift to be shown
LARGEST_SHARE = 0.5  # a segment above this is worth a warning


def hard(alpha_UK: Tensor) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return (U,) each user's segment from 0: the largest alpha, the lowest number on ties."""
    alpha: np.ndarray[Any, Any] = alpha_UK.cpu().numpy()
    segment: np.ndarray[Any, np.dtype[np.int64]] = np.argmax(alpha, axis=1).astype(np.int64)
    return segment


def effective_k(alpha_UK: Tensor) -> float:
    """Return exp(H(mean alpha)): K where the mass is spread evenly, 1 where one holds all."""
    return float(torch.special.entr(alpha_UK.double().mean(0)).sum().exp())


def segments_per_user(alpha_UK: Tensor) -> float:
    """Return exp(mean entropy of alpha_i): 1 where each is in one segment, K where in all."""
    return float(torch.special.entr(alpha_UK.double()).sum(1).mean().exp())


def warnings(alpha_UK: Tensor) -> list[str]:
    """Return signs of collapse, a sentence each.

    Effective K below K/4, a share above one half, segments that are nobody's first.
    """
    k = alpha_UK.shape[1]
    if k == 1:
        return []
    found = []
    effective, share_K = effective_k(alpha_UK), alpha_UK.double().mean(0)
    if effective < k / 4:
        found.append(f"segments have collapsed: effective K is {effective:.1f} of {k}")
    if float(share_K.max()) > LARGEST_SHARE:
        found.append(
            f"segment {int(share_K.argmax()) + 1} holds {float(share_K.max()):.0%} of the users' "
            "mass"
        )
    size_K = np.bincount(hard(alpha_UK), minlength=k)
    if (size_K == 0).any():
        empty = np.flatnonzero(size_K == 0) + 1
        found.append(
            f"{len(empty)} of {k} segments are nobody's first: {', '.join(map(str, empty[:10]))}"
        )
    return found


def lift(
    alpha_UK: Tensor, train: Pairs, items: int
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return how much more often a segment takes each item than everyone does.

    Returns:
        lift_KI = share_KI / base_I, share_KI the alpha-weighted share of the segment's training
        pairs, and base_I the share of all training pairs.
    """
    alpha = alpha_UK.double().cpu().numpy()
    mass_KI = np.zeros((alpha.shape[1], items))
    for k in range(alpha.shape[1]):
        mass_KI[k] = np.bincount(train.item, alpha[train.user, k], minlength=items)
    share_KI = mass_KI / np.maximum(mass_KI.sum(1, keepdims=True), 1e-300)
    base_I = np.bincount(train.item, minlength=items) / max(len(train), 1)
    return share_KI / np.maximum(base_I, 1e-300), share_KI, base_I


def item_profiles(alpha_UK: Tensor, train: Pairs, items: IdMap, top: int = 10) -> pl.DataFrame:
    """Return each segment's item profile: the items it likes more than everyone does.

    Ranked by share log(lift), the item's part of how far the segment's taste is from everyone's
    (Kullback & Leibler 1951): lift alone would show rarities, share alone what everyone likes. Only
    items with ``SUPPORT`` training pairs.

    Args:
        alpha_UK: P(segment | user).
        train: the training pairs.
        items: the catalogue's ids and names.
        top: items a segment, at most.

    Returns:
        segment (from 1), rank, item, name, share, base, lift, support.
    """
    import polars as pl

    lift_KI, share_KI, base_I = lift(alpha_UK, train, len(items))
    support_I = np.bincount(train.item, minlength=len(items))
    enough = support_I >= SUPPORT
    rows: list[tuple[Any, ...]] = []
    for k in range(len(lift_KI)):
        telling = np.where(
            enough & (lift_KI[k] > 1), share_KI[k] * np.log(np.maximum(lift_KI[k], 1e-300)), -np.inf
        )
        order = np.lexsort((np.arange(len(items)), -telling))[:top]
        for rank, j in enumerate((j for j in order if telling[j] > -np.inf), 1):
            rows.append(
                (
                    k + 1,
                    rank,
                    str(items.ids[j]),
                    items.name(int(j)),
                    share_KI[k, j],
                    base_I[j],
                    lift_KI[k, j],
                    int(support_I[j]),
                )
            )
    schema = {
        "segment": pl.Int64,
        "rank": pl.Int64,
        "item": pl.String,
        "name": pl.String,
        "share": pl.Float64,
        "base": pl.Float64,
        "lift": pl.Float64,
        "support": pl.Int64,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def profiles(
    alpha_UK: Tensor, matrix_UF: Tensor, names: Sequence[str], train: Pairs
) -> pl.DataFrame:
    """Return how each segment's people differ from everyone by attribute.

    Of the training users whose value of attribute f is known (column 'f unknown' is 0): mean_kf =
    sum_i a_ik x_if / sum_i a_ik, base_f = mean_i x_if, difference = (mean - base) / standard
    deviation of x_f, a positive one where the segment has more of it. Classes ('age=45-54', 'age
    unknown') are 0 or 1, so that mean and base are shares; numbers are in the units of their
    column. support: how many such users the segment's mean is worth, (sum_i a_ik)^2 / sum_i a_ik^2
    (Kish 1965). Ranked by |difference|, ties by column. Left out: columns without spread, known of
    fewer than ``SUPPORT`` users, or classes of fewer.

    Args:
        alpha_UK: P(segment | user).
        matrix_UF: the attributes' columns.
        names: their names.
        train: the training pairs; users without any are left out.

    Returns:
        segment (from 1), rank, attribute, mean, base, difference, support.
    """
    import polars as pl

    met = np.zeros(len(alpha_UK), dtype=bool)
    met[train.user] = True
    alpha = alpha_UK.double().cpu().numpy()[met]
    matrix = matrix_UF.double().cpu().numpy()[met]
    place = {name: at for at, name in enumerate(names)}
    rows: list[tuple[int, float, int, tuple[float, ...]]] = []
    for at, name in enumerate(names):
        x, known = matrix[:, at], np.ones(len(matrix), dtype=bool)
        is_class = is_class_column(name, x)
        if not name.endswith(" unknown"):
            flag = place.get(f"{name.split('=')[0] if is_class else name} unknown")
            known = known if flag is None else matrix[:, flag] == 0
        for k, figures in enumerate(_differences(x[known], alpha[known], is_class)):
            rows.append((k, -abs(figures[2]), at, figures))
    ranked, rank, last = [], 0, -1
    for k, _, at, figures in sorted(rows):
        rank = rank + 1 if k == last else 1
        last = k
        ranked.append((k + 1, rank, str(names[at]), *figures))
    figured = dict.fromkeys(("mean", "base", "difference", "support"), pl.Float64)
    schema = {"segment": pl.Int64, "rank": pl.Int64, "attribute": pl.String, **figured}
    return pl.DataFrame(ranked, schema=schema, orient="row")


def _differences(x: Floats, a_UK: Floats, is_class: bool) -> list[tuple[float, ...]]:
    """Return mean, base, difference, support by segment; nothing of too few users."""
    x = (x > 0).astype(np.float64) if is_class else x
    rare = is_class and min(x.sum(), len(x) - x.sum()) < SUPPORT
    if len(x) < SUPPORT or rare or x.std() == 0:
        return []
    mass_K = a_UK.sum(0)
    mean_K = a_UK.T @ x / np.maximum(mass_K, 1e-300)
    support_K = mass_K**2 / np.maximum((a_UK**2).sum(0), 1e-300)
    base, spread = x.mean(), x.std()
    apart_K = np.where(mass_K > 0, (mean_K - base) / spread, 0.0)
    return [
        (float(mean), float(base), float(apart), float(support))
        for mean, apart, support in zip(mean_K, apart_K, support_K, strict=True)
    ]


def is_class_column(name: str, values: np.ndarray[Any, Any]) -> bool:
    """Return whether a column holds who is in a class.

    'age=45-54' and 'age unknown' do; 'share of genres=Drama' is a number, below 0 for some.
    """
    return ("=" in name or name.endswith(" unknown")) and bool((values >= 0).all())


def beyond(alpha_UK: Tensor, beta_KI: Tensor) -> Tensor:
    """Return (K,I) what a segment wants beyond what everyone wants.

    Where beta is not negative: beta_kj log(beta_kj / m_j) with m_j = sum_k mean alpha_k beta_kj,
    the item's part of the divergence between the segment's taste and the average one; where it is
    real-valued (affinity): beta_kj - m_j.
    """
    beta, mean_K = beta_KI.double(), alpha_UK.double().mean(0)
    mean_I = mean_K @ beta
    if bool((beta >= 0).all()):
        divergence: Tensor = torch.special.xlogy(beta, beta / mean_I.clamp(min=1e-300))
        return divergence
    return beta - mean_I


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


def diversity(lists_KT: Tensor) -> float:
    """Return the mean over pairs of segments of 1 - (items their lists share)/T.

    0 for one segment.
    """
    k, length = lists_KT.shape
    if k < 2:
        return 0.0
    shared = (lists_KT[:, None, :, None] == lists_KT[None, :, None, :]).any(-1).sum(-1).double()
    off = ~torch.eye(k, dtype=torch.bool, device=lists_KT.device)
    return float(1 - shared[off].mean() / length)


def evidence(
    scorer: Segmentation, train: Pairs, split: Split, length: int = 20
) -> dict[str, float]:
    """Return what a run says of its segments beside sharpness.

    Modularity, diversity, largest share, and recovery of a planted truth where there is one.
    """
    alpha = scorer.alpha
    users = hard(alpha)
    found = {
        "segment/modularity": modularity(
            users, item_segments(alpha, train, len(split.items)), train
        ),
        f"segment/diversity@{length}": diversity(
            scorer.beta.topk(min(length, len(split.items)), dim=1).indices
        ),
        "segment/largest_share": float(alpha.double().mean(0).max()),
    }
    if split.social is not None and len(split.social):
        together, chance = friends_together(users, split.social)
        found |= {"segment/friends_together": together, "segment/friends_by_chance": chance}
    if split.truth is not None:
        agreed = agreement(users, split.truth.alpha.argmax(1))
        found |= {"segment/recovery_ari": agreed["ari"], "segment/recovery_nmi": agreed["nmi"]}
    return found
