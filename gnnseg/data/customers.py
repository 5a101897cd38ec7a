"""What each user did in all of a data set's events."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from gnnseg.data import visits
from gnnseg.types import Customers, Floats, Interactions, Ints

DAY = 86_400.0  # seconds
QUARTER = 0.25  # of the time span: what is recent, and the time before it


def of(events: Interactions, users: int, share: Floats | None = None) -> Customers:
    """Return what each of ``users`` did.

    ``share``: each event's part of its visit (``visits.shares_of``), where it is known already;
    where neither orders nor times are, each event is a visit.
    Recent is later than a quarter of the time span before the last event, former the quarter before
    that: end - span/2 < t <= end - span/4.
    """

    def total(values: Floats | None, at: Any = ...) -> Floats:
        weights = None if values is None else values[at]
        return np.bincount(events.user[at], weights, minlength=users).astype(np.float64)

    count = total(None)
    share = visits.shares_of(events) if share is None else share
    part = np.ones(len(events)) if share is None else share
    came = np.bincount(events.user, part, minlength=users).astype(np.float64)
    spend = None if events.spend is None else total(events.spend)
    found = Customers(events=count, visits=came, spend=spend)
    if events.time is None or not len(events):
        return found
    first, last = np.full(users, np.inf), np.full(users, -np.inf)
    np.minimum.at(first, events.user, events.time)
    np.maximum.at(last, events.user, events.time)
    first, last = (np.where(np.isfinite(each), each, np.nan) for each in (first, last))
    begin, end = float(events.time.min()), float(events.time.max())
    pace = paces(events.user, events.time, part, users)
    timed = replace(found, first=first, last=last, pace=pace, end=end)
    if begin == end:
        return timed
    value = np.ones(len(events)) if events.spend is None else events.spend
    quarter = QUARTER * (end - begin)
    late = events.time > end - quarter
    before = ~late & (events.time > end - 2 * quarter)
    return replace(timed, recent=total(value, late), former=total(value, before))


def paces(user: Ints, time: Floats, part: Floats, users: int, fading: float = QUARTER) -> Floats:
    """Return how many visits a day each user makes of late, (users,).

    (ln 2/h) sum_e part_e 2^(-(end - t_e)/h): h is a share of the time span, and a steady visitor
    of so many visits a day has that many but for what was before the first event.

    Args:
        user: (E,).
        time: (E,), seconds.
        part: Each event's part of its visit, (E,).
        users: How many users there are.
        fading: h as a share of the time span.
    """
    if not len(user):
        return np.zeros(users)
    end = float(time.max())
    half_life = fading * ((end - float(time.min())) or DAY) / DAY
    weight = part * 2.0 ** ((time - end) / DAY / half_life)
    found: Floats = np.bincount(user, weight, minlength=users) * np.log(2) / half_life
    return found
