"""How often each user of a run comes, by what its folder keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from gnnseg.data import customers, visits
from gnnseg.evaluation.audiences import Own
from gnnseg.runs import persistence
from gnnseg.runs.stored import StoredRun
from gnnseg.sparse import Csr
from gnnseg.types import Floats, Interactions


@dataclass(frozen=True, kw_only=True)
class Paces:
    """Visits of each user, (U,): a day where ``timed``, else as many as the data has.

    ``items``: different items a visit, (U,), at least 1.
    """

    visits: Floats
    items: Floats
    timed: bool

    def expected(self, days: float) -> Floats:
        """Return how many visits each user is expected to make in so many days, (U,).

        Without times: in as long as the data took.
        """
        return self.visits * days if self.timed else self.visits


def of(run: StoredRun) -> Paces:
    """Return the paces of a run's users, from the best that its folder has.

    customers.parquet, which knows all events; in a folder of before the times of visits, where the
    head has habits; else the number of events, each a visit.
    """
    apart = persistence.stored_visits(run.path)
    found = _by_visits(run, visits.of(apart[0])) if apart is not None else None
    if not run.folder.file("customers.parquet").exists():
        events = np.bincount(run.pairs["user"], run.pairs["count"], minlength=len(run.users))
        alone = Paces(visits=events.astype(np.float64), items=np.ones(len(events)), timed=False)
        return found or alone
    frame = run.frame("customers")
    came = frame["visits"].to_numpy()
    a_visit = found.items if found else _ratio(frame["events"].to_numpy(), came)
    if "pace" not in frame.columns or frame["pace"].null_count():
        return Paces(visits=came, items=a_visit, timed=False)
    return Paces(visits=frame["pace"].to_numpy(), items=a_visit, timed=True)


def _by_visits(run: StoredRun, events: Interactions) -> Paces | None:
    """Return the paces by the items of visits; None where these have no times."""
    if events.time is None:
        return None
    users, part = len(run.users), visits.shares(events.user, events.time)
    came = np.bincount(events.user, part, minlength=users)
    taken = np.bincount(events.user, minlength=users)
    pace = customers.paces(events.user, events.time, part, users)
    return Paces(visits=pace, items=_ratio(taken, came), timed=True)


def _ratio(events: Any, came: Any) -> Floats:
    """Return events a visit, at least 1."""
    found: Floats = np.maximum(events / np.maximum(came, 1.0), 1.0)
    return found


def own(run: StoredRun) -> Own:
    """Return what the run's users took in any part, in how many events."""
    items = len(run.items)
    key = run.pairs["user"] * items + run.pairs["item"]
    pair, place = np.unique(key, return_inverse=True)
    count = np.bincount(place, run.pairs["count"], minlength=len(pair))
    taken = Csr.of(pair // items, pair % items, (len(run.users), items))
    return Own(taken, torch.from_numpy(count))
