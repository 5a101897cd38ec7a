"""Training, validation and test: events are split first and merged inside each part."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from gnnseg.config.targets import build
from gnnseg.data import customers, leaks, logs
from gnnseg.data import visits as visits_
from gnnseg.data.fingerprint import content_fingerprint
from gnnseg.data.merging import merge
from gnnseg.data.shares import check_quantiles, check_ratios
from gnnseg.rng import Rng
from gnnseg.sparse.order import ascending, lexsort
from gnnseg.types import Dataset, Floats, InputError, Ints, Setting, Split

PARTS = ("train", "valid", "test")
Parts = np.ndarray[Any, np.dtype[np.int8]]


class SplitRule(ABC):
    """Says which part each event of a set belongs to.

    A rule of your own is a class derived from this one, named by ``split._target_``; its settings
    are the keyword-only arguments of its constructor. ``seed``: of what is drawn, which also
    divides a log of what was shown.
    """

    seed: int = 0

    @abstractmethod
    def parts(self, dataset: Dataset) -> Parts:
        """Return each event's part, (E,) int8: 0 train, 1 valid, 2 test.

        The events come sorted by user, item and time, so that no draw depends on the order of rows.

        Raises:
            InputError: In one sentence, for a set that cannot be split so.
        """

    def describe(self, dataset: Dataset) -> str:
        """Return the rule in words, as the report tells it."""
        return type(self).__name__


@dataclass(frozen=True, kw_only=True)
class RandomOverall(SplitRule):
    """Each event to a part by chance, all events alike."""

    seed: int = 0
    ratios: list[float] = field(default_factory=lambda: [0.8, 0.1, 0.1])

    def __post_init__(self) -> None:
        check_ratios(self.ratios)

    def parts(self, dataset: Dataset) -> Parts:
        """Cut a permutation of the events at the ratios."""
        count = len(dataset.interactions)
        drawn = Rng(self.seed).numpy("split").permutation(count)
        cuts = np.round(np.cumsum(self.ratios)[:2] * count)
        part = np.empty(count, dtype=np.int8)
        for number, rows in enumerate(np.split(drawn, cuts.astype(np.int64))):
            part[rows] = number
        return part

    def describe(self, dataset: Dataset) -> str:
        """Return the rule in words."""
        return f"random overall {_written(self.ratios)}, split.seed={self.seed}"


@dataclass(frozen=True, kw_only=True)
class RandomPerUser(SplitRule):
    """Each user's events to the parts by chance; rounding favours training."""

    seed: int = 0
    ratios: list[float] = field(default_factory=lambda: [0.8, 0.1, 0.1])

    def __post_init__(self) -> None:
        check_ratios(self.ratios)

    def parts(self, dataset: Dataset) -> Parts:
        """Cut a permutation of each user's events at the ratios."""
        user = dataset.interactions.user
        place, count = _place(user, Rng(self.seed).numpy("split").random(len(user)))
        test, valid = np.floor(self.ratios[2] * count), np.floor(self.ratios[1] * count)
        part = np.where(place >= count - test, 2, np.where(place >= count - test - valid, 1, 0))
        return part.astype(np.int8)

    def describe(self, dataset: Dataset) -> str:
        """Return the rule in words."""
        return f"random per user {_written(self.ratios)}, split.seed={self.seed}"


@dataclass(frozen=True, kw_only=True)
class GlobalTime(SplitRule):
    """Cut at two quantiles of event time; ties go to the later part.

    What happens later is never trained on.
    """

    seed: int = 0
    quantiles: list[float] = field(default_factory=lambda: [0.8, 0.9])

    def __post_init__(self) -> None:
        check_quantiles(self.quantiles)

    def parts(self, dataset: Dataset) -> Parts:
        """Cut at the quantiles."""
        time = _time(dataset, "time")
        cuts = np.quantile(time, self.quantiles, method="lower")
        return np.searchsorted(cuts, time, side="right").astype(np.int8)

    def describe(self, dataset: Dataset) -> str:
        """Return the rule in words."""
        return "global time at quantiles {:g}, {:g}".format(*self.quantiles)


@dataclass(frozen=True, kw_only=True)
class LeaveLast(SplitRule):
    """Each user's last event to test, the one before to validation.

    Users with fewer than ``least`` events train only.
    """

    seed: int = 0
    least: int = 3

    def parts(self, dataset: Dataset) -> Parts:
        """Number each user's events by time."""
        place, count = _place(dataset.interactions.user, _time(dataset, "leave_last"))
        part = np.where(count < max(self.least, 3), 0, np.clip(place - (count - 3), 0, 2))
        return part.astype(np.int8)

    def describe(self, dataset: Dataset) -> str:
        """Return the rule in words."""
        return "leave last (by time, per user)"


@dataclass(frozen=True, kw_only=True)
class AsGiven(SplitRule):
    """The parts that the set brings."""

    seed: int = 0

    def parts(self, dataset: Dataset) -> Parts:
        """Return the set's own parts."""
        if dataset.parts is None:
            raise InputError(
                f"split=given: {dataset.name} brings no parts of its own; use split=random, time "
                "or leave_last."
            )
        return dataset.parts

    def describe(self, dataset: Dataset) -> str:
        """Return the rule in words."""
        return "as given"


@dataclass(frozen=True, kw_only=True)
class Auto(SplitRule):
    """The set's own parts if it brings them, else global time where it divides, else random.

    Times that are all of one day or two divide nothing, and so do those by which one user alone is
    tested, or nobody of training.
    """

    seed: int = 0
    quantiles: list[float] = field(default_factory=lambda: [0.8, 0.9])
    ratios: list[float] = field(default_factory=lambda: [0.8, 0.1, 0.1])

    def __post_init__(self) -> None:
        check_quantiles(self.quantiles)
        check_ratios(self.ratios)

    def parts(self, dataset: Dataset) -> Parts:
        """Split by the rule that fits."""
        return self._rule(dataset).parts(dataset)

    def describe(self, dataset: Dataset) -> str:
        """Return the rule that fits in words."""
        rule = self._rule(dataset)
        timed = dataset.parts is None and dataset.interactions.time is not None
        said = ", since times do not divide the events" if timed else ""
        return rule.describe(dataset) + ("" if isinstance(rule, GlobalTime) else said)

    def _rule(self, dataset: Dataset) -> SplitRule:
        if dataset.parts is not None:
            return AsGiven(seed=self.seed)
        if dataset.interactions.time is not None:
            rule = GlobalTime(seed=self.seed, quantiles=self.quantiles)
            if _divides(rule.parts(dataset), dataset.interactions.user):
                return rule
        return RandomOverall(seed=self.seed, ratios=self.ratios)


def make(dataset: Dataset, node: Mapping[str, Any], *, visits: bool = False) -> Split:
    """Return the split that a node of ``conf/split`` describes, with its account.

    The account tells of users and items that training lacks, of edges left out, and of leaks.
    ``visits``: items of visits are kept beside the pairs.

    Raises:
        InputError: Where a part is empty, or the set cannot be split so.
    """
    rule = build(node)
    assert isinstance(rule, SplitRule), f"split._target_={node['_target_']}: no SplitRule"
    dataset = _in_order(dataset)
    part, said = _checked(rule, dataset), rule.describe(dataset)
    for number, label in enumerate(PARTS):
        if not (part == number).any():
            raise InputError(
                f"split {said}: no {label} interaction is left in {dataset.name}; use another "
                "split or more data (to train on everything add trainer.refit=true)."
            )
    items = len(dataset.items)
    pairs = {
        label: merge(dataset.interactions.rows(part == number), items)
        for number, label in enumerate(PARTS)
    }
    kept = [leaks.known_edges(each, pairs, items) for each in dataset.relations]
    left_out = {
        f"'{each.name}' edges left out that tell of valid or test": int((~some).sum())
        for each, some in zip(dataset.relations, kept, strict=True)
        if not some.all()
    }
    account = {"split": said, **leaks.unseen(pairs), **left_out, "leak": leaks.leak(dataset, part)}
    split = Split(
        name=dataset.name,
        users=dataset.users,
        items=dataset.items,
        train=pairs["train"],
        valid=pairs["valid"],
        test=pairs["test"],
        user_table=dataset.user_table,
        item_table=dataset.item_table,
        social=dataset.social,
        relations=tuple(map(leaks.only, dataset.relations, kept)),
        entities=dataset.entities,
        truth=dataset.truth,
        notes={**dataset.notes, **account},
        log=None if dataset.log is None else logs.divide(dataset.log, int(rule.seed)),
        visits={
            label: visits_.of(dataset.interactions.rows(part == number))
            for number, label in enumerate(PARTS if visits else ())
        },
    )
    return _identified(split, dataset)


def _identified(split: Split, dataset: Dataset) -> Split:
    """Add what is of all events: fingerprints of split and data, and what each user did."""
    nothing, events = split.train.rows(np.zeros(0, dtype=np.int64)), dataset.interactions
    share = visits_.shares_of(events)
    split = replace(split, customers=customers.of(events, len(dataset.users), share))
    everything = merge(events, len(dataset.items), share)
    whole = replace(
        split, train=everything, valid=nothing, test=nothing, relations=dataset.relations,
        log=dataset.log, visits={},
    )  # fmt: skip
    orders = dataset.interactions.order is not None
    found, all_ = (content_fingerprint(each, orders=orders) for each in (split, whole))
    return replace(split, fingerprint=found, whole=all_)


def _checked(rule: SplitRule, dataset: Dataset) -> Parts:
    """Return a rule's parts, one of 0, 1, 2 an event; somebody else's may be anything."""
    part = np.asarray(rule.parts(dataset))
    if part.shape != dataset.interactions.user.shape or not np.isin(part, (0, 1, 2)).all():
        raise InputError(
            f"split: {type(rule).__name__}.parts gives no part for each of the "
            f"{len(dataset.interactions):,} events; return one of 0 (train), 1 (valid), 2 (test) "
            "an event."
        )
    return part.astype(np.int8)


def _divides(part: Parts, user: Ints) -> bool:
    """Return whether there are three parts, and several tested users whom training knows."""
    count = int(user.max(initial=-1)) + 1
    trained, tested = (np.bincount(user[part == n], minlength=count) > 0 for n in (0, 2))
    return bool((part == 1).any()) and int((trained & tested).sum()) > 1


def _in_order(dataset: Dataset) -> Dataset:
    """Return a set with events by (user, item, time, weight): no draw may depend on rows' order."""
    e = dataset.interactions
    nothing = np.zeros(len(e))
    keys = (
        nothing if column is None else column for column in (e.order, e.spend, e.weight, e.time)
    )
    columns = (*keys, e.item, e.user)
    if ascending(columns):
        return dataset
    order = lexsort(columns)
    parts = None if dataset.parts is None else dataset.parts[order]
    return replace(dataset, interactions=e.rows(order), parts=parts)


def _place(user: Ints, key: Floats) -> tuple[Ints, Ints]:
    """Return each event's place among its user's by ``key``, from 0, and how many these are."""
    order = lexsort((key, user))
    count = np.bincount(user)
    start = np.cumsum(count) - count
    place = np.empty(len(user), dtype=np.int64)
    place[order] = np.arange(len(user)) - start[user[order]]
    return place, count[user]


def _time(dataset: Dataset, name: str) -> Floats:
    if dataset.interactions.time is None:
        raise InputError(
            where=f"split={name}",
            problem=f"{dataset.name} has no times",
            advice=("set ", Setting("data.time"), " to a column or use split=random"),
        )
    return dataset.interactions.time


def _written(ratios: list[float]) -> str:
    return ":".join(f"{10 * ratio:g}" for ratio in ratios)
