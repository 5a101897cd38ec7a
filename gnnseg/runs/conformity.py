"""Whether one file of a run folder is as it is described, a sentence for each difference."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def columns(columns: dict[str, str], found: dict[str, str]) -> list[str]:
    """Return what differs from exact columns in their order, '*' expanded by what is there."""
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


def header(path: Path) -> dict[str, Any]:
    """Return names, types and shapes of a safetensors file, read without torch."""
    with open(path, "rb") as handle:
        (length,) = struct.unpack("<Q", handle.read(8))
        header = json.loads(handle.read(length))
    assert isinstance(header, dict)
    return {name: value for name, value in header.items() if name != "__metadata__"}


def tensors(columns: dict[str, str], header: dict[str, Any], optional: Sequence[str]) -> list[str]:
    """Return which tensors are missing, or of another type or shape."""
    problems = [f"tensor {name} is not known" for name in header if name not in columns]
    sizes: dict[str, int] = {}
    for name, described in columns.items():
        if name not in header:
            if name not in optional:
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


def types(columns: dict[str, str], record: dict[str, Any], optional: Sequence[str]) -> list[str]:
    """Return which keys of a record are missing, or of another type."""
    kinds: dict[str, Any] = {
        "int": int, "str": str, "dict": dict, "list": list, "bool": bool, "float": (int, float),
        "None": type(None),
    }  # fmt: skip
    problems = []
    for name, described in columns.items():
        if name not in record:
            problems += [f"{name} is missing"] * (name not in optional)
            continue
        allowed = tuple(kinds[kind] for kind in described.split(" | "))
        if not isinstance(record[name], allowed):
            problems.append(f"{name} is {type(record[name]).__name__}, not {described}")
    return problems


def lines(path: Path) -> list[str]:
    """Return the first line of JSON lines that is not as it should be."""
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
