"""One file of settings, run every week: check, train from the last run, refit, hand out.

What was handed out last week stands until all of this week's is made; what stood and the state
(``<runs.root>/.weekly/NAME.json``) stay where a step fails.
"""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import json
import os
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gnnseg import records
from gnnseg.data.atomic import atomic
from gnnseg.runs import command, export, flags, members, refit
from gnnseg.runs.folder import RunFolder
from gnnseg.runs.stored import StoredRun
from gnnseg.training.loop import Interrupted
from gnnseg.types import InputError

Say = Callable[[str], None]
FOLDER = ".weekly"  # under runs.root
KINDS: dict[str, tuple[Any, str]] = {
    "data": ((str, list), "what is typed behind gnnseg train: files and columns, or data=NAME"),
    "settings": (list, "a list of key=value"),
    "members": (str, "a file or an address of a database"),
    "table": (str, "the table's name"),
    "columns": (list, "a list of names"),
    "page": (str, "a file"),
    "refit": (bool, "true or false"),
}


class StepFailed(InputError):
    """A step of a weekly failed; all that stood before it stands."""


@dataclass(frozen=True)
class Weekly:
    """What is done every week.

    ``words``: what is typed behind ``gnnseg train``; ``members`` and ``page``: where they go, None:
    nowhere; ``columns`` and ``table``: of the members.
    """

    name: str
    words: list[str]
    members: str | None
    table: str
    columns: list[str]
    page: str | None
    refit: bool

    @property
    def root(self) -> Path:
        """The folder in which its runs are made."""
        named = [w.partition("=")[2] for w in self.words if w.startswith("runs.root=")]
        root = named[-1] if named else os.environ.get("GNNSEG_RUNS", "./runs")
        return Path(root).expanduser().absolute()

    def asked(self) -> str:
        """Return a digest of what decides the run, beside the data's content."""
        return _digest(self.words)

    def handed(self) -> str:
        """Return a digest of what is handed out, and where; an address may hold a password."""
        return _digest([self.members, self.table, self.columns, self.page, self.refit])


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
                return _week(weekly, lock.path.parent / f"{weekly.name}.json", say)
        except StepFailed:
            raise
        except InputError as error:  # another process is at work, or runs.root cannot be written
            raise StepFailed(f"start: {error}") from None


def read(path: Path) -> Weekly:
    """Return what a file of settings asks for.

    Raises:
        InputError: It cannot be read, or something in it cannot be meant.
    """
    import yaml

    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        why = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise InputError(f"{path}: cannot be read ({why}); see docs/weekly.md.") from None
    if not isinstance(content, dict) or "data" not in content:
        raise InputError(f"{path}: needs a line 'data:' ({KINDS['data'][1]}); see docs/weekly.md.")
    for key, value in content.items():
        if key not in KINDS:
            near = difflib.get_close_matches(str(key), KINDS, 1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(KINDS)}."
            raise InputError(f"{path}: {key}: no such setting; {hint}")
        if not isinstance(value, KINDS[key][0]):
            raise InputError(f"{path}: {key}={value!r}: give {KINDS[key][1]}.")
    given = content["data"]
    words = shlex.split(given) if isinstance(given, str) else [str(word) for word in given]
    words += [str(word) for word in content.get("settings", [])]
    _refuse(path, words)
    return Weekly(
        path.stem, words, content.get("members"), content.get("table", members.TABLE),
        [str(name) for name in content.get("columns", [])], content.get("page"),
        content.get("refit", True),
    )  # fmt: skip


def _refuse(path: Path, words: list[str]) -> None:
    """Refuse what a weekly decides itself."""
    asked = flags.sort(words)
    if asked.many or asked.fresh or asked.shows:
        raise InputError(f"{path}: {' '.join(asked.typed)}: a weekly trains one run; leave it out.")
    if ours := [word for word in words if word.startswith("segments.since=")]:
        raise InputError(f"{path}: {ours[0]}: a weekly starts from its own last run; leave it out.")


def _week(weekly: Weekly, place: Path, say: Say) -> Path:
    """Do the steps, under the lock; ``place``: of the state."""
    with _step("start"):
        last = _state(place)
        for out in (weekly.members, weekly.page):
            if out is not None and out == weekly.members:
                export.refuse_unwritable(out)
            elif out is not None and not Path(out).expanduser().absolute().parent.is_dir():
                raise InputError(f"{Path(out).parent}: no such folder; make it or choose another.")
    with _step("data check"):
        fingerprint = _checked(weekly.words, say)
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
        _hand_out(weekly, serves, say)
    with _step("state"), atomic(place) as aside:
        state = {
            "when": datetime.now(UTC).isoformat(timespec="seconds"), "run": trained.name,
            "serves": serves.name, "fingerprint": fingerprint, "asked": weekly.asked(),
            "handed": weekly.handed(),
        }  # fmt: skip
        aside.write_text(records.text(state, indent=1) + "\n", "utf-8")
    return serves


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


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


def _checked(words: list[str], say: Say) -> str:
    """Check the data as ``gnnseg data check`` does, read them, and return their fingerprint."""
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
    split = command.read(words, say=say)
    return str(split.whole or split.fingerprint)


def _trained(weekly: Weekly, last: Mapping[str, Any], say: Say) -> Path:
    since = [f"segments.since={weekly.root / last['run']}"] if last else []
    found: list[str] = []
    with _step("training"):
        command.run([*weekly.words, *since], say=say, show=found.append)
    return Path(found[0])


def _hand_out(weekly: Weekly, serves: Path, say: Say) -> None:
    """Write the members, and the page that is ready beside its place by then."""
    with contextlib.ExitStack() as stack:
        if weekly.page is not None:
            page = Path(weekly.page).expanduser().absolute()
            aside = stack.enter_context(atomic(page))
            aside.write_bytes((serves / "report.html").read_bytes())
        if weekly.members is not None:
            said = members.write(
                StoredRun(serves), weekly.members, columns=weekly.columns, table=weekly.table
            )
            say(f"members: {said}")
    if weekly.page is not None:
        say(f"page: {page}")


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
