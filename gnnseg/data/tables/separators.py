"""What a user's file is: told by its first lines, said aloud, never silently guessed. Unsure: a
sentence says what to set."""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import polars as pl

from gnnseg.data.tables import columns as columns_
from gnnseg.data.tables import formats
from gnnseg.data.tables.fields import ROLES
from gnnseg.data.tables.formats import Sheet
from gnnseg.types import InputError

Format = Literal["table", "parquet", "recbole", "lightgcn", "u.data", "ratings.dat"]
HEAD = 200  # lines looked at
NAMES = {",": "comma", "\t": "tab", ";": "semicolon", "|": "bar"}
MOVIELENS = ("user", "item", "weight", "time")


@dataclass(frozen=True)
class Found:
    """A file read: its rows, which column serves which role, and what was seen, in words."""

    sheet: Sheet
    columns: dict[str, str | None]
    said: str

    @property
    def names(self) -> list[str]:
        """All columns of the file, those not read too."""
        return (self.sheet.frame if self.sheet.head is None else self.sheet.head).columns


def read(
    path: Path,
    mapping: Mapping[str, str | None],
    *,
    separator: str | None = None,
    encoding: str | None = None,
    form: Format | None = None,
    guess: bool = False,
) -> Found:
    """A user's table of interactions. ``mapping``: columns by role, and of titles; null: by the
    usual names; '': not there.

    Only the columns that serve are read. ``guess``: columns may be told by their content too, for
    people to look at.
    """
    formats.exists(path)
    columns: dict[str, str | None] = {}

    def pick(head: pl.DataFrame) -> list[str]:
        columns.update(columns_.choose(path, head, mapping, text=form != "parquet", guess=guess))
        return list(dict.fromkeys(name for name in columns.values() if name is not None))

    if form == "parquet" or (
        form is None and (path.suffix in (".parquet", ".pq") or _begins(path, b"PAR1"))
    ):
        form = "parquet"
        sheet = formats.parquet(path, pick)
        return _found(sheet, columns, (f"Parquet, {len(sheet.frame):,} rows",))
    text = formats.text(path, encoding)
    if first := re.match(
        rb'"?sep=(.)"?\r?(?=\n)', text.data
    ):  # Excel's own note; its line stays, blank
        text = formats.Text(text.data[first.end() :], text.said)
        separator = first[1].decode(errors="replace") if separator is None else separator
    lines = first_lines(path, text.data)
    form = form or _form(path, lines, separator, mapping)
    if form == "recbole":
        sheet = formats.atomic_file(path, text.data)
        pick(sheet.frame.head(formats.HEAD))
        return _found(sheet, columns, (*text.said, "RecBole atomic file"))
    if form == "lightgcn":
        sheet = formats.lists(path, text.data)
        return Found(
            sheet, {"user": "user", "item": "item"}, f"{path.name}: lines 'user item item …'"
        )
    if form in ("u.data", "ratings.dat"):
        mark = "\t" if form == "u.data" else "::"
        sheet = formats.sheet(
            path, separator=mark, header=False, columns=list(MOVIELENS), quote=False, data=text.data
        )
        return Found(
            sheet, {role: role for role in MOVIELENS}, f"{path.name}: MovieLens' {form}, no header"
        )
    mark, name = the_separator(path, lines, separator, [name for name in mapping.values() if name])
    sheet = formats.sheet(
        path, separator=mark, data=text.data, quote=path.suffix != ".dat", pick=pick
    )
    width = sheet.head.width if sheet.head is not None else sheet.frame.width
    return _found(sheet, columns, (*text.said, f"separated by {name}, {width} columns"))


def first_lines(path: Path, data: bytes) -> list[str]:
    """The first lines that hold something."""
    lines = data[: 1 << 16].decode(errors="ignore").split("\n")[:HEAD]
    found = [line.rstrip("\r") for line in lines if line.strip()]
    if not found:
        raise InputError(f"{path}: holds blank lines only; give a file with a header and rows.")
    return found


def _begins(path: Path, magic: bytes) -> bool:
    with open(path, "rb") as handle:
        return handle.read(len(magic)) == magic


def _form(
    path: Path, lines: list[str], separator: str | None, mapping: Mapping[str, str | None]
) -> Format:
    """The format that the first lines speak for; a named separator or column speaks for a table
    with a header."""
    cells = lines[0].split("\t")
    if all(
        re.fullmatch(r"[^:]+:(token|token_seq|float|float_seq)", cell.strip()) for cell in cells
    ):
        return "recbole"
    if separator is not None or any(mapping.get(role) for role in ROLES):
        return "table"
    if all(re.fullmatch(r"[^:]+::[^:]+::-?[\d.]+::\d+\s*", line) for line in lines):
        return "ratings.dat"
    if all(re.fullmatch(r"\d+\t\d+\t-?[\d.]+\t\d{9,13}\s*", line) for line in lines):
        return "u.data"
    if (
        all(re.fullmatch(r"\d+( +\d+)*\s*", line) for line in lines)
        and " " in "".join(lines).strip()
    ):
        widths = {len(line.split()) for line in lines}
        if len(widths) == 1 and len(lines) > 2 and min(widths) > 2:
            raise InputError(
                f"{path}: every line has {min(widths)} numbers, so it may be lines 'user item item "
                "…' or a table; "
                "set data.format=lightgcn, or give it a header and set data.separator=space."
            )
        return "lightgcn"
    return "table"


def the_separator(
    path: Path, lines: list[str], separator: str | None, named: Collection[str] = ()
) -> tuple[str, str]:
    """What separates the columns, and its name. Where several could, only one may make the
    ``named`` columns.

    Unsure: an InputError that says what to set.
    """
    head = {mark: _outside(lines[0], mark) for mark in ("::", "\t", ",", ";", "|")}
    if separator is not None:
        mark = formats.separator_of(separator)
        if not _outside(lines[0], mark):
            other = [NAMES.get(m, m) for m, count in head.items() if count]
            hint = (
                f"it seems to be {' or '.join(other)}"
                if other
                else "a table needs at least two columns"
            )
            raise InputError(
                f"{path}: data.separator={separator} does not stand in its first line; {hint}."
            )
        return mark, NAMES.get(mark, repr(mark))
    likely = [mark for mark, count in head.items() if count]
    steady = [
        mark for mark in likely if {_outside(line, mark) for line in lines[:20]} == {head[mark]}
    ]
    pick = steady if len(steady) == 1 else likely
    if len(pick) > 1 and named:
        pick = [mark for mark in pick if set(named) <= _cells(lines[0], mark)] or pick
    if len(pick) == 1:
        return pick[0], NAMES.get(pick[0], repr(pick[0]))
    shown = lines[0][:60]
    why = (
        f"it could be {' or '.join(NAMES.get(mark, mark) for mark in pick)}"
        if pick
        else "none of the usual stands there"
    )
    raise InputError(
        f"{path}: cannot tell what separates its columns ({why}; first line: {shown!r}); set "
        "data.separator."
    )


def _cells(line: str, mark: str) -> set[str]:
    """The names that a header has, split by this mark."""
    cells = line.split(mark) if len(mark) > 1 else next(csv.reader([line], delimiter=mark))
    return {cell.strip() for cell in cells}


def _outside(line: str, mark: str) -> int:
    return re.sub(r'"(?:[^"]|"")*"', "", line).count(mark)


def _found(sheet: Sheet, columns: dict[str, str | None], said: Sequence[str]) -> Found:
    roles = ", ".join(f"{role}={name!r}" for role, name in columns.items() if name is not None)
    return Found(sheet, columns, f"{sheet.path.name}: {', '.join(said)}; {roles}")
