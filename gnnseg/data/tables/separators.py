"""What a user's file is: detected from its first lines and reported, never silently guessed.

Where two readings fit, an InputError says what to set.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import polars as pl

from gnnseg.data.tables import columns as columns_
from gnnseg.data.tables import formats, joined
from gnnseg.data.tables.decoded import DecodedText
from gnnseg.data.tables.fields import ROLES
from gnnseg.data.tables.sheets import Sheet
from gnnseg.types import InputError, Setting

Format = Literal["table", "parquet", "recbole", "lightgcn", "u.data", "ratings.dat"]
HEAD = 200  # lines looked at
NAMES = {",": "comma", "\t": "tab", ";": "semicolon", "|": "bar"}
SEPARATORS = {
    "tab": "\t",
    "\\t": "\t",
    "comma": ",",
    "semicolon": ";",
    "bar": "|",
    "pipe": "|",
    "space": " ",
}

MOVIELENS = ("user", "item", "weight", "time")


@dataclass(frozen=True)
class ReadFile:
    """A file as read: its rows, which column serves which role, and what was noticed, in words."""

    sheet: Sheet
    columns: dict[str, str | None]
    note: str

    @property
    def names(self) -> list[str]:
        """Return all columns of the file, those not read too."""
        return self.head.columns

    @property
    def head(self) -> pl.DataFrame:
        """Return the first rows, of all columns."""
        sheet = self.sheet
        return sheet.frame.head(formats.HEAD) if sheet.head is None else sheet.head


def read(
    path: Path,
    mapping: Mapping[str, str | None],
    *,
    separator: str | None = None,
    encoding: str | None = None,
    form: Format | None = None,
    guess: bool = False,
) -> ReadFile:
    """Read a user's table of interactions; only the columns that serve are read.

    Args:
        path: The file.
        mapping: Columns by role, and of titles; None: by the usual names; '': not there.
        separator, encoding, form: None: detected.
        guess: Columns may be proposed by their content too, for people to look at.

    Raises:
        InputError: What cannot be read, or could be read in two ways.
    """
    formats.exists(path)
    if form is None and (path.suffix in (".parquet", ".pq") or _begins(path, b"PAR1")):
        form = "parquet"
    columns: dict[str, str | None] = {}

    def pick(head: pl.DataFrame) -> list[str]:
        columns.update(columns_.choose(path, head, mapping, text=form != "parquet", guess=guess))
        used = [name for name in columns.values() if name is not None]
        plain = [one for name in used for one in joined.parts(head.columns, name) or (name,)]
        return list(dict.fromkeys(plain))

    if form == "parquet":
        sheet = formats.parquet(path, pick)
        return _found(sheet, columns, (f"Parquet, {len(sheet.frame):,} rows",))
    text, separator = _without_excels_note(formats.text(path, encoding), separator)
    lines = first_lines(path, text.data)
    form = form or _form(path, lines, separator, mapping)
    if form == "recbole":
        sheet = formats.atomic_file(path, text.data)
        pick(sheet.frame.head(formats.HEAD))
        return _found(sheet, columns, (*text.notes, "RecBole atomic file"))
    if form != "table":
        return _benchmark(path, text.data, form)
    names = [name for name in mapping.values() if name and "," not in name]
    mark, name = the_separator(path, lines, separator, names)
    quote = path.suffix != ".dat"
    sheet = formats.sheet(path, separator=mark, data=text.data, quote=quote, pick=pick)
    width = sheet.frame.width if sheet.head is None else sheet.head.width
    return _found(sheet, columns, (*text.notes, f"separated by {name}, {width} columns"))


def _without_excels_note(
    text: DecodedText, separator: str | None
) -> tuple[DecodedText, str | None]:
    """Blank the line ``sep=;`` that Excel writes; return the text and the separator it names."""
    first = re.match(rb'"?sep=(.)"?\r?(?=\n)', text.data)
    if first is None:
        return text, separator
    named = first[1].decode(errors="replace") if separator is None else separator
    return DecodedText(text.data[first.end() :], text.notes), named


def _benchmark(path: Path, data: bytes, form: Format) -> ReadFile:
    """Read a file as LightGCN or MovieLens have them: no header, columns by place."""
    if form == "lightgcn":
        note = f"{path.name}: lines 'user item item …'"
        return ReadFile(formats.lists(path, data), {"user": "user", "item": "item"}, note)
    sheet = formats.sheet(
        path,
        separator="\t" if form == "u.data" else "::",
        header=False,
        columns=list(MOVIELENS),
        quote=False,
        data=data,
    )
    note = f"{path.name}: MovieLens' {form}, no header"
    return ReadFile(sheet, {role: role for role in MOVIELENS}, note)


def first_lines(path: Path, data: bytes) -> list[str]:
    """Return the first lines that hold something."""
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
    """Detect the format; a named separator or column speaks for a table with a header."""
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
            lists, space = Setting("data.format", "lightgcn"), Setting("data.separator", "space")
            raise InputError(
                where=path,
                problem=f"every line has {min(widths)} numbers, so it may be lines 'user item item "
                "…' or a table",
                advice=("set ", lists, ", or give it a header and set ", space),
            )
        return "lightgcn"
    return "table"


def the_separator(
    path: Path, lines: list[str], separator: str | None, named: Collection[str] = ()
) -> tuple[str, str]:
    """Return what separates the columns, and its name.

    Where several could, only one may make the ``named`` columns; else an InputError says what to
    set.
    """
    head = {mark: _outside(lines[0], mark) for mark in ("::", "\t", ",", ";", "|")}
    if separator is not None:
        mark = _separator_of(separator)
        if not _outside(lines[0], mark):
            other = [NAMES.get(m, m) for m, count in head.items() if count]
            hint = (
                f"it seems to be {' or '.join(other)}"
                if other
                else "a table needs at least two columns"
            )
            raise InputError(
                where=path,
                problem=(Setting("data.separator", separator), " does not stand in its first line"),
                advice=hint,
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
        where=path,
        problem=f"cannot tell what separates its columns ({why}; first line: {shown!r})",
        advice=("set ", Setting("data.separator")),
    )


def _separator_of(name: str) -> str:
    """Return a separator by its name (tab, comma, semicolon, bar, space), or as it is."""
    if not name:
        raise InputError(
            where=Setting("data.separator"),
            problem="is empty",
            advice="give a character, or tab, comma, semicolon, bar or space",
        )
    return SEPARATORS.get(name, name)


def _cells(line: str, mark: str) -> set[str]:
    """Return the names that a header has, split by this mark."""
    cells = line.split(mark) if len(mark) > 1 else next(csv.reader([line], delimiter=mark))
    return {cell.strip() for cell in cells}


def _outside(line: str, mark: str) -> int:
    return re.sub(r'"(?:[^"]|"")*"', "", line).count(mark)


def _found(sheet: Sheet, columns: dict[str, str | None], notes: Sequence[str]) -> ReadFile:
    sheet = joined.added_to(sheet, columns.get("time"))
    roles = ", ".join(f"{role}={name!r}" for role, name in columns.items() if name is not None)
    return ReadFile(sheet, columns, f"{sheet.path.name}: {', '.join(notes)}; {roles}")
