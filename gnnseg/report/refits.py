"""What may be shown of a refit on all events: the evaluated run's figures, never its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def sentence(record: Mapping[str, Any]) -> str:
    """Return what a refit says of itself; nothing of any other run."""
    if "refit" not in record:
        return ""
    run = record["evaluated"]["run"]
    return f"Refit on all events; the figures are of the evaluated run {run}."


def judged(record: Mapping[str, Any]) -> str:
    """Return where a refit's ranking and stability stand; nothing of any other run."""
    if "refit" not in record:
        return ""
    run = record["evaluated"]["run"]
    return (
        "A refit on all events: nothing is held out of it, so that its ranking, and whether its "
        f"segments come back, are those of the evaluated run {run} (gnnseg show, gnnseg segments)"
    )


def evaluated(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the record whose figures may be shown: of a refit with those of the evaluated run."""
    if "refit" not in record:
        return dict(record)
    was = record["evaluated"]
    return {**record, **{key: was[key] for key in ("metrics", "baselines", "losing")}}


def who(record: Mapping[str, Any]) -> str:
    """Return what the row of these figures is called."""
    return "the evaluated run" if "refit" in record else "this run"
