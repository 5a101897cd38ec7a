"""Typed relations as edges: both directions, their weights, and by which names they are read."""

import numpy as np
import pytest
import torch

from gnnseg.graph.relations import chosen, edge_types, merged
from gnnseg.types import InputError, Relation

SIZES = {"item": 3, "genre": 2}


def relation(name: str, *edges: tuple[int, int, float]) -> Relation:
    source, target, weight = (np.array(column) for column in zip(*edges, strict=True))
    return Relation(
        name=name,
        source_kind="item",
        target_kind="genre",
        source=source,
        target=target,
        weight=weight.astype(np.float64),
    )


def test_each_relation_is_edges_there_and_back() -> None:
    is_of = relation("is of", (0, 1, 1.0), (2, 0, 2.0), (0, 1, 3.0), (1, 1, 0.0))
    there, back = edge_types([is_of], SIZES)
    assert (there.name, there.source, there.target) == ("is of", "item", "genre")
    assert (back.name, back.source, back.target) == ("is of, back", "genre", "item")
    dense = torch.zeros(2, 3).index_put((torch.tensor([1, 0]), torch.tensor([0, 2])), torch.ones(2))
    assert torch.equal(there.pattern.dense(), dense)  # of weight 0: no edge
    assert torch.equal(back.pattern.dense(), dense.T)
    for edges in (there, back):  # an edge that stands twice weighs what both do
        assert edges.weight is not None
        whole = edges.pattern.with_value(edges.weight).dense()
        assert whole.sum() == 6
        torch.testing.assert_close(
            edges.pattern.with_value(edges.mean).dense().sum(1),
            (edges.pattern.degrees()[0] > 0).float(),
        )


def test_merged_relations_are_distinguished_by_kinds_alone() -> None:
    typed = edge_types([relation("a", (0, 0, 1.0), (1, 1, 1.0)), relation("b", (0, 0, 1.0))], SIZES)
    there, back = merged(typed)
    assert (there.name, there.pattern.entries) == ("item to genre", 2)
    assert (back.name, back.pattern.entries) == ("genre to item", 2)


def test_relations_are_chosen_by_name() -> None:
    a, b = relation("a", (0, 0, 1.0)), relation("b", (0, 0, 1.0))
    assert chosen((a, b), None) == (a, b)
    assert chosen((a, b), ["b"]) == (b,)
    with pytest.raises(InputError, match="there is no relation 'c'; the set has a, b"):
        chosen((a, b), ["c"])
    for name in ("to_user", "friends", "b"):
        with pytest.raises(InputError, match=f"{name!r} names two kinds of edges"):
            chosen((relation(name, (0, 0, 1.0)), b), None)
