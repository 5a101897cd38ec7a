"""A table's cells, one run each: stored as results/<hash>.json when finished, found again, and a
row's figures over seeds.

Not run by itself; experiments with many cells stand on it. Runs by the command take one thread
each.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scipy import stats

SEEDS = (0, 1, 2)
SHOWN = {
    "recall@20": "recall",
    "ndcg@20": "ndcg",
    "precision@20": "precision",
    "f1@20": "F1",
    "coverage@20": "coverage",
    "revenue@20": "revenue",
}


def cell(folder: Path, command: list[str], deadline: float, limit: int) -> dict[str, Any] | None:
    """A run's figures, stored in ``folder`` or made; None where there was no time, or somebody else
    is at it."""
    command = [*command, "threads=1"]
    path = folder / f"{hashlib.sha256(' '.join(command).encode()).hexdigest()[:12]}.json"
    if path.exists():
        stored: dict[str, Any] = json.loads(path.read_text("utf-8"))
        return stored
    claim = path.with_suffix(".claim")
    if time.monotonic() > deadline:
        return None
    folder.mkdir(exist_ok=True)
    try:
        claim.touch(exist_ok=False)
    except FileExistsError:
        return None
    try:
        before = _children()
        done = subprocess.run(
            [sys.executable, "-m", "gnnseg", "train", *command],
            capture_output=True,
            text=True,
            timeout=limit,
        )
        if done.returncode:
            found: dict[str, Any] = {
                "command": command,
                "not run": done.stderr.strip().splitlines()[-1],
            }
        else:
            record = json.loads((Path(done.stdout.strip()) / "run.json").read_text("utf-8"))
            found = {
                "command": command,
                **_kept(record),
                "cpu_seconds": round(_children() - before, 1),
            }
    except subprocess.TimeoutExpired:
        found = {"command": command, "not run": f"longer than {limit} s"}
    finally:
        claim.unlink()
    path.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    said = found.get("not run") or found["metrics"].get("test/ndcg@20")
    print(f"{' '.join(command)}: {said}", file=sys.stderr, flush=True)
    return found


def kept(path: Path, deadline: float, make: Callable[[], dict[str, Any]]) -> dict[str, Any] | None:
    """What stands in a file of JSON, or is made and then stands there; None where there was no
    time."""
    if path.exists():
        stored: dict[str, Any] = json.loads(path.read_text("utf-8"))
        return stored
    if time.monotonic() > deadline:
        return None
    begun = time.process_time()
    found = {**make(), "cpu_seconds": round(time.process_time() - begun, 1)}
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(found) + "\n", "utf-8")
    return found


def row(name: str, kind: str, cells: list[dict[str, Any] | None]) -> str:
    """A model's line: means over seeds, ± one standard deviation; or why it is not there."""
    done = [c for c in cells if c is not None and "metrics" in c]
    if not done:
        why = next((c["not run"] for c in cells if c is not None and "not run" in c), "no time yet")
        return f"| {name} | {kind} | not run: {why} |" + " |" * (len(HEAD) - 3)
    figures = [spread([c["metrics"].get(f"test/{m}") for c in done]) for m in SHOWN]
    soft = spread([c["metrics"].get("segment/segments_per_user") for c in done], 1, False)
    top = spread([c["metrics"].get("test/ndcg@20/top3") for c in done], 3, False)
    beside = [
        f"{done[0]['parameters']:,}",
        f"{statistics.fmean(c['cpu_seconds'] for c in done):.0f}",
        f"{statistics.fmean(c['memory_mb'] for c in done):.0f}",
        str(len(done)),
    ]
    return "| " + " | ".join([name, kind, *figures, soft, top, *beside]) + " |"


HEAD = [
    "model",
    "head",
    *SHOWN.values(),
    "segments a user",
    "ndcg top 3",
    "parameters",
    "CPU s a run",
    "MB",
    "seeds",
]
RULE = ["| " + " | ".join(HEAD) + " |", "|---|---|" + "---:|" * (len(HEAD) - 2)]


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


def _children() -> float:
    """Processor seconds of all commands that have ended: with one thread each, what a run takes on
    an idle core."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _kept(record: dict[str, Any]) -> dict[str, Any]:
    names = ("test/", "valid/ndcg@20", "segment/", "label/")
    return {
        "metrics": {
            k: v for k, v in record["metrics"].items() if k.startswith(names) and "@10" not in k
        },
        "popularity": record["baselines"]["popularity"]["test/ndcg@20"],
        "config": {
            k: record["config"][k]
            for k in ("encoder", "head", "objective", "features", "optimizer", "trainer")
        },
        "fingerprint": record["data"]["fingerprint"],
        "attributes": record["data"]["features"],
        "hash": record["hash"],
        "numerics": record["numerics"],
        "best": record["best"],
        "parameters": record["parameters"],
        "seconds": record["seconds"],
        "memory_mb": record["memory_mb"],
        "device": record["device"],
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "versions": record["versions"],
    }
