"""Data: where sets come from, how they are read, cleaned, indexed, split and drawn in batches."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gnnseg.config.stable import current
from gnnseg.data import cache as cache_
from gnnseg.data import clean, split
from gnnseg.data.raw import Raw
from gnnseg.types import Dataset

__all__ = ["load", "split"]

OWN = (
    "_target_",
    "name",
    "root",
    "min_weight",
    "k_core",
)  # keys of a data node that are not the source's options


def load(
    node: Mapping[str, Any],
    *,
    root: Path,
    cache: Path,
    say: Callable[[str], None],
    raw: Raw | None = None,
) -> Dataset:
    """The set a data node describes, read from its source, cleaned and indexed; a large one is kept
    in the cache.

    ``raw``: the table itself, where it has been handed over rather than named.
    """
    if raw is not None:
        return clean.build(raw, min_weight=node["min_weight"], k_core=int(node["k_core"]), say=say)
    from gnnseg.data.sets.fetching import Place

    place = Place(root, cache, say)
    key = cache_.key(node, place)
    kept = None if key is None else cache / "indexed" / f"{key[:32]}.npz"
    if kept is not None and (found := cache_.load(kept, say)) is not None:
        say(f"{found.name}: cleaned and indexed before ({kept})")
        return found
    module, _, name = current(str(node["_target_"])).rpartition(".")
    source = getattr(importlib.import_module(module), name)
    options = {option: value for option, value in node.items() if option not in OWN}
    raw = source(place, name=node["name"], **options)
    dataset = clean.build(raw, min_weight=node["min_weight"], k_core=int(node["k_core"]), say=say)
    if kept is not None and len(dataset.interactions) >= cache_.ROWS:
        cache_.save(kept, dataset, say)
    return dataset
