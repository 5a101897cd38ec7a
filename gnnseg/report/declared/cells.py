"""The cells of a declared table: means over seeds, ranks, significance; what is not there."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gnnseg.report.declared import notes, significance
from gnnseg.report.declared.declaration import (
    Declaration,
    DeclaredData,
    DeclaredMetric,
    DeclaredRow,
    Expected,
)
from gnnseg.report.declared.results import Line, Results

Old = Callable[[Line], str]


@dataclass(kw_only=True)
class DeclaredCell:
    """A cell: figures of its runs, one a seed; or a published figure.

    ``rank``: best, second or nothing. ``p``: corrected, of the comparison with ``against``,
    which it is ``worse`` than. ``why``: what stands where there is no figure. ``old``: in what
    its runs are not of today.
    """

    row: DeclaredRow
    data: DeclaredData
    metric: DeclaredMetric
    values: tuple[float, ...]
    lines: tuple[Line, ...]
    why: str = ""
    old: tuple[str, ...] = ()
    rank: str = ""
    against: str = ""
    p: float | None = None
    worse: bool = False

    @property
    def mark(self) -> str:
        """Return the mark of its comparison."""
        return significance.mark(self.p, worse=self.worse)

    @property
    def paper(self) -> bool:
        """Return whether a setting of its row chose its epoch on the test."""
        by_row = self.data.protocol != "paper"
        return by_row and any(line.get("protocol") == "paper" for line in self.lines)

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
    declared: Declaration, found: Results, known: Sequence[Line] = (), runs: Path | None = None,
    old: Old = lambda line: "",
) -> DeclaredTable:  # fmt: skip
    """Return the table of what is stored.

    Args:
        declared: What it holds.
        found: The results.
        known: Comparisons that were made before; they count while they are of the same figures.
        runs: Where run folders are, whose figures by user decide significance; None: no comparison
            is made anew.
        old: Returns what a stored result is of that its command does not give today: its numerics,
            ``notes.OTHER`` of settings; nothing where it would be the same.
    """
    rows = [
        [_cell(declared, found, row, data, metric, old) for data in declared.data
         for metric in declared.metrics]
        for row in declared.rows
    ]  # fmt: skip
    made = DeclaredTable(declared=declared, rows=rows, improvement=[])
    for column in made.columns():
        _rank(column)
    made.improvement = [_improvement(column) for column in made.columns()]
    _compare(made, known, runs)
    made.notes = list(notes.of(list(made.cells()), declared))
    return made


def off(cells: Iterable[DeclaredCell], *, lacking: bool = True) -> list[str]:
    """Return a sentence on each cell that is not as expected.

    ``lacking``: also on those without a figure.
    """
    found = []
    for cell in cells:
        if (wanted := cell.expected) is None:
            continue
        if cell.mean is None:
            found += [f"{cell.name}: {cell.why}, expected {wanted}"] * lacking
        elif notes.OTHER in cell.old:
            found.append(f"{cell.name}: its figure is {notes.OTHER}, expected {wanted}")
        elif not wanted.holds(cell.mean):
            found.append(f"{cell.name}: {cell.mean:.{cell.metric.digits}f}, expected {wanted}")
    return found


def _cell(
    declared: Declaration, found: Results, row: DeclaredRow, data: DeclaredData,
    metric: DeclaredMetric, old: Old,
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
    stale = tuple(dict.fromkeys(text for line in lines if (text := old(line))))
    return DeclaredCell(**here, values=values, lines=tuple(lines), why=why, old=stale)


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
    there = [cell for cell in column if cell.mean is not None]
    return sorted(there, key=lambda c: c.mean or 0.0, reverse=column[0].metric.better == "more")


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
