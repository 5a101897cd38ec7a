"""Training, validation and test: events are split first and merged inside each part."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from gnnseg.data import logs
from gnnseg.data.fingerprint import content_fingerprint
from gnnseg.rng import Rng
from gnnseg.types import Dataset, InputError, Interactions, Pairs, Relation, Split

PARTS = ("train", "valid", "test")
EXAMPLES = 10  # ids named in a report


def make(dataset: Dataset, node: Mapping[str, Any]) -> Split:
    """The split that ``conf/split`` names, with its account: unseen users and items, and the leak
    report."""
    ways: dict[str, Callable[..., tuple[np.ndarray[Any, Any], str]]] = {
        "random_overall": random_overall, "random_per_user": random_per_user,
        "global_time": global_time,
        "leave_last": leave_last, "given": given, "auto": auto,
    }  # fmt: skip
    name = str(node["_target_"]).rsplit(".", 1)[-1]
    options = {key: value for key, value in node.items() if key != "_target_"}
    dataset = _in_order(dataset)
    part, said = ways[name](dataset, **options)
    for number, label in enumerate(PARTS):
        if not (part == number).any():
            raise InputError(
                f"split {said}: no {label} interaction is left in {dataset.name}; use another "
                "split or more data."
            )
    train, valid, test = (
        merge(_rows(dataset.interactions, part == n), len(dataset.items)) for n in range(3)
    )
    told = [
        _told_in_train(each, train, valid, test, len(dataset.items)) for each in dataset.relations
    ]
    relations = tuple(
        _some_edges(each, kept) for each, kept in zip(dataset.relations, told, strict=True)
    )
    left_out = {
        f"'{each.name}' edges left out that tell of valid or test": int((~kept).sum())
        for each, kept in zip(dataset.relations, told, strict=True)
        if not kept.all()
    }
    split = Split(
        name=dataset.name, users=dataset.users, items=dataset.items, train=train, valid=valid, test=test, user_table=dataset.user_table,
        item_table=dataset.item_table, social=dataset.social,
        relations=relations, entities=dataset.entities, truth=dataset.truth,
        notes={**dataset.notes, "split": said, **_unseen(train, valid, test), **left_out, "leak": leak(dataset, part)},
        log=None if dataset.log is None else logs.divide(dataset.log, int(options["seed"])),
    )  # fmt: skip
    return replace(split, fingerprint=content_fingerprint(split))


def random_overall(
    dataset: Dataset, *, seed: int, ratios: list[float]
) -> tuple[np.ndarray[Any, Any], str]:
    """Each event to a part by chance, all events alike."""
    _check(ratios)
    count = len(dataset.interactions)
    place = np.empty(count, dtype=np.int64)
    place[Rng(seed).numpy("split").permutation(count)] = np.arange(count)
    cuts = np.round(np.cumsum(ratios)[:2] * count)
    return np.searchsorted(cuts, place, side="right").astype(
        np.int8
    ), f"random overall {_written(ratios)}, split.seed={seed}"


def random_per_user(
    dataset: Dataset, *, seed: int, ratios: list[float]
) -> tuple[np.ndarray[Any, Any], str]:
    """Each user's events to the parts by chance; rounding favours training."""
    _check(ratios)
    user = dataset.interactions.user
    chance = Rng(seed).numpy("split").random(len(user))
    place, count = _place(user, chance)
    test, valid = np.floor(ratios[2] * count), np.floor(ratios[1] * count)
    part = np.where(place >= count - test, 2, np.where(place >= count - test - valid, 1, 0))
    return part.astype(np.int8), f"random per user {_written(ratios)}, split.seed={seed}"


def global_time(
    dataset: Dataset, *, seed: int, quantiles: list[float]
) -> tuple[np.ndarray[Any, Any], str]:
    """Cut at two quantiles of event time; ties go to the later part. What happens later is never
    trained on."""
    time = _time(dataset, "time")
    if len(quantiles) != 2 or not 0 < quantiles[0] < quantiles[1] < 1:
        raise InputError(
            f"split.quantiles={quantiles}: give two numbers between 0 and 1, the smaller first, "
            "such as [0.8, 0.9]."
        )
    cuts = np.quantile(time, quantiles, method="lower")
    return np.searchsorted(cuts, time, side="right").astype(
        np.int8
    ), f"global time at quantiles {quantiles[0]:g}, {quantiles[1]:g}"


def leave_last(dataset: Dataset, *, seed: int, least: int) -> tuple[np.ndarray[Any, Any], str]:
    """Each user's last event to test, the one before to validation; users with fewer than ``least``
    events train only."""
    place, count = _place(dataset.interactions.user, _time(dataset, "leave_last"))
    part = np.where(count < max(least, 3), 0, np.clip(place - (count - 3), 0, 2))
    return part.astype(np.int8), "leave last (by time, per user)"


def given(dataset: Dataset, *, seed: int) -> tuple[np.ndarray[Any, Any], str]:
    """The parts that the set brings."""
    if dataset.parts is None:
        raise InputError(
            f"split=given: {dataset.name} brings no parts of its own; use split=random, time or "
            "leave_last."
        )
    return dataset.parts, "as given"


def auto(
    dataset: Dataset, *, seed: int, quantiles: list[float], ratios: list[float]
) -> tuple[np.ndarray[Any, Any], str]:
    """The set's own parts if it brings them, else global time where there is a time, else random
    overall."""
    if dataset.parts is not None:
        return given(dataset, seed=seed)
    if dataset.interactions.time is not None:
        return global_time(dataset, seed=seed, quantiles=quantiles)
    return random_overall(dataset, seed=seed, ratios=ratios)


def merge(events: Interactions, items: int) -> Pairs:
    """One row a (user, item), sorted: weights and spend added, events counted, first and last time
    kept."""
    key = events.user * items + events.item
    pair, inverse, count = np.unique(key, return_inverse=True, return_counts=True)

    def total(values: np.ndarray[Any, Any] | None) -> np.ndarray[Any, Any] | None:
        return None if values is None else np.bincount(inverse, values, minlength=len(pair))

    first = last = None
    if events.time is not None:
        first, last = np.full(len(pair), np.inf), np.full(len(pair), -np.inf)
        np.minimum.at(first, inverse, events.time)
        np.maximum.at(last, inverse, events.time)
    weight = total(events.weight)
    return Pairs(
        pair // items,
        pair % items,
        count.astype(np.float64) if weight is None else weight,
        count,
        first=first,
        last=last,
        spend=total(events.spend),
    )


def _told_in_train(
    relation: Relation, train: Pairs, valid: Pairs, test: Pairs, items: int
) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """(E,) which edges neither tell of a held-out interaction nor came about later than training
    knows.

    A user's edge is known up to the user's own last event in training, any other up to the last of
    all.
    """
    kept = np.ones(len(relation), dtype=bool)
    if relation.user is not None and relation.item is not None:
        key = relation.user * items + relation.item
        held = np.concatenate([part.user * items + part.item for part in (valid, test)])
        told = np.isin(key, held) & ~np.isin(key, train.user * items + train.item)
        kept &= ~(told & (relation.user >= 0) & (relation.item >= 0))
    if relation.time is not None and train.last is not None:
        until = np.full(max(part.user.max() for part in (train, valid, test)) + 1, -np.inf)
        np.maximum.at(until, train.user, train.last)
        kept &= relation.time <= train.last.max()
        for kind, end in (
            (relation.source_kind, relation.source),
            (relation.target_kind, relation.target),
        ):
            if kind == "user":
                kept &= relation.time <= until[end]
    return kept


def _some_edges(relation: Relation, kept: np.ndarray[Any, np.dtype[np.bool_]]) -> Relation:
    """Those kept, told apart by their ends alone: equal ones merged, weights added."""
    ends = np.stack([relation.source[kept], relation.target[kept]])
    (source, target), place = np.unique(ends, axis=1, return_inverse=True)
    weight = np.bincount(place.reshape(-1), relation.weight[kept], minlength=len(source)).astype(
        np.float64
    )
    return Relation(
        name=relation.name,
        source_kind=relation.source_kind,
        target_kind=relation.target_kind,
        source=source,
        target=target,
        weight=weight,
    )


def leak(dataset: Dataset, part: np.ndarray[Any, Any]) -> dict[str, Any] | None:
    """Users whose training data lies after the test boundary (the first test event), where there
    are times.

    Such a split lets a model learn from the future of what it is asked about.
    """
    events = dataset.interactions
    if events.time is None:
        return None
    boundary = events.time[part == 2].min()
    users = np.unique(events.user[(part == 0) & (events.time > boundary)])
    return {
        "boundary": float(boundary),
        "users": len(users),
        "share": len(users) / len(dataset.users),
        "examples": [str(dataset.users.ids[u]) for u in users[:EXAMPLES]],
    }


def _unseen(train: Pairs, valid: Pairs, test: Pairs) -> dict[str, Any]:
    """Users and items of validation and test that training lacks."""
    found: dict[str, Any] = {}
    for part, label in ((valid, "valid"), (test, "test")):
        for kind in ("user", "item"):
            fresh = np.setdiff1d(getattr(part, kind), getattr(train, kind))
            found[f"{label} {kind}s unseen in train"] = len(fresh)
    return found


def _in_order(dataset: Dataset) -> Dataset:
    """Events by (user, item, time, weight): no draw may depend on the order of the rows."""
    e = dataset.interactions
    nothing = np.zeros(len(e))
    keys = (
        nothing if e.spend is None else e.spend,
        nothing if e.weight is None else e.weight,
        nothing if e.time is None else e.time,
    )
    order = np.lexsort((*keys, e.item, e.user))
    parts = None if dataset.parts is None else dataset.parts[order]
    return replace(dataset, interactions=_rows(e, order), parts=parts)


def _rows(events: Interactions, rows: np.ndarray[Any, Any]) -> Interactions:
    def some(column: np.ndarray[Any, Any] | None) -> np.ndarray[Any, Any] | None:
        return None if column is None else column[rows]

    return Interactions(
        events.user[rows],
        events.item[rows],
        weight=some(events.weight),
        time=some(events.time),
        spend=some(events.spend),
    )


def _place(
    user: np.ndarray[Any, Any], key: np.ndarray[Any, Any]
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Each event's place among its user's events by ``key``, from 0, and how many the user has.
    Both (E,)."""
    order = np.lexsort((key, user))
    count = np.bincount(user)
    start = np.cumsum(count) - count
    place = np.empty(len(user), dtype=np.int64)
    place[order] = np.arange(len(user)) - start[user[order]]
    return place, count[user]


def _time(dataset: Dataset, name: str) -> np.ndarray[Any, Any]:
    if dataset.interactions.time is None:
        raise InputError(
            f"split={name}: {dataset.name} has no times; set data.time to a column or use "
            "split=random."
        )
    return dataset.interactions.time


def _check(ratios: list[float]) -> None:
    if len(ratios) != 3 or min(ratios) <= 0 or abs(sum(ratios) - 1) > 1e-9:
        raise InputError(
            f"split.ratios={ratios}: give three shares above 0 that sum to 1, such as [0.8, 0.1, "
            "0.1]."
        )


def _written(ratios: list[float]) -> str:
    return ":".join(f"{10 * ratio:g}" for ratio in ratios)
