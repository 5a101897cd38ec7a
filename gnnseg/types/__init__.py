"""Frozen data types, and the abstract classes between the rooms of the house.

Each is imported when it is asked for: what only reads run folders, or refuses with an InputError,
needs no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gnnseg.types.batch import Batch, Logged, Spread, Step
    from gnnseg.types.customers import Customers
    from gnnseg.types.data import (
        Dataset,
        Edges,
        Floats,
        IdMap,
        Interactions,
        Ints,
        Log,
        Pairs,
        Relation,
        Split,
        Strings,
        Table,
        Truth,
        text_of_id,
    )
    from gnnseg.types.errors import InputError, Setting, Words, returned
    from gnnseg.types.model import (
        Embeddings,
        EmbeddingScorer,
        Explanation,
        Features,
        HabitScorer,
        HistoryScorer,
        Policy,
        PrototypeScorer,
        Scorer,
        Segmentation,
        Shape,
    )
    from gnnseg.types.past import Earlier, Past

__all__ = [
    "Batch",
    "Customers",
    "Dataset",
    "Earlier",
    "Edges",
    "EmbeddingScorer",
    "Embeddings",
    "Explanation",
    "Features",
    "Floats",
    "HabitScorer",
    "HistoryScorer",
    "IdMap",
    "InputError",
    "Interactions",
    "Ints",
    "Log",
    "Logged",
    "Pairs",
    "Past",
    "Policy",
    "PrototypeScorer",
    "Relation",
    "Scorer",
    "Segmentation",
    "Setting",
    "Shape",
    "Split",
    "Spread",
    "Step",
    "Strings",
    "Table",
    "Truth",
    "Words",
    "returned",
    "text_of_id",
]

_HOME = {
    name: module
    for module, names in {
        "batch": (
            "Batch",
            "Logged",
            "Spread",
            "Step",
        ),
        "customers": ("Customers",),
        "data": (
            "Dataset",
            "Edges",
            "Floats",
            "IdMap",
            "Interactions",
            "Ints",
            "Log",
            "Pairs",
            "Relation",
            "Split",
            "Strings",
            "Table",
            "Truth",
            "text_of_id",
        ),
        "errors": (
            "InputError",
            "Setting",
            "Words",
            "returned",
        ),
        "model": (
            "Embeddings",
            "EmbeddingScorer",
            "Explanation",
            "Features",
            "HabitScorer",
            "HistoryScorer",
            "Policy",
            "PrototypeScorer",
            "Scorer",
            "Segmentation",
            "Shape",
        ),
        "past": (
            "Earlier",
            "Past",
        ),
    }.items()
    for name in names
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'gnnseg.types' has no attribute {name!r}")
    found = getattr(importlib.import_module(f"gnnseg.types.{_HOME[name]}"), name)
    globals()[name] = found  # asked for once
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
