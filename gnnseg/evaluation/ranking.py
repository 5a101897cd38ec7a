"""Full ranking in chunks of users: every item of the catalogue is a candidate, memory stays
bounded.

Shape legend: B users in a chunk, I items, T length of a list.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gnnseg.evaluation import metrics
from gnnseg.sparse import Csr
from gnnseg.types import Scorer

BLOCK_BYTES = 128 << 20  # a chunk's scores take at most so much; the work on them a small multiple


@dataclass(frozen=True)
class Ranking:
    """``metrics`` by name (``recall@20``), means over users; ``per_user`` columns by name with
    'user' (index) and 'cold'; ``counts`` of users judged and left out."""

    metrics: dict[str, float]
    per_user: dict[str, np.ndarray[Any, Any]]
    counts: dict[str, int] = field(default_factory=dict)


def topk(
    scorer: Scorer, users: Tensor, k: int, mask: Csr | None, barred: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """The k best items of some user rows, (B,k) int64 by score, ties by item number, and their
    scores.

    Masked items (U,I) and items ``barred`` (I,) bool for everybody are never among them; a row with
    too few items left ends in -1 with score -inf. NaN is a ValueError.
    """
    scores = scorer.block(users)
    if not bool(torch.isfinite(scores.sum(dtype=torch.float64))) and bool(scores.isnan().any()):
        raise ValueError("a score is NaN")
    if mask is not None:
        where, entry = mask.entries_of(users)
        scores[where, mask.column[entry]] = -torch.inf
    if barred is not None:
        scores[:, barred] = -torch.inf
    width = min(k, scores.shape[1])
    values, items = scores.topk(min(width + 1, scores.shape[1]), dim=1)
    if values.shape[1] > width:
        tied = (values[:, width - 1] == values[:, width]) & (values[:, width - 1] > -torch.inf)
        values, items = values[:, :width], items[:, :width]
        redo = tied.nonzero().squeeze(1)
        step = max(1, (BLOCK_BYTES // 16) // scores.shape[1])
        for at in range(0, len(redo), step):
            rows = redo[at : at + step]
            best = scores[rows].sort(dim=1, descending=True, stable=True)
            values[rows], items[rows] = best.values[:, :width], best.indices[:, :width]
    items, order = items.sort(dim=1)
    values = values.gather(1, order)
    values, order = values.sort(dim=1, descending=True, stable=True)
    items = items.gather(1, order).masked_fill(values == -torch.inf, -1)
    if width < k:
        items = torch.nn.functional.pad(items, (0, k - width), value=-1)
        values = torch.nn.functional.pad(values, (0, k - width), value=-torch.inf)
    return items, values


@torch.no_grad()
def evaluate(
    scorer: Scorer,
    relevant: Csr,
    mask: Csr | None,
    *,
    ks: Sequence[int],
    item_counts: Tensor,
    spend: Tensor | None = None,
    cold: Tensor | None = None,
    chunk: int | None = None,
) -> Ranking:
    """Every metric over users with at least one relevant item.

    relevant (U,I); mask (U,I) items not to be recommended; item_counts (I,) training counts, for
    novelty; spend (E,) at ``relevant``'s entries; cold (U,) bool users without training data: left
    out of the means, counted, shown as ``NAME/cold``.
    """
    device, longest = relevant.column.device, max(ks)
    degree = relevant.degrees()[0]
    judged = degree.nonzero().squeeze(1)
    chunk = chunk or max(1, min(4096, BLOCK_BYTES // (4 * max(1, relevant.shape[1]))))
    columns: dict[str, list[Tensor]] = {}
    shown = {k: torch.zeros(relevant.shape[1], dtype=torch.int64, device=device) for k in ks}
    information = (
        -(item_counts.double().clamp(min=1) / max(1, relevant.shape[0])).clamp(max=1).log2()
    )
    for at in range(0, len(judged), chunk):
        users = judged[at : at + chunk]
        items, _ = topk(scorer, users, longest, mask)
        there = items >= 0
        safe = items.clamp(min=0)
        hits = relevant.contains(users[:, None].expand_as(safe), safe) & there
        warm = there if cold is None else there & ~cold[users][:, None]
        for k in ks:
            found = metrics.of_lists(hits, degree[users], k)
            listed = there[:, :k].sum(1).clamp(min=1)
            found["novelty"] = (information[safe[:, :k]] * there[:, :k]).sum(1) / listed
            if spend is not None:
                found["revenue"] = _revenue(relevant, spend, users, safe, hits, k)
            for name, value in found.items():
                columns.setdefault(f"{name}@{k}", []).append(value.cpu())
            shown[k] += torch.bincount(safe[:, :k][warm[:, :k]], minlength=relevant.shape[1])
    per_user = {name: torch.cat(parts).numpy() for name, parts in columns.items()}
    is_cold = (
        (torch.zeros_like(judged, dtype=torch.bool) if cold is None else cold[judged]).cpu().numpy()
    )
    means = {name: _mean(values[~is_cold]) for name, values in per_user.items()}
    for k in ks:
        means |= {f"{name}@{k}": value for name, value in metrics.of_catalogue(shown[k]).items()}
    if is_cold.any():
        means |= {f"{name}/cold": _mean(values[is_cold]) for name, values in per_user.items()}
    per_user = {"user": judged.cpu().numpy(), **per_user, "cold": is_cold}
    return Ranking(
        means, per_user, {"users": int((~is_cold).sum()), "cold users": int(is_cold.sum())}
    )


def _revenue(
    relevant: Csr, spend: Tensor, users: Tensor, items: Tensor, hits: Tensor, k: int
) -> Tensor:
    """Each user's revenue@k: spend is read off the user's own row of the relevant items."""
    where, entry = relevant.entries_of(users)
    place = entry - relevant.start[users][where]
    dense = torch.zeros(len(users), int(place.max()) + 1, dtype=spend.dtype, device=spend.device)
    dense[where, place] = spend[entry]
    table = torch.full_like(dense, -1, dtype=torch.long)
    table[where, place] = relevant.column[entry]
    at = (items[:, :k, None] == table[:, None, :]).double()
    listed = (at * dense.double()[:, None, :]).sum(-1)
    best = dense.sort(dim=1, descending=True).values
    return metrics.revenue(hits, listed, best, k)


def _mean(values: np.ndarray[Any, Any]) -> float:
    """The mean over users for whom the metric is defined; NaN where it is for nobody."""
    there = values[~np.isnan(values)]
    return float(there.mean()) if len(there) else float("nan")
