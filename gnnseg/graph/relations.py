"""Typed edges beside the interactions, as messages in both directions.

Kinds of nodes are 'user', 'item' and the entity kinds a set declares. Shape legend: E edges.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import torch

from gnnseg.graph.neighbours import EdgeType
from gnnseg.sparse import Csr
from gnnseg.types import InputError, Relation

RESERVED = (
    "to_user",
    "to_item",
    "friends",
)  # names of the interactions' and the ties' own messages


def edge_types(relations: Iterable[Relation], sizes: Mapping[str, int]) -> tuple[EdgeType, ...]:
    """Return each relation's edges, from source to target and, as 'NAME, back', the other way.

    ``sizes``: nodes of each kind. An edge that stands twice weighs what both do; weights of 0 or
    below are no edge.
    """
    found = []
    for relation in relations:
        rows, columns = sizes[relation.target_kind], sizes[relation.source_kind]
        kept = relation.weight > 0
        key, place = np.unique(
            relation.target[kept] * columns + relation.source[kept], return_inverse=True
        )
        weight = torch.from_numpy(
            np.bincount(place, relation.weight[kept], minlength=len(key))
        ).float()
        pattern = Csr.of(key // columns, key % columns, (rows, columns))
        even = bool((weight == 1).all())
        there, back = (None, None) if even else (weight, weight[pattern.t_order])
        name, source, target = relation.name, relation.source_kind, relation.target_kind
        found.append(EdgeType(name, source, target, pattern, there))
        found.append(EdgeType(f"{name}, back", target, source, pattern.T, back))
    return tuple(found)


def chosen(relations: tuple[Relation, ...], names: list[str] | None) -> tuple[Relation, ...]:
    """Return the relations of these names; None: all.

    Raises:
        InputError: A name that none of them has, that two have, or that is reserved.
    """
    known = [relation.name for relation in relations]
    directions = [*RESERVED, *known, *(f"{name}, back" for name in known)]
    for name in known:
        if directions.count(name) > 1:
            raise InputError(
                f"data.relations: {name!r} names two kinds of edges, or the interactions'; give it "
                "another name."
            )
    for name in names or []:
        if name not in known:
            raise InputError(
                f"graph.relations: there is no relation {name!r}; the set has "
                f"{', '.join(sorted(set(known)))}."
            )
    return tuple(relation for relation in relations if names is None or relation.name in names)


def merged(typed: tuple[EdgeType, ...]) -> tuple[EdgeType, ...]:
    """Return the same edges, distinguished by the kinds they join and no more.

    An edge of several relations is one edge.
    """
    found: dict[tuple[str, str], list[EdgeType]] = {}
    for edges in typed:
        found.setdefault((edges.source, edges.target), []).append(edges)
    united = []
    for (source, target), parts in found.items():
        shape = parts[0].pattern.shape
        key = torch.unique(torch.cat([p.pattern.row * shape[1] + p.pattern.column for p in parts]))
        pattern = Csr.by_rows(key // shape[1], key % shape[1], shape)
        united.append(EdgeType(f"{source} to {target}", source, target, pattern))
    return tuple(united)
