"""A sweep's record, ``<runs.root>/.sweeps/NAME.json``: its jobs, written down as they end.

Several processes may do one sweep: each adds its jobs to the one record, in turn. A record of other
overrides under the same name is begun anew, but never under a process that is still at work.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gnnseg import records
from gnnseg.data.atomic import atomic
from gnnseg.types import InputError

LONGEST = 100  # letters of a name
FOLDER = ".sweeps"


def checked(name: str) -> str:
    """Return a sweep's name, which names a file.

    Raises:
        InputError: It could name another place than a file of the records' folder.
    """
    if not re.fullmatch(r"\w[\w.-]*", name) or len(name) > LONGEST:
        said = name if len(name) <= LONGEST else f"{name[:20]}…"
        raise InputError(
            f"sweep.name={said!r}: begin with a letter or a digit, and use letters, digits, '.', "
            f"'_' and '-' alone, at most {LONGEST}."
        )
    return name


@dataclass(frozen=True)
class SweepRecord:
    """The record of a sweep, as one process that does it sees it.

    ``overrides``: what is swept; ``by``: the process's own mark on the jobs that it did.
    """

    root: Path
    name: str
    overrides: tuple[str, ...]
    by: str = field(default_factory=lambda: uuid.uuid4().hex[:12])

    @classmethod
    def of(cls, root: Path, name: str | None, overrides: Sequence[str]) -> SweepRecord:
        """Return the record of what is swept; ``name`` None: a hash of it.

        Raises:
            InputError: The name is none.
        """
        if name is None:
            name = hashlib.sha256("\0".join(overrides).encode()).hexdigest()[:12]
        return cls(root.expanduser().absolute() / FOLDER, checked(name), tuple(overrides))

    @property
    def path(self) -> Path:
        """The file."""
        return self.root / f"{self.name}.json"

    @contextlib.contextmanager
    def at_work(self) -> Iterator[bool]:
        """Do the sweep: begin its record, or share one that other processes are at.

        Yields:
            Whether no other process is at it.

        Raises:
            InputError: Other overrides are being swept under this name; or it cannot be written.
        """
        import fcntl

        with _writable(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            handle = open(self.root / f".{self.name}.lock", "a")  # noqa: SIM115  # held to the end
        with handle:
            with self._turn():
                same = self._read().get("overrides") == list(self.overrides)
                alone = True
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    jobs = [{**each, "by": []} for each in self._read()["jobs"] if same]
                    self._write(jobs)
                except BlockingIOError:
                    alone = False
                    if not same:
                        raise InputError(
                            f"sweep.name={self.name}: another process sweeps something else under "
                            "this name; wait for it, or choose another name."
                        ) from None
                fcntl.flock(handle, fcntl.LOCK_SH)
            yield alone

    def add(self, job: int, overrides: Sequence[str], **outcome: Any) -> None:
        """Write down how a job ended: path, value, error, or who else is at it (busy)."""
        mine = {"job": job, "overrides": list(overrides)}
        with self._turn():
            others, by = [], [self.by]
            for each in self._read()["jobs"]:
                if {key: each[key] for key in mine} == mine:
                    by = [*(other for other in each["by"] if other != self.by), self.by]
                else:
                    others.append(each)
            entry = {**mine, "by": by, **outcome}
            self._write(sorted([*others, entry], key=lambda each: int(each["job"])))

    def jobs(self) -> list[dict[str, Any]]:
        """Return the jobs that this process did, in order."""
        return [each for each in self._read()["jobs"] if self.by in each["by"]]

    def best(self) -> dict[str, Any] | None:
        """Return the job with the best value; None where that is not to be said."""
        return self._read().get("best")

    def _read(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = records.parsed(self.path.read_text("utf-8"))
            found["jobs"] = [{"by": [], **each} for each in found["jobs"]]
        except (OSError, ValueError, TypeError, KeyError):  # none yet, or spoilt: begun anew
            return {"jobs": []}
        return found

    def _write(self, jobs: list[dict[str, Any]]) -> None:
        content = {
            "name": self.name, "overrides": list(self.overrides), "best": best(jobs), "jobs": jobs
        }  # fmt: skip
        with atomic(self.path) as aside:
            aside.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", "utf-8")

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        """Have the record alone, for a moment."""
        import filelock

        with _writable(self.root), filelock.FileLock(self.root / f".{self.name}.writing"):
            yield


def best(jobs: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Return the job with the best value, by the metric that is monitored.

    None where jobs are not to be chosen from: they differ in their seeds alone, or in data,
    protocol or metric.
    """
    there = [each for each in jobs if each.get("value") is not None]
    kinds = {
        json.dumps([each.get(key) for key in ("metric", "data", "protocol")]) for each in there
    }
    settings = {tuple(o for o in each["overrides"] if not o.startswith("seed=")) for each in there}
    if len(kinds) != 1 or len(settings) < 2:
        return None
    choose = max if there[0]["greater"] else min
    found = choose(there, key=lambda each: float(each["value"]))
    return {key: found[key] for key in ("job", "overrides", "path", "metric", "value")}


def folders(root: Path, name: str) -> list[Path]:
    """Return the run folders of a sweep, finished, running or killed, in job order.

    Args:
        root: Where the runs are (runs.root).
        name: The sweep's name.

    Raises:
        InputError: There is no record of such a sweep, or no run in it yet.
    """
    jobs = _jobs(root, name)
    found = [Path(job["path"]) for job in jobs if job.get("path")]
    if not found:
        failed = sum(bool(job.get("error")) for job in jobs)
        so_far = f"{failed} have failed" if failed else "none has ended yet"
        raise InputError(f"sweep {name}: no run of it is there: {so_far}.")
    return found


def smaller_is_better(root: Path, name: str) -> set[str]:
    """Return the monitored figures of a sweep of which less is better; see ``folders``."""
    return {job["metric"] for job in _jobs(root, name) if job.get("greater") is False}


def unended(root: Path, name: str) -> list[str]:
    """Return a sentence on each job of a sweep that left no run: what it was, and why.

    Args:
        root: Where the runs are (runs.root).
        name: The sweep's name.

    Raises:
        InputError: There is no record of such a sweep.
    """
    return [
        f"job {job['job']} ({' '.join(job['overrides'])}) "
        + (f"failed: {job['error']}" if job.get("error") else f"is not done: {job.get('busy')}")
        for job in _jobs(root, name)
        if not job.get("path")
    ]


def _jobs(root: Path, name: str) -> list[dict[str, Any]]:
    """Return the jobs of a sweep's record."""
    path = root.expanduser().absolute() / FOLDER / f"{checked(name)}.json"
    try:
        found: list[dict[str, Any]] = records.parsed(path.read_text("utf-8"))["jobs"]
    except FileNotFoundError:
        known = sorted(p.stem for p in path.parent.glob("[!.]*.json"))
        raise InputError(
            f"sweep {name}: no record in {path.parent}; there are {', '.join(known) or 'none'}."
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: damaged ({error}); give the sweep's command again.") from None
    return found


@contextlib.contextmanager
def _writable(root: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(
            f"{root}: cannot be written ({error.strerror or error}); set runs.root to a folder you "
            "can write to."
        ) from error
