"""One command, one run or many: what ``gnnseg train`` does around the pipeline.

A sweep's record, ``<runs.root>/.sweeps/NAME.json``, lists its run folders in job order. Each job
adds itself by a file of its own, so that workers never write to one file.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gnnseg import config as configuration
from gnnseg.data.tables import saved

Say = Callable[[str], None]


def run(arguments: list[str], *, say: Say, show: Say) -> int:
    """Train as the command line says. ``show`` gets run folders' paths alone, in job order. The
    exit code: 1 if a job failed."""
    from gnnseg.types import InputError

    given = [a for a in arguments if a != "--fresh"]
    fresh = len(given) != len(arguments)
    given, folders = _config_dirs(given)
    own = saved.resolve(given, saved.cache_root(given), say=say)
    try:
        return _run(own.arguments, folders + own.folders, fresh, say, show)
    except InputError as error:
        if own.saved is not None and own.fresh:  # it describes what could not be read
            own.saved.unlink(missing_ok=True)
            say(f"{own.saved.name} is taken away again")
        if own.saved is None:
            raise
        from gnnseg.data.tables import doors

        raise error.said(doors.option) from None


def _run(given: list[str], folders: list[Path], fresh: bool, say: Say, show: Say) -> int:
    from gnnseg.types import InputError

    many = any(a in ("-m", "--multirun") for a in given)
    searchpath = configuration.searchpath(folders)
    if not many:
        if any(a.startswith("-") for a in given):  # --cfg, --info, …: Hydra's own business
            flags = [
                a for a in given if a.startswith("-") or "=" not in a
            ]  # and their values; argparse wants overrides together
            rest = [a for a in given if a not in flags]
            configuration.launch(
                [*flags, *searchpath, *rest],
                functools.partial(_job, folders=folders, fresh=fresh, sweep=None, show=show),
            )
            return 0
        _job(given, folders=folders, fresh=fresh, sweep=None, show=show)
        return 0
    overrides = [a for a in given if not a.startswith("-")]
    # what a job lacks is said of that job: here only where the sweep is written down is asked
    mine = [
        o for o in overrides if not _sweeps(o) and re.match(r"[+~]*(sweep\.|runs\.|experiment=)", o)
    ]
    composed = configuration.compose(mine, folders)
    named = composed["sweep"]["name"]
    name = str(named or hashlib.sha256("\0".join(overrides).encode()).hexdigest()[:12])
    if not re.fullmatch(r"[\w.-]+", name):
        raise InputError(f"sweep.name={name!r}: use letters, digits, '.', '_' and '-' alone.")
    root = Path(composed["runs"]["root"]).expanduser().absolute()
    record = root / ".sweeps" / name
    record.mkdir(parents=True, exist_ok=True)
    for old in record.glob("*.json"):
        old.unlink()
    try:
        configuration.launch(
            ["--multirun", *_held_back(overrides), *searchpath],
            functools.partial(
                _job_of_many, folders=folders, fresh=fresh, sweep=name, record=str(record)
            ),
        )
    finally:
        jobs = _collect(record)
    for job in jobs:
        if job.get("path"):
            show(job["path"])
    failed = [job for job in jobs if job.get("error")]
    done = [Path(job["path"]) for job in jobs if job.get("path") and not job.get("error")]
    if done:
        from gnnseg.report import compare

        say(compare.table(done))
    if failed:
        say(
            f"{len(failed)} of {len(jobs)} runs failed: "
            + "; ".join(f"job {job['job']}: {job['error']}" for job in failed)
        )
    return 1 if failed else 0


def folders(root: Path, name: str) -> list[Path]:
    """The run folders of a finished or running sweep, in job order."""
    from gnnseg.types import InputError

    path = root.expanduser().absolute() / ".sweeps" / f"{name}.json"
    if not path.exists():
        known = sorted(p.stem for p in path.parent.glob("*.json"))
        raise InputError(
            f"sweep {name}: no record in {path.parent}; there are {', '.join(known) or 'none'}."
        )
    return [
        Path(job["path"]) for job in json.loads(path.read_text("utf-8"))["jobs"] if job.get("path")
    ]


def _job(
    overrides: list[str], *, folders: list[Path], fresh: bool, sweep: str | None, show: Say | None
) -> float | None:
    composed = configuration.compose(overrides, folders)
    if composed["allow"] and "" not in sys.path:
        sys.path.insert(0, "")  # a user's own package lies where the command is typed
    configuration.check(composed)
    from gnnseg.runs import train as pipeline

    result = pipeline.train(composed, fresh=fresh, sweep=sweep, job=configuration.job_number())
    if show is not None:
        show(str(result.path))
    return result.value


def _job_of_many(
    overrides: list[str], *, folders: list[Path], fresh: bool, sweep: str, record: str
) -> float | None:
    """One job of a sweep. A failure is told at once and leaves the others alone, but for
    ``sweep.fail_fast=true``."""
    number = configuration.job_number() or 0
    mine = Path(record) / f"{number:06d}.json"
    stop = Path(record) / "stop"
    content: dict[str, Any] = {"job": number, "overrides": overrides}
    if stop.exists():
        _write(
            mine, {**content, "error": "not run: an earlier run failed and sweep.fail_fast is true"}
        )
        return None
    print(f"job {number}: {' '.join(overrides)}", file=sys.stderr, flush=True)
    from gnnseg.runs import train as pipeline
    from gnnseg.types import InputError

    try:
        composed = configuration.compose(overrides, folders)
        if composed["allow"] and "" not in sys.path:
            sys.path.insert(0, "")
        configuration.check(composed)
        result = pipeline.train(composed, fresh=fresh, sweep=sweep, job=number)
    except Exception as error:
        if type(error).__name__ == "Interrupted":
            raise KeyboardInterrupt from None
        if not isinstance(error, InputError):
            traceback.print_exc()
        print(f"job {number} failed: {error}", file=sys.stderr, flush=True)
        _write(
            mine,
            {
                **content,
                "path": getattr(error, "run_folder", None),
                "error": str(error) or type(error).__name__,
            },
        )
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
    """The jobs in order; the sweep's own file is written from theirs, aside and renamed."""
    jobs = [json.loads(path.read_text("utf-8")) for path in sorted(record.glob("[0-9]*.json"))]
    _write(record.with_name(record.name + ".json"), {"name": record.name, "jobs": jobs})
    for path in [*record.glob("*.json"), record / "stop"]:
        path.unlink(missing_ok=True)
    record.rmdir()
    return jobs


def _write(path: Path, content: dict[str, Any]) -> None:
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    aside.write_text(json.dumps(content, indent=1) + "\n", "utf-8")
    os.replace(aside, path)


def _sweeps(override: str) -> bool:
    """Does this override make several runs? A comma outside brackets and quotes, or a sweep
    function."""
    value = override.partition("=")[2]
    bare = re.sub(r"'[^']*'|\"[^\"]*\"|\[[^\]]*\]|\{[^}]*\}", "", value)
    return "," in bare or bool(re.match(r"(choice|range|interval|glob|shuffle|sort|tag)\(", value))


def _held_back(overrides: list[str]) -> list[str]:
    """Settings of a part that is swept as a sweep of one value: Hydra tries plain ones on the
    default part, which may lack them."""
    swept = {override.partition("=")[0] for override in overrides if _sweeps(override)}
    held = []
    for override in overrides:
        key, _, value = override.partition("=")
        ours = key.lstrip("+").partition(".")[0] in swept - {key} and not _sweeps(override)
        held.append(f"{key}=choice({value})" if ours and value else override)
    return held


def _config_dirs(given: list[str]) -> tuple[list[str], list[Path]]:
    """``--config-dir D`` (or -cd) taken off the arguments."""
    rest: list[str] = []
    found: list[Path] = []
    at = iter(given)
    for argument in at:
        if argument in ("--config-dir", "-cd"):
            found.append(Path(next(at, ".")))
        elif argument.startswith("--config-dir="):
            found.append(Path(argument.partition("=")[2]))
        else:
            rest.append(argument)
    from gnnseg.types import InputError

    for folder in found:
        if not folder.is_dir():
            raise InputError(f"--config-dir {folder}: no such folder.")
    return rest, found
