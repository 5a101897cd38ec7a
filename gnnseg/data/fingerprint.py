"""What a data set is, as a number: two sets with one fingerprint are the same set."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from gnnseg.data import logs
from gnnseg.mapped import blocks
from gnnseg.sparse.order import ascending, lexsort
from gnnseg.types import IdMap, Pairs, Split, Table

PAIR_DIGITS = 16


def pair_fingerprint(user: np.ndarray[Any, Any], item: np.ndarray[Any, Any]) -> str:
    """Return the first 16 hex digits of sha256 over the pairs.

    (user, item) as int64, little-endian, sorted by user, then item.
    """
    sorted_ = ascending((item, user))
    order = slice(None) if sorted_ else lexsort((item, user))
    user, item, digest = user[order], item[order], hashlib.sha256()
    for at in blocks(len(user)):
        digest.update(np.stack([user[at], item[at]], axis=1).astype("<i8").tobytes())
    return digest.hexdigest()[:PAIR_DIGITS]


def content_fingerprint(split: Split, *, orders: bool = False) -> str:
    """Return sha256 over all that a split holds.

    Id maps, each part's pairs, weights and times, attributes, social and typed edges, the log;
    with ``orders`` visits too, which else follow from the times.
    """
    digest = hashlib.sha256()

    def add(name: str, value: np.ndarray[Any, Any] | None) -> None:
        digest.update(f"\0{name}\0".encode())
        if value is None:
            return
        if value.dtype == object:
            digest.update("\x1f".join("" if v is None else str(v) for v in value).encode())
        else:
            digest.update(str(value.shape[1:]).encode() if value.ndim > 1 else b"")
            for at in blocks(len(value)):
                part = np.ascontiguousarray(value[at])
                digest.update(part.astype(value.dtype.newbyteorder("<")).tobytes())

    def ids(name: str, values: IdMap) -> None:
        add(name, values.ids)

    def table(name: str, values: Table | None) -> None:
        for column, cells in sorted((values.columns if values is not None else {}).items()):
            add(f"{name}.{column}", cells)

    ids("users", split.users)
    ids("items", split.items)
    for part, pairs in split.parts.items():
        _pairs(add, part, pairs)
        if orders:
            add(f"{part}.visits", pairs.visits)
    table("user_table", split.user_table)
    table("item_table", split.item_table)
    if split.social is not None:
        for column in ("source", "target", "weight"):
            add(f"social.{column}", getattr(split.social, column))
    for kind, entities in sorted(split.entities.items()):
        ids(f"entities.{kind}", entities)
    for relation in split.relations:
        digest.update(f"{relation.name}\0{relation.source_kind}\0{relation.target_kind}".encode())
        for column in ("source", "target", "weight"):
            add(f"relation.{column}", getattr(relation, column))
    for part, visits in sorted(split.visits.items()):
        for column in ("user", "item", "time"):
            add(f"visits.{part}.{column}", getattr(visits, column))
    if split.log is not None:
        for column in (*logs.COLUMNS, "part"):
            add(f"log.{column}", getattr(split.log, column))
    return digest.hexdigest()


def _pairs(add: Any, part: str, pairs: Pairs) -> None:
    for column in ("user", "item", "weight", "count", "first", "last", "spend"):
        add(f"{part}.{column}", getattr(pairs, column))
