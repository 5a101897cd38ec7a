"""What training must not know of validation and test, and what it does not know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gnnseg.mapped import blocks
from gnnseg.sparse.order import isin, present
from gnnseg.types import Dataset, Pairs, Relation

EXAMPLES = 10  # ids named in a report


def known_edges(
    relation: Relation, parts: Mapping[str, Pairs], items: int
) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return which edges training may read, (E,).

    Those that neither tell of a held-out interaction nor came about later than training knows: a
    user's edge up to the user's own last event in training, any other up to the last of all.
    """
    train = parts["train"]
    kept = np.ones(len(relation), dtype=bool)
    if relation.user is not None and relation.item is not None:
        key = relation.user * items + relation.item
        held = [parts[name].user * items + parts[name].item for name in ("valid", "test")]
        tells = isin(key, np.concatenate(held)) & ~isin(key, train.user * items + train.item)
        kept &= ~(tells & (relation.user >= 0) & (relation.item >= 0))
    if relation.time is not None and train.last is not None:
        until = np.full(max(part.user.max() for part in parts.values()) + 1, -np.inf)
        np.maximum.at(until, train.user, train.last)
        kept &= relation.time <= train.last.max()
        for kind, end in (
            (relation.source_kind, relation.source),
            (relation.target_kind, relation.target),
        ):
            if kind == "user":
                kept &= relation.time <= until[end]
    return kept


def only(relation: Relation, kept: np.ndarray[Any, np.dtype[np.bool_]]) -> Relation:
    """Return the edges kept, distinct by their ends alone: equal ones merged, weights added."""
    ends = np.stack([relation.source[kept], relation.target[kept]])
    (source, target), place = np.unique(ends, axis=1, return_inverse=True)
    weight = np.bincount(place.reshape(-1), relation.weight[kept], minlength=len(source))
    return Relation(
        name=relation.name,
        source_kind=relation.source_kind,
        target_kind=relation.target_kind,
        source=source,
        target=target,
        weight=weight.astype(np.float64),
    )


def leak(dataset: Dataset, part: np.ndarray[Any, Any]) -> dict[str, Any] | None:
    """Return who was trained on after the test boundary (the first test event), if there are times.

    Such a split lets a model learn from the future of what it is asked about.
    """
    events = dataset.interactions
    if events.time is None:
        return None
    boundary = events.time[part == 2].min()
    after = np.zeros(len(dataset.users), dtype=bool)
    for at in blocks(len(events)):
        after[events.user[at][(part[at] == 0) & (events.time[at] > boundary)]] = True
    users = after.nonzero()[0]
    return {
        "boundary": float(boundary),
        "users": len(users),
        "share": len(users) / len(dataset.users),
        "examples": [str(one) for one in dataset.users.to_ids(users[:EXAMPLES])],
    }


def unseen(parts: Mapping[str, Pairs]) -> dict[str, int]:
    """Return how many users and items of validation and test training lacks."""
    names = ("train", "valid", "test")
    there = {
        kind: dict(zip(names, present(*(getattr(parts[n], kind) for n in names)), strict=True))
        for kind in ("user", "item")
    }
    return {
        f"{part} {kind}s unseen in train": int((of[part] & ~of["train"]).sum())
        for part in ("valid", "test")
        for kind, of in there.items()
    }
