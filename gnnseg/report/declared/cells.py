"""The cells of a declared table: means over seeds, ranks, significance; what is not there."""

from __future__ import annotations

import difflib
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gnnseg.report.declared import results as stored
from gnnseg.report.declared import significance
from gnnseg.report.declared.declaration import (
    Declaration,
    DeclaredData,
    DeclaredMetric,
    DeclaredRow,
    Expected,
)
from gnnseg.report.declared.results import Line, Results


@dataclass(kw_only=True)
class DeclaredCell:
    """A cell: figures of its runs, one a seed; or a published figure.

    ``rank``: best, second or nothing. ``p``: corrected, of the comparison with ``against``,
    which it is ``worse`` than. ``why``: what stands where there is no figure.
    """

    row: DeclaredRow
    data: DeclaredData
    metric: DeclaredMetric
    values: tuple[float, ...]
    lines: tuple[Line, ...]
    why: str = ""
    rank: str = ""
    against: str = ""
    p: float | None = None
    worse: bool = False

    @property
    def mark(self) -> str:
        """Return the mark of its comparison."""
        return significance.mark(self.p, worse=self.worse)

    @property
    def mean(self) -> float | None:
        """Return the mean over seeds."""
        return statistics.fmean(self.values) if self.values else None

    @property
    def std(self) -> float | None:
        """Return the standard deviation over seeds; None of one."""
        return statistics.stdev(self.values) if len(self.values) > 1 else None

    @property
    def expected(self) -> Expected | None:
        """Return what it must be, where that is declared."""
        return self.row.expected.get((self.data.label, self.metric.name))

    @property
    def name(self) -> str:
        """Return what sentences call it."""
        return f"{self.row.label}, {self.data.label}, {self.metric.name}"

    def shown(self) -> float:
        """Return the mean as it is printed, by which cells are ranked."""
        assert self.mean is not None
        return round(self.mean, self.metric.digits)


@dataclass(kw_only=True)
class DeclaredTable:
    """A declaration with its cells, by row; and what is said of them.

    ``improvement``: per cent, by column; ``tests``: the comparisons, as they are stored.
    """

    declared: Declaration
    rows: list[list[DeclaredCell]]
    improvement: list[float | None]
    tests: list[Line] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def cells(self) -> Iterator[DeclaredCell]:
        """Yield all cells."""
        for row in self.rows:
            yield from row

    def columns(self) -> list[list[DeclaredCell]]:
        """Return the cells by column."""
        return [list(column) for column in zip(*self.rows, strict=True)]

    @property
    def ours(self) -> list[str]:
        """Return the labels of the rows that are compared with the others."""
        return [row.label for row in self.declared.rows if row.ours]


def table(
    declared: Declaration, found: Results, known: Sequence[Line] = (), runs: Path | None = None
) -> DeclaredTable:
    """Return the table of what is stored.

    Args:
        declared: What it holds.
        found: The results.
        known: Comparisons that were made before; they count while they are of the same figures.
        runs: Where run folders are, whose figures by user decide significance; None: no comparison
            is made anew.
    """
    rows = [
        [_cell(declared, found, row, data, metric) for data in declared.data
         for metric in declared.metrics]
        for row in declared.rows
    ]  # fmt: skip
    made = DeclaredTable(declared=declared, rows=rows, improvement=[])
    for column in made.columns():
        _rank(column)
    made.improvement = [_improvement(column) for column in made.columns()]
    _compare(made, known, runs)
    made.notes = list(_notes(made, found))
    return made


def off(made: DeclaredTable, *, lacking: bool = True) -> list[str]:
    """Return a sentence on each cell that is not as expected.

    ``lacking``: also on those without a figure.
    """
    found = []
    for cell in made.cells():
        if (wanted := cell.expected) is None:
            continue
        if cell.mean is None:
            found += [f"{cell.name}: {cell.why}, expected {wanted}"] * lacking
        elif not wanted.holds(cell.mean):
            found.append(f"{cell.name}: {cell.mean:.{cell.metric.digits}f}, expected {wanted}")
    return found


def _cell(
    declared: Declaration, found: Results, row: DeclaredRow, data: DeclaredData,
    metric: DeclaredMetric,
) -> DeclaredCell:  # fmt: skip
    here: dict[str, Any] = {"row": row, "data": data, "metric": metric}
    if row.is_published:
        value = row.figures.get((data.label, metric.name))
        values: tuple[float, ...] = () if value is None else (value,)
        return DeclaredCell(**here, values=values, lines=(), why="" if values else "not published")
    if data.label not in (row.only or (data.label,)):
        return DeclaredCell(**here, values=(), lines=(), why="not declared")
    lines = found.cell(declared, row, data)
    values = tuple(
        float(value) for line in lines if (value := line["metrics"].get(metric.name)) is not None
    )
    why = "" if values else "no such figure" if lines else _why_not(declared, found, row, data)
    return DeclaredCell(**here, values=values, lines=tuple(lines), why=why)


def _why_not(declared: Declaration, found: Results, row: DeclaredRow, data: DeclaredData) -> str:
    """Say why a cell has no run."""
    chosen = found.chosen(declared, row, data)
    if chosen is None:
        lines = [found.of(run.key) for run in declared.tried(row, data)]
        ended = [line for line in lines if line is not None]
        if len(ended) < len(lines):
            return f"not run: {len(ended)} of {len(lines)} trials"
        why = next((f": {line['error']}" for line in ended if "error" in line), "")
        return f"every trial failed{why}"
    runs = [declared.run(row, data, seed, chosen) for seed in data.seeds]
    errors = [line["error"] for run in runs if (line := found.of(run.key)) and "error" in line]
    return f"failed: {errors[0]}" if errors else "not run"


def _ranked(column: Sequence[DeclaredCell]) -> list[DeclaredCell]:
    """Return the cells of a column that are ranked, best first."""
    if column[0].metric.better == "neither":
        return []
    there = [cell for cell in column if cell.values]
    return sorted(there, key=lambda c: c.shown(), reverse=column[0].metric.better == "more")


def _rank(column: Sequence[DeclaredCell]) -> None:
    """Mark the best and the second; what is printed alike is ranked alike."""
    ranked = _ranked(column)
    levels = list(dict.fromkeys(cell.shown() for cell in ranked))
    if len(ranked) < 2:
        return
    for cell in ranked:
        place = levels.index(cell.shown())
        cell.rank = ("best", "second")[place] if place < 2 else ""


def _improvement(column: Sequence[DeclaredCell]) -> float | None:
    """Return by how many per cent the best of ours is better than the best other row."""
    ranked = _ranked(column)
    mine = next((cell.mean for cell in ranked if cell.row.ours), None)
    other = next((cell.mean for cell in ranked if not cell.row.ours), None)
    if mine is None or not other:
        return None
    sign = 1 if column[0].metric.better == "more" else -1
    return 100 * sign * (mine - other) / other


def _compare(made: DeclaredTable, known: Sequence[Line], runs: Path | None) -> None:
    """Give cells their corrected p.

    Each of ours against the best other row that was run here; without any of ours the best row
    against the second.
    """
    by = {str(line["of"]): line for line in known}
    tested: list[DeclaredCell] = []
    for column in made.columns():
        for mine, other in _pairs(column):
            line = _test(mine, other, by, runs)
            if line is not None:
                made.tests.append(line)
                tested.append(mine)
                mine.against = other.row.label
                less = mine.metric.better == "less"
                mine.worse = (float(line["difference"]) < 0) != less
    corrected = significance.holm([float(line["p"]) for line in made.tests])
    for cell, p in zip(tested, corrected, strict=True):
        cell.p = p


def _pairs(column: Sequence[DeclaredCell]) -> Iterator[tuple[DeclaredCell, DeclaredCell]]:
    here = [cell for cell in _ranked(column) if cell.lines]
    ours = [cell for cell in here if cell.row.ours]
    if any(cell.row.ours for cell in column):
        others = [cell for cell in here if not cell.row.ours]
        yield from ((mine, others[0]) for mine in ours if others)
    elif len(here) > 1:
        yield here[0], here[1]


def _test(
    mine: DeclaredCell, other: DeclaredCell, known: dict[str, Line], runs: Path | None
) -> Line | None:
    """Return the comparison of two cells over the seeds that both have."""
    if not mine.metric.name.startswith("test/"):
        return None
    by_seed = {line["seed"]: line for line in other.lines if line.get("per_user")}
    pairs = [
        (line, by_seed[line["seed"]])
        for line in mine.lines if line.get("per_user") and line["seed"] in by_seed
    ]  # fmt: skip
    of = [mine.metric.name, *(str(line["per_user"])[:16] for pair in pairs for line in pair)]
    if str(of) in known:
        return known[str(of)]
    if not pairs or runs is None:
        return None
    folders = [(runs / str(a["run"]), runs / str(b["run"])) for a, b in pairs]
    whole = all(
        significance.digest(folder) == line["per_user"]
        for both, lines in zip(folders, pairs, strict=True)
        for folder, line in zip(both, lines, strict=True)
    )
    column = mine.metric.name.removeprefix("test/")
    test = significance.compared(folders, column) if whole else None
    if test is None:
        return None
    return {
        "row": mine.row.label, "against": other.row.label, "data": mine.data.label,
        "metric": mine.metric.name, "seeds": [line["seed"] for line, _ in pairs],
        "users": test.users, "difference": test.difference, "p": test.p, "of": of,
    }  # fmt: skip


def _notes(made: DeclaredTable, found: Results) -> Iterator[str]:
    """Yield what a reader must know of figures that are not all alike."""
    few: dict[str, dict[str, None]] = {}
    for cell in made.cells():
        if cell.lines and len(cell.lines) < len(cell.data.seeds):
            said = f"{cell.data.label}, {len(cell.lines)} of {len(cell.data.seeds)} seeds"
            few.setdefault(said, {})[cell.row.label] = None
    yield from (f"{said}: {'; '.join(labels)}" for said, labels in few.items())
    for data in made.declared.data:
        lines = [line for cell in made.cells() if cell.data is data for line in cell.lines]
        versions = stored.differing(lines, lambda line: line.get("numerics"))
        if len(versions) > 1:
            named = ", ".join(map(str, sorted(versions)))
            yield f"{data.label}: runs of several definitions (numerics {named})"
        if any(
            len(stored.differing(same, lambda line: line.get("fingerprint"))) > 1
            for same in _of_one_split(data, lines)
        ):
            yield f"{data.label}: rows are of different data (their fingerprints differ)"
        yield from _unlike(data, lines)
        runs: dict[str, dict[str, None]] = {}
        for cell in made.cells():
            for line in cell.lines if cell.data is data else ():
                runs.setdefault(str(line["run"]), {})[cell.row.label] = None
        same = dict.fromkeys("; ".join(labels) for labels in runs.values() if len(labels) > 1)
        yield from (f"{data.label}: rows are the same run by their settings: {s}" for s in same)
    for metric in made.declared.metrics:
        cells = [cell for cell in made.cells() if cell.metric is metric and cell.lines]
        if cells and not any(cell.values for cell in cells):
            names = sorted({name for cell in cells for name in cell.lines[0]["metrics"]})
            yield lack_of(metric.name, names)
    failed = dict.fromkeys(
        f"{cell.row.label} on {cell.data.label}: {cell.why}"
        for cell in made.cells() if cell.why.startswith(("failed", "every"))
    )  # fmt: skip
    yield from failed


def _unlike(data: DeclaredData, lines: Sequence[Line]) -> Iterator[str]:
    """Yield what rows of one data set are evaluated by where that is not one thing."""
    for name, of in (("protocol", _protocol), ("evaluation.seen", _seen)):
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
