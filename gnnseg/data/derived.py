"""What training says of users and items: recency, frequency, spend, interests; popularity, price.

Shape legend: n users or items, I items, C classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gnnseg.data.values import Bools, Values
from gnnseg.types import Floats, Pairs

DAY = 86400.0
TOTALS = ("frequency", "spend level")  # derived of users by adding up


@dataclass(frozen=True)
class Interest:
    """Shares of what a user takes, by class of a column of items.

    Those of few events are drawn to what is usual. ``member`` (I,C) bool: the classes of each item;
    ``usual`` (C,): the mean share in training; ``worth``: how many events the usual counts for, the
    concentration of a Dirichlet distribution of users' shares, by its moments in training (Mosimann
    1962).
    """

    member: Bools
    usual: Values
    worth: float

    @classmethod
    def fit(cls, member: Bools, pairs: Pairs, count: int) -> Interest:
        """Fit to the pairs of ``count`` users by the moments of their shares."""
        taken, events = _taken(member, pairs, count)
        some = events > 0
        share, one = taken[some] / events[some, None], 1 / events[some]
        usual = share.mean(0) if some.any() else np.zeros(member.shape[1])
        apart = float(
            (usual * (1 - usual)).sum()
        )  # expected |share - usual|^2 of a user of one event
        kept = ((share - usual) ** 2).sum() / max(apart, 1e-12) - one.sum()
        sure = float(np.clip(kept / max((1 - one).sum(), 1e-12), 1e-3, 1 - 1e-3))  # 1/(worth + 1)
        return cls(member, usual, 1 / sure - 1)

    def shares(self, pairs: Pairs, count: int) -> Values:
        """Return (events of a class + worth usual)/(events + worth), (n,C).

        An item of several classes counts for each in equal parts.
        """
        taken, events = _taken(self.member, pairs, count)
        events = events[:, None]
        return np.where(
            events > 0, (taken + self.worth * self.usual) / (events + self.worth), np.nan
        )


def _taken(member: Bools, pairs: Pairs, count: int) -> tuple[Values, Values]:
    """Return each user's events by class (n,C), and all that fall in some class (n,)."""
    from scipy.sparse import csr_array

    events = csr_array(
        (pairs.count.astype(np.float64), (pairs.user, pairs.item)), shape=(count, len(member))
    )
    taken = np.asarray(events @ (member / np.maximum(member.sum(1, keepdims=True), 1)))
    return taken, taken.sum(1)


def of_users(
    count: int, pairs: Pairs, until: float | None, interests: Mapping[str, Interest]
) -> dict[str, Values]:
    """Return recency, frequency and money (Hughes 1994), intervals, and shares of interest, (n,).

    frequency: log(1 + visits); recency: log(1 + days from the last event to ``until``); interval:
    log(1 + mean days between visits), of two or more; spend level, spend a visit: log(1 + money);
    shares of X: of the events, by class of the column X, drawn to the usual by their number
    (``Interest``), (n,C).
    """
    some, visits, found = np.bincount(pairs.user, minlength=count) > 0, visits_of(count, pairs), {}
    found["frequency"] = np.where(some, np.log1p(visits), np.nan)
    if until is not None and pairs.first is not None and pairs.last is not None:
        found |= _moments(pairs.user, pairs.first, pairs.last, visits, until)
    if pairs.spend is not None:
        spend = np.maximum(np.bincount(pairs.user, pairs.spend, minlength=count), 0)
        found["spend level"] = np.where(some, np.log1p(spend), np.nan)
        found["spend a visit"] = np.where(some, np.log1p(spend / np.maximum(visits, 1)), np.nan)
    shares = {f"shares of {name}": each.shares(pairs, count) for name, each in interests.items()}
    return found | shares


def visits_of(count: int, pairs: Pairs) -> Values:
    """Return how often each user came, (n,): whole visits, or events where those are not known."""
    if pairs.visits is None:
        return np.bincount(pairs.user, pairs.count, minlength=count)
    some = np.bincount(pairs.user, minlength=count) > 0
    return np.maximum(np.rint(np.bincount(pairs.user, pairs.visits, minlength=count)), some)


def _moments(
    user: Values, first: Floats, last: Floats, visits: Values, until: float
) -> dict[str, Values]:
    """Return recency and interval of users with so many ``visits``, (n,)."""
    begun, ended = np.full(len(visits), np.inf), np.full(len(visits), -np.inf)
    np.maximum.at(ended, user, last)
    np.minimum.at(begun, user, first)
    some = visits > 0
    days = np.where(some, (until - ended) / DAY, 0.0)
    span = (np.where(some, ended, 0) - np.where(some, begun, 0)) / DAY
    between = np.where(visits > 1, span / np.maximum(visits - 1, 1), 0)
    return {
        "recency": np.where(some, np.log1p(np.maximum(days, 0)), np.nan),
        "interval": np.where(visits > 1, np.log1p(between), np.nan),
    }


def of_items(count: int, pairs: Pairs, until: float | None) -> dict[str, Values]:
    """Return popularity, sales, price and age of items, (n,).

    popularity: log(1 + users); sales: log(1 + units); price: log(1 + spend a unit); age: log(1 +
    days from the first event to ``until``).
    """
    users = np.bincount(pairs.item, minlength=count)
    some, found = users > 0, {}
    found["popularity"] = np.where(some, np.log1p(users), np.nan)
    if pairs.spend is not None:
        units = np.maximum(np.bincount(pairs.item, pairs.weight, minlength=count), 0)
        spend = np.maximum(np.bincount(pairs.item, pairs.spend, minlength=count), 0)
        found["sales"] = np.where(some, np.log1p(units), np.nan)
        found["price"] = np.where(
            units > 0, np.log1p(spend / np.where(units > 0, units, 1)), np.nan
        )
    if until is not None and pairs.first is not None:
        first = np.full(count, np.inf)
        np.minimum.at(first, pairs.item, pairs.first)
        found["age"] = np.where(
            some, np.log1p(np.maximum(np.where(some, until - first, 0) / DAY, 0)), np.nan
        )
    return found
