"""A declared table: its missing runs done, and the table written anew."""

from __future__ import annotations

import contextlib
import re
import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import filelock

from gnnseg.config import quoted
from gnnseg.data.atomic import atomic
from gnnseg.report.declared import cells, forms, latex, notes, page, results
from gnnseg.report.declared.cells import DeclaredTable
from gnnseg.report.declared.declaration import Declaration, DeclaredRun, key_of
from gnnseg.report.declared.results import Line, Results
from gnnseg.runs import workers
from gnnseg.runs.declared import line as lines
from gnnseg.runs.declared.plan import TablePart, TablePlan, composed, why_no_trial
from gnnseg.training.progress import spell
from gnnseg.types import InputError

Say = Callable[[str], None]
LOCKS = ".tables"  # under runs.root


@dataclass(frozen=True)
class Do:
    """Does one run, in whichever process; returns its line, or None: another process is at it."""

    root: str
    conf: Path | None
    wait: bool
    shown: bool
    columns: tuple[str, ...]

    def __call__(self, run: DeclaredRun) -> Line | None:
        """Return the line of a run, finished or failed."""
        from gnnseg.runs.folder import Busy
        from gnnseg.runs.sweep import greater_is_better
        from gnnseg.runs.train import train
        from gnnseg.training.loop import Interrupted

        try:
            config = composed([*run.overrides, f"runs.root={quoted(self.root)}"], self.conf)
            if (why := why_no_trial(run, config)) is not None:
                return lines.failed(run, why)
            result = train(config, say=_nothing, progress=self.shown, wait=self.wait)
            less = not greater_is_better(config)
            return lines.of(run, result.path, less, self.columns)
        except Interrupted:
            raise KeyboardInterrupt from None
        except Busy:
            return None
        except Exception as error:  # whatever it is, the other runs are left alone
            return lines.failed(run, str(error) or type(error).__name__)


def fill(
    declared: Declaration, asked: TablePart, root: Path, *, at_once: int = 1, say: Say = print
) -> list[Line]:
    """Do what is missing of a table; return the lines of the runs that failed.

    Args:
        declared: The table.
        asked: The part of it that is to be run.
        root: Where run folders are.
        at_once: How many runs at once, each in a process of its own.
        say: Where lines go about how it stands.

    Raises:
        KeyboardInterrupt: Somebody asked to stop; the same call goes on.
    """
    plan, failures = TablePlan(declared, asked, reads=True), list[Line]()
    ended, busy, said = set[DeclaredRun](), set[DeclaredRun](), set[str]()
    while todo := _next(plan, Results.read(declared.folder), ended):
        waits = busy.issuperset(todo)
        columns = tuple(metric.name for metric in declared.metrics)
        do = Do(str(root), declared.conf, wait=waits, shown=at_once == 1, columns=columns)
        at_work = min(at_once, len(todo))
        with contextlib.closing(workers.each(todo, do, at_work, lines.failed)) as done:
            for run, line in done:
                if line is None:
                    busy.add(run)
                    say(f"{_called(run)}: another process is at it; left for later")
                    continue
                ended.add(run)
                store(declared, [line], root)
                _say_lacking(declared, line, said, say)
                if "error" in line:
                    failures.append(line)
                    say(f"{_called(run)} failed: {line['error']}")
                else:
                    say(f"{_called(run)}: {_value(line)}{_left(plan, at_once)}")
    return failures


def store(declared: Declaration, new: Iterable[Line], root: Path) -> None:
    """Write results down among those that other processes may be writing.

    A failure never takes the place of figures.
    """
    try:
        (root / LOCKS).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{root}: no folder can be made there ({error.strerror}); name another by --root."
        ) from None
    with filelock.FileLock(root / LOCKS / f"{declared.name}.lock"):
        there = results.read(declared.folder / results.FILE)
        known = {key_of(line["overrides"]) for line in there if "error" not in line}
        more = [
            line for line in new if "error" not in line or key_of(line["overrides"]) not in known
        ]
        ordered = results.in_order(declared, [*there, *more])
        _write(declared.folder / results.FILE, results.text(ordered))


def write(declared: Declaration, root: Path) -> tuple[DeclaredTable, list[Path]]:
    """Write the table of what is stored in all its forms; return it, and the files."""
    found, known = Results.read(declared.folder), results.comparisons(declared.folder)
    made = cells.table(declared, found, known, root, TablePlan(declared, TablePart()).old)
    if made.tests or known:
        _write(declared.folder / results.SIGNIFICANCE, results.text(made.tests))
    written = {
        "table.md": forms.markdown, "table.csv": forms.as_csv, "table.tex": latex.written,
        "table.html": page.written,
    }  # fmt: skip
    for name, form in written.items():
        _write(declared.folder / name, form(made))
    return made, [declared.folder / name for name in written]


def _next(plan: TablePlan, found: Results, ended: set[DeclaredRun]) -> list[DeclaredRun]:
    """Return what is to be done now: the trials, else all runs in order.

    ``ended``: what was done here, well or not; it is not done twice.
    """
    trials, *others = plan.waves(found)
    for runs in (trials, [run for wave in others for run in wave]):
        each = {run.key: run for run in runs if run not in ended}
        todo = [run for run in each.values() if not plan.is_done(run, found)]
        if todo:
            return todo
    return []


def _called(run: DeclaredRun) -> str:
    tried = f"trial {' '.join(run.chosen) or 'as it comes'}"
    return f"{run.row}, {run.data}, {tried if run.trial else f'seed {run.seed}'}"


def _say_lacking(declared: Declaration, line: Line, said: set[str], say: Say) -> None:
    """Say at once, and once, that a run has no test figure of a column."""
    plain = re.compile(r"test/[^/]+")  # what a head alone may have is no mistake
    for name in [each.name for each in declared.metrics if plain.fullmatch(each.name)]:
        if "error" not in line and not line.get("trial") and name not in {*line["metrics"], *said}:
            said.add(name)
            say(f"{line['label']}, {line['data']}: {notes.lack_of(name, list(line['metrics']))}")


def _value(line: Line) -> str:
    if line.get("value") is None:
        return "done"
    return f"{line['monitor']} {line['value']:.4f}"


def _left(plan: TablePlan, at_once: int) -> str:
    """Return how many runs are left, and about how long they take, by runs like them."""
    found = Results.read(plan.declared.folder)
    todo = [run for run in plan.every(found) if not plan.is_done(run, found)]
    count = len(todo) + plan.unchosen(found)
    if not count:
        return ""
    seconds = [
        (line["label"], line["data"], float(line["seconds"]["total"]))
        for line in found.lines if (line.get("seconds") or {}).get("total") is not None
    ]  # fmt: skip

    def of(run: DeclaredRun) -> float:
        alike = [s for row, data, s in seconds if (row, data) == (run.row, run.data)]
        alike = alike or [s for _, data, s in seconds if data == run.data]
        return statistics.median(alike or [s for _, _, s in seconds])

    if not seconds:
        return f"; {count} left"
    left = sum(map(of, todo)) * count / max(len(todo), 1) / at_once
    return f"; {count} left, about {spell(left)}"


def _write(path: Path, text: str) -> None:
    with atomic(path) as aside:
        aside.write_text(text, "utf-8")


def _nothing(line: str) -> None:
    """Say nothing: what a run says of itself holds test figures."""
