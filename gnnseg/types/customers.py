"""What each user did in all of a data set's events: for people, no figure is made of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Floats = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, kw_only=True)
class Customers:
    """What each user did over all three parts, (U,) in index order.

    events: how many; visits: how often they came; spend: money, None where it is not known; first,
    last: seconds since 1970 UTC of the first and the last event; recent, former: spend, or events
    where there is no spend, in the last quarter of the events' time span and in the quarter before
    it. pace: visits a day of late. All None without times, and recent and former where all events
    are of one moment. ``end``: the time of the last event of all.
    """

    events: Floats
    visits: Floats
    spend: Floats | None = None
    first: Floats | None = None
    last: Floats | None = None
    recent: Floats | None = None
    former: Floats | None = None
    pace: Floats | None = None
    end: float | None = None
