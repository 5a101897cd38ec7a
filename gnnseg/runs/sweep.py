"""Many runs by one command, ``gnnseg train -m``: its jobs, their table, the best of them."""

from __future__ import annotations

import math
import re
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gnnseg import config as configuration
from gnnseg.distributed import started
from gnnseg.runs import sweepers
from gnnseg.runs.configured import configured
from gnnseg.runs.jobs import check_first, held_back, sweeps
from gnnseg.runs.sweep_record import SweepRecord

if TYPE_CHECKING:
    from gnnseg.runs.standing import Result

Say = Callable[[str], None]


def many(overrides: list[str], folders: list[Path], fresh: bool, say: Say, show: Say) -> int:
    """Train every run that overrides of several values describe; return the exit code.

    Args:
        overrides: key=value each, files of data turned into ``data=NAME`` (``saved.resolve``).
        folders: More places to look for groups.
        fresh: Whether to do again what stands there.
        say: Where lines go: the table of the runs, the best of them, and which failed.
        show: Where the paths of run folders go, in job order.
    """
    check_first(overrides, folders, say)
    record = _record(overrides, folders)
    job = _Job(tuple(folders), fresh, record)
    searchpath = configuration.searchpath(folders)
    with record.at_work():
        configuration.launch(
            ["--multirun", *held_back(overrides), *_apart(overrides, record), *searchpath], job
        )
        for each in record.jobs():
            if each.get("busy"):
                job.do(each["job"], each["overrides"], wait=True)
    return _concluded(record, say, show)


def _concluded(record: SweepRecord, say: Say, show: Say) -> int:
    """Show this process's runs, their table, and the best; return the exit code."""
    jobs = record.jobs()
    for each in jobs:
        if each.get("path"):
            show(each["path"])
    failed = [each for each in jobs if each.get("error")]
    done = [Path(each["path"]) for each in jobs if each.get("path") and not each.get("error")]
    if done:
        from gnnseg.report import compare

        less = {each["metric"] for each in jobs if each.get("greater") is False}
        say(compare.table(done, search=compare.Search(less=less)))
    if (best := record.best()) is not None:
        common = set.intersection(*(set(each["overrides"]) for each in jobs))
        own = " ".join(each for each in best["overrides"] if each not in common)
        say(
            f"best {best['metric']}: {best['value']:.4f} by job {best['job']} ({own}): "
            f"{best['path']}"
        )
    if failed:
        why = "; ".join(f"job {each['job']}: {each['error']}" for each in failed)
        say(f"{len(failed)} of {len(jobs)} runs failed: {why}")
    return 1 if failed else 0


def _record(overrides: list[str], folders: list[Path]) -> SweepRecord:
    """Return the sweep's record: its name, and where it is written."""
    # what a job lacks is said of that job: here only where the sweep is written down is asked
    mine = [
        o for o in overrides if not sweeps(o) and re.match(r"[+~]*(sweep\.|runs\.|experiment=)", o)
    ]
    composed = configuration.compose(mine, folders)
    name = composed["sweep"]["name"]
    root = Path(composed["runs"]["root"])
    return SweepRecord.of(root, None if name is None else str(name), overrides)


def _apart(overrides: Sequence[str], record: SweepRecord) -> list[str]:
    """Return where Hydra and its sweepers write for themselves: each sweep apart."""
    if any(override.lstrip("+").startswith("hydra.sweep.dir=") for override in overrides):
        return []
    return [f"hydra.sweep.dir={configuration.quoted(str(record.root / '.hydra' / record.name))}"]


@dataclass(frozen=True)
class _Job:
    """What each job of a sweep does; it is sent to workers."""

    folders: tuple[Path, ...]
    fresh: bool
    record: SweepRecord
    said: set[str] = field(default_factory=set)

    def __call__(self, overrides: list[str]) -> float | None:
        """Do the job that Hydra has launched; return the monitored metric's best value.

        Of a job that failed, the worst there is for what the sweeper seeks.
        """
        number = configuration.job_number() or 0
        found = self.do(number, overrides, wait=sweepers.seeks())
        return sweepers.failure() if found is None else found

    def do(self, number: int, overrides: list[str], *, wait: bool) -> float | None:
        """Do a job, and write down how it ended; None where it has no value.

        A failure is said at once and leaves the others alone, but for ``sweep.fail_fast=true``.
        ``wait``: for another process that does the same run; else that is left for later.
        """
        failed = [each for each in self.record.jobs() if each.get("error")]
        if failed and _get_fail_fast(overrides, list(self.folders)):
            why = "not run: an earlier run failed and sweep.fail_fast is true"
            self._note(number, overrides, error=why)
            return None
        print(f"job {number}: {' '.join(overrides)}", file=sys.stderr, flush=True)
        from gnnseg.runs.folder import Busy
        from gnnseg.runs.train import train
        from gnnseg.training.loop import Interrupted
        from gnnseg.types import InputError

        try:
            composed = configured(overrides, self.folders)
            greater = greater_is_better(composed)
            sweepers.refuse_wrong_direction(composed["trainer"]["monitor"], greater)
            result = train(
                composed, say=self._say, fresh=self.fresh, sweep=self.record.name, job=number,
                wait=wait,
            )  # fmt: skip
        except Interrupted:
            raise KeyboardInterrupt from None
        except Busy as error:
            who = str(error).partition(";")[0]
            print(f"job {number} is left for later: {who}", file=sys.stderr, flush=True)
            self._note(number, overrides, busy=str(error))
            return None
        except sweepers.WrongDirection:
            raise
        except Exception as error:
            if not isinstance(error, InputError):
                traceback.print_exc()
            print(f"job {number} failed: {error}", file=sys.stderr, flush=True)
            self._note(number, overrides, error=str(error) or type(error).__name__)
            return None
        found = valued(result, greater)
        self._note(number, overrides, path=str(result.path), **found)
        print(f"job {number}: {_told(found)}", file=sys.stderr, flush=True)
        value: float | None = found["value"]
        return value

    def _note(self, number: int, overrides: list[str], **found: Any) -> None:
        """Write down how a job ended; of several processes that did it, the first does."""
        if started.leads():
            self.record.add(number, overrides, **found)

    def _say(self, line: str) -> None:
        """Say what has not been said of another job; tables of single runs stand on their pages."""
        if "\n" not in line and line not in self.said:
            self.said.add(line)
            print(line, file=sys.stderr, flush=True)


def greater_is_better(composed: Mapping[str, Any]) -> bool:
    """Return whether a greater value of the monitored metric is better."""
    from gnnseg.config.extensions import parts

    protocol = configuration.build(composed["evaluation"], parts(composed, "metrics"))
    return not protocol.lower_is_better(composed["trainer"]["monitor"])


def valued(result: Result, greater: bool) -> dict[str, Any]:
    """Return a run's value, and what it can be compared with."""
    from gnnseg.runs.folder import RunFolder

    record, value = RunFolder(result.path).read_json(), result.value
    return {
        "value": value if value is not None and math.isfinite(value) else None,
        "metric": record["best"]["metric"],
        "greater": greater,
        "data": record["data"]["fingerprint"],
        "protocol": record["protocol"],
        "alarms": len(record["alarms"]),
    }


def _told(found: Mapping[str, Any]) -> str:
    """Return how a job ended, in a few words."""
    if found["value"] is None:
        return "done"
    alarms = found["alarms"]
    more = f", {alarms} {'warning' if alarms == 1 else 'warnings'}" if alarms else ""
    return f"{found['metric']} {found['value']:.4f}{more}"


def _get_fail_fast(overrides: list[str], folders: list[Path]) -> bool:
    if "sweep.fail_fast=true" in overrides:
        return True
    try:
        return bool(configuration.compose(overrides, folders)["sweep"]["fail_fast"])
    except Exception:
        return False
