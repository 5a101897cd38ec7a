"""What each user did in all of a data set's events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

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

    def total(values: Callable[[slice], Floats | None]) -> Floats:
        return _added(events.user, users, values)

    count = total(lambda at: None)
    share = visits.shares_of(events) if share is None else share
    came = count if share is None else total(share.__getitem__)
    spend = None if events.spend is None else total(events.spend.__getitem__)
    found = Customers(events=count, visits=came, spend=spend)
    if events.time is None or not len(events):
        return found
    first, last = np.full(users, np.inf), np.full(users, -np.inf)
    np.minimum.at(first, events.user, events.time)
    np.maximum.at(last, events.user, events.time)
    first, last = (np.where(np.isfinite(each), each, np.nan) for each in (first, last))
    begin, end = float(events.time.min()), float(events.time.max())
    pace = paces(events.user, events.time, share, users)
    timed = replace(found, first=first, last=last, pace=pace, end=end)
    if begin == end:
        return timed
    quarter, time = QUARTER * (end - begin), events.time

    def within(after: float, until: float) -> Floats:
        def value(at: slice) -> Floats:
            inside = (time[at] > after) & (time[at] <= until)
            return np.where(inside, 1.0 if events.spend is None else events.spend[at], 0.0)

        return total(value)

    recent, former = within(end - quarter, end), within(end - 2 * quarter, end - quarter)
    return replace(timed, recent=recent, former=former)


def paces(
    user: Ints, time: Floats, part: Floats | None, users: int, fading: float = QUARTER
) -> Floats:
    """Return how many visits a day each user makes of late, (users,).

    (ln 2/h) sum_e part_e 2^(-(end - t_e)/h): h is a share of the time span, and a steady visitor
    of so many visits a day has that many but for what was before the first event.

    Args:
        user: (E,).
        time: (E,), seconds.
        part: Each event's part of its visit, (E,); None: each is one.
        users: How many users there are.
        fading: h as a share of the time span.
    """
    if not len(user):
        return np.zeros(users)
    end = float(time.max())
    half_life = fading * ((end - float(time.min())) or DAY) / DAY

    def weight(at: slice) -> Floats:
        faded: Floats = 2.0 ** ((time[at] - end) / DAY / half_life)
        return faded if part is None else part[at] * faded

    found: Floats = _added(user, users, weight) * np.log(2) / half_life
    return found


def _added(user: Ints, users: int, values: Callable[[slice], Floats | None]) -> Floats:
    """Add up what events have by user, (users,), some users' at a time; None: one each."""
    found = np.zeros(users)
    for at in visits.some_users(user):
        found += np.bincount(user[at], values(at), minlength=users)
    return found
