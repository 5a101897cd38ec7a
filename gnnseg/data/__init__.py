"""Data: where sets come from, how they are read, cleaned, indexed, split and drawn in batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gnnseg.data import clean, split
from gnnseg.types import Dataset

__all__ = ["load", "split"]

OWN = ("_target_", "name", "root", "min_weight", "k_core")  # keys of a data node that are not the source's options


def load(node: Mapping[str, Any], *, root: Path, cache: Path, say: Callable[[str], None]) -> Dataset:
    """The set a data node describes, read from its source, cleaned and indexed."""
    from gnnseg.data import sets
    from gnnseg.data.sources import Place

    source = getattr(sets, str(node["_target_"]).rsplit(".", 1)[-1])
    options = {key: value for key, value in node.items() if key not in OWN}
    raw = source(Place(root, cache, say), name=node["name"], **options)
    return clean.build(raw, min_weight=node["min_weight"], k_core=int(node["k_core"]), say=say)
