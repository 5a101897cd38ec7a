"""One file of settings, run every week: check, train from the last run, refit, hand out.

What was handed out last week stands until all of this week's is made; what stood and the state
(``<runs.root>/.weekly/NAME.json``) stay where a step fails.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gnnseg import records
from gnnseg.data.atomic import atomic
from gnnseg.runs import command, flags, refit, weekly_out
from gnnseg.runs.folder import RunFolder
from gnnseg.runs.weekly_file import Weekly, read
from gnnseg.training.loop import Interrupted
from gnnseg.types import InputError, Split

Say = Callable[[str], None]
FOLDER = ".weekly"  # under runs.root


class StepFailed(InputError):
    """A step of a weekly failed; all that stood before it stands."""


def run(config: Path | str, *, say: Say) -> Path:
    """Do a week's work, or find that there is nothing new; return the folder that serves.

    Paths in the file are as seen from its folder.

    Args:
        config: The file of settings.
        say: Where lines go.

    Raises:
        StepFailed: A step failed, or another process is at work; what stood before stands.
        InputError: The file itself cannot be read.
    """
    path = Path(config).expanduser().absolute()
    weekly = read(path)
    with contextlib.chdir(path.parent):
        lock = RunFolder(weekly.root / FOLDER / weekly.name)
        try:
            with lock.locked():
                return _week(weekly, path, lock.path.parent / f"{weekly.name}.json", say)
        except StepFailed:
            raise
        except InputError as error:  # another process is at work, or runs.root cannot be written
            raise StepFailed(f"start: {error}") from None


def _week(weekly: Weekly, path: Path, place: Path, say: Say) -> Path:
    """Do the steps, under the lock; ``path``: of the settings, ``place``: of the state."""
    with _step("start"):
        last = _state(place)
        _refuse_other(place, last, path)
        weekly_out.refuse_unwritable(weekly)
    with _step("data check"):
        split = _checked(weekly.words, say)
        fingerprint, size = str(split.whole or split.fingerprint), _size(split)
        _refuse_truncated(size, last.get("size"), weekly)
    same = last.get("fingerprint") == fingerprint and last.get("asked") == weekly.asked()
    if same and last["handed"] == weekly.handed():
        say(f"{weekly.name}: the same data as on {last['when'][:10]}; nothing is changed")
        return weekly.root / str(last["serves"])
    trained = weekly.root / str(last["run"]) if same else _trained(weekly, last, say)
    serves = trained
    if weekly.refit:
        with _step("refit"):
            serves = refit.refit(trained, say=say)
    with _step("export"):
        weekly_out.hand_out(weekly, serves, say)
    with _step("state"), atomic(place) as aside:
        state = {
            "when": datetime.now(UTC).isoformat(timespec="seconds"), "run": trained.name,
            "serves": serves.name, "fingerprint": fingerprint, "asked": weekly.asked(),
            "handed": weekly.handed(), "file": os.path.relpath(path, place.parent), "size": size,
        }  # fmt: skip
        aside.write_text(records.text(state, indent=1) + "\n", "utf-8")
    return serves


def _state(place: Path) -> Mapping[str, Any]:
    """Return what the last week left; nothing before the first."""
    if not place.exists():
        return {}
    try:
        found = records.parsed(place.read_text("utf-8"))
        assert {"when", "run", "serves", "fingerprint", "asked", "handed"} <= set(found)
    except (OSError, ValueError, AssertionError):
        raise InputError(
            f"{place}: is damaged; remove it, and segments get new ids, or bring it back."
        ) from None
    return dict(found)


def _refuse_other(place: Path, last: Mapping[str, Any], path: Path) -> None:
    """Refuse a state that another file of the same name left.

    One that was moved goes on, and so does one that was copied with its runs: the state has its
    path as seen from its own folder.
    """
    other = Path(os.path.normpath(place.parent / last.get("file", path)))
    if other.exists() and not os.path.samefile(other, path):
        raise InputError(
            f"{place}: is of {other}, which has the same name; give {path} another name or another "
            "runs.root."
        )


def _size(split: Split) -> dict[str, Any]:
    """Return how much there is: rows (events; pairs where those are not known), users, end."""
    known = split.customers
    rows = sum(len(each.user) for each in split.parts.values())
    return {
        "rows": rows if known is None else round(float(known.events.sum())),
        "users": len(split.users), "end": None if known is None else known.end,
    }  # fmt: skip


def _refuse_truncated(now: Mapping[str, Any], then: Mapping[str, Any] | None, of: Weekly) -> None:
    """Refuse data of far fewer rows or users than last week's, or that end earlier.

    An export that broke off would empty the lists of everybody who is lacking.
    """
    if then is None or not of.least:  # the first week, or a state of before
        return
    said = [
        f"{now[key]:,} {key} where last week had {then[key]:,}"
        for key in ("rows", "users")
        if now[key] < of.least * then[key]
    ]
    if now["end"] is not None and then["end"] is not None and now["end"] < then["end"]:
        said.append(f"a last day of {_day(now['end'])} where last week had {_day(then['end'])}")
    if said:
        raise InputError(
            f"the data have {', and '.join(said)}: an export that broke off? Mend it, or accept it "
            f"with least: 0 (a share of last week's rows and users; now {of.least:g})."
        )


def _day(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M}"


def _checked(words: list[str], say: Say) -> Split:
    """Check the data as ``gnnseg data check`` does, and return them as read."""
    from gnnseg.data.tables import doors, inspect, typed

    given = typed.sort(flags.sort(words).rest)
    if given.files:
        columns = {name: given.options.get(name) for name in typed.COLUMNS}
        told = {name: v for name, v in given.options.items() if name not in columns}
        with doors.errors_said(doors.option):
            typed.refuse_missing(given.files)
            found = inspect.checked(given.files, columns, **told)
        for line in found.lines:
            say(line)
    return command.read(words, say=say)


def _trained(weekly: Weekly, last: Mapping[str, Any], say: Say) -> Path:
    since = [f"segments.since={weekly.root / last['run']}"] if last else []
    found: list[str] = []
    with _step("training"):
        command.run([*weekly.words, *since], say=say, show=found.append)
    return Path(found[0])


@contextlib.contextmanager
def _step(name: str) -> Iterator[None]:
    """Name the step in which something fails, in one sentence; to be stopped is no failure."""
    try:
        yield
    except (Interrupted, StepFailed):
        raise
    except Exception as error:
        said = " ".join(str(error).split()) or type(error).__name__
        if not isinstance(error, InputError):
            said = f"{type(error).__name__}: {said}"
        raise StepFailed(f"{name}: {said}") from error
