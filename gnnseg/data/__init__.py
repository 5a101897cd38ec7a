"""Data: where sets come from, how they are read, cleaned, indexed, split and drawn in batches.

Reading a run folder needs none of it: what ``load`` needs is imported by it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gnnseg.data.raw import Raw
    from gnnseg.types import Dataset

__all__ = ["load"]


def load(
    node: Mapping[str, Any],
    *,
    root: Path,
    cache: Path,
    say: Callable[[str], None],
    raw: Raw | None = None,
) -> Dataset:
    """Return the set that a data node describes, read from its source, cleaned and indexed.

    A large one is kept in the cache.

    Args:
        node: ``_target_``, a ``Reader``, its settings, and name, root, min_weight, k_core.
        root: ``data.root``, where sets lie.
        cache: The cache folder.
        say: Tells the user what is read, and what is left out.
        raw: The table itself, where it has been handed over rather than named.

    Raises:
        InputError: In one sentence, for data that cannot be found, read or used.
    """
    from gnnseg.config.names import BESIDE
    from gnnseg.config.targets import build
    from gnnseg.data import cache as cache_
    from gnnseg.data import clean
    from gnnseg.data.raw import Raw
    from gnnseg.data.sets.base import Reader, checked
    from gnnseg.data.sets.fetching import Place
    from gnnseg.data.tables import doors
    from gnnseg.types import returned

    if raw is not None:
        with doors.errors_said(doors.argument):
            how = {"min_weight": node["min_weight"], "k_core": int(node["k_core"])}
            return clean.build(raw, **how, say=say)
    place = Place(root, cache, say)
    key = cache_.key(node, place)
    kept = None if key is None else cache / "indexed" / f"{key[:32]}.npz"
    if kept is not None and (found := cache_.load(kept, say)) is not None:
        say(f"{found.name}: cleaned and indexed before ({kept})")
        return found
    settings = {key: value for key, value in node.items() if key not in BESIDE["data"]}
    reader = build(settings)
    assert isinstance(reader, Reader), f"data._target_={node['_target_']}: no Reader"
    where = f"data: {type(reader).__name__}.read"
    raw = checked(returned(reader.read(place, str(node["name"])), Raw, where), where)
    dataset = clean.build(raw, min_weight=node["min_weight"], k_core=int(node["k_core"]), say=say)
    if kept is not None and len(dataset.interactions) >= cache_.ROWS:
        cache_.save(kept, dataset, say)
    return dataset
