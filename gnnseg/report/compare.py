"""One table of many runs: those that are equal but for their seeds are one row.

Its figures are mean and standard deviation. Runs are counted by what they are: never one twice, and
never in one row with other data, another protocol or other definitions of a metric. Reads run.json
alone; imports no model.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gnnseg import records
from gnnseg.report import chosen, lengths, losing, table_forms
from gnnseg.report.run_settings import SEEDS, Settings
from gnnseg.report.table_forms import Figure

VALIDATED = ("valid/recall@K", "valid/ndcg@K")
FAMILIES = (
    "test/recall@K", "test/ndcg@K", "segment/segments_per_user", "test/ndcg@K/top1",
    "test/ndcg@K/top3",
)  # fmt: skip
OTHERS = 4  # figures of a test that has neither recall nor ndcg
PAPER_NOTE = f"{table_forms.PAPER} protocol paper: best epoch chosen on the test"


@dataclass(frozen=True)
class RunTable:
    """A table, and what is said beside it: which folders were left out, which are one run."""

    columns: list[str]
    rows: list[list[str | Figure]]
    left: int
    paper: bool
    notes: list[str]

    def text(self, form: str = "text") -> str:
        """Return the table as text, csv, md or latex; cells of protocol ``paper`` are marked."""
        note = PAPER_NOTE if self.paper else ""
        return table_forms.written(self.columns, self.rows, self.left, form, note)


@dataclass(frozen=True)
class _Run:
    """A finished run."""

    path: Path
    record: dict[str, Any]

    @property
    def metrics(self) -> dict[str, float]:
        return dict(self.record["metrics"])

    @property
    def digest(self) -> str:
        return str(self.record.get("hash") or self.path.resolve())

    def seed(self, key: str) -> Any:
        config = self.record["config"]
        return config["seed"] if key == "seed" else config.get("split", {}).get("seed")


@dataclass(frozen=True)
class Search:
    """That runs are those of a sweep or a search, of which validation chooses.

    ``test``: whether the test figures of all rows are shown, not of the chosen ones alone;
    ``less``: monitored figures of which less is better.
    """

    test: bool = False
    less: Collection[str] = ()


def table(
    paths: Sequence[Path],
    form: str = "text",
    metrics: Sequence[str] | None = None,
    search: Search | None = None,
) -> str:
    """Return one table of many runs; see ``compared``, whose notes stand below as text."""
    found = compared(paths, metrics, search)
    notes = found.notes if form == "text" else []
    return "\n".join([found.text(form), *notes])


def compared(
    paths: Sequence[Path], metrics: Sequence[str] | None = None, search: Search | None = None
) -> RunTable:
    """Compare runs in one table.

    A last column, 'not above', names baselines that runs are not better than on what they were
    chosen by, where there are any. Of a search the figures of validation stand first, a column
    'chosen' tells which row they choose, and test figures are that row's.

    Args:
        paths: Run folders; what is no finished run is left out, and said.
        metrics: The figures to show; None: the usual ones, as far as they are there.
        search: That the runs are those of a search.

    Raises:
        InputError: No finished run, or a figure that none of them has.
    """
    if not paths:
        raise _error("compare: name run folders, or a sweep with --sweep NAME.")
    found, notes = _finished(paths)
    runs, twice = _once(found)
    settings = Settings([run.record for run in runs])
    groups: dict[str, list[int]] = {}
    for number in range(len(runs)):
        groups.setdefault(settings.key(number), []).append(number)
    rows_of = list(groups.values())
    varying = settings.varying([numbers[0] for numbers in rows_of])
    members = [[runs[number] for number in numbers] for numbers in rows_of]
    shown = _asked(metrics, runs) if metrics is not None else _usual(runs)
    if search is not None and metrics is None:
        shown = [*_validated(members), *shown]
    best = chosen.rows(
        [[run.record for run in each] for each in members], search.less if search else ()
    )
    marks = ["chosen"] if search is not None and not all(best) else []
    hides = search is not None and not search.test
    seeds = [key for key in SEEDS if len({_plain(run.seed(key)) for run in runs}) > 1]
    losses = [losing.counted([run.record for run in each]) for each in members]
    last = ["not above"] if any(losses) else []
    rows: list[list[str | Figure]] = []
    for numbers, each, below, is_best in zip(rows_of, members, losses, best, strict=True):
        rows.append([
            *(settings.cell(numbers[0], key) for key in varying),
            str(len(each)),
            *(_listed([run.seed(key) for run in each]) for key in seeds),
            *["yes" if is_best else ""] * len(marks),
            *_figures(each, shown, tested=is_best or not hides),
            *[below] * len(last),
        ])  # fmt: skip
    titles = [settings.title(key) for key in varying]
    said = [chosen.ALONE if hides else chosen.ALL] * len(marks)
    return RunTable(
        columns=[*titles, "runs", *seeds, *marks, *shown, "s", "MB", *last],
        rows=rows,
        left=len(varying),
        paper=any(run.record["protocol"] == "paper" for run in runs),
        notes=[*notes, *twice, *settings.notes(rows_of), *said],
    )


def _figures(runs: Sequence[_Run], shown: Sequence[str], *, tested: bool) -> list[Figure]:
    """Return a row's figures, seconds and memory; ``tested``: whether its test is shown."""
    paper = runs[0].record["protocol"] == "paper"
    there = [name if tested or not name.startswith("test/") else "" for name in shown]
    return [
        *(Figure.of([run.metrics.get(name) for run in runs], paper=paper) for name in there),
        Figure.of([run.record["seconds"].get("total") for run in runs], digits=1),
        Figure.of([run.record.get("memory_mb") for run in runs], digits=1),
    ]


def _validated(members: Sequence[Sequence[_Run]]) -> list[str]:
    """Return the validation figures of a search: the usual ones, and what runs were chosen by."""
    there = [run.metrics for each in members for run in each]
    usual = [
        family.replace("@K", f"@{k}") for family in VALIDATED for k in lengths.shared(there, family)
    ]
    more = chosen.monitors([[run.record for run in each] for each in members])
    known = {name for metrics in there for name in metrics}
    return [name for name in dict.fromkeys([*usual, *more]) if name in known]


def _finished(paths: Sequence[Path]) -> tuple[list[_Run], list[str]]:
    """Return the finished runs, and what is said of the other folders.

    Raises:
        InputError: There is no such folder, or no finished run among them.
    """
    found: list[_Run] = []
    out: dict[str, list[str]] = {}
    sentences: list[str] = []
    for path in map(Path, paths):
        if not path.exists():
            raise _error(_no_run(path))
        record, why, sentence = _read(path)
        if record is not None:
            found.append(_Run(path, record))
            continue
        out.setdefault(why, []).append(path.name)
        sentences.append(sentence)
    notes = [f"left out, {why}: {', '.join(dict.fromkeys(names))}" for why, names in out.items()]
    if not found:
        raise _error(
            sentences[0] if len(sentences) == 1 else f"no finished run; {'; '.join(notes)}."
        )
    return found, notes


def _read(path: Path) -> tuple[dict[str, Any] | None, str, str]:
    """Return a finished run's record; else None, why it is left out, and a sentence of that."""
    try:
        record = records.parsed((path / "run.json").read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None, "no run", _no_run(path)
    except (OSError, ValueError) as error:
        return None, "damaged", f"{path / 'run.json'}: damaged ({error}); train again with --fresh."
    if not isinstance(record, dict) or not {"state", "config"} <= record.keys():
        return None, "no run", _no_run(path)
    state = record["state"]
    if state != "finished":
        why = "running or killed" if state == "running" else str(state)
        return None, why, (
            f"{path}: the run is {state}; finish it with the command that began it."
        )  # fmt: skip
    if "refit" in record:
        return None, "refitted on all events, without test figures", (
            f"{path}: a refit on all events has no test figures; compare the evaluated run, "
            f"{record['refit']['run']}."
        )  # fmt: skip
    return record, "", ""


def _no_run(path: Path) -> str:
    return f"{path}: not a run folder (no run.json there); gnnseg train prints the path of one."


def _once(found: Sequence[_Run]) -> tuple[list[_Run], list[str]]:
    """Return each run once, and what is said of that.

    One run is what has one hash, in whatever folders; and what has one row's settings and seeds,
    such as a file's content under two names.
    """
    settings = Settings([run.record for run in found])
    by: dict[str, list[_Run]] = {}
    of_hash: dict[str, str] = {}
    for number, run in enumerate(found):
        what = json.dumps([settings.key(number), *map(run.seed, SEEDS)])
        by.setdefault(of_hash.setdefault(run.digest, what), []).append(run)
    notes = []
    for same in by.values():
        if len(same) > 1:
            other = any(run.metrics != same[0].metrics for run in same)
            differ = ", though their figures differ: those of the first are shown" if other else ""
            notes.append(f"one run, given {len(same)} times, counted once: {same[0].path}{differ}")
    return [same[0] for same in by.values()], notes


def _usual(runs: Sequence[_Run]) -> list[str]:
    """Return the usual figures that there are, at lengths of lists that the runs have."""
    there = [run.metrics for run in runs]
    names = [
        name
        for family in FAMILIES
        for name in (
            [family.replace("@K", f"@{k}") for k in lengths.shared(there, family)]
            if "@K" in family
            else [family]
        )
    ]
    found = [name for name in names if any(name in metrics for metrics in there)]
    if not any(name.startswith("test/") for name in found):
        common = set.intersection(*(set(metrics) for metrics in there))
        tests = sorted(n for n in common if n.startswith("test/") and n.count("/") == 1)
        found = [*tests[:OTHERS], *found]
    return found


def _asked(metrics: Sequence[str], runs: Sequence[_Run]) -> list[str]:
    """Return the figures asked for, each once.

    Raises:
        InputError: None is named, or one that no run has.
    """
    names = list(dict.fromkeys(name.strip() for name in metrics if name.strip()))
    known = sorted({name for run in runs for name in run.metrics})
    if not names:
        raise _error("metrics: none is named; name some, such as test/recall@20,test/ndcg@20.")
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1, 0.5)
            meant = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}."
            raise _error(f"metrics: no run has a figure {name}; {meant}")
    return names


def _listed(seeds: Sequence[Any]) -> str:
    """Return a row's seeds, in order; of many how many there are."""
    distinct = sorted(
        {_plain(seed): seed for seed in seeds}.values(), key=lambda v: (str(type(v)), v)
    )
    few = ", ".join(map(str, distinct[:6]))
    return (
        few if len(distinct) <= 6 else f"{', '.join(map(str, distinct[:3]))}, … ({len(distinct)})"
    )


def _plain(value: Any) -> str:
    return json.dumps(value)


def _error(sentence: str) -> Exception:
    from gnnseg.types import InputError

    return InputError(sentence)
