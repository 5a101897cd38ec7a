"""What is said beside a declared table: of figures that are not all alike, or not there."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from gnnseg.report.declared.declaration import Declaration, DeclaredData
from gnnseg.report.declared.results import Line

if TYPE_CHECKING:
    from gnnseg.report.declared.cells import DeclaredCell

OTHER = "of other settings than are declared today"


def of(cells: Sequence[DeclaredCell], declared: Declaration) -> Iterator[str]:
    """Yield what a reader must know of figures that are not all alike.

    Args:
        cells: All of a table.
        declared: The table.
    """
    few: dict[str, dict[str, None]] = {}
    for cell in cells:
        if cell.lines and len(cell.lines) < len(cell.data.seeds):
            said = f"{cell.data.label}, {len(cell.lines)} of {len(cell.data.seeds)} seeds"
            few.setdefault(said, {})[cell.row.label] = None
    yield from (f"{said}: {'; '.join(labels)}" for said, labels in few.items())
    for data in declared.data:
        lines = [line for cell in cells if cell.data is data for line in cell.lines]
        if any(_are_of_other_data(same) for same in _of_one_split(data, lines)):
            yield f"{data.label}: rows are of different data (their fingerprints differ)"
        yield from _unlike(data, lines)
        yield from older(cells, data)
        runs: dict[str, dict[str, None]] = {}
        for cell in cells:
            for line in cell.lines if cell.data is data else ():
                if name := line.get("run"):  # figures that were moved here have none
                    runs.setdefault(str(name), {})[cell.row.label] = None
        same = dict.fromkeys("; ".join(labels) for labels in runs.values() if len(labels) > 1)
        yield from (f"{data.label}: rows are the same run by their settings: {s}" for s in same)
    for metric in declared.metrics:
        here = [cell for cell in cells if cell.metric is metric and cell.lines]
        if here and not any(cell.values for cell in here):
            names = sorted({name for cell in here for name in cell.lines[0]["metrics"]})
            yield lack_of(metric.name, names)
    failed = dict.fromkeys(
        f"{cell.row.label} on {cell.data.label}: {cell.why}"
        for cell in cells if cell.why.startswith(("failed", "every"))
    )  # fmt: skip
    yield from failed


def older(cells: Sequence[DeclaredCell], data: DeclaredData) -> Iterator[str]:
    """Yield which figures of a data set are not of what is declared today, and in what."""
    mine = [cell for cell in cells if cell.data is data]
    former = sorted(
        {why for cell in mine for why in cell.old if why != OTHER},
        key=lambda each: (len(each), each),
    )
    if former:
        yield f"{data.label}: figures are of former definitions (numerics {', '.join(former)})"
    if other := dict.fromkeys(cell.row.label for cell in mine if OTHER in cell.old):
        yield f"{data.label}: figures are {OTHER}: {'; '.join(other)}"


def _unlike(data: DeclaredData, lines: Sequence[Line]) -> Iterator[str]:
    """Yield what rows of one data set are evaluated by where that is not one thing."""
    differing = (
        ("protocol", _protocol), ("evaluation.seen", _seen), ("evaluation.users", _users),
    )  # fmt: skip
    for name, of in differing:
        by: dict[str, dict[str, None]] = {}
        for line in lines:
            if (value := of(line)) is not None:
                by.setdefault(str(value), {})[str(line["label"])] = None
        if len(by) > 1:
            said = "; ".join(f"{value}: {', '.join(labels)}" for value, labels in by.items())
            yield f"{data.label}: rows differ in {name}, so their figures do not compare ({said})"


def _protocol(line: Line) -> Any:
    return line.get("protocol")


def _seen(line: Line) -> Any:
    return line.get("config", {}).get("evaluation", {}).get("seen")


def _users(line: Line) -> Any:
    evaluation = line.get("config", {}).get("evaluation")
    return None if evaluation is None else evaluation.get("users") or "everybody"


def _are_of_other_data(lines: Sequence[Line]) -> bool:
    """Return whether runs are of other pairs; where that is not stored, of other data.

    The fingerprint of what a head with habits reads has the visits in it.
    """
    by: dict[str, set[str]] = {}
    for line in lines:
        if pairs := line.get("pairs"):
            by.setdefault("pairs", set()).add(json.dumps(pairs, sort_keys=True))
        elif digest := line.get("fingerprint"):
            habit = (line.get("config", {}).get("head") or {}).get("habit")
            by.setdefault(f"habit {bool(habit)}", set()).add(str(digest))
    return any(len(each) > 1 for each in by.values())


def _of_one_split(data: DeclaredData, lines: Sequence[Line]) -> Iterator[list[Line]]:
    """Yield the lines whose data must be the same: all, or those of each seed."""
    if not data.split_seeds:
        yield list(lines)
        return
    for seed in data.seeds:
        yield [line for line in lines if line["seed"] == seed]


def lack_of(name: str, names: Sequence[str]) -> str:
    """Say that runs have no such figure, and which is meant."""
    near = difflib.get_close_matches(name, names, 1, 0.6)
    return f"no run has {name}" + (f"; did you mean {near[0]}?" if near else "")
