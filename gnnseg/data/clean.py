"""From a raw table to an indexed set: filtered, ids to indices, and what was left out said."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl

from gnnseg.data import beside, zeros
from gnnseg.data.raw import Raw
from gnnseg.data.tables.identifiers import twins
from gnnseg.sparse.order import grouped
from gnnseg.types import Dataset, IdMap, InputError, Interactions, Setting

Say = Callable[[str], None]


def build(raw: Raw, *, min_weight: float | None, k_core: int, say: Say) -> Dataset:
    """Clean and index a set as it was read.

    Events of weight 0 go where weights are labels, or somebody said so; events below ``min_weight``
    go; then users and items with fewer than ``k_core`` partners, until none is left. An id's index
    is its rank (numeric if all ids of its kind are integers, else by UTF-8 bytes), so that row
    order never matters.

    Raises:
        InputError: Where nothing, one user or one item is left.
    """
    dropped = dict(raw.rejected)
    events, zero = zeros.settle(raw.events, raw.zeros, f"data {raw.name}", min_weight)
    dropped |= zero
    events = _heavy(raw, events, min_weight, dropped)
    events, users, items = _index(events)
    if k_core > 0:
        events, users, items = _in_core(events, users, items, k_core, dropped)
    for kind, ids in (("user", users), ("item", items)):
        if len(ids) == 1:
            raise InputError(
                f"data {raw.name}: only one {kind} is left ({ids.ids[0]}); nothing can be "
                "compared, give more data or filter less."
            )
    for reason, count in dropped.items():
        example = raw.rejected_examples.get(reason)
        say(f"left out {count:,} rows: {reason}" + (f" (first: {example})" if example else ""))
    for kind, which in (("user", users), ("item", items)):
        for line in twins(pl.Series(which.ids, dtype=pl.String), f"{kind} ids"):
            say(line)
    left_out: dict[str, int] = {}
    notes = {"rows": len(raw.events) + sum(raw.rejected.values()), "kept": len(events)}
    dataset = Dataset(
        name=raw.name,
        **beside.known(raw, users, items, left_out),
        interactions=_interactions(events),
        parts=events["part"].to_numpy().astype(np.int8) if "part" in events.columns else None,
        notes={**raw.notes, **notes, "dropped": dropped, "left out": left_out},
    )
    for reason, count in left_out.items():
        say(f"left out {count:,}: {reason}")
    return dataset


def core(
    user: np.ndarray[Any, Any], item: np.ndarray[Any, Any], users: int, items: int, k: int
) -> np.ndarray[Any, Any]:
    """Return which events lie in the k-core, (E,) bool.

    Every user and item there has at least k distinct partners there.
    """
    pair, inverse, _ = grouped(user * items + item)
    u, i = pair // items, pair % items
    keep = np.ones(len(pair), dtype=bool)
    while True:
        few_u = np.bincount(u[keep], minlength=users) < k
        few_i = np.bincount(i[keep], minlength=items) < k
        lose = keep & (few_u[u] | few_i[i])
        if not lose.any():
            return keep[inverse]
        keep &= ~lose


def _heavy(
    raw: Raw, events: pl.DataFrame, min_weight: float | None, dropped: dict[str, int]
) -> pl.DataFrame:
    """Return the events of at least ``min_weight``; there must be some."""
    if min_weight is not None:
        if "weight" not in events.columns:
            raise InputError(
                where=Setting("data.min_weight", f"{min_weight}"),
                problem=f"{raw.name} has no weights",
                advice=("set ", Setting("data.weight"), " to a column or min_weight to null"),
            )
        before = len(events)
        events = events.filter(pl.col("weight") >= min_weight)
        beside.count(dropped, f"weight below {min_weight:g}", before - len(events))
        if events.is_empty():
            raise InputError(
                where=(Setting("data.min_weight", f"{min_weight:g}"), " filters everything away"),
                problem=f"lower it (the weights go up to {raw.events['weight'].max()!r})",
            )
    if events.is_empty():
        raise InputError(
            f"data {raw.name}: no interaction is left after cleaning; see the reasons counted "
            "above."
        )
    return events


def _index(events: pl.DataFrame) -> tuple[pl.DataFrame, IdMap, IdMap]:
    """Return the events by index, and the ids."""
    ids = {kind: IdMap(beside.ranked(events[kind])) for kind in ("user", "item")}
    number = {kind: pl.Series(kind, ids[kind].to_index(events[kind])) for kind in ids}
    return events.with_columns(**number), ids["user"], ids["item"]


def _in_core(
    events: pl.DataFrame, users: IdMap, items: IdMap, k: int, dropped: dict[str, int]
) -> tuple[pl.DataFrame, IdMap, IdMap]:
    """Return the events of the k-core, indexed anew; there must be some."""
    keep = core(events["user"].to_numpy(), events["item"].to_numpy(), len(users), len(items), k)
    beside.count(dropped, f"outside the {k}-core", int(len(keep) - keep.sum()))
    if not keep.any():
        raise InputError(
            where=(Setting("data.k_core", f"{k}"), " empties the set"),
            problem=f"no user and item have {k} partners each",
            advice="lower it",
        )
    kept = events.filter(pl.Series(keep))
    ids = {
        kind: pl.Series(which.to_ids(kept[kind].to_numpy()), dtype=pl.String)
        for kind, which in (("user", users), ("item", items))
    }
    return _index(kept.with_columns(**ids))


def _interactions(events: pl.DataFrame) -> Interactions:
    if {"order", "time"} <= set(events.columns):  # an order is one visit, at one time
        events = events.with_columns(time=pl.col("time").min().over("user", "order"))
    optional = {
        name: events[name].to_numpy().astype(np.float64)
        for name in ("weight", "time", "spend")
        if name in events.columns
    }
    order = None
    if "order" in events.columns:
        order = (events["order"].rank("dense") - 1).cast(pl.Int64).to_numpy()
    return Interactions(
        events["user"].to_numpy(), events["item"].to_numpy(), order=order, **optional
    )
