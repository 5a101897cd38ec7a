"""Events and parts to pairs: one row a (user, item).

Large ones are worked on some users at a time, so that no step needs memory for all of them.

Shape legend: E events or pairs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from gnnseg import mapped
from gnnseg.data.visits import shares_of
from gnnseg.mapped import empty, kept
from gnnseg.sparse.order import ascending, grouped, unique
from gnnseg.types import Floats, Interactions, Ints, Pairs

WHOLE = ("user", "item", "count")
SUMMED = ("weight", "count", "spend", "visits")
EXTREME: dict[str, tuple[np.ufunc, float]] = {
    "first": (np.minimum, np.inf),
    "last": (np.maximum, -np.inf),
}


def merge(events: Interactions, items: int, share: Floats | None = None) -> Pairs:
    """Return one row a (user, item), sorted; events that are so already share their memory.

    Weights, spend and parts of visits (``visits.shares_of``) are added, events counted, the first
    and last time kept.
    """
    count = kept(np.ones(len(events), dtype=np.int64))
    rows = Pairs(
        events.user,
        events.item,
        kept(count.astype(np.float64)) if events.weight is None else events.weight,
        count,
        first=events.time,
        last=events.time,
        spend=events.spend,
        visits=shares_of(events) if share is None else share,
    )
    return _together([rows], items)


def join(a: Pairs, b: Pairs, items: int) -> Pairs:
    """Return two parts as one: a pair in both is merged as its events would have been."""
    return _together([a, b], items)


def distinct(parts: Sequence[Pairs], items: int) -> tuple[Ints, Ints]:
    """Return the user and the item of every pair that is in one of the parts, each once, sorted."""
    if len(parts) == 1 and _distinct(parts[0]):
        return parts[0].user, parts[0].item
    rows, at = sum(map(len, parts)), 0
    user, item = empty(rows, np.int64), empty(rows, np.int64)
    for some in _some_users(parts):
        key = unique(np.concatenate([part.user * items + part.item for part in some]))
        place = slice(at, at + len(key))
        user[place], item[place] = np.divmod(key, items)
        at = place.stop
    return user[:at], item[:at]


def _together(parts: Sequence[Pairs], items: int) -> Pairs:
    """Return the rows of several parts, which may repeat, as one row a (user, item), sorted."""
    if len(parts) == 1 and _distinct(parts[0]):
        return parts[0]
    names = [
        name
        for name in Pairs.__dataclass_fields__
        if all(getattr(part, name) is not None for part in parts)
    ]
    rows, at = sum(map(len, parts)), 0
    columns = {name: empty(rows, np.int64 if name in WHOLE else np.float64) for name in names}
    for some in _some_users(parts):
        given = {name: np.concatenate([getattr(p, name) for p in some]) for name in names}
        found = _summed(given, items)
        place = slice(at, at + len(found["user"]))
        for name in names:
            columns[name][place] = found[name]
        at = place.stop
    return Pairs(**{name: column[:at] for name, column in columns.items()})


def _summed(given: dict[str, Any], items: int) -> dict[str, Any]:
    """Return (E,) rows by column as one row a (user, item): sums, the first and the last time."""
    pair, inverse, _ = grouped(given["user"] * items + given["item"])
    found: dict[str, Any] = {"user": pair // items, "item": pair % items}
    for name, values in given.items():
        if name in SUMMED:
            found[name] = np.bincount(inverse, values, minlength=len(pair))
        elif name in EXTREME:
            extreme, start = EXTREME[name]
            found[name] = np.full(len(pair), start)
            extreme.at(found[name], inverse, values)
    return found


def _some_users(parts: Sequence[Pairs]) -> Iterator[list[Pairs]]:
    """Give the rows of some ``BLOCK`` pairs' users at a time, in the users' order.

    All at once where a part does not stand by user.
    """
    rows = sum(map(len, parts))
    if rows <= mapped.BLOCK or not all(ascending((part.user,)) for part in parts):
        yield list(parts)
        return
    users = max(int(part.user[-1]) + 1 for part in parts if len(part))
    counts = [np.bincount(part.user, minlength=users) for part in parts]
    upto = np.sum(counts, axis=0).cumsum()
    cuts = unique(np.searchsorted(upto, np.arange(0, rows + mapped.BLOCK, mapped.BLOCK)))
    at = [np.searchsorted(part.user, np.append(cuts[1:-1], users)).tolist() for part in parts]
    begin = [0] * len(parts)
    for ends in zip(*at, strict=True):
        some = zip(parts, begin, ends, strict=True)
        yield [part.rows(slice(first, end)) for part, first, end in some]
        begin = list(ends)


def _distinct(part: Pairs) -> bool:
    """Return whether rows stand by user and item, each pair once."""
    user, item = part.user, part.item
    if not ascending((item, user)):
        return False
    return not bool(((user[1:] == user[:-1]) & (item[1:] == item[:-1])).any())
