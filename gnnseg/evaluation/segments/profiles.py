"""What the people of a segment like, and are, more than everyone does.

Shape legend: U users, I items, K segments, F attribute columns, T length of a list.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from gnnseg.types import Floats, IdMap, Pairs

if TYPE_CHECKING:
    import polars as pl

SUPPORT = 10  # training interactions an item needs for its lift to be shown


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


def attribute_profiles(
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
