"""What of a declared table is to be run: seed 0 of every cell first, then the others."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gnnseg.data.tables import saved
from gnnseg.report.declared import notes
from gnnseg.report.declared.declaration import Declaration, DeclaredData, DeclaredRow, DeclaredRun
from gnnseg.report.declared.results import Line, Results, unnamed
from gnnseg.runs import numerics, train
from gnnseg.runs.configured import configured
from gnnseg.runs.identity import PATHS, identify
from gnnseg.types import InputError


@dataclass(frozen=True)
class TablePart:
    """The part of a table that is asked for; empty: all of it."""

    rows: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()

    def refuse_unknown(self, declared: Declaration) -> None:
        """Refuse what the table has not.

        Raises:
            InputError: With what there is.
        """
        for option, mine, known in (
            ("--rows", self.rows, [row.label for row in declared.rows if not row.is_published]),
            ("--data", self.data, [data.label for data in declared.data]),
            ("--seeds", self.seeds, sorted({s for data in declared.data for s in data.seeds})),
        ):
            for each in mine:
                if each not in known:
                    there = ", ".join(map(str, known))
                    raise InputError(f"{option} {each}: the table has {there}.")

    def cells(self, declared: Declaration) -> Iterator[tuple[DeclaredRow, DeclaredData]]:
        """Yield the cells that are asked for."""
        for row, data in declared.cells():
            mine = row.label in (self.rows or (row.label,))
            if mine and data.label in (self.data or (data.label,)):
                yield row, data


@dataclass
class TablePlan:
    """Which runs of a table are done, as they would be done today.

    A stored run is done if its hash is what its command gives today: with other settings of ours,
    or definitions of since that alter its figures, it is to be done again. ``reads``: so are those
    of files of the user's own whose content has changed, which are read for that.
    """

    declared: Declaration
    asked: TablePart
    reads: bool = False
    _content: dict[str, str] = field(default_factory=dict)
    _configs: dict[tuple[str, ...], dict[str, Any] | str] = field(default_factory=dict)
    _same: dict[tuple[tuple[str, ...], str], bool] = field(default_factory=dict)

    def waves(self, found: Results) -> list[list[DeclaredRun]]:
        """Return the runs that there are to do, one list for each place in the order.

        Trials come first; what depends on trials that have not ended is not among them yet.
        """
        cells = list(self.asked.cells(self.declared))
        trials: list[DeclaredRun] = []
        by_seed: dict[int, list[DeclaredRun]] = {}
        for row, data in cells:
            if self.asked.seeds and not set(self.asked.seeds) & set(data.seeds):
                continue
            trials += self.declared.tried(row, data)
            chosen = found.chosen(self.declared, row, data)
            if chosen is None:
                continue
            for place, seed in enumerate(data.seeds):
                if seed in (self.asked.seeds or (seed,)):
                    run = self.declared.run(row, data, seed, chosen)
                    by_seed.setdefault(place, []).append(run)
        return [trials, *(by_seed[place] for place in sorted(by_seed))]

    def every(self, found: Results) -> list[DeclaredRun]:
        """Return each run that the table needs, as far as is known, once."""
        runs = [run for wave in self.waves(found) for run in wave]
        return list({run.key: run for run in runs}.values())

    def unchosen(self, found: Results) -> int:
        """Return how many runs wait for trials."""
        return sum(
            sum(seed in (self.asked.seeds or (seed,)) for seed in data.seeds)
            for row, data in self.asked.cells(self.declared)
            if found.chosen(self.declared, row, data) is None
        )

    def is_done(self, run: DeclaredRun, found: Results) -> bool:
        """Return whether a run's result is stored, and is what its command gives today."""
        line = found.done(run.key)
        if line is None or (line.get("trial") and not run.trial):
            return False
        return self.is_today(run, line)

    def is_today(self, run: DeclaredRun, line: Line) -> bool:
        """Return whether a stored result is what its command gives today, by hash and numerics."""
        at = (run.key, str(line.get("hash")))
        if at not in self._same:
            self._same[at] = numerics.leaves(line) and self._hash_is(run, line)
        return self._same[at]

    def old(self, line: Line) -> str:
        """Return what a stored result is of that its command does not give today.

        Its numerics, ``notes.OTHER`` of settings, or nothing where it would be the same.
        """
        if not numerics.leaves(line):
            return str(line.get("numerics", "unknown"))
        run = DeclaredRun(
            row=str(line.get("label")), data=str(line.get("data")), seed=int(line["seed"]),
            overrides=tuple(line["overrides"]),
        )  # fmt: skip
        return "" if self.is_today(run, line) else notes.OTHER

    def _hash_is(self, run: DeclaredRun, line: Line) -> bool:
        config = self.config(run)
        if isinstance(config, str) or (config.get("segments") or {}).get("since") is not None:
            return not isinstance(config, str)
        there = str(line.get("fingerprint"))
        now = self._fingerprint(config) if self.reads else ""
        then = identify(config, now or there, numerics=line["numerics"])
        return bool(then.digest == line.get("hash"))

    def _fingerprint(self, config: dict[str, Any]) -> str:
        """Return what the user's own files hold now; nothing where there are none to be read."""
        own = [name for name in PATHS if name != "root" and config["data"].get(name)]
        if not own:
            return ""
        at = repr([config["data"], config["split"], bool(config["head"].get("habit"))])
        if at not in self._content:
            try:
                found = train.read(config, lambda line: None).fingerprint
            except InputError:  # the run says what is wrong
                found = ""
            self._content[at] = found
        return self._content[at]

    def config(self, run: DeclaredRun) -> dict[str, Any] | str:
        """Return a run's checked configuration; or why it cannot be meant."""
        seeds = ("seed=", "split.seed=")
        plain = tuple(word for word in run.overrides if not word.startswith(seeds))
        split = any(word.startswith("split.seed=") for word in run.overrides)
        if plain not in self._configs:
            try:
                self._configs[plain] = composed(plain, self.declared.conf)
            except InputError as error:
                self._configs[plain] = str(error)
        found = self._configs[plain]
        if isinstance(found, str):
            return found
        found = copy.deepcopy(found)
        found["seed"] = run.seed
        if split:
            found["split"]["seed"] = run.seed
        return why_no_trial(run, found) or found


def why_no_trial(run: DeclaredRun, config: Mapping[str, Any]) -> str | None:
    """Say why nothing is chosen by a run: its experiment's validation is the test; None: it may."""
    if not run.trial or config["evaluation"]["protocol"] != "paper":
        return None
    return (
        "its settings bring protocol paper, under which a space would be chosen from on the test; "
        "declare protocol: clean, or leave space: out."
    )


def composed(overrides: Sequence[str], conf: Path | None) -> dict[str, Any]:
    """Return the checked configuration of overrides, of which ``data=./NAME.yaml`` may be one.

    Raises:
        InputError: Something in it cannot be meant.
    """
    own = saved.resolve(list(overrides), saved.cache_root(overrides), say=lambda line: None)
    return configured(own.arguments, [*([] if conf is None else [conf]), *own.folders])


def counted(plan: TablePlan, found: Results) -> Sequence[str]:
    """Return the lines of ``--plan``: a cell each, done and missing, and all of them."""
    lines = []
    done = of = 0
    by: dict[tuple[str, str], list[DeclaredRun]] = {}
    for run in plan.every(found):
        by.setdefault((run.row, run.data), []).append(run)
    for (row, data), runs in by.items():
        ready = sum(plan.is_done(run, found) for run in runs)
        stored = [line for run in runs if (line := found.done(run.key)) is not None]
        old = sum(bool(plan.old(line)) for line in stored)
        done, of = done + ready, of + len(runs)
        wrong = next((c for run in runs if isinstance(c := plan.config(run), str)), "")
        more = [f"{old} stored by other code or settings"] * bool(old) + [wrong] * bool(wrong)
        lines.append(f"{row}, {data}: {ready} of {len(runs)} done{''.join(f'; {m}' for m in more)}")
    later = plan.unchosen(found)
    waiting = f"; {later} more once trials have been chosen from" if later else ""
    other = unnamed(plan.declared, found)
    if other:
        lines.append(f"{other} stored runs are of no cell, such as of settings that were changed")
    return [*lines, f"{done} of {of} runs done, {of - done} missing{waiting}"]
