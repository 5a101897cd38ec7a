"""A run that several processes do together: the first does it, the others train and rank with it.

The first alone holds the folder, writes, prints and tracks. It says once what is to be done; from
there on all take the same steps.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from gnnseg.distributed.ranks import Lost, Ranks
from gnnseg.models.model import Model
from gnnseg.runs import environment
from gnnseg.runs.fitting import best_value, evaluated, finished, fit_in
from gnnseg.runs.folder import RunFolder
from gnnseg.runs.ready import RunRequest, assembled
from gnnseg.runs.standing import Result
from gnnseg.types import InputError


def nothing(line: str) -> None:
    """Say nothing."""


class Lead:
    """The first process, which tells the others what is to be done, once."""

    def __init__(self, ranks: Ranks) -> None:
        self._ranks, self._silent = ranks, True

    def begin(self) -> None:
        """Tell that the run is to be done."""
        self._tell("begin", None)

    def found(self, result: Result) -> Result:
        """Tell that it stands there already."""
        self._tell("found", result.value)
        return result

    def refused(self, error: BaseException) -> None:
        """Tell why it will not be done, where nothing else was told."""
        with contextlib.suppress(Lost):
            self._tell("refused", f"{error}" or type(error).__name__)

    def _tell(self, what: str, more: Any) -> None:
        if self._silent:
            self._silent = False
            self._ranks.told((what, more))


@contextlib.contextmanager
def leading(ranks: Ranks) -> Iterator[Lead]:
    """Yield the first process's word to the others, who hear of an error before it too.

    They end when it does, so that what it leaves is there for all.
    """
    lead = Lead(ranks)
    try:
        yield lead
    except BaseException as error:
        lead.refused(error)
        raise
    ranks.told("the end")


def follow(asked: RunRequest, folder: RunFolder) -> Result:
    """Do, in another process than the first, what that one says.

    Raises:
        InputError: It refuses the run.
        Interrupted: Somebody asked one of the processes to stop.
    """
    what, more = asked.ranks.told()
    if what == "refused":
        raise InputError(more)
    if what == "begin" and not asked.config["baseline"]:
        more = _trained(asked, folder)
    asked.ranks.told()
    return Result(folder.path, more, reused=what == "found")


def _trained(asked: RunRequest, folder: RunFolder) -> float | None:
    """Train and rank with the others; return the monitored metric's best value."""
    environment.import_ahead(*environment.TRAINING, *environment.EVALUATION)
    job = asked.job(folder)
    ready, plan = assembled(job), job.plan
    assert isinstance(ready.model, Model)
    with environment.deterministic(plan.device):
        best, _ = fit_in(job, ready.model, ready.given, Untold(), before=ready.before)
    if ready.before is None:
        with torch.no_grad():
            embeddings, scorer = finished(plan, ready.model, ready.given)
            found = evaluated(
                plan, ready.model, ready.given, embeddings, scorer, job.clusters, plan.ranks,
                best.validation,
            )  # fmt: skip
        return best_value(plan, best, found.metrics)
    return best.best_value


class Untold:
    """A tracker that is told nothing."""

    def position(self) -> int:
        """Return that nothing is written."""
        return 0

    def truncate(self, length: int) -> None:
        """Forget nothing."""

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Take no figures."""

    def losses(self, losses: Mapping[str, float], step: int) -> None:
        """Take no losses."""

    def table(self, name: str, frame: Any) -> None:
        """Take no table."""

    def figure(self, name: str, figure: Any) -> None:
        """Take no plot."""

    def page(self, path: Path) -> None:
        """Take no page."""

    def summary(self, metrics: Mapping[str, float]) -> None:
        """Take no figures."""

    def finish(self, failed: bool) -> None:
        """Close nothing."""
