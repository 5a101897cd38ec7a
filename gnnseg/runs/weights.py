"""What of the weights that a user has named is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gnnseg.config.stable import stable
from gnnseg.types import Floats

OWN = tuple(f"gnnseg.data.sets.{kind}" for kind in ("file", "sql", "given"))


def read_of(config: Mapping[str, Any]) -> str:
    """Return what an edge of the graph weighs: 'weight' or 'spend'; empty: all alike."""
    how = config["graph"].get("weights")
    return "" if how is None else "spend" if how == "spend" else "weight"


def unread(config: Mapping[str, Any], weight: Floats | None) -> str | None:
    """Return a sentence where a table of one's own has weights that differ, and nothing reads them.

    The graph may (``graph.weights``), the objective (``objective.weights``), and the cleaning
    (``data.min_weight``). Named sets carry theirs by design.
    """
    node, objective = config["data"], config["objective"]
    if weight is None or not len(weight) or stable(str(node["_target_"])) not in OWN:
        return None
    reading = (config["graph"].get("weights"), objective.get("weights"), node.get("min_weight"))
    if any(each is not None for each in reading) or bool(np.all(weight == weight[0])):
        return None
    ways = ["graph.weights=log", *(["objective.weights=log"] if "weights" in objective else [])]
    return (
        "weights are carried and exported, but every pair weighs alike in training: "
        f"{' or '.join(ways)} lets them count (value: as they are)"
    )
