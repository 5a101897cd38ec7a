"""Fill the table that an experiment declares, and write it: Markdown, CSV, LaTeX, a page.

EXPERIMENT is a folder with a table.yaml in it (docs/tables.md). Runs that its results.jsonl lacks
are done, seed 0 of every cell first; finished ones are found, interrupted ones go on, and a run
that fails leaves the others alone. The same command again goes on where it was stopped.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from gnnseg.cli.arguments import runs_root
from gnnseg.cli.command import say

if TYPE_CHECKING:
    from gnnseg.report.declared.declaration import Declaration
    from gnnseg.runs.declared.plan import TablePart


def arguments(parser: argparse.ArgumentParser) -> None:
    """Take an experiment, and what of it is to be done."""
    add = parser.add_argument
    add("experiment", metavar="EXPERIMENT", help="a folder, such as experiments/ml-100k")
    add("--plan", action="store_true", help="list what would be run, and run nothing")
    add("--no-runs", action="store_true", help="write the table of what is stored, run nothing")
    add(
        "--check",
        action="store_true",
        help="compare what is stored with what is expected; 1 where a cell is beyond tolerance",
    )
    add("--rows", metavar="ROW", action="append", help="run this row alone; again for more")
    add("--data", metavar="SET", action="append", help="run this data set alone; again for more")
    add("--seeds", metavar="A,B", help="run these seeds alone")
    add("--workers", metavar="N", type=int, default=1, help="so many runs at once (1)")
    add("--root", metavar="DIR", default=runs_root(), help="runs.root (./runs)")


def call(options: argparse.Namespace) -> int:
    """Do as asked; the table, the plan or the cells that are off are the answer."""
    from gnnseg.config import spaces
    from gnnseg.report.declared import cells, forms, reading, results
    from gnnseg.types import InputError

    if options.plan + options.check + options.no_runs > 1:
        raise InputError("table: --plan, --check and --no-runs exclude each other; give one.")
    if options.workers < 1:
        raise InputError(f"--workers {options.workers}: give 1 or more.")
    declared = reading.read(Path(options.experiment).expanduser(), spaces.named)
    from gnnseg.runs.declared import plan, work

    asked = _asked(options)
    asked.refuse_unknown(declared)
    if options.check:
        lines, code = _checked(declared, asked)
        print("\n".join(lines))
        return code
    root = Path(options.root).expanduser().absolute()
    if options.plan:
        found = results.Results.read(declared.folder)
        print("\n".join(plan.counted(plan.TablePlan(declared, asked, reads=True), found)))
        return 0
    failures = []
    try:
        if not options.no_runs:
            failures = work.fill(declared, asked, root, at_once=options.workers, say=say)
    except KeyboardInterrupt:
        say("stopped and saved; the same command goes on")
        raise
    made, files = work.write(declared, root)
    print(forms.terminal(made))
    for path in files:
        say(str(path))
    for sentence in (off := cells.off(made.cells(), lacking=False)):
        say(f"not as expected: {sentence}")
    if failures:
        say(f"{len(failures)} runs failed; the same command tries them again")
    return 1 if failures or (off and not options.no_runs) else 0


def _checked(declared: Declaration, asked: TablePart) -> tuple[list[str], int]:
    """Return what of the stored figures is not as expected, and the exit code."""
    from gnnseg.report.declared import cells, notes, results
    from gnnseg.runs.declared.plan import TablePart, TablePlan
    from gnnseg.types import InputError

    if asked.seeds:
        raise InputError("table: --check reads the mean over all seeds; leave --seeds out.")
    old = TablePlan(declared, TablePart()).old
    made = cells.table(declared, results.Results.read(declared.folder), old=old)
    here = [(row.label, data.label) for row, data in asked.cells(declared)]
    some = [cell for cell in made.cells() if (cell.row.label, cell.data.label) in here]
    wanted = sum(cell.expected is not None for cell in some)
    off = cells.off(some)
    older = [note for data in declared.data for note in notes.older(some, data)]
    said = f"{wanted - len(off)} of {wanted} expected figures hold"
    said = said if wanted else "no figure is expected here: the table says so by expected:"
    return [*off, *older, said], int(bool(off))


def _asked(options: argparse.Namespace) -> TablePart:
    """Return the part of the table that options name."""
    from gnnseg.runs.declared.plan import TablePart
    from gnnseg.types import InputError

    try:
        seeds = tuple(int(word) for word in (options.seeds or "").split(",") if word)
    except ValueError:
        raise InputError(f"--seeds {options.seeds}: give whole numbers, such as 0,1.") from None
    return TablePart(rows=tuple(options.rows or ()), data=tuple(options.data or ()), seeds=seeds)
