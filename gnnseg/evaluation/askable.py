"""Whether a split has anybody to be judged by, before anything is trained on it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gnnseg.sparse.order import isin
from gnnseg.types import InputError, Pairs, Setting, Split

HEAVY = 0.5  # of all interactions: who has more is named


def refuse_unjudged(
    split: Split, part: str, asked: Pairs, trained: Pairs, masked: Sequence[Pairs]
) -> None:
    """Refuse a part in which nobody has both a training interaction and something to be asked.

    Args:
        split: The set.
        part: What the part is called, valid or test.
        asked: Its pairs.
        trained: What is trained on.
        masked: Pairs that are never recommended, and so never asked about.

    Raises:
        InputError: With why, and what to do.
    """
    items = len(split.items)
    warm = np.bincount(trained.user, minlength=len(split.users)) > 0
    old = ~warm[asked.user]
    key = asked.user * items + asked.item
    fresh = ~old
    for each in masked:
        fresh &= ~isin(key, each.user * items + each.item)
    if fresh.any():
        return
    name = f"data {split.name}"
    people = len(np.unique(asked.user))
    if old.all():
        once = max(np.bincount(each.user).max(initial=0) for each in split.parts.values()) <= 1
        raise InputError(
            where=name,
            problem=f"nobody can be judged: {people:,} of {people:,} users of {part} have no "
            "training interaction" + (", and everybody has one interaction" if once else ""),
            advice="give data in which people come again"
            if once
            else "set split=random_per_user, which leaves everybody some in training",
        )
    raise InputError(
        where=name,
        problem=f"nobody can be judged: every pair of {part} of users known in training was seen "
        f"before" + (f" ({who})" if (who := heavy_user(split)) else ""),
        advice=(
            "set split=random_per_user, or ",
            Setting("evaluation.seen", "allow"),
            " where people take the same again",
        ),
    )


def heavy_user(split: Split) -> str | None:
    """Return a clause on the user who has more than half of all interactions; None: nobody has."""
    count = np.zeros(len(split.users))
    for part in split.parts.values():
        count += np.bincount(part.user, part.count, minlength=len(count))
    most, total = int(count.argmax()), int(count.sum())
    if count[most] <= HEAVY * total:
        return None
    who = split.users.ids[most]
    return f"user {who} alone has {int(count[most]):,} of {total:,} interactions: a machine?"
