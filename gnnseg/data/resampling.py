"""Data as it might have been: most of everybody's events, or other people of the same kind.

Shape legend: E pairs, U users, S edges, N rows of a column.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from gnnseg.rng import Rng
from gnnseg.sparse.order import grouped, isin, lexsort
from gnnseg.types import Interactions, Ints, Pairs


def thinned(pairs: Pairs, share: float, rng: Rng) -> Pairs:
    """Return the pairs of a random ``share`` of every user's events, at least one each.

    Of a user's n events share n are kept, rounded up or down by chance so that the mean is exact
    for short histories too; which ones is drawn without replacement. Weights, spend and visits
    go by the part of a pair's events that stays, first and last times are left as they are.
    """
    draw = rng.numpy("events")
    pair = np.repeat(np.arange(len(pairs)), pairs.count)
    user = pairs.user[pair]
    _, start, events = np.unique(user, return_index=True, return_counts=True)
    kept = np.maximum(np.floor(share * events + draw.random(len(events))).astype(np.int64), 1)
    order = lexsort((draw.random(len(pair)), user))  # a random order of each user's events
    place = np.arange(len(pair)) - np.repeat(start, events)
    count = np.bincount(pair[order][place < np.repeat(kept, events)], minlength=len(pairs))
    some = count > 0
    part = count[some] / pairs.count[some]
    return Pairs(
        pairs.user[some],
        pairs.item[some],
        pairs.weight[some] * part,
        count[some],
        first=None if pairs.first is None else pairs.first[some],
        last=None if pairs.last is None else pairs.last[some],
        spend=None if pairs.spend is None else pairs.spend[some] * part,
        visits=None if pairs.visits is None else pairs.visits[some] * part,
    )


def thinned_visits(
    apart: Interactions, pairs: Pairs, kept: Pairs, items: int, rng: Rng
) -> Interactions:
    """Return the visits that stay with what ``thinned`` left of the pairs.

    Of a pair's v visits as large a part stays as of its n events, v c/n rounded by chance up or
    down, and at least one: c, where each event was a visit of its own. Which ones is drawn without
    replacement; a pair that is gone keeps none.

    Args:
        apart: The items of visits, by user.
        pairs: The pairs before.
        kept: What ``thinned`` made of them.
        items: I.
        rng: As ``thinned`` had it.
    """
    draw = rng.numpy("visits")
    before, after = (each.user * items + each.item for each in (pairs, kept))
    key, pair, _ = grouped(apart.user * items + apart.item)
    part = np.zeros(len(key))
    found = isin(key, after)
    at, old = np.searchsorted(after, key[found]), np.searchsorted(before, key[found])
    part[found] = kept.count[at] / pairs.count[old]
    visits = np.bincount(pair, minlength=len(key))
    stay = np.floor(part * visits + draw.random(len(key)) * (part < 1)).astype(np.int64)
    stay = np.where(found, np.maximum(stay, 1), 0)
    order = lexsort((draw.random(len(apart)), pair))
    place = np.empty(len(apart), dtype=np.int64)
    place[order] = np.arange(len(apart)) - np.searchsorted(pair[order], pair[order])
    return apart.rows(np.flatnonzero(place < stay[pair]))


def resampled(users: int, rng: Rng) -> Ints:
    """Return (U,) ascending, who stands in each row of a bootstrap sample of the users.

    Drawn with replacement (Efron 1979): somebody drawn twice stands in two rows.
    """
    return np.sort(rng.numpy("users").integers(0, users, users))


def first_rows(people_U: Ints, users: int) -> Ints:
    """Return (U,) the first row of each user of a sample; -1 for those who are not in it."""
    row = np.full(users, -1)
    row[people_U[::-1]] = np.arange(len(people_U))[::-1]
    return row


def copies(column_N: Ints, people_U: Ints) -> tuple[Ints, Ints]:
    """Return what becomes of a column of users in a sample of them.

    Returns:
        The row of the column each new one comes from, and whom it names by row of the sample: once
        for each time that the person was drawn.
    """
    first = np.searchsorted(people_U, column_N, side="left")
    times = np.searchsorted(people_U, column_N, side="right") - first
    source = np.repeat(np.arange(len(column_N)), times)
    within = np.arange(len(source)) - np.repeat(np.cumsum(times) - times, times)
    return source, first[source] + within


def pairs_of(pairs: Pairs, people_U: Ints) -> Pairs:
    """Return the pairs of a sample of the users, sorted by its rows and then by item."""
    source, user = copies(pairs.user, people_U)
    order = lexsort((pairs.item[source], user))
    values: dict[str, Any] = {
        name: None if (value := getattr(pairs, name)) is None else value[source][order]
        for name in ("item", "weight", "count", "first", "last", "spend", "visits")
    }
    return replace(pairs, user=user[order], **values)
