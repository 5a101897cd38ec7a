"""What stands in a finished run's folder: files, columns and types; a check of a folder by them.

This is the one description of the folder's files: tables are made and checked by it, README prints
it. A run that names packages or files of its own has in run.json ``depends`` too (``identity``).
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import polars as pl

# Columns ending in '*' stand once for each segment, 1..K; '*' alone for the metrics of that run, by
# name.
FILES: dict[str, dict[str, str]] = {
    "ids.parquet": {"kind": "String", "index": "Int64", "id": "String", "name": "String"},
    "segments.parquet": {
        "user": "String",
        "segment": "Int64",
        "alpha_*": "Float32",
        "habit": "Float32",
    },
    "groups.parquet": {
        "segment": "Int64",
        "size": "Int64",
        "effective_size": "Float64",
        "share": "Float64",
        "group": "List(Float32)",
        "prototype": "List(Float32)",
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
    },
    "habits.npz": {"user": "int64", "item": "int64", "time": "float64"},
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
        "exact": "bool",
    },
    "report.html": {},
}

ABOUT: dict[str, str] = {
    "ids.parquet": "original ids and names; index is the row in every tensor",
    "segments.parquet": (
        "who is where: segment = argmax alpha, from 1; alpha sums to 1; habit: h, of a head with "
        "habits"
    ),
    "groups.parquet": (
        "the segments: users, effective size, share of all alpha, centroid, prototype"
    ),
    "cards.parquet": (
        "what is telling of a segment: share in it, share overall, lift, training pairs"
    ),
    "profiles.parquet": (
        "what is telling of a segment's people: mean in it, among all, difference in standard "
        "deviations"
    ),
    "attributes.parquet": (
        "encoder=linear: each attribute's weight, and how far a unit pulls towards each segment"
    ),
    "recommendations.parquet": (
        "lists of some users, and of each segment beyond what everyone wants; rank from 1"
    ),
    "examples.parquet": (
        "a few users' lists with their split over segments (shares, or signed parts of the logit)"
    ),
    "per_user.parquet": "the test's metrics user by user; cold: without training data",
    "labels.parquet": (
        "only of a run that learns labels: each user's class as known (null: nobody knows it), "
        "whether training was told it, as predicted, and the chance of that"
    ),
    "seen.npz": (
        "the pairs of train (part 0), valid (1) and test (2) by index: weights, events, spend "
        "where there is any"
    ),
    "habits.npz": "only of a head with habits: the items of training's visits, and their times",
    "scores.safetensors": "final embeddings, and what the head makes of them",
    "model.safetensors": "the weights of the best epoch",
    "metrics.jsonl": "a line each time something was measured; null where a figure is not defined",
    "run.json": (
        "configuration, fingerprints, versions, device, seconds, metrics, baselines, alarms"
    ),
    "report.html": "the page: one file, no network",
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
OPTIONAL_TENSORS = ("bias", "alpha", "beta", "inverse_norm", "habit")
OPTIONAL_ARRAYS = ("spend", "time")
OPTIONAL_COLUMNS = ("habit",)


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
            if name in WITH_ATTRIBUTES:
                continue
            if segmented if name in WITH_SEGMENTS else _is_expected(name, folder):
                problems.append(f"{name}: is missing")
            continue
        problems += [f"{name}: {problem}" for problem in _check(path, columns)]
    return problems


def _is_expected(name: str, folder: Path) -> bool:
    """Say whether every run has a file, or this one should."""
    path = folder / "run.json"
    record = json.loads(path.read_text("utf-8")) if path.exists() else {}
    if name == "habits.npz":
        return bool(record.get("config", {}).get("head", {}).get("habit"))
    return name != "labels.parquet" or record.get("data", {}).get("labels") is not None


def markdown() -> str:
    """Return FILES as a Markdown table, for README."""
    rows = ["| file | columns | |", "|---|---|---|"]
    for name, columns in FILES.items():
        listed = ", ".join(
            f"`{column}` {kind.replace('|', 'or')}" for column, kind in columns.items()
        )
        rows.append(f"| `{name}` | {listed} | {ABOUT[name]} |")
    return "\n".join(rows)


def _check(path: Path, columns: dict[str, str]) -> list[str]:
    if path.suffix == ".parquet":
        found = {name: str(kind) for name, kind in pl.read_parquet_schema(path).items()}
        segmented = any(name.startswith("segment_") for name in found)
        if path.name == "attributes.parquet" and not segmented:  # of a head without segments
            columns = {name: kind for name, kind in columns.items() if name != "segment_*"}
        columns = {n: k for n, k in columns.items() if n in found or n not in OPTIONAL_COLUMNS}
        return _compare(columns, found)
    if path.suffix == ".npz":
        import numpy as np

        with np.load(path) as arrays:
            there = {
                name: kind
                for name, kind in columns.items()
                if name in arrays or name not in OPTIONAL_ARRAYS
            }
            return _compare(there, {name: str(arrays[name].dtype) for name in arrays.files})
    if path.name == "scores.safetensors":
        return _tensors(columns, _header(path))
    if path.name == "run.json":
        return _types(columns, json.loads(path.read_text("utf-8")))
    if path.suffix == ".jsonl":
        return _lines(path)
    return []


def _compare(columns: dict[str, str], found: dict[str, str]) -> list[str]:
    """Exact columns in their order, patterns expanded by what is there."""
    expected: dict[str, str] = {}
    for name, kind in columns.items():
        if name == "*":
            expected |= {other: kind for other in found if other not in columns}
        elif name.endswith("*"):
            count = sum(other.startswith(name[:-1]) for other in found)
            expected |= {f"{name[:-1]}{k + 1}": kind for k in range(max(count, 1))}
        else:
            expected[name] = kind
    problems = [f"column {name} is missing" for name in expected if name not in found]
    problems += [f"column {name} is not known" for name in found if name not in expected]
    for name, kind in expected.items():
        if name in found and found[name] != kind:
            problems.append(f"column {name} is {found[name]}, not {kind}")
    if not problems and list(expected) != list(found):
        problems.append(f"columns stand in another order: {', '.join(found)}")
    return problems


def _header(path: Path) -> dict[str, Any]:
    """The names, types and shapes of a safetensors file, read without torch."""
    with open(path, "rb") as handle:
        (length,) = struct.unpack("<Q", handle.read(8))
        header = json.loads(handle.read(length))
    assert isinstance(header, dict)
    return {name: value for name, value in header.items() if name != "__metadata__"}


def _tensors(columns: dict[str, str], header: dict[str, Any]) -> list[str]:
    problems = [f"tensor {name} is not known" for name in header if name not in columns]
    sizes: dict[str, int] = {}
    for name, described in columns.items():
        if name not in header:
            if name not in OPTIONAL_TENSORS:
                problems.append(f"tensor {name} is missing")
            continue
        kind, letters = described.split(" ", 1)
        axes, shape = letters.strip("()").split(","), header[name]["shape"]
        if header[name]["dtype"] != kind or len(shape) != len(axes):
            problems.append(f"tensor {name} is {header[name]['dtype']} {shape}, not {described}")
            continue
        for axis, size in zip(axes, shape, strict=True):
            if sizes.setdefault(axis, size) != size:
                problems.append(f"tensor {name} has {axis} = {size}, elsewhere it is {sizes[axis]}")
    return problems


def _types(columns: dict[str, str], record: dict[str, Any]) -> list[str]:
    kinds: dict[str, Any] = {
        "int": int, "str": str, "dict": dict, "list": list, "bool": bool, "float": (int, float),
        "None": type(None),
    }  # fmt: skip
    problems = []
    for name, described in columns.items():
        if name not in record:
            problems.append(f"{name} is missing")
            continue
        allowed = tuple(kinds[kind] for kind in described.split(" | "))
        if not isinstance(record[name], allowed):
            problems.append(f"{name} is {type(record[name]).__name__}, not {described}")
    return problems


def _lines(path: Path) -> list[str]:
    for number, text in enumerate(path.read_text("utf-8").splitlines(), 1):
        line = json.loads(text)
        for name in ("epoch", "step"):
            if name not in line:
                return [f"line {number}: {name} is missing"]
        wrong = [
            n
            for n, v in line.items()
            if isinstance(v, bool) or not isinstance(v, int | float | None)
        ]
        if wrong:
            return [f"line {number}: {', '.join(wrong)} is no number"]
    return []
