"""Results of an experiment: ``results.jsonl``, a line a run, so that git reads a difference."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gnnseg import records
from gnnseg.report.declared.declaration import Declaration, DeclaredData, DeclaredRow, key_of
from gnnseg.types import InputError

FILE = "results.jsonl"
SIGNIFICANCE = "significance.jsonl"  # comparisons of rows, with the digests of what they are of
Line = dict[str, Any]


class Results:
    """Lines by their command; of several under one command the last counts."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self.lines = list(lines)
        self._by = {key_of(line["overrides"]): line for line in self.lines}

    @classmethod
    def read(cls, folder: Path) -> Results:
        """Return the results of an experiment's folder; none where nothing was run yet.

        Raises:
            InputError: A line is no result.
        """
        return cls(read(folder / FILE))

    def of(self, key: Sequence[str]) -> Line | None:
        """Return a run's line."""
        return self._by.get(tuple(key))

    def done(self, key: Sequence[str]) -> Line | None:
        """Return a run's line, if it has ended well."""
        line = self.of(key)
        return None if line is None or "error" in line else line

    def chosen(
        self, declared: Declaration, row: DeclaredRow, data: DeclaredData
    ) -> tuple[str, ...] | None:
        """Return the settings of the best trial by validation; None: not all have ended yet.

        A trial that failed is not chosen, nor one whose validation was the test; where nothing is
        to be chosen, no settings.
        """
        if not row.trials:
            return ()
        lines = [self.of(run.key) for run in declared.tried(row, data)]
        if any(line is None for line in lines):
            return None
        ended = [
            (float(line["value"]), at)
            for at, line in enumerate(lines)
            if line is not None
            and line.get("value") is not None
            and line.get("protocol") != "paper"
        ]
        if not ended:
            return None
        less = any(line is not None and line.get("less") for line in lines)
        _, best = min(ended) if less else max(ended, key=lambda each: (each[0], -each[1]))
        return row.trials[best]

    def cell(self, declared: Declaration, row: DeclaredRow, data: DeclaredData) -> list[Line]:
        """Return the lines of a cell's runs that have ended well, by seed."""
        chosen = self.chosen(declared, row, data)
        if chosen is None:
            return []
        runs = [declared.run(row, data, seed, chosen) for seed in data.seeds]
        found = [self.done(run.key) for run in runs]
        return [line for line in found if line is not None and not line.get("trial")]


def comparisons(folder: Path) -> list[Line]:
    """Return the comparisons that were made before; none where they are spoilt."""
    try:
        texts = (folder / SIGNIFICANCE).read_text("utf-8").splitlines()
        lines = [records.parsed(text) for text in texts]
        return [line for line in lines if isinstance(line, dict) and _is_comparison(line)]
    except (OSError, ValueError):  # none yet, or spoilt: made anew
        return []


def read(path: Path) -> list[Line]:
    """Return the lines of a results file.

    Raises:
        InputError: One is no result.
    """
    if not path.exists():
        return []
    if not path.is_file():
        raise InputError(f"{path}: is no file; move it away, and give the command again.")
    found = []
    for number, text in enumerate(path.read_text("utf-8").splitlines(), 1):
        if not text.strip():
            continue
        try:
            line = records.parsed(text)
            wrong = _wrong(line)
        except ValueError:
            wrong = "it is no JSON"
        if wrong:
            raise InputError(
                f"{path}: line {number} is no result of a run ({wrong}); take it out, and give the "
                "command again."
            )
        found.append(line)
    return found


def _wrong(line: Any) -> str:
    """Say what of a line is not as a result's is; nothing where all is right."""
    if not isinstance(line, dict):
        return "it is no mapping"
    words = line.get("overrides")
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        return "overrides is no list of texts"
    if not _whole(line.get("seed")):
        return "seed is no whole number"
    if "error" in line:
        return "" if isinstance(line["error"], str) else "error is no text"
    metrics = line.get("metrics")
    if not isinstance(metrics, dict) or not all(map(_figure, metrics.values())):
        return "metrics are no figures by name"
    if not _figure(line.get("value")):
        return "value is no figure"
    texts = ("label", "data", "hash", "fingerprint", "run", "per_user", "protocol", "monitor")
    no = next((key for key in texts if not isinstance(line.get(key) or "", str)), "")
    return f"{no} is no text" if no else ""


def _is_comparison(line: Line) -> bool:
    figures = [line.get("p"), line.get("difference")]
    return isinstance(line.get("of"), list) and None not in figures and all(map(_figure, figures))


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _figure(value: Any) -> bool:
    """Return whether a value is a number, or null: not defined."""
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def text(lines: Iterable[Mapping[str, Any]]) -> str:
    """Return lines as the file has them."""
    return "".join(records.text(line) + "\n" for line in lines)


def in_order(declared: Declaration, lines: Iterable[Line]) -> list[Line]:
    """Return each run's line once, in the declaration's order and by its labels.

    Runs that it does not name stand last; failures that it does not name are left out.
    """
    names = declared.names()
    rows = [row.label for row in declared.rows]
    data = [each.label for each in declared.data]
    found: list[tuple[tuple[int, ...], Line]] = []
    for key, line in {key_of(line["overrides"]): line for line in lines}.items():
        if key in names:
            row, column = names[key]
            place = (0, rows.index(row), data.index(column), not line.get("trial"), line["seed"])
            found.append((place, {**line, "label": row, "data": column}))
        elif "error" not in line:
            found.append(((1,), line))
    return [line for _, line in sorted(found, key=lambda each: each[0])]


def unnamed(declared: Declaration, found: Results) -> int:
    """Return how many stored runs the declaration does not name, such as of changed settings."""
    names = declared.names()
    return sum(key_of(line["overrides"]) not in names for line in found.lines)
