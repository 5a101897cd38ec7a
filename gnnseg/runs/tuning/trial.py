"""One trial of a search: a run, given up where its validation curve is a poor one."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gnnseg.config import quoted
from gnnseg.runs.configured import configured
from gnnseg.runs.tuning import study
from gnnseg.runs.tuning.study import Pruning, State, Trial


@dataclass(frozen=True, kw_only=True)
class TrialOutcome:
    """What became of a trial; of its figures the validation alone.

    ``about``: of a whole one, what a sweep's record holds of it.
    """

    state: State
    value: float | None = None
    error: str | None = None
    path: str | None = None
    epoch: int | None = None
    about: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class DoTrial:
    """Does a trial, in whichever process."""

    overrides: tuple[str, ...]
    folders: tuple[Path, ...]
    root: Path
    sweep: str
    journal: Path
    greater: bool
    pruning: Pruning
    shown: bool

    def __call__(self, trial: Trial) -> TrialOutcome:
        """Return how a trial ended."""
        from gnnseg.runs.sweep import valued
        from gnnseg.runs.train import train
        from gnnseg.training.loop import Interrupted

        words = [*self.overrides, *trial.chosen, f"runs.root={quoted(str(self.root))}"]
        curve: _Curve | None = None
        try:
            config = configured(words, self.folders)
            reported = study.running(self.journal, self.greater, self.pruning, trial.key)
            curve = _Curve(reported, str(config["trainer"]["monitor"]))
            result = train(
                config, say=_nothing, sweep=self.sweep, job=trial.number, progress=self.shown,
                wait=True, watch=curve,
            )  # fmt: skip
        except Interrupted:
            if curve is None or curve.given_up is None:
                raise KeyboardInterrupt from None
            return TrialOutcome(state="pruned", epoch=curve.given_up, value=curve.last)
        except Exception as error:  # whatever it is, the other trials are left alone
            return failed(trial, str(error) or type(error).__name__)
        about = valued(result, self.greater)
        if about["value"] is None:
            return failed(trial, f"{about['metric']} is not defined")
        return TrialOutcome(
            state="complete", value=about["value"], path=str(result.path), about=about
        )


def failed(trial: Trial, error: str) -> TrialOutcome:
    """Return what stands for a trial that failed."""
    return TrialOutcome(state="failed", error=error)


class _Curve:
    """Reports a validation curve; says when it is too poor to go on."""

    def __init__(self, trial: Any, monitor: str) -> None:
        self._trial, self._monitor = trial, monitor
        self.given_up: int | None = None
        self.last: float | None = None

    def __call__(self, epoch: int, metrics: Mapping[str, float]) -> bool:
        """Take the figures of a validation; return whether to stop."""
        value = metrics.get(self._monitor)
        if value is None:
            return False
        self.last = float(value)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an epoch that was reported before it was interrupted
            self._trial.report(self.last, epoch)
        if self._trial.should_prune():
            self.given_up = epoch
        return self.given_up is not None


def _nothing(line: str) -> None:
    """Say nothing: what a run says of itself holds test figures."""
