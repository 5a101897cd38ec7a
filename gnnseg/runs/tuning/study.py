"""The study of a search: which settings come next, and what became of those before.

Optuna (Akiba et al. 2019) keeps it in a journal, a file under runs.root that several processes
append to; the only importer of it. Settings are drawn by TPE (Bergstra et al. 2011), each draw from
the seed, the trial's number and the trials before: a study that was interrupted goes on with the
draws that it would have made.
"""

from __future__ import annotations

import contextlib
import importlib
import random
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from gnnseg.rng import Rng
from gnnseg.types import InputError
from gnnseg.types.space import Interval, Space

State = Literal["complete", "pruned", "failed", "interrupted"]
Prune = Literal["median", "hyperband", "none"]
STARTUP = 10  # trials drawn at random before TPE has something to learn from
COMPARED = 5  # whole trials before one is pruned
REPEATS = 3  # draws that were tried before, until another setting is taken by lot
SUFFIX = ".journal"


@dataclass(frozen=True, kw_only=True)
class Pruning:
    """When a trial is given up: by the validation curve of a training of ``longest`` epochs.

    median: below the median of the others at the same epoch, after a third of the epochs, for what
    ranks early is not what ranks late. hyperband (Li et al. 2018): by rounds of a third. none.
    """

    kind: Prune
    longest: int
    every: int

    def pruner(self) -> Any:
        """Return Optuna's pruner."""
        pruners = imported().pruners
        if self.kind == "median":
            return pruners.MedianPruner(
                n_startup_trials=COMPARED, n_warmup_steps=max(1, self.longest // 3)
            )
        if self.kind == "hyperband":
            return pruners.HyperbandPruner(
                min_resource=self.every, max_resource=max(self.longest, self.every)
            )
        return pruners.NopPruner()


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A setting to try: its place in the study, and the overrides that were drawn."""

    number: int
    key: int
    chosen: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Tried:
    """A trial that has ended, well or not."""

    number: int
    state: State
    value: float | None
    chosen: tuple[str, ...]
    error: str | None


@dataclass
class Study:
    """A study in its file, as one process sees it; trials are drawn under a lock, one at a time.

    Args:
        path: The journal.
        space: What is drawn from.
        greater: Whether a greater value is better.
        seed: Of the draws.
        pruning: When a trial is given up.
    """

    path: Path
    space: Space
    greater: bool
    seed: int
    pruning: Pruning
    _mine: dict[int, Any] = field(default_factory=dict)

    def begin(self, about: Mapping[str, Any]) -> None:
        """Open the study, or begin it.

        Args:
            about: What is searched, which a study that stands there must be of too.

        Raises:
            InputError: A study of something else stands there.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._turn():
            _mend(self.path)
            self._study = opened(self.path, self.greater, self.pruning)
            there = self._study.user_attrs.get("about")
            if there is None:
                self._study.set_user_attr("about", dict(about))
            elif there != about:
                other = next(key for key in about if there.get(key) != about[key])
                raise InputError(
                    f"--name {self.path.stem}: a study of another {other} stands there "
                    f"({there.get(other)}); choose another name."
                )

    def retry(self, before: datetime) -> int:
        """Draw again first what was stopped before it ended; return how many that is.

        Where nothing but failures has ended, whose cause may be mended by now, those too.

        Args:
            before: Trials that run since earlier are of processes that are no more.
        """
        with self._turn():
            for trial in self._trials():
                if trial.state.name == "RUNNING" and trial.datetime_start < before:
                    self._close(self._study.tell, trial.number)
            again, hopeless = self._again(), all(e.state == "failed" for e in self.ended())
            stopped = [
                trial
                for trial in self._trials()
                if (_is_stopped(trial) or (hopeless and trial.user_attrs.get("failed")))
                and trial.number not in again
                and trial.params
            ]
            for trial in stopped:
                self._study.enqueue_trial(trial.params, user_attrs={"of": trial.number})
        return len(stopped)

    def next(self, trials: int) -> Trial | None:
        """Draw the next setting; None: so many trials have been begun, or all there are."""
        with self._turn(), _quiet():
            known, again = self._trials(), self._again()
            begun = [t for t in known if _counts(t) and t.number not in again]
            tried = {self._words(t.params) for t in begun}
            if len(begun) >= trials or (self.space.size or trials + 1) <= len(tried):
                return None
            for repeat in range(REPEATS + 1):
                if repeat == REPEATS and self.space.size is not None:
                    self._study.enqueue_trial(self._untried(tried, len(known)))
                self._study.sampler = self._sampler(len(known) + repeat)
                trial = self._study.ask(self._distributions())
                if (chosen := self._words(trial.params)) not in tried or repeat == REPEATS:
                    break
                trial.set_user_attr("repeat", True)
                self._study.tell(trial, state=_states().FAIL)
            trial.set_user_attr("chosen", list(chosen))
            self._mine[trial.number] = trial
            return Trial(number=trial.number, key=trial._trial_id, chosen=chosen)

    def end(
        self, number: int, state: State, value: float | None = None, error: str | None = None
    ) -> None:
        """Write down how a trial of this process ended."""
        trial = self._mine.pop(number)
        if error is not None:
            trial.set_user_attr("error", error)
        if state == "complete":
            self._study.tell(trial, value)
        elif state == "pruned":
            self._study.tell(trial, state=_states().PRUNED)
        elif state == "failed":
            trial.set_user_attr("failed", True)
            self._study.tell(trial, state=_states().FAIL)
        else:
            self._study.tell(trial, state=_states().FAIL)

    def stop(self) -> None:
        """Leave what this process is at to the next one that goes on with the study."""
        for number in list(self._mine):
            self.end(number, "interrupted")

    def same_data(self, content: str) -> bool:
        """Return whether data are those of the first trial that ended."""
        there = self._study.user_attrs.get("content")
        if there is None:
            self._study.set_user_attr("content", content)
        return there in (None, content)

    def ended(self) -> list[Tried]:
        """Return the trials that have ended, in order, without what was stopped or repeated."""
        again = self._again()
        names: dict[str, State] = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}
        return [
            Tried(
                number=t.number, state=names[t.state.name],
                value=t.value if t.state.name == "COMPLETE" else None,
                chosen=tuple(t.user_attrs.get("chosen", ())), error=t.user_attrs.get("error"),
            )
            for t in self._trials()
            if t.state.name in names and _counts(t) and t.number not in again
        ]  # fmt: skip

    def running(self) -> int:
        """Return how many trials run, in whichever process."""
        return sum(t.state.name == "RUNNING" for t in self._trials())

    def best(self) -> Tried | None:
        """Return the best whole trial; the first of several alike."""
        whole = [each for each in self.ended() if each.value is not None]
        choose = max if self.greater else min
        return choose(whole, key=lambda each: each.value or 0.0, default=None)

    def _again(self) -> set[int]:
        """Return the trials in whose place others were drawn."""
        of = (trial.user_attrs.get("of") for trial in self._trials())
        return {number for number in of if number is not None}

    def _trials(self) -> list[Any]:
        return list(self._study.get_trials(deepcopy=False))

    def _distributions(self) -> dict[str, Any]:
        made, found = imported().distributions, {}
        for key, values in self.space.values.items():
            if not isinstance(values, Interval):
                found[key] = made.CategoricalDistribution(values)
            elif values.whole:
                found[key] = made.IntDistribution(int(values.low), int(values.high), log=values.log)
            else:
                found[key] = made.FloatDistribution(values.low, values.high, log=values.log)
        return found

    def _words(self, params: Mapping[str, Any]) -> tuple[str, ...]:
        """Return what was drawn as overrides, in the space's order."""
        return tuple(
            f"{key}={values.word(params[key]) if isinstance(values, Interval) else params[key]}"
            for key, values in self.space.values.items()
            if key in params
        )

    def _untried(self, tried: set[tuple[str, ...]], number: int) -> dict[str, str]:
        """Return a setting of a finite space that was not tried, by lot."""
        assert self.space.size is not None
        left = [
            words
            for place in range(self.space.size)
            if (words := self.space.of_grid(place)) not in tried
        ]
        words = random.Random(self._number(number)).choice(left)
        return {word.partition("=")[0]: word.partition("=")[2] for word in words}

    def _sampler(self, number: int) -> Any:
        return imported().samplers.TPESampler(
            n_startup_trials=STARTUP, multivariate=True, constant_liar=True,
            seed=self._number(number) % 2**32,
        )  # fmt: skip

    def _number(self, number: int) -> int:
        return Rng(self.seed).child("tune").at(number).number("trial")

    def _close(self, tell: Any, number: int) -> None:
        with contextlib.suppress(ValueError):  # it has ended meanwhile
            tell(number, state=_states().FAIL)

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        import filelock

        with filelock.FileLock(self.path.with_name(f".{self.path.name}.drawing")):
            yield


def opened(path: Path, greater: bool, pruning: Pruning) -> Any:
    """Return Optuna's study of a journal."""
    optuna = imported()
    with _quiet():
        journal = optuna.storages.journal
        return optuna.create_study(
            study_name=path.stem, load_if_exists=True,
            storage=optuna.storages.JournalStorage(journal.JournalFileBackend(str(path))),
            direction="maximize" if greater else "minimize", pruner=pruning.pruner(),
        )  # fmt: skip


def running(path: Path, greater: bool, pruning: Pruning, key: int) -> Any:
    """Return Optuna's trial, to which whoever does it reports its validation curve."""
    return imported().trial.Trial(opened(path, greater, pruning), key)


def imported() -> Any:
    """Return Optuna.

    Raises:
        InputError: It is not installed, or is too old for a journal.
    """
    try:
        optuna = importlib.import_module("optuna")
    except ModuleNotFoundError as error:
        if error.name != "optuna":
            raise
        raise InputError(
            "tune: needs Optuna, which is not installed; pip install 'gnnseg[search]'."
        ) from None
    if int(optuna.__version__.partition(".")[0]) < 4:
        raise InputError(
            f"tune: needs Optuna 4 or later, and {optuna.__version__} is installed (as "
            "hydra-optuna-sweeper wants it); pip install 'gnnseg[search]' in another environment."
        )
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Leave out that Optuna calls its multivariate TPE experimental."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", imported().exceptions.ExperimentalWarning)
        yield


def _states() -> Any:
    return imported().trial.TrialState


def _is_stopped(trial: Any) -> bool:
    said: Sequence[str] = ("repeat", "failed")
    return trial.state.name == "FAIL" and not any(trial.user_attrs.get(each) for each in said)


def _counts(trial: Any) -> bool:
    """Return whether a trial is one of those asked for: no repeat, none that was stopped."""
    if trial.state.name == "WAITING" or trial.user_attrs.get("repeat"):
        return False
    return not _is_stopped(trial)


def _mend(path: Path) -> None:
    """Take away half a line at the end, of a process that was killed while it wrote."""
    if not path.exists():
        return
    content = path.read_bytes()
    if content and not content.endswith(b"\n"):
        with open(path, "r+b") as file:
            file.truncate(content.rfind(b"\n") + 1)
