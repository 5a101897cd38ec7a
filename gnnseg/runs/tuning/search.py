"""A search from its space to the experiment that it chose: ``gnnseg tune``."""

from __future__ import annotations

import contextlib
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from gnnseg import config as configuration
from gnnseg.config import spaces
from gnnseg.runs import workers
from gnnseg.runs.configured import configured
from gnnseg.runs.identity import component
from gnnseg.runs.sweep import greater_is_better
from gnnseg.runs.sweep_record import LONGEST, SweepRecord, checked
from gnnseg.runs.tuning import experiment, trial
from gnnseg.runs.tuning.study import (
    SUFFIX,
    Prune,
    Pruning,
    State,
    Study,
    Trial,
    Tried,
    imported,
)
from gnnseg.runs.tuning.trial import DoTrial, TrialOutcome
from gnnseg.training.progress import spell
from gnnseg.types import InputError, space
from gnnseg.types.space import Space

Say = Callable[[str], None]
HOPELESS = 5  # trials that fail, and none that does not, until no more are begun
# what no figure depends on: two commands that differ in these alone go on with one study
APART = ("threads", "device", "runs", "cache", "tracking", "report", "sweep")


@dataclass(frozen=True, kw_only=True)
class TuneSettings:
    """How a search is done.

    Args:
        trials: How many in all, those of before among them.
        workers: How many at once, each in a process of its own.
        timeout: Seconds after which none is begun; None: no end.
        name: Of the study; None: made of what is searched.
        out: The folder for the experiment; None: beside the runs.
        prune: How trials are given up.
    """

    trials: int = 40
    workers: int = 1
    timeout: float | None = None
    name: str | None = None
    out: Path | None = None
    prune: Prune = "median"

    def __post_init__(self) -> None:
        for key in ("trials", "workers"):
            if getattr(self, key) < 1:
                raise InputError(f"--{key} {getattr(self, key)}: give 1 or more.")
        if self.timeout is not None and self.timeout <= 0:
            raise InputError(f"--timeout {self.timeout:g}: give more than 0 seconds.")
        if self.name is not None:
            try:
                checked(self.name)
            except InputError as error:
                raise InputError(str(error).replace("sweep.name=", "--name ", 1)) from None


@dataclass(frozen=True, kw_only=True)
class SettingSearch:
    """What is searched, as one process does it.

    Args:
        overrides: Of one value.
        folders: More places to look for groups.
        config: Composed of them.
        space: What is drawn from.
        settings: How it is done.
        command: As it was typed, to be told.
        typed: Of it, what names data of one's own, which no experiment can hold.
        resolved: The overrides that this became.
        settings_folders: Of the folders, those that were typed.
    """

    overrides: tuple[str, ...]
    folders: tuple[Path, ...]
    config: Mapping[str, Any]
    space: Space
    settings: TuneSettings
    command: str
    typed: tuple[str, ...] = ()
    resolved: tuple[str, ...] = ()
    settings_folders: tuple[Path, ...] = ()

    @property
    def root(self) -> Path:
        """Return where run folders are."""
        return Path(self.config["runs"]["root"]).expanduser().absolute()

    @property
    def record(self) -> SweepRecord:
        """Return the sweep's record of the trials, which compare and report read."""
        said = [*self._kept(), *self.space.typed()]
        made = SweepRecord.of(self.root, self.settings.name, said)
        if self.settings.name is not None:
            return made
        parts = [component(self.config, g) for g in ("encoder", "head", "baseline")
                 if self.config.get(g)]  # fmt: skip
        name = "-".join([str(self.config["data"]["name"]), *parts, made.name[:8]])
        return SweepRecord.of(self.root, re.sub(r"[^\w.-]+", "-", name)[-LONGEST:], said)

    @property
    def monitor(self) -> str:
        """Return the figure that is sought."""
        return str(self.config["trainer"]["monitor"])

    def study(self) -> Study:
        """Return the study, begun or gone on with."""
        trainer, record = self.config["trainer"], self.record
        pruning = Pruning(
            kind=self.settings.prune, longest=trainer["max_epochs"], every=trainer["eval_every"]
        )
        found = Study(
            path=record.root / f"{record.name}{SUFFIX}", space=self.space,
            greater=greater_is_better(self.config), seed=self.config["seed"], pruning=pruning,
        )  # fmt: skip
        about = {"command": " ".join(sorted(self._kept())), "space": str(self.space)}
        found.begin({**about, "monitor": self.monitor})
        return found

    def _kept(self) -> list[str]:
        return [each for each in self.overrides if re.split(r"[.=]", each)[0] not in APART]


def of(
    words: Sequence[str], folders: Sequence[Path], settings: TuneSettings, **told: Any
) -> SettingSearch:
    """Return the search that words ask for: settings, of which some have several values.

    Without ``hparams=`` and without several values, what is drawn from is the space of each part.

    Args:
        words: Settings.
        folders: More places to look for groups.
        settings: How it is done.
        told: The command, and what else a search is told of it.

    Raises:
        InputError: Something in it cannot be meant.
    """
    asked = [each.partition("=")[2] for each in words if each.startswith("hparams=")]
    plain, swept = configuration.split_space(
        [each for each in words if not each.startswith("hparams=")]
    )
    config = configured(plain, folders)
    if config["evaluation"]["protocol"] == "paper":
        raise InputError(
            "evaluation.protocol=paper: validates on the test, from which nothing may be chosen; "
            "tune with evaluation.protocol=clean."
        )
    names = asked or ([] if swept else [*spaces.of_parts(config, folders)])
    fixed = {each.partition("=")[0].lstrip("+") for each in plain}
    nodes = spaces.named(",".join(names), folders) if names else {}
    nodes = {key: node for key, node in nodes.items() if key not in fixed} | swept
    if not nodes:
        raise InputError(
            "gnnseg tune: there is nothing to draw from; name a space, such as hparams=dot, or "
            "write several values, such as 'head.tau=interval(0.1,0.3)'."
        )
    spaces.refuse_measured(list(nodes))
    found = space.of(nodes)
    for corner in found.corners():
        configured([*plain, *corner], folders)
    return SettingSearch(
        overrides=tuple(plain), folders=tuple(folders), config=config, space=found,
        settings=settings, **told,
    )  # fmt: skip


def plan(search: SettingSearch) -> list[str]:
    """Return what would be searched, and how far that is; nothing is run."""
    imported()
    size = search.space.size
    ended = search.study().ended() if (search.record.root / _journal(search)).exists() else []
    return [
        *search.space.typed(),
        f"{'more settings than can be counted' if size is None else f'{size} settings'}; by "
        f"{search.monitor}, {len(ended)} of {search.settings.trials} trials done: "
        f"{search.record.name}",
    ]


def do(search: SettingSearch, say: Say) -> experiment.TunedExperiment:
    """SettingSearch, and write down what was chosen.

    Raises:
        InputError: All trials failed, with the commonest cause.
        KeyboardInterrupt: Somebody asked to stop; the same call goes on.
    """
    began = datetime.now()
    imported()
    study, record = search.study(), search.record
    with record.at_work() as alone:
        if alone and (again := study.retry(began)):
            say(f"{again} trials that were stopped or failed before are tried again first")
        there = len(study.ended())
        say(
            f"study {record.name}: {search.monitor} over {', '.join(search.space.values)}; "
            f"{there} of {search.settings.trials} trials done before"
        )
        try:
            _run(search, study, record, say)
        finally:
            study.stop()
    ended, best = study.ended(), study.best()
    if left := study.running():
        say(f"{left} trials are still run by another process; its command says the best of all")
    if best is None:
        raise InputError(_all_failed(ended))
    return experiment.write(search, best, len(ended))


def _run(search: SettingSearch, study: Study, record: SweepRecord, say: Say) -> None:
    """Do trials until there are as many as are asked for, or time is over."""
    do_one = DoTrial(
        overrides=search.overrides, folders=search.folders, root=search.root, sweep=record.name,
        journal=study.path, greater=study.greater, pruning=study.pruning,
        shown=search.settings.workers == 1,
    )  # fmt: skip
    begun, states = time.monotonic(), list[State]()
    todo = _todo(search, study, begun, states, say)
    with contextlib.closing(
        workers.each(todo, do_one, search.settings.workers, trial.failed)
    ) as done:
        for each, outcome in done:
            states.append(_end(search, study, record, each, outcome))
            spent = (time.monotonic() - begun) / len(states)
            say(f"trial {each.number}: {_told(search, each, outcome)}{_left(search, study, spent)}")


def _todo(
    search: SettingSearch, study: Study, begun: float, states: list[State], say: Say
) -> Iterator[Trial]:
    """Yield trials as somebody is free to do them; ``states``: what became of those so far."""
    timeout = search.settings.timeout
    while True:
        if timeout is not None and time.monotonic() - begun >= timeout:
            say(f"--timeout: {spell(timeout)} are over; no more trials are begun")
            return
        hopeless = len(states) >= HOPELESS and all(each == "failed" for each in states)
        if hopeless and study.best() is None:
            return
        found = study.next(search.settings.trials)
        if found is None:
            return
        yield found


def _end(
    search: SettingSearch, study: Study, record: SweepRecord, each: Trial, outcome: TrialOutcome
) -> State:
    """Write down how a trial ended, in the study and in the sweep's record; return it."""
    about = dict(outcome.about)
    if about and not study.same_data(str(about["data"])):
        outcome = trial.failed(
            each, "the data are not those that the study began with; choose another --name."
        )
    study.end(each.number, outcome.state, outcome.value, outcome.error)
    words = [*search.overrides, *each.chosen]
    if outcome.state == "complete":
        record.add(each.number, words, path=outcome.path, **about)
    else:
        why = outcome.error or f"given up after epoch {outcome.epoch}, below the others"
        record.add(each.number, words, error=why)
    return outcome.state


def _told(search: SettingSearch, each: Trial, outcome: TrialOutcome) -> str:
    own = " ".join(each.chosen)
    if outcome.state == "failed":
        return f"failed ({own}): {outcome.error}"
    if outcome.state == "pruned":
        return (
            f"given up after epoch {outcome.epoch} at {search.monitor} {outcome.value:.4f} ({own})"
        )
    return f"{search.monitor} {outcome.value:.4f} ({own})"


def _left(search: SettingSearch, study: Study, seconds: float) -> str:
    """Return the best so far, how many trials are left, and about how long they take."""
    best = study.best()
    said = "" if best is None else f"; best {best.value:.4f} by trial {best.number}"
    left = search.settings.trials - len(study.ended())
    return said if left <= 0 else f"{said}; {left} left, about {spell(left * seconds)}"


def _all_failed(ended: Sequence[Tried]) -> str:
    """Return the sentence on a study without a whole trial: the commonest cause."""
    if not ended:
        return "tune: no trial has ended yet; give the same command again, or more --timeout."
    if not (errors := [each.error for each in ended if each.error]):
        return f"tune: all {len(ended)} trials were given up; choose --prune none."
    alike = Counter(re.sub(r"[\d.e+-]*\d", "#", error) for error in errors)
    kind, count = alike.most_common(1)[0]
    cause = next(e for e in errors if re.sub(r"[\d.e+-]*\d", "#", e) == kind)
    times = "" if count == len(ended) else f", {count} of them for this"
    return f"tune: all {len(ended)} trials failed{times}: {cause}"


def _journal(search: SettingSearch) -> str:
    return f"{search.record.name}{SUFFIX}"
