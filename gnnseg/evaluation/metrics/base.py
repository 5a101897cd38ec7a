"""What a metric is: a value of each user's list, or of how often items are recommended.

Every metric brings an oracle, the same figure by a slow and obvious loop over plain Python values;
``gnnseg.testing.MetricContract`` holds the two against each other.

Shape legend: B users, k length of a list, I items.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from gnnseg.evaluation.metrics.lists import Lists


@dataclass(frozen=True)
class OracleUser:
    """What an oracle is given of one user, as plain Python values.

    Args:
        listed: the user's list in rank order, at most k items, fewer where fewer are left.
        relevant: the items asked for, at least one.
        k: length of a full list.
        spend: what the user spent on each relevant item; empty where the data hold no spend.
        takers: of each item of the catalogue, the users who took it in training.
        counts: of each item, its training interactions.
        users: how many users there are.
    """

    listed: Sequence[int]
    relevant: AbstractSet[int]
    k: int
    spend: Mapping[int, float]
    takers: Sequence[AbstractSet[int]]
    counts: Sequence[int]
    users: int


class Metric(ABC):
    """A figure of ranked lists; abstract: derive from ``UserMetric`` or ``CatalogueMetric``.

    ``name``: what its figures are called, as in ``name@20``; where a configuration names the class,
    the figures are called what its node is called. ``requires``: what the data must hold, of
    'spend' and 'train_pairs'. ``lower_is_better``: as ``trainer.monitor``, the smallest is best.
    ``of_hits``: a value of which listed items are relevant, so that it is also measured among
    sampled candidates (``evaluation.sampled``).
    """

    name: ClassVar[str]
    requires: ClassVar[frozenset[str]] = frozenset()
    lower_is_better: ClassVar[bool] = False
    of_hits: ClassVar[bool] = False


class UserMetric(Metric):
    """A value of each user's list; the figure is the mean over users for whom it is defined.

    ``sample``: None, or at most how many users are looked at, evenly spaced by number: such a
    metric is too dear for every validation, is measured on the test alone, and shown as a mean.
    """

    sample: ClassVar[int | None] = None
    of_hits: ClassVar[bool] = True

    @abstractmethod
    def values(self, lists: Lists) -> Tensor:
        """Compute each user's value from the lists cut at k.

        Args:
            lists: some users' lists, which of their items are hits, and what is known of the items.

        Returns:
            (B,) float64; NaN for a user for whom the metric is not defined.
        """

    @abstractmethod
    def oracle(self, user: OracleUser) -> float:
        """Compute one user's value by a slow, obvious loop."""


class CatalogueMetric(Metric):
    """A value of how often each item of the catalogue is in a list."""

    @abstractmethod
    def value(self, counts_I: Tensor) -> float:
        """Compute the figure.

        Args:
            counts_I: (I,) int64, in how many lists each item of the catalogue is.

        Returns:
            The figure.
        """

    @abstractmethod
    def oracle(self, lists: Sequence[Sequence[int]], items: int) -> float:
        """Compute the figure by a slow, obvious loop over all users' lists of a catalogue."""
