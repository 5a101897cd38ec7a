"""A run's line of results.jsonl, from its folder."""

from __future__ import annotations

import functools
import platform
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gnnseg.report.declared import significance
from gnnseg.report.declared.declaration import DeclaredRun
from gnnseg.report.declared.results import Line
from gnnseg.runs.folder import RunFolder

GROUPS = (
    "data", "split", "graph", "features", "encoder", "head", "objective", "regularisers",
    "optimizer", "trainer", "evaluation", "segments", "metrics", "baselines", "baseline",
)  # fmt: skip  # of the configuration, what figures depend on
ANYWHERE = re.compile(r"(?<![\w.:/])~?/(?:[^\s/:;,'\"()]+/)+")  # the folders of an absolute path


def of(run: DeclaredRun, path: Path, less: bool, columns: Sequence[str]) -> Line:
    """Return the line of a finished run; of a trial without any test figure.

    Args:
        run: What was declared.
        path: The run's folder.
        less: Whether less is better of what the run was chosen by.
        columns: The metrics of the table, which are kept of the baselines beside the run as well.
    """
    record = RunFolder(path).read_json()
    metrics = {name: value for name, value in record["metrics"].items() if value is not None}
    metrics |= {
        at: value
        for who, found in record["baselines"].items()
        for name, value in found.items()
        if value is not None and {at := f"baseline/{who}/{name}", name} & set(columns)
    }
    if run.trial:
        metrics = {name: value for name, value in metrics.items() if name.startswith("valid/")}
    best = record.get("best") or {}
    return {
        **_head(run),
        "run": record["name"],
        "hash": record["hash"],
        "fingerprint": record["data"]["fingerprint"],
        "pairs": record["data"].get("pairs"),
        "numerics": record["numerics"],
        "protocol": record["protocol"],
        "monitor": best.get("metric"),
        "value": best.get("value"),
        **({"less": True} if less else {}),
        "epoch": best.get("epoch"),
        "metrics": metrics,
        "seconds": record["seconds"],
        "memory_mb": record.get("memory_mb"),
        "parameters": record.get("parameters"),
        "machine": machine(record["device"]),
        "versions": record["versions"],
        "per_user": None if run.trial else significance.digest(path),
        "config": _without_places(
            {key: record["config"][key] for key in GROUPS if record["config"].get(key)}
        ),
    }


def failed(run: DeclaredRun, error: str) -> Line:
    """Return the line of a run that failed, without the folders of this machine in it."""
    return {**_head(run), "error": without_folders(error)}


def without_folders(text: str) -> str:
    """Return a sentence whose absolute paths are their last names."""
    return ANYWHERE.sub("", text)


@functools.cache
def processor() -> str:
    """Return the model of this machine's processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def machine(device: Mapping[str, Any]) -> dict[str, Any]:
    """Return what seconds depend on; no name of a host."""
    kind = str(device["name"])
    where = {} if kind == "cpu" else {"device": str(device["why"]).partition(",")[0]}
    return {"cpu": processor(), "threads": device["threads"], **where}


def _head(run: DeclaredRun) -> Line:
    return {
        "label": run.row, "data": run.data, "seed": run.seed, "overrides": list(run.overrides),
        **({"trial": True} if run.trial else {}),
    }  # fmt: skip


def _without_places(config: dict[str, Any]) -> dict[str, Any]:
    data = {
        key: without_folders(value) if isinstance(value, str) else value
        for key, value in config.get("data", {}).items()
        if key != "root"
    }
    return {**config, "data": data}
