"""What stands in a finished run's folder: files, columns and types; a check of a folder by them.

This is the one description of the folder's files: tables are made and checked by it, README prints
it. A run that names packages or files of its own has in run.json ``depends`` too (``identity``).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from gnnseg import records
from gnnseg.runs import schema_checks
from gnnseg.runs.schema_about import ABOUT

# Columns ending in '*' stand once for each segment, 1..K; '*' alone for the metrics of that run, by
# name.
FILES: dict[str, dict[str, str]] = {
    "ids.parquet": {"kind": "String", "index": "Int64", "id": "String", "name": "String"},
    "segments.parquet": {
        "user": "String",
        "segment": "Int64",
        "reason": "String",
        "sure": "Float32",
        "alpha_*": "Float32",
        "habit": "Float32",
    },
    "summary.parquet": {
        "segment": "Int64",
        "id": "String",
        "name": "String",
        "made": "Boolean",
        "people": "Int64",
        "share": "Float64",
        "alpha_share": "Float64",
        "revenue": "Float64",
        "revenue_share": "Float64",
        "spend_head": "Float64",
        "visits_head": "Float64",
        "days_since": "Float64",
        "trend": "Float64",
        "telling": "List(String)",
        "verdict": "String",
        "sure": "Float64",
        "change": "Int64",
    },
    "customers.parquet": {
        "user": "String",
        "events": "Int64",
        "visits": "Float64",
        "spend": "Float64",
        "first": "Float64",
        "last": "Float64",
        "recent": "Float64",
        "former": "Float64",
        "pace": "Float64",
    },
    "items.parquet": {"item": "String", "name": "String", "*": "String | Float64"},
    "stability.parquet": {
        "segment": "Int64",
        "jaccard": "Float64",
        "jaccard_min": "Float64",
        "verdict": "String",
    },
    "groups.parquet": {
        "segment": "Int64",
        "size": "Int64",
        "effective_size": "Float64",
        "share": "Float64",
        "group": "List(Float32)",
        "prototype": "List(Float32)",
        "id": "String",
        "since": "String",
        "name": "String",
    },
    "moves.parquet": {
        "was": "Int64",
        "was_id": "String",
        "now": "Int64",
        "now_id": "String",
        "kept": "Boolean",
        "users": "Int64",
        "expected": "Float64",
        "limit": "Float64",
        "beyond": "Boolean",
    },
    "moved.parquet": {
        "user": "String",
        "was": "Int64",
        "was_id": "String",
        "now": "Int64",
        "now_id": "String",
        "stays": "Float64",
        "beyond": "Boolean",
    },
    "cards.parquet": {
        "segment": "Int64",
        "rank": "Int64",
        "item": "String",
        "name": "String",
        "share": "Float64",
        "base": "Float64",
        "lift": "Float64",
        "support": "Int64",
    },
    "profiles.parquet": {
        "segment": "Int64",
        "rank": "Int64",
        "attribute": "String",
        "mean": "Float64",
        "base": "Float64",
        "difference": "Float64",
        "support": "Float64",
    },
    "evidence.parquet": {
        "segment": "Int64",
        "n": "Int64",
        "*": "Float64",
        "modularity": "Float64",
        "conductance": "Float64",
        "cohesion": "Float64",
        "separation": "Float64",
    },
    "associations.parquet": {
        "attribute": "String",
        "measure": "String",
        "value": "Float64",
        "chance": "Float64",
        "p": "Float64",
        "p_holm": "Float64",
        "users": "Int64",
        "levels": "Int64",
        "given": "Boolean",
        "why": "String",
    },
    "attributes.parquet": {
        "kind": "String",
        "attribute": "String",
        "deviation": "Float32",
        "weight": "List(Float32)",
        "segment_*": "Float32",
    },
    "recommendations.parquet": {
        "kind": "String",
        "id": "String",
        "rank": "Int64",
        "item": "String",
        "name": "String",
        "score": "Float64",
    },
    "examples.parquet": {
        "user": "String",
        "rank": "Int64",
        "item": "String",
        "name": "String",
        "score": "Float64",
        "shares": "Boolean",
        "bias": "Float64",
        "personal": "Float64",
        "habit": "Float64",
        "part_*": "Float64",
    },
    "per_user.parquet": {"user": "String", "*": "Float64", "cold": "Boolean"},
    "labels.parquet": {
        "user": "String",
        "label": "String",
        "told": "Boolean",
        "predicted": "String",
        "probability": "Float64",
    },
    "seen.npz": {
        "user": "int64",
        "item": "int64",
        "part": "int8",
        "weight": "float64",
        "count": "int64",
        "spend": "float64",
        "visits": "float64",
    },
    "habits.npz": {
        "user": "int64",
        "item": "int64",
        "time": "float64",
        "trained": "bool",
        "again": "float64",
    },
    "scores.safetensors": {
        "user": "F32 (U,D)",
        "item": "F32 (I,D)",
        "item_counts": "I64 (I)",
        "bias": "F32 (I)",
        "alpha": "F32 (U,K)",
        "beta": "F32 (K,I)",
        "inverse_norm": "F32 (U)",
        "habit": "F32 (U)",
    },
    "model.safetensors": {"*": "tensors by parameter name"},
    "metrics.jsonl": {"epoch": "number", "step": "number", "*": "number"},
    "run.json": {
        "schema": "int",
        "numerics": "int",
        "hash": "str",
        "name": "str",
        "state": "str",
        "error": "str | None",
        "config": "dict",
        "data": "dict",
        "versions": "dict",
        "git": "str | None",
        "source": "str",
        "device": "dict",
        "seconds": "dict",
        "memory_mb": "float",
        "parameters": "int",
        "protocol": "str",
        "seen": "str",
        "metrics": "dict",
        "baselines": "dict",
        "best": "dict",
        "alarms": "list",
        "losing": "list",
        "exact": "bool",
    },
    "report.html": {},
    "profile.parquet": {
        "kind": "String",
        "name": "String",
        "calls": "Int64",
        "cpu_ms": "Float64",
        "device_ms": "Float64",
    },
    "trace.json": {},
}

WITH_SEGMENTS = (
    "segments.parquet",
    "groups.parquet",
    "cards.parquet",
    "examples.parquet",
)  # not there for `dot`
WITH_ATTRIBUTES = (
    "profiles.parquet",
    "attributes.parquet",
)  # where people are known by attributes; encoder=linear
WITH_EVIDENCE = ("stability.parquet",)  # gnnseg segments RUN --evidence
WITH_EARLIER = ("moves.parquet", "moved.parquet")  # where the run started from an earlier one
OF_TEST = ("per_user.parquet",)  # not there for a refit on all events
LATER = (
    "profile.parquet",
    "trace.json",
    "evidence.parquet",
    "associations.parquet",
    "summary.parquet",
    "customers.parquet",
    "items.parquet",
)  # folders of before have none, and those that did not ask


def types(name: str) -> dict[str, Any]:
    """Return the columns of a table with polars' types, those that stand for several left out."""
    return {
        column: pl.List(getattr(pl, kind[5:-1])) if kind.startswith("List") else getattr(pl, kind)
        for column, kind in FILES[name].items()
        if "*" not in column
    }


def check(folder: Path) -> list[str]:
    """Return what in a finished run's folder differs from FILES, a sentence each."""
    segmented = any((folder / name).exists() for name in WITH_SEGMENTS)
    problems = []
    for name, columns in FILES.items():
        path = folder / name
        if not path.exists():
            if segmented if name in WITH_SEGMENTS else _is_expected(name, folder):
                problems.append(f"{name}: is missing")
            continue
        problems += [f"{name}: {problem}" for problem in schema_checks.check(path, columns)]
    return problems


def _is_expected(name: str, folder: Path) -> bool:
    """Say whether every run has a file, or this one should."""
    path = folder / "run.json"
    record = records.parsed(path.read_text("utf-8")) if path.exists() else {}
    if name in WITH_EARLIER:
        return "since" in record and "refit" not in record
    if name in OF_TEST:
        return "refit" not in record
    if name == "habits.npz":
        return bool(record.get("config", {}).get("head", {}).get("habit"))
    if name == "labels.parquet":
        return record.get("data", {}).get("labels") is not None
    return name not in (*WITH_ATTRIBUTES, *WITH_EVIDENCE, *LATER)


def markdown() -> str:
    """Return FILES as a Markdown table, for README."""
    rows = ["| file | columns | |", "|---|---|---|"]
    for name, columns in FILES.items():
        listed = ", ".join(
            f"`{column}` {kind.replace('|', 'or')}" for column, kind in columns.items()
        )
        rows.append(f"| `{name}` | {listed} | {ABOUT[name]} |")
    return "\n".join(rows)
