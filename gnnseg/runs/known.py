"""What a run knows, to which new users are related, and what it says where they bring less."""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from gnnseg.data.attributes import Classes
from gnnseg.data.encoding import Encoding
from gnnseg.types import Floats, IdMap, Pairs, Table

LOG = logging.getLogger("gnnseg")
LOW = 0.9  # of segment/self_assign, below which is warned
SHOWN = 3  # examples in a message
SHORT = 0.05  # share of the trained users whose histories count as only begun


@dataclass(frozen=True)
class Known:
    """What a run knows, to which new users are related.

    ``name``: what messages call it; ``reads``: 'features', 'social'; ``weight``: of an event in
    training on average, and so of one that has none; ``short``: events that nearly every trained
    user has; ``self_assign``, ``self_assign_known``: its figures of these names; ``half_life``
    (M,): of its habits, in seconds, None where it has none; ``again`` (I,): how often items are
    taken again, None where habits do not know; ``edges``: what they
    weigh, 'weight' or 'spend'; empty: alike.
    """

    name: str
    users: IdMap
    items: IdMap
    encoding: Encoding
    reads: frozenset[str]
    weight: float = 1.0
    short: float = 0.0
    self_assign: float = 1.0
    self_assign_known: float | None = None
    half_life: Floats | None = None
    again: Floats | None = None
    edges: str = ""

    def say_what_is_missing(
        self, pairs: Pairs, table: Table | None, *, ties: bool, columns: Collection[str]
    ) -> None:
        """Warn of what training read and nobody brings, and of how well it goes without.

        Args:
            pairs: What they have met.
            table: Their attributes.
            ties: Whether friends are given.
            columns: What their histories say of an event: 'time', 'weight', …
        """
        fades = self.half_life is not None and bool(np.isfinite(self.half_life).any())
        if len(pairs) and fades and "time" not in columns:
            text = "%s was trained on times too: not given here, so that habits do not fade"
            LOG.warning(text, self.name)
        if len(pairs) and self.edges and self.edges not in columns:
            text = "%s was trained on %s too: not given here, so that each event counts alike"
            LOG.warning(text, self.name, {"weight": "weights"}.get(self.edges, self.edges))
        lacking = self.encoding.lacking(pairs, table)
        if "social" in self.reads and not ties:
            lacking.append("friends")
        if lacking:
            text = "%s was trained on %s too: not given here, so guessed from the histories"
            LOG.warning(text, self.name, ", ".join(lacking))
        self._say_what_is_strange(table)
        if self.self_assign < LOW and (lacking or not self.reads):
            text = (
                "by their histories alone, %.0f%% of the trained users of %s are put where "
                "training put them: read these segments with care"
            )
            known = self.self_assign_known
            if known is not None and known >= LOW:
                text += f", or give what is not in a history ({100 * known:.0f}%% with that)"
            LOG.warning(text, 100 * self.self_assign, self.name)

    def _say_what_is_strange(self, table: Table | None) -> None:
        """Warn of classes that training has no column for."""
        values = {} if table is None else table.columns
        for each in self.encoding.user:
            if not isinstance(each, Classes) or each.source not in values:
                continue
            strange = each.strangers(values[each.source])
            if strange:
                text = "users: %s has no class of its own for %s %s (%d in all): taken for %s"
                first = ", ".join(list(dict.fromkeys(strange))[:SHOWN])
                instead = "other" if each.other else "unknown"
                LOG.warning(text, self.name, each.source, first, len(strange), instead)


def short_of(train: Pairs) -> float:
    """Return the events of a user below whom one in twenty is, of those with any in training."""
    events = np.bincount(train.user, train.count)
    return float(np.quantile(events[events > 0], SHORT)) if len(train) else 0.0
