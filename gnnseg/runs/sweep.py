"""Many runs by one command, ``gnnseg train -m``: its jobs, its record, its table.

A sweep's record, ``<runs.root>/.sweeps/NAME.json``, lists its run folders in job order. Each job
adds itself by a file of its own, so that workers never write to one file.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gnnseg import config as configuration
from gnnseg import records
from gnnseg.runs.configured import configured
from gnnseg.runs.jobs import check_first, held_back, sweeps

Say = Callable[[str], None]


def many(overrides: list[str], folders: list[Path], fresh: bool, say: Say, show: Say) -> int:
    """Train every run that overrides of several values describe; return the exit code.

    Args:
        overrides: key=value each, files of data turned into ``data=NAME`` (``saved.resolve``).
        folders: More places to look for groups.
        fresh: Whether to begin again what stands there.
        say: Where lines go: the table of the runs, and which failed.
        show: Where the paths of run folders go, in job order.
    """
    check_first(overrides, folders, say)
    name, record = _begin(overrides, folders)
    job = functools.partial(_job, folders=folders, fresh=fresh, sweep=name, record=str(record))
    searchpath = configuration.searchpath(folders)
    try:
        configuration.launch(["--multirun", *held_back(overrides), *searchpath], job)
    finally:
        jobs = _collect(record)
    for each in jobs:
        if each.get("path"):
            show(each["path"])
    failed = [each for each in jobs if each.get("error")]
    done = [Path(each["path"]) for each in jobs if each.get("path") and not each.get("error")]
    if done:
        from gnnseg.report import compare

        say(compare.table(done))
    if failed:
        why = "; ".join(f"job {each['job']}: {each['error']}" for each in failed)
        say(f"{len(failed)} of {len(jobs)} runs failed: {why}")
    return 1 if failed else 0


def _begin(overrides: list[str], folders: list[Path]) -> tuple[str, Path]:
    """Return the sweep's name, and the folder of its jobs' records, which is empty."""
    from gnnseg.types import InputError

    # what a job lacks is said of that job: here only where the sweep is written down is asked
    mine = [
        o for o in overrides if not sweeps(o) and re.match(r"[+~]*(sweep\.|runs\.|experiment=)", o)
    ]
    composed = configuration.compose(mine, folders)
    named = composed["sweep"]["name"]
    name = str(named or hashlib.sha256("\0".join(overrides).encode()).hexdigest()[:12])
    if not re.fullmatch(r"[\w.-]+", name):
        raise InputError(f"sweep.name={name!r}: use letters, digits, '.', '_' and '-' alone.")
    record = Path(composed["runs"]["root"]).expanduser().absolute() / ".sweeps" / name
    record.mkdir(parents=True, exist_ok=True)
    for old in record.glob("*.json"):
        old.unlink()
    return name, record


def folders(root: Path, name: str) -> list[Path]:
    """Return the run folders of a finished or running sweep, in job order.

    Args:
        root: Where the runs are (runs.root).
        name: The sweep's name.

    Raises:
        InputError: There is no record of such a sweep.
    """
    from gnnseg.types import InputError

    path = root.expanduser().absolute() / ".sweeps" / f"{name}.json"
    if not path.exists():
        known = sorted(p.stem for p in path.parent.glob("*.json"))
        raise InputError(
            f"sweep {name}: no record in {path.parent}; there are {', '.join(known) or 'none'}."
        )
    return [
        Path(job["path"])
        for job in records.parsed(path.read_text("utf-8"))["jobs"]
        if job.get("path")
    ]


def _job(
    overrides: list[str], *, folders: list[Path], fresh: bool, sweep: str, record: str
) -> float | None:
    """Do one job of a sweep; return the monitored metric's best value.

    A failure is said at once and leaves the others alone, but for ``sweep.fail_fast=true``.
    """
    number = configuration.job_number() or 0
    mine, stop = Path(record) / f"{number:06d}.json", Path(record) / "stop"
    content: dict[str, Any] = {"job": number, "overrides": overrides}
    if stop.exists():
        why = "not run: an earlier run failed and sweep.fail_fast is true"
        _write(mine, {**content, "error": why})
        return None
    print(f"job {number}: {' '.join(overrides)}", file=sys.stderr, flush=True)
    from gnnseg.runs.train import train
    from gnnseg.training.loop import Interrupted
    from gnnseg.types import InputError

    try:
        composed = configured(overrides, folders)
        result = train(composed, fresh=fresh, sweep=sweep, job=number)
    except Interrupted:
        raise KeyboardInterrupt from None
    except Exception as error:
        if not isinstance(error, InputError):
            traceback.print_exc()
        print(f"job {number} failed: {error}", file=sys.stderr, flush=True)
        path = getattr(error, "run_folder", None)
        _write(mine, {**content, "path": path, "error": str(error) or type(error).__name__})
        if "sweep.fail_fast=true" in overrides or _get_fail_fast(overrides, folders):
            stop.touch()
        return None
    _write(mine, {**content, "path": str(result.path), "value": result.value})
    return result.value


def _get_fail_fast(overrides: list[str], folders: list[Path]) -> bool:
    try:
        return bool(configuration.compose(overrides, folders)["sweep"]["fail_fast"])
    except Exception:
        return False


def _collect(record: Path) -> list[dict[str, Any]]:
    """Return the jobs in order; the sweep's own file is written from theirs, aside and renamed."""
    jobs = [records.parsed(path.read_text("utf-8")) for path in sorted(record.glob("[0-9]*.json"))]
    _write(record.with_name(record.name + ".json"), {"name": record.name, "jobs": jobs})
    for path in [*record.glob("*.json"), record / "stop"]:
        path.unlink(missing_ok=True)
    record.rmdir()
    return jobs


def _write(path: Path, content: dict[str, Any]) -> None:
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    aside.write_text(records.text(content, indent=1) + "\n", "utf-8")
    os.replace(aside, path)
