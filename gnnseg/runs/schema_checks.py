"""How a file of a run's folder is compared with the columns that ``schema`` gives it."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import polars as pl

OPTIONAL_TENSORS = ("bias", "alpha", "beta", "inverse_norm", "habit")
OPTIONAL_ARRAYS = ("spend", "visits", "time", "trained", "again")
OPTIONAL_COLUMNS = {  # not in folders of before; with evidence; of a head with habits
    "segments.parquet": ("reason", "sure", "habit"),
    "examples.parquet": ("habit",),
    "groups.parquet": ("id", "since", "name"),
}
LATER = ("losing",)  # keys of run.json that folders of before have not


def check(path: Path, columns: dict[str, str]) -> list[str]:
    """Return what in one file differs from the columns it should have, a sentence each."""
    if path.suffix == ".parquet":
        found = {name: str(kind) for name, kind in pl.read_parquet_schema(path).items()}
        segmented = any(name.startswith("segment_") for name in found)
        if path.name == "attributes.parquet" and not segmented:  # of a head without segments
            columns = {name: kind for name, kind in columns.items() if name != "segment_*"}
        optional = OPTIONAL_COLUMNS.get(path.name, ())
        columns = {
            name: kind for name, kind in columns.items() if name in found or name not in optional
        }
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
        if name in found and found[name] not in kind.split(" | "):
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
            problems += [f"{name} is missing"] * (name not in LATER)
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
