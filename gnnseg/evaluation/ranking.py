"""Full ranking in chunks of users: every item is a candidate, memory stays bounded.

Shape legend: B users in a chunk, I items, T length of a list.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gnnseg.distributed.ranks import ALONE, Ranks
from gnnseg.evaluation.metrics import METRICS
from gnnseg.evaluation.metrics.base import CatalogueMetric, Metric, UserMetric
from gnnseg.evaluation.metrics.lists import Background, Lists
from gnnseg.evaluation.shared import SharedRanking
from gnnseg.sparse import Csr
from gnnseg.types import InputError, Ints, Pairs, Scorer

BLOCK_BYTES = 128 << 20  # a block's scores take at most so much; the work on them a small multiple
CACHED_BYTES = 16 << 20  # on a CPU: what its caches hold
TOGETHER = 64  # users, on a CPU: with fewer, a product waits for the items' factors
LISTS = 4096  # measured at once
FEWEST = 4  # columns a group, below which the largest are looked for among all


@dataclass(frozen=True)
class Ranking:
    """The figures of one ranking.

    Args:
        metrics: means over users, or figures of the catalogue, by name (``recall@20``).
        per_user: columns by name, among them 'user' (row number) and 'cold'.
        counts: of users evaluated and left out.
    """

    metrics: dict[str, float]
    per_user: dict[str, np.ndarray[Any, Any]]
    counts: dict[str, int] = field(default_factory=dict)

    def beside(self, other: Ranking, name: str) -> Ranking:
        """Return these figures and another ranking's of the same users, called ``…/name``.

        Users that the other has not are NaN in its columns.
        """
        at = np.searchsorted(self.per_user["user"], other.per_user["user"])
        columns = {}
        for key, values in other.per_user.items():
            if key not in ("user", "cold"):
                columns[f"{key}/{name}"] = np.full(len(self.per_user["user"]), np.nan)
                columns[f"{key}/{name}"][at] = values
        means = {named(key, name): value for key, value in other.metrics.items()}
        return Ranking(self.metrics | means, self.per_user | columns, self.counts)


def named(figure: str, name: str) -> str:
    """Return the name of a sampled figure: ndcg@10 is ndcg@10/uni99, its /cold comes last."""
    kind, cold, _ = figure.partition("/cold")
    return f"{kind}/{name}{cold}"


NOT_A_NUMBER = (
    "scores: one is NaN, so that there is no order of items: training has diverged; lower "
    "optimizer.lr or raise the head's temperatures."
)


def topk(
    scorer: Scorer, users: Tensor, k: int, mask: Csr | None, excluded: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Rank the catalogue for some users by score, ties by item number.

    Args:
        scorer: what gives the logits.
        users: (B,) rows.
        k: length of a list.
        mask: (U,I) items that are not recommended to their users, or None.
        excluded: (I,) bool, items that are recommended to nobody, or None.

    Returns:
        The k best items (B,k) int64 and their scores; a row with too few items left ends in -1 with
        score -inf.

    Raises:
        InputError: where a score is NaN.
    """
    keys = scorer.sort_keys(users)
    if mask is not None:
        where, entry = mask.entries_of(users)
        keys[where, mask.column[entry]] = -torch.inf
    if excluded is not None:
        keys[:, excluded] = -torch.inf
    values, items = _largest(keys, min(k, keys.shape[1]))
    none = values == -torch.inf
    scores = scorer.logits_of(values, items).masked_fill(none, -torch.inf)
    items = items.masked_fill(none, -1)
    if (short := k - items.shape[1]) > 0:
        items = torch.nn.functional.pad(items, (0, short), value=-1)
        scores = torch.nn.functional.pad(scores, (0, short), value=-torch.inf)
    return items, scores


def _largest(keys: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Return the k largest values of each row, (B,I) -> (B,k) twice, ties by item number."""
    values, items = _top(keys, min(k + 1, keys.shape[1]))
    if bool(values.isnan().any()):  # it counts as the largest
        raise InputError(NOT_A_NUMBER)
    if values.shape[1] > k:
        tied = (values[:, k - 1] == values[:, k]) & (values[:, k - 1] > -torch.inf)
        values, items = values[:, :k], items[:, :k]
        rows = tied.nonzero().squeeze(1)
        if len(rows):
            items[rows] = _first_of_ties(keys[rows], values[rows], items[rows])
    items, order = items.sort(dim=1)
    values, order = values.gather(1, order).sort(dim=1, descending=True, stable=True)
    return values, items.gather(1, order)


def _top(keys: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """Return the n largest values of each row and where they are, ties in any order: ``topk``.

    They lie in the n groups of columns whose maxima are largest; these are cheaper to come by.
    """
    columns = keys.shape[1]
    size = int((columns / max(n, 1)) ** 0.5)
    width = columns // max(size, 1)
    if size < FEWEST:
        found = keys.topk(n, dim=1)
        return found.values, found.indices
    best = keys[:, : size * width].view(len(keys), size, width).amax(1)
    groups = best.topk(n, dim=1).indices
    each = torch.arange(size, device=keys.device) * width
    rest = torch.arange(size * width, columns, device=keys.device)
    asked = torch.cat(
        [(groups[:, None] + each[:, None]).flatten(1), rest.expand(len(keys), -1)], dim=1
    )
    values, at = keys.gather(1, asked).topk(n, dim=1)
    return values, asked.gather(1, at)


def _first_of_ties(keys: Tensor, values: Tensor, items: Tensor) -> Tensor:
    """Return the lists (R,k) of rows whose last value others have too, with the first of these."""
    k, catalogue = values.shape[1], keys.shape[1]
    last = values[:, -1:]
    exact = torch.float32 if catalogue < 1 << 24 else torch.float64
    down = torch.arange(catalogue, 0, -1, dtype=exact, device=keys.device)
    first = torch.where(keys == last, down, 0).topk(k, dim=1).indices
    above = (values > last).sum(1, keepdim=True)
    place = torch.arange(k, device=keys.device)
    return torch.where(place < above, items, first.gather(1, (place - above).clamp(min=0)))


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
    metrics: Mapping[str, Metric] | None = None,
    train_pairs: Pairs | None = None,
    sampled: bool = False,
    ranks: Ranks = ALONE,
) -> Ranking:
    """Measure every metric over users with at least one relevant item.

    Args:
        scorer: what gives the logits.
        relevant: (U,I) the items asked for.
        mask: (U,I) items not to be recommended, or None.
        ks: lengths of lists.
        item_counts: (I,) training interactions.
        spend: (E,) at ``relevant``'s entries, or None.
        cold: (U,) bool users without training data: left out of the means, counted, shown as
            ``NAME/cold``.
        chunk: users ranked at once; None: as many as memory's bound allows.
        metrics: what to measure, by name; None: all of ours. A metric that requires what is not
            given here is left out.
        train_pairs: for metrics that require them, or None.
        sampled: also measure metrics of a sample of users (``UserMetric.sample``).
        ranks: the processes that rank a part of the users each.

    Returns:
        Means, figures of the catalogue, and each user's values.
    """
    data = Background(relevant, item_counts, spend, train_pairs)
    given = METRICS if metrics is None else metrics
    asked = {n: m for n, m in given.items() if m.requires <= data.provides}
    users = relevant.degrees()[0].nonzero().squeeze(1)
    chunk = chunk or at_once(relevant.shape[1], users.device)
    mine, longest = users[ranks.share(len(users))], max(ks := list(dict.fromkeys(ks)))
    lists = _lists(scorer, mine, mask, longest, data, chunk)
    per_user, shown = _gathered(*_of_everybody(lists, asked, ks, cold, data), ranks)
    is_cold = _cold(users, cold).cpu().numpy()
    means = {name: _mean(values[~is_cold]) for name, values in per_user.items()}
    of_all = {n: m for n, m in asked.items() if isinstance(m, CatalogueMetric)}
    means |= {f"{name}@{k}": m.value(shown[k]) for k in ks for name, m in of_all.items()}
    if is_cold.any():
        means |= {f"{name}/cold": _mean(values[is_cold]) for name, values in per_user.items()}
    if sampled:
        means |= _of_samples(scorer, asked, mask, ks, data)
    return Ranking(
        means,
        {"user": users.cpu().numpy(), **per_user, "cold": is_cold},
        {"users": int((~is_cold).sum()), "cold users": int(is_cold.sum())},
    )


def at_once(items: int, device: torch.device) -> int:
    """Return how many users are ranked at once on a device."""
    size = 4 * max(1, items)
    most = BLOCK_BYTES // size
    if device.type == "cpu":
        most = min(most, max(CACHED_BYTES // size, TOGETHER))
    return max(1, min(4096, most))


def sample(relevant: Csr, size: int) -> Ints:
    """Return at most ``size`` of the users asked about, evenly spaced by number."""
    asked = relevant.degrees()[0].cpu().numpy().nonzero()[0]
    return asked[np.unique(np.linspace(0, len(asked) - 1, min(size, len(asked))).astype(np.int64))]


def _lists(
    scorer: Scorer, users: Tensor, mask: Csr | None, k: int, data: Background, chunk: int
) -> Iterator[Lists]:
    """Yield the lists of some users after others, none longer than the catalogue."""
    degree_U = data.relevant.degrees()[0]
    k = min(k, data.relevant.shape[1])
    rows = scorer.shared_rows(users)
    if rows is not None and bool(rows[1].isnan().any()):
        raise InputError(NOT_A_NUMBER)
    shared = None if rows is None else SharedRanking(rows[1])
    for at in range(0, len(users), LISTS):
        part = users[at : at + LISTS]
        if rows is None or shared is None:
            items = torch.cat([topk(scorer, few, k, mask)[0] for few in torch.split(part, chunk)])
        else:
            items = shared.lists(part, rows[0][at : at + LISTS], k, mask)
        yield Lists.of(part, items, data, degree_U)


def _of_everybody(
    parts: Iterable[Lists],
    asked: Mapping[str, Metric],
    ks: Sequence[int],
    cold: Tensor | None,
    data: Background,
) -> tuple[dict[str, np.ndarray[Any, Any]], dict[int, Tensor]]:
    """Return each user's values by column, and by k how often each item is shown to the warm."""
    each = {n: m for n, m in asked.items() if isinstance(m, UserMetric) and m.sample is None}
    items, device = data.relevant.shape[1], data.relevant.column.device
    columns: dict[str, list[Tensor]] = {}
    shown = {k: torch.zeros(items, dtype=torch.int64, device=device) for k in ks}
    for lists in parts:
        warm_B = ~_cold(lists.users_B, cold)
        for k in ks:
            cut = lists.cut(k)
            for name, metric in each.items():
                columns.setdefault(f"{name}@{k}", []).append(_values(name, metric, cut))
            counted = cut.items_Bk[cut.listed_Bk & warm_B[:, None]]
            shown[k] += torch.bincount(counted, minlength=items)
    return {name: torch.cat(values).numpy() for name, values in columns.items()}, shown


def _gathered(
    per_user: dict[str, np.ndarray[Any, Any]], shown: dict[int, Tensor], ranks: Ranks
) -> tuple[dict[str, np.ndarray[Any, Any]], dict[int, Tensor]]:
    """Return all users' values, in order, and how often items are shown to any of them."""
    if ranks.alone:
        return per_user, shown
    parts = [part for part in ranks.gathered(per_user) if part]
    whole = {name: np.concatenate([part[name] for part in parts]) for name in (parts or [{}])[0]}
    return whole, {k: ranks.total(count) for k, count in shown.items()}


def _of_samples(
    scorer: Scorer,
    asked: Mapping[str, Metric],
    mask: Csr | None,
    ks: Sequence[int],
    data: Background,
) -> dict[str, float]:
    """Return the means of metrics that look at a sample of the users."""
    found = {}
    for name, metric in asked.items():
        if isinstance(metric, UserMetric) and metric.sample is not None:
            users = torch.from_numpy(sample(data.relevant, metric.sample))
            users = users.to(data.relevant.column.device)
            chunk = at_once(data.relevant.shape[1], users.device)
            for lists in _lists(scorer, users, mask, max(ks), data, chunk):
                for k in ks:
                    found[f"{name}@{k}"] = _mean(_values(name, metric, lists.cut(k)).numpy())
    return found


def _values(name: str, metric: UserMetric, lists: Lists) -> Tensor:
    """Return a metric's values, (B,) on the CPU; an InputError where they are not one a user."""
    values = metric.values(lists)
    if values.shape != lists.users_B.shape:
        raise InputError(
            f"metrics.{name}: its values are {tuple(values.shape)} for {len(lists.users_B)} lists; "
            "give one a list, (B,)."
        )
    return values.double().cpu()


def _cold(users: Tensor, cold: Tensor | None) -> Tensor:
    """Return (B,) bool, which users have no training data."""
    return torch.zeros_like(users, dtype=torch.bool) if cold is None else cold[users]


def _mean(values: np.ndarray[Any, Any]) -> float:
    """Return the mean over users for whom the metric is defined; NaN where it is for nobody."""
    there = values[~np.isnan(values)]
    return float(there.mean()) if len(there) else float("nan")
