"""Visits: who took what when, each item once a visit, and what of it was taken before.

A visit is all that a user takes at one time. Times that are not known make every event a visit of
its own, in no order.

Shape legend: E events (distinct items of visits), V visits, U users, I items, P pairs, M
half-lives, F traits.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from gnnseg.mapped import blocks, empty
from gnnseg.sparse import Csr
from gnnseg.sparse.order import ascending, grouped, isin, lexsort
from gnnseg.types import Earlier, Floats, Interactions, Ints, Pairs, Past

HALF_LIVES = 8  # M: the span of training over 64, 32 … 1, and no fading
TRAITS = 2  # F
DAY = 86_400.0  # seconds
Array = np.ndarray[Any, Any]


def of(events: Interactions) -> Interactions:
    """Return each item of each visit once, by (user, time, item).

    What counts is that somebody came back for it, not how many lines or pieces a receipt has.
    Without times: every event, by (user, item).
    """
    if events.time is None:
        order = lexsort((events.item, events.user))
        return Interactions(events.user[order], events.item[order])
    order = lexsort((events.item, events.time, events.user))
    user, time, item = events.user[order], events.time[order], events.item[order]
    again = (np.diff(user) == 0) & (np.diff(time) == 0) & (np.diff(item) == 0)
    first = np.append(True, ~again) if len(user) else np.zeros(0, dtype=bool)
    return Interactions(user[first], item[first], time=time[first])


def shares_of(events: Interactions) -> Floats | None:
    """Return each event's part of its visit, an order or what a user does at one time, (E,).

    None where neither is known.
    """
    visit = events.time if events.order is None else events.order
    return None if visit is None else shares(events.user, visit)


def shares(user: Ints, visit: Array) -> Floats:
    """Return each event's part of its visit, 1 over the events of that visit, (E,).

    Args:
        user: (E,).
        visit: (E,): events of a user that are equal here are one visit.
    """
    found = empty(len(user), np.float64)
    for part in some_users(user):
        order = lexsort((visit[part], user[part]))
        new = np.zeros(len(order), dtype=bool)
        for key in (user[part][order], visit[part][order]):
            new[1:] |= key[1:] != key[:-1]
        number = np.cumsum(new)  # of the visit, from 0
        shared = np.empty(len(order))
        shared[order] = (1 / np.bincount(number))[number]
        found[part] = shared
    return found


def some_users(user: Ints) -> Iterable[slice]:
    """Return slices of (E,) events, whole users in each; all at once where they are not by user."""
    return blocks(len(user), user) if ascending((user,)) else [slice(None)]


def join(parts: Sequence[Interactions]) -> Interactions:
    """Return the items of the visits of several parts as those of one."""
    user, item = (np.concatenate([getattr(p, name) for p in parts]) for name in ("user", "item"))
    times = [part.time for part in parts if part.time is not None]
    time = np.concatenate(times) if len(times) == len(parts) else None
    return of(Interactions(user, item, time=time))


def within(visits: Interactions, pairs: Pairs, items: int) -> Interactions:
    """Return the items of visits whose pair of user and item is among those given."""
    key = pairs.user * items + pairs.item
    return visits.rows(isin(visits.user * items + visits.item, key))


def half_lives(visits: Interactions) -> Floats:
    """Return the half-lives by which a past may fade, (M,) seconds, ascending.

    The span of the visits over 2^6, 2^5 … 2^0, and infinity: a mixture of these exponentials comes
    close to a power law with a cutoff, as repeat consumption has it (Anderson et al. 2014).
    """
    if visits.time is None or not len(visits):
        return np.full(HALF_LIVES, np.inf)
    span = float(np.ptp(visits.time)) or DAY
    return np.append(span / 2.0 ** np.arange(HALF_LIVES - 1)[::-1], np.inf)


def latest(
    visits: Interactions, half_life: Floats, users: int, items: int, again: Floats | None = None
) -> Past:
    """Return each user's past as of their last visit.

    share_ij = sum over visits v with j of r_ij 2^(-(t - t_v)/half_life) / the same over all their
    items. When it is asked does not matter: every visit fades alike from the last one, t, on.

    Args:
        visits: As ``of`` returns them.
        half_life: (M,) seconds.
        users: U.
        items: I.
        again: r of each pair, (P,), by user and item (``gnnseg.data.repeats``); None: 1.
    """
    key, pair, _ = grouped(visits.user * items + visits.item)
    owner, r_P = key // items, np.ones(len(key)) if again is None else again
    fading = np.ones((len(visits), 1))
    if visits.time is not None:
        last = np.full(users, -np.inf)
        np.maximum.at(last, visits.user, visits.time)
        fading = np.exp(-_rates(half_life) * (last[visits.user] - visits.time)[:, None])
    columns = []
    for column in np.broadcast_to(fading, (len(visits), len(half_life))).T:
        column = column * r_P[pair]
        total = np.bincount(visits.user, column, minlength=users)
        columns.append(np.bincount(pair, column, minlength=len(key)) / total[owner])
    share = np.stack(columns, axis=1) if columns else np.zeros((len(key), 0))
    traits = _traits(np.bincount(visits.user, minlength=users), np.bincount(owner, minlength=users))
    return Past(
        taken=Csr.of(owner, key % items, (users, items)),
        share=torch.from_numpy(share).float(),
        traits=torch.from_numpy(traits).float(),
        again=None if again is None else torch.from_numpy(r_P),
    )


def earlier(
    visits: Interactions, half_life: Floats, items: int, again: Floats | None = None
) -> Earlier:
    """Return, for each event, its user's past before its visit, as ``latest`` would have it then.

    Without times there is no before: the past of an event is all of its user's other events.
    """
    key, pair, _ = grouped(visits.user * items + visits.item)
    r_P = np.ones(len(key)) if again is None else again
    if visits.time is None:
        taken, different, share = _others(visits, key, pair, items, r_P)
        shares = np.broadcast_to(share[:, None], (len(share), len(half_life)))
    else:
        taken, different, shares = _before(visits, pair, half_life, r_P)
    return Earlier(
        pair=torch.from_numpy(pair.astype(np.int64)),
        share=torch.from_numpy(np.array(shares, dtype=np.float32)),
        traits=torch.from_numpy(_traits(taken, different)).float(),
        any=torch.from_numpy(taken > 0),
    )


def _rates(half_life: Floats) -> Floats:
    rates: Floats = np.log(2) / half_life
    return rates


def _traits(taken: Array, different: Array) -> Floats:
    """Return log(1 + items taken) and the log odds that one of them was taken before, (n,F)."""
    again = taken - different
    return np.stack([np.log1p(taken), np.log((again + 0.5) / (different + 0.5))], axis=1)


def _others(
    visits: Interactions, key: Ints, pair: Ints, items: int, r_P: Floats
) -> tuple[Array, Array, Floats]:
    """Return of each event's user, this event left out: events, different items, its item's part.

    Leave-one-out counts: r_ij (n_ij - 1)/(sum_j r_ij n_ij - r_ij).
    """
    count, total = np.bincount(pair), np.bincount(visits.user)
    distinct = np.bincount(key // items, minlength=len(total))
    mine = count[pair]
    taken = total[visits.user] - 1
    different = distinct[visits.user] - (mine == 1)
    r_E = r_P[pair]
    weighed = np.bincount(visits.user, r_E)[visits.user] - r_E if len(r_E) else r_E
    share = np.divide(r_E * (mine - 1), weighed, out=np.zeros(len(r_E)), where=taken > 0)
    return taken, different, share


def _before(
    visits: Interactions, pair: Ints, half_life: Floats, r_P: Floats
) -> tuple[Array, Array, Floats]:
    """Return of each event's user, in earlier visits: items taken, different ones, this one's part.

    Both sums fade from one visit to the next: N <- (N + what the last brought) 2^(-gap/half-life);
    taken as of the user's last visit before this one, so that what they had last never fades away.
    """
    assert visits.time is not None
    rate, user, time = _rates(half_life), visits.user, visits.time
    new = np.append(True, (np.diff(user) != 0) | (np.diff(time) != 0))[: len(user)]
    begin = np.flatnonzero(new)
    visit = np.cumsum(new) - 1  # (E,): which visit an event is of
    owner, when = user[begin], time[begin]
    size: Floats = np.bincount(visit, r_P[pair], minlength=len(begin)).astype(np.float64)
    first = np.searchsorted(owner, owner)  # (V,): the owner's first visit
    taken = begin - begin[first]
    whole_VM = _faded(first, when, size, rate)
    order = lexsort((time, pair))
    head = np.searchsorted(pair[order], pair[order])
    own_EM = np.empty((len(user), len(rate)))
    own_EM[order] = _faded(head, time[order], r_P[pair[order]], rate)
    place = np.empty(len(user), dtype=np.int64)
    place[order] = np.arange(len(user)) - head
    previous = np.zeros(len(user))  # when its user last took the item
    previous[order[1:]] = time[order[:-1]]
    since = np.where(place > 0, when[np.maximum(visit - 1, 0)] - previous, 0.0)
    own_EM = np.where((place > 0)[:, None], own_EM * np.exp(-rate * since[:, None]), 0.0)
    new_V = np.bincount(visit, place == 0, minlength=len(begin))
    seen = np.cumsum(new_V) - new_V
    different = seen - seen[first]
    share = np.divide(
        own_EM, whole_VM[visit], out=np.zeros_like(own_EM), where=(taken[visit] > 0)[:, None]
    )
    return taken[visit], different[visit], share


def _faded(first: Ints, time: Floats, size: Floats, rate: Floats) -> Floats:
    """Return sum over earlier rows r' of a group of size_r' 2^(-(t - t_r')/half-life), (n,M).

    t is the time of the row just before. Groups stand together, in the order of time; ``first``
    (n,) is the row at which a row's group begins. One pass for every place in a group.
    """
    rank = np.arange(len(first)) - first
    order = np.argsort(rank, kind="stable")
    cuts = np.searchsorted(rank[order], np.arange(rank.max(initial=0) + 2))
    total = np.zeros((len(first), len(rate)))
    for begin, end in pairwise(cuts[1:]):
        at = order[begin:end]
        before = at - 1
        gap = np.where(rank[before] > 0, time[before] - time[np.maximum(before - 1, 0)], 0.0)
        total[at] = total[before] * np.exp(-rate * gap[:, None]) + size[before, None]
    return total
