"""Definitions of figures: their number, and which stored figures a raise of it leaves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

NUMERICS = 12  # raised with every change that may alter a figure


def leaves(line: Mapping[str, Any]) -> bool:
    """Return whether a stored result's figures are what today's definitions give.

    Args:
        line: of results.jsonl: ``numerics``, ``metrics`` and ``config`` of a run.
    """
    stored = line.get("numerics")
    if not isinstance(stored, int):
        return False
    raised = range(stored + 1, NUMERICS + 1)
    return stored <= NUMERICS and all(each in LEFT and LEFT[each](line) for each in raised)


def _everybody_is_in_a_segment(line: Mapping[str, Any]) -> bool:
    """12 leaves users of no segment out of the segments' figures, and habits that learned nothing.

    Nobody is without training where everybody was asked and no figure of ``…/cold`` is there.
    """
    config = line.get("config") or {}
    head, evaluation = (config.get(group) or {} for group in ("head", "evaluation"))
    if not head.get("segments"):
        return True
    some = evaluation.get("users") is not None
    return not (
        some or head.get("habit") or any("/cold" in name for name in line.get("metrics") or ())
    )


LEFT: dict[int, Callable[[Mapping[str, Any]], bool]] = {12: _everybody_is_in_a_segment}
