"""The file of settings of a weekly: what it asks for, and what in it cannot be meant."""

from __future__ import annotations

import difflib
import hashlib
import json
import math
import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gnnseg.runs import flags
from gnnseg.runs.members import TABLE
from gnnseg.types import InputError

FILES = ("users", "exclude")  # that an audience reads
LEAST = 0.9  # of last week's rows and users
KINDS: dict[str, tuple[Any, str]] = {
    "data": ((str, list), "what is typed behind gnnseg train: files and columns, or data=NAME"),
    "settings": (list, "a list of key=value"),
    "members": (str, "a file or an address of a database"),
    "table": (str, "the table's name"),
    "columns": (list, "a list of names"),
    "audiences": (list, "a list, each with out and what gnnseg audience takes"),
    "page": (str, "a file"),
    "refit": (bool, "true or false"),
    "least": ((int, float), "a share of last week's rows and users, such as 0.9; 0: any"),
}
OF_AUDIENCE: dict[str, tuple[Any, str]] = {
    "out": (str, "a file or an address of a database"),
    "table": (str, "the table's name"),
    "excel": (bool, "true or false"),
    "item": ((str, int, list), "an item's id, or a list of them"),
    "where": ((str, list), "a condition, or a list of them"),
    "segment": ((str, int), "a segment's number, durable id or name"),
    "size": (int, "how many people"),
    "top": ((str, float), "a share, such as 10%"),
    "not_bought": (bool, "true or false"),
    "exclude": (str, "a file"),
    "exclude_by": (str, "the name of a column"),
    "control": ((int, float), "a share, such as 0.1"),
    "days": ((int, float), "how many days"),
    "seed": (int, "a whole number"),
    "users": (str, "a file"),
    "users_id": (str, "the name of a column"),
}


@dataclass(frozen=True)
class Handed:
    """An audience that is written every week: what is asked for, and where it goes."""

    out: str
    asked: Mapping[str, Any]
    table: str = "audience"
    excel: bool = False


@dataclass(frozen=True)
class Weekly:
    """What is done every week.

    ``words``: what is typed behind ``gnnseg train``; ``members`` and ``page``: where they go, None:
    nowhere; ``columns`` and ``table``: of the members; ``least``: share of last week's rows and
    users that the data must have.
    """

    name: str
    words: list[str]
    members: str | None = None
    table: str = TABLE
    columns: list[str] = field(default_factory=list)
    audiences: list[Handed] = field(default_factory=list)
    page: str | None = None
    refit: bool = True
    least: float = LEAST

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
        """Return a digest of what is handed out, and where; an address may hold a password.

        Files that an audience reads count by their content: a new list of opt-outs is news.
        """
        asked: list[Any] = [self.members, self.table, self.columns, self.page, self.refit]
        for each in self.audiences:
            read = [_content(each.asked.get(name)) for name in FILES]
            asked.append([each.out, each.table, each.excel, dict(each.asked), read])
        return _digest(asked)


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


def _content(path: str | None) -> str | None:
    """Return a digest of a file; None of none, or of one that is not there, which is said later."""
    try:
        return None if path is None else hashlib.sha256(Path(path).read_bytes()).hexdigest()[:16]
    except OSError:
        return None


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
    _check(str(path), content, KINDS)
    if not 0 <= (least := float(content.get("least", LEAST))) <= 1 or math.isnan(least):
        raise InputError(f"{path}: least={least:g}: give {KINDS['least'][1]}.")
    given = content["data"]
    words = shlex.split(given) if isinstance(given, str) else [str(word) for word in given]
    words += [str(word) for word in content.get("settings", [])]
    _refuse(path, words)
    return Weekly(
        path.stem, words, content.get("members"), content.get("table", TABLE),
        [str(name) for name in content.get("columns", [])],
        [_audience(f"{path}: audience {n}", each)
         for n, each in enumerate(content.get("audiences", []), 1)],
        content.get("page"), content.get("refit", True), least,
    )  # fmt: skip


def _audience(where: str, given: Any) -> Handed:
    if not isinstance(given, dict) or "out" not in given:
        raise InputError(f"{where}: needs a line 'out:', {OF_AUDIENCE['out'][1]}.")
    _check(where, given, OF_AUDIENCE)
    asked = {key: value for key, value in given.items() if key not in ("out", "table", "excel")}
    table, excel = given.get("table", "audience"), given.get("excel", False)
    return Handed(given["out"], asked, table, excel)


def _check(where: str, content: Mapping[Any, Any], kinds: Mapping[str, tuple[Any, str]]) -> None:
    for key, value in content.items():
        if key not in kinds:
            near = difflib.get_close_matches(str(key), kinds, 1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(kinds)}."
            raise InputError(f"{where}: {key}: no such setting; {hint}")
        is_kind = isinstance(value, kinds[key][0])
        if not is_kind or (isinstance(value, bool) and kinds[key][0] is not bool):
            raise InputError(f"{where}: {key}={value!r}: give {kinds[key][1]}.")


def _refuse(path: Path, words: list[str]) -> None:
    """Refuse what a weekly decides itself."""
    asked = flags.sort(words)
    if asked.many or asked.fresh or asked.shows:
        raise InputError(f"{path}: {' '.join(asked.typed)}: a weekly trains one run; leave it out.")
    if ours := [word for word in words if word.startswith("segments.since=")]:
        raise InputError(f"{path}: {ours[0]}: a weekly starts from its own last run; leave it out.")
    if fitted := [word for word in words if word.startswith("baseline=")]:
        raise InputError(
            f"{path}: {fitted[0]}: a weekly goes on with last week's segments, which a baseline "
            "cannot; take a trained model, such as encoder=lightgcn."
        )
