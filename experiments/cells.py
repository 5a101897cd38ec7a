"""What experiments of many cells share: figures kept a line each in results.jsonl, their means.

Not run by itself. Runs of the command are declared in a table.yaml instead (docs/tables.md).
"""

from __future__ import annotations

import functools
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scipy import stats


def kept(
    path: Path, key: str, deadline: float, make: Callable[[], dict[str, Any]]
) -> dict[str, Any] | None:
    """What a file of results has under a key, or is made and then stands there; None where there
    was no time."""
    there = stored(path)
    if key in there:
        return there[key]
    if time.monotonic() > deadline:
        return None
    begun = time.process_time()
    found = {**make(), "cpu_seconds": round(time.process_time() - begun, 1)}
    keep(path, key, found)
    return found


def stored(path: Path) -> dict[str, dict[str, Any]]:
    """What a file of results has, by key."""
    return _read(path, path.stat().st_mtime_ns) if path.exists() else {}


def keep(path: Path, key: str, found: dict[str, Any]) -> None:
    """Add a line to a file of results."""
    with open(path, "a", encoding="utf-8") as out:
        out.write(json.dumps({"key": key, **found}) + "\n")


@functools.lru_cache(maxsize=1)
def _read(path: Path, written: int) -> dict[str, dict[str, Any]]:
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return {line.pop("key"): line for line in lines}


def minutes(arguments: list[str]) -> float:
    """When to begin no more cells, of ``--minutes M``."""
    given = (
        float(arguments[arguments.index("--minutes") + 1])
        if "--minutes" in arguments
        else float("inf")
    )
    return time.monotonic() + 60 * given


def spread(values: list[float | None], digits: int = 3, deviation: bool = True) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return ""
    beside = f" ± {statistics.stdev(known):.{digits}f}" if deviation and len(known) > 1 else ""
    return f"{statistics.fmean(known):.{digits}f}{beside}"


def interval(values: list[float], digits: int = 3) -> str:
    """Mean ± half of its 95 % interval (Student's t)."""
    if len(values) < 2:
        return f"{values[0]:.{digits}f}"
    half = stats.t.ppf(0.975, len(values) - 1) * statistics.stdev(values) / len(values) ** 0.5
    return f"{statistics.fmean(values):.{digits}f} ± {half:.{digits}f}"
