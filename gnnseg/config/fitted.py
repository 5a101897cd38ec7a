"""A run of a baseline: what it may be asked for, and what only a trained model has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gnnseg.config.names import refusal
from gnnseg.config.stable import short
from gnnseg.config.trainer import check_monitor


def name_of(config: Mapping[str, Any]) -> str | None:
    """Return what messages call the baseline that stands in place of a model; None: a model."""
    node = config.get("baseline")
    return None if not node else short(str(node["_target_"]))


def check_fitted(config: Mapping[str, Any]) -> None:
    """Refuse what only a trained model has.

    Raises:
        InputError: Segments of before, refits, weights of the graph, or a monitor that no
            validation measures.
    """
    where = f"baseline={name_of(config)}"
    if config["segments"]["since"] is not None:
        raise refusal(
            f"segments.since={config['segments']['since']}: {where} starts from no earlier run; "
            "leave it out."
        )
    if config["evidence"]["refits"]:
        raise refusal(
            f"evidence.refits={config['evidence']['refits']}: segments of {where} are not fitted "
            "again; set it to 0."
        )
    if config["profile"]:
        raise refusal(f"profile=true: {where} is fitted at once, in no steps; leave it out.")
    for key in ("weights", "relations"):
        if (value := config["graph"].get(key)) is not None:
            raise refusal(
                f"graph.{key}={value}: {where} takes every pair alike; set graph.{key}=null."
            )
    check_monitor(config)
