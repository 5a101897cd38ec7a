"""What an experiment's table is to hold, and the runs that it takes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

# settings that no figure depends on: two commands that differ in these alone are one run
APART = ("threads", "device", "runs", "cache", "tracking", "report", "sweep")
# what a row of a baseline has none of, and what of it stays: by what settings are chosen
TRAINED = ("encoder", "head", "objective", "regularisers", "optimizer", "trainer")
CHOSEN_BY = "trainer.monitor"


@dataclass(frozen=True, kw_only=True)
class DeclaredMetric:
    """A figure of each data set; ``better``: more, less or neither (not ranked)."""

    name: str
    label: str
    better: str
    digits: int


@dataclass(frozen=True, kw_only=True)
class DeclaredData:
    """A data set of the columns; ``split_seeds``: whether each seed splits it anew."""

    label: str
    overrides: tuple[str, ...]
    protocol: str | None
    seeds: tuple[int, ...]
    split_seeds: bool


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What a cell must be: ``value`` within a tolerance, or ``least``."""

    value: float | None
    within: float
    least: float | None

    def holds(self, mean: float) -> bool:
        """Return whether a figure is as expected."""
        if self.least is not None:
            return mean >= self.least
        return self.value is not None and abs(mean - self.value) <= self.within + 1e-12

    @property
    def limits(self) -> tuple[float | None, float | None, float | None]:
        """Return the figure, how far it may be off, and the least it may be."""
        return (self.value, self.within, None) if self.least is None else (None, None, self.least)

    def __str__(self) -> str:
        """Return what is expected."""
        if self.least is not None:
            return f"at least {self.least:g}"
        return f"{self.value:g} ± {self.within:g}"


@dataclass(frozen=True, kw_only=True)
class DeclaredRow:
    """A row: a model by its overrides, or published figures with their source.

    ``special``: overrides of one data set; ``only``: the data sets it is run on; ``trials``:
    settings, of which one is chosen on validation; ``figures``: published, by data set and metric.
    """

    label: str
    overrides: tuple[str, ...]
    special: Mapping[str, tuple[str, ...]]
    only: tuple[str, ...]
    ours: bool
    trials: tuple[tuple[str, ...], ...]
    source: str
    figures: Mapping[tuple[str, str], float]
    expected: Mapping[tuple[str, str], Expected]

    @property
    def is_published(self) -> bool:
        """Return whether its figures are somebody else's."""
        return bool(self.source)


@dataclass(frozen=True, kw_only=True)
class DeclaredRun:
    """One run of a cell: its overrides, those of its row's trials, and whether it is a trial.

    Of a trial no test is read.
    """

    row: str
    data: str
    seed: int
    overrides: tuple[str, ...]
    chosen: tuple[str, ...] = ()
    trial: bool = False

    @property
    def key(self) -> tuple[str, ...]:
        """Return what tells it from other runs."""
        return key_of(self.overrides)


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """A table as declared; ``conf``: a folder of settings of its own, beside the package's."""

    folder: Path
    title: str
    conf: Path | None
    overrides: tuple[str, ...]
    trials: int
    data: tuple[DeclaredData, ...]
    metrics: tuple[DeclaredMetric, ...]
    rows: tuple[DeclaredRow, ...]

    @property
    def name(self) -> str:
        """Return the experiment's name: its folder's."""
        return self.folder.resolve().name

    def cells(self) -> Iterator[tuple[DeclaredRow, DeclaredData]]:
        """Yield each row with each data set that it is run on."""
        for row in self.rows:
            for data in self.data:
                if not row.is_published and data.label in (row.only or (data.label,)):
                    yield row, data

    def run(
        self, row: DeclaredRow, data: DeclaredData, seed: int, chosen: Sequence[str] = (),
        *, trial: bool = False,
    ) -> DeclaredRun:  # fmt: skip
        """Return a run of a cell; ``chosen``: settings of its space."""
        protocol = [] if data.protocol is None else [f"evaluation.protocol={data.protocol}"]
        split = [f"split.seed={seed}"] if data.split_seeds else []
        shared = [*self.overrides, *protocol, *data.overrides]
        own = [*row.overrides, *row.special.get(data.label, ()), *chosen]
        words = [*_shared_with(own, shared), *own, f"seed={seed}", *split]
        by = {word.partition("=")[0]: word for word in words}  # the last one said counts
        return DeclaredRun(
            row=row.label, data=data.label, seed=seed, overrides=tuple(by.values()),
            chosen=tuple(chosen), trial=trial,
        )  # fmt: skip

    def names(self) -> dict[tuple[str, ...], tuple[str, str]]:
        """Return row and data set of every run that the table may need, by what tells it apart."""
        found: dict[tuple[str, ...], tuple[str, str]] = {}
        for row, data in self.cells():
            for chosen in row.trials or ((),):
                for seed in data.seeds:
                    key = self.run(row, data, seed, chosen).key
                    found.setdefault(key, (row.label, data.label))
        return found

    def tried(self, row: DeclaredRow, data: DeclaredData) -> list[DeclaredRun]:
        """Return the trials of a cell, at its first seed; empty: nothing is chosen there."""
        return [self.run(row, data, data.seeds[0], chosen, trial=True) for chosen in row.trials]


def _shared_with(own: Sequence[str], shared: Sequence[str]) -> list[str]:
    """Return what of the shared overrides a row takes: of a baseline, none on training."""
    if _said("baseline", own) is None:
        return list(shared)
    clustered = _said("head", [*shared, *own]) == "posthoc"
    given = [group for group in TRAINED if not (group == "head" and clustered)]
    return [word for word in shared if _key(word) == CHOSEN_BY or _group(word) not in given]


def _said(key: str, words: Sequence[str]) -> str | None:
    """Return what the last override of a key says."""
    return next((w.partition("=")[2] for w in reversed(words) if _key(w) == key), None)


def _key(word: str) -> str:
    return word.partition("=")[0].lstrip("+~")


def _group(word: str) -> str:
    return re.split(r"[./@]", _key(word))[0]


def key_of(overrides: Sequence[str]) -> tuple[str, ...]:
    """Return what tells a command's run from others: its overrides in order, less what is apart."""
    kept = {word for word in overrides if re.split(r"[.=]", word)[0] not in APART}
    return tuple(sorted(kept))
