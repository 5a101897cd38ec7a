"""Events and parts to pairs: one row a (user, item).

Shape legend: E events or rows of two parts.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gnnseg.data.visits import shares_of
from gnnseg.sparse.order import ascending, grouped
from gnnseg.types import Floats, Interactions, Pairs


def merge(events: Interactions, items: int, share: Floats | None = None) -> Pairs:
    """Return one row a (user, item), sorted; events that are so already share their memory.

    Weights, spend and parts of visits (``visits.shares_of``) are added, events counted, the first
    and last time kept.
    """
    pair, inverse, count = grouped(events.user * items + events.item)
    alone = len(pair) == len(events) and ascending((events.item, events.user))

    def total(values: Floats | None) -> Any:  # Floats, None of None
        if values is None or alone:
            return values
        return np.bincount(inverse, values, minlength=len(pair))

    first = last = events.time
    if events.time is not None and not alone:
        first, last = np.full(len(pair), np.inf), np.full(len(pair), -np.inf)
        np.minimum.at(first, inverse, events.time)
        np.maximum.at(last, inverse, events.time)
    weight = total(events.weight)
    share = shares_of(events) if share is None else share
    user, item = (events.user, events.item) if alone else np.divmod(pair, items)
    return Pairs(
        user,
        item,
        count.astype(np.float64) if weight is None else weight,
        count,
        first=first,
        last=last,
        spend=total(events.spend),
        visits=total(share),
    )


def join(a: Pairs, b: Pairs, items: int) -> Pairs:
    """Return two parts as one: a pair in both is merged as its events would have been."""
    key = np.concatenate([a.user * items + a.item, b.user * items + b.item])
    pair, inverse, _ = grouped(key)

    def both(name: str) -> np.ndarray[Any, Any] | None:
        x, y = getattr(a, name), getattr(b, name)
        return None if x is None or y is None else np.concatenate([x, y])

    def total(name: str) -> np.ndarray[Any, Any] | None:
        values = both(name)
        return None if values is None else np.bincount(inverse, values, minlength=len(pair))

    def extreme(name: str, ufunc: np.ufunc, start: float) -> np.ndarray[Any, Any] | None:
        values = both(name)
        if values is None:
            return None
        out = np.full(len(pair), start)
        ufunc.at(out, inverse, values)
        return out

    weight, count = total("weight"), total("count")
    assert weight is not None
    assert count is not None
    return Pairs(
        pair // items,
        pair % items,
        weight,
        count.astype(np.int64),
        first=extreme("first", np.minimum, np.inf),
        last=extreme("last", np.maximum, -np.inf),
        spend=total("spend"),
        visits=total("visits"),
    )
