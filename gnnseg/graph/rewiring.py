"""Graphs of chance: every user and item keeps its degree, who has met what is drawn anew.

Shape legend: E pairs, U users.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from gnnseg.rng import Rng
from gnnseg.types import Ints, Pairs

ROUNDS = 20  # in which each user trades once: beyond some ten, no more pairs change


def rewired(pairs: Pairs, rng: Rng) -> Pairs:
    """Return pairs of the same degrees, drawn uniformly from all graphs that have them.

    Curveball (Strona et al. 2014): two users pool the items that one of them alone has, and draw
    from the pool as many as each put in; here in rounds of disjoint couples (global trades,
    Carstens et al. 2018), ``ROUNDS`` of them. A user's weights, counts and spend stay theirs, in an
    order drawn anew.

    Args:
        pairs: sorted by user, each once.
        rng: of the draws.
    """
    draw = rng.numpy("rewired")
    present, start = np.unique(pairs.user, return_index=True)
    rows = [np.array(row) for row in np.split(pairs.item, start[1:])] if len(present) else []
    for _ in range(ROUNDS):
        order = draw.permutation(len(rows))
        for a, b in zip(order[0::2], order[1::2], strict=False):
            rows[a], rows[b] = trade(rows[a], rows[b], draw)
    shuffled = np.lexsort((draw.random(len(pairs)), pairs.user))
    item = np.concatenate([np.sort(row) for row in rows]) if rows else pairs.item
    values: dict[str, Any] = {
        name: None if (value := getattr(pairs, name)) is None else value[shuffled]
        for name in ("weight", "count", "first", "last", "spend", "visits")
    }
    return replace(pairs, item=item, **values)


def trade(a: Ints, b: Ints, draw: np.random.Generator) -> tuple[Ints, Ints]:
    """Return two users' items after a trade of what one of them alone has."""
    common = np.intersect1d(a, b, assume_unique=True)
    mine, theirs = (np.setdiff1d(each, common, assume_unique=True) for each in (a, b))
    if not len(mine) or not len(theirs):
        return a, b
    pool = draw.permutation(np.concatenate([mine, theirs]))
    return (
        np.concatenate([common, pool[: len(mine)]]),
        np.concatenate([common, pool[len(mine) :]]),
    )
