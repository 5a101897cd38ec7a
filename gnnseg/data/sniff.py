"""What a user's file is: told by its first lines, said aloud, never silently guessed. Unsure: a sentence says what to set."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gnnseg.data import formats
from gnnseg.data.fields import ROLES
from gnnseg.data.formats import Sheet
from gnnseg.types import InputError

Format = Literal["table", "parquet", "recbole", "lightgcn", "u.data", "ratings.dat"]
HEAD = 200  # lines looked at
NAMES = {",": "comma", "\t": "tab", ";": "semicolon", "|": "bar"}
USUAL = {  # names of columns, in lower case without '_', '-' and blanks
    "user": {"user", "userid", "uid", "customer", "customerid", "householdid", "member", "memberid", "visitorid"},
    "item": {"item", "itemid", "iid", "movieid", "artistid", "product", "productid", "sku", "articleid", "trackid"},
    "weight": {"weight", "rating", "quantity", "plays", "playcount", "count"},
    "time": {"time", "timestamp", "datetime", "date", "transactiontimestamp"},
    "spend": {"spend", "amount", "salesvalue", "revenue"},
}
MOVIELENS = ("user", "item", "weight", "time")


@dataclass(frozen=True)
class Found:
    """A file read: its rows, which column serves which role, and what was seen, in words."""

    sheet: Sheet
    columns: dict[str, str | None]
    said: str


def read(
    path: Path,
    mapping: Mapping[str, str | None],
    *,
    separator: str | None = None,
    encoding: str = "utf-8",
    form: Format | None = None,
) -> Found:
    """A user's table of interactions. ``mapping``: columns by role; null: looked for by its usual names; '': not there."""
    formats.exists(path)
    if form == "parquet" or (form is None and (path.suffix in (".parquet", ".pq") or _begins(path, b"PAR1"))):
        sheet = formats.parquet(path)
        return _found(sheet, mapping, f"Parquet, {len(sheet.frame):,} rows")
    data = formats.text(path, encoding)
    lines = [line for line in data[: 1 << 16].decode(errors="ignore").splitlines()[:HEAD] if line.strip()]
    if not lines:
        raise InputError(f"{path}: holds blank lines only; give a file with a header and rows.")
    form = form or _form(path, lines, separator, mapping)
    if form == "recbole":
        return _found(formats.atomic_file(path), mapping, "RecBole atomic file")
    if form == "lightgcn":
        sheet = formats.lists(path, data)
        return Found(sheet, {"user": "user", "item": "item"}, f"{path.name}: lines 'user item item …'")
    if form in ("u.data", "ratings.dat"):
        mark = "\t" if form == "u.data" else "::"
        sheet = formats.sheet(path, separator=mark, header=False, columns=list(MOVIELENS), quote=False, data=data)
        return Found(sheet, {role: role for role in MOVIELENS}, f"{path.name}: MovieLens' {form}, no header")
    mark, name = the_separator(path, lines, separator)
    sheet = formats.sheet(path, separator=mark, data=data, quote=path.suffix != ".dat")
    return _found(sheet, mapping, f"separated by {name}, {sheet.frame.width} columns")


def _begins(path: Path, magic: bytes) -> bool:
    with open(path, "rb") as handle:
        return handle.read(len(magic)) == magic


def _form(path: Path, lines: list[str], separator: str | None, mapping: Mapping[str, str | None]) -> Format:
    """The format that the first lines speak for; a named separator or column speaks for a table with a header."""
    cells = lines[0].split("\t")
    if all(re.fullmatch(r"[^:]+:(token|token_seq|float|float_seq)", cell.strip()) for cell in cells):
        return "recbole"
    if separator is not None or any(mapping.get(role) for role in ROLES):
        return "table"
    if all(re.fullmatch(r"[^:]+::[^:]+::-?[\d.]+::\d+\s*", line) for line in lines):
        return "ratings.dat"
    if all(re.fullmatch(r"\d+\t\d+\t-?[\d.]+\t\d{9,13}\s*", line) for line in lines):
        return "u.data"
    if all(re.fullmatch(r"\d+( +\d+)*\s*", line) for line in lines) and " " in "".join(lines).strip():
        widths = {len(line.split()) for line in lines}
        if len(widths) == 1 and len(lines) > 2 and min(widths) > 2:
            raise InputError(
                f"{path}: every line has {min(widths)} numbers, so it may be lines 'user item item …' or a table; "
                "set data.format=lightgcn, or give it a header and set data.separator=space."
            )
        return "lightgcn"
    return "table"


def the_separator(path: Path, lines: list[str], separator: str | None) -> tuple[str, str]:
    """What separates the columns, and its name. Unsure: an InputError that says what to set."""
    head = {mark: _outside(lines[0], mark) for mark in ("::", "\t", ",", ";", "|")}
    if separator is not None:
        mark = formats.separator_of(separator)
        if not _outside(lines[0], mark):
            other = [NAMES.get(m, m) for m, count in head.items() if count]
            hint = f"it seems to be {' or '.join(other)}" if other else "a table needs at least two columns"
            raise InputError(f"{path}: data.separator={separator} does not stand in its first line; {hint}.")
        return mark, NAMES.get(mark, repr(mark))
    likely = [mark for mark, count in head.items() if count]
    steady = [mark for mark in likely if {_outside(line, mark) for line in lines[:20]} == {head[mark]}]
    pick = steady if len(steady) == 1 else likely
    if len(pick) == 1:
        return pick[0], NAMES.get(pick[0], repr(pick[0]))
    shown = lines[0][:60]
    why = (
        f"it could be {' or '.join(NAMES.get(mark, mark) for mark in pick)}"
        if pick
        else "none of the usual stands there"
    )
    raise InputError(
        f"{path}: cannot tell what separates its columns ({why}; first line: {shown!r}); set data.separator."
    )


def _outside(line: str, mark: str) -> int:
    return re.sub(r'"(?:[^"]|"")*"', "", line).count(mark)


def _found(sheet: Sheet, mapping: Mapping[str, str | None], said: str) -> Found:
    """Columns by their usual names where none was named; two that would do, or none for user and item, are asked about."""
    names, path = sheet.frame.columns, sheet.path
    taken = {name for name in mapping.values() if name}
    columns: dict[str, str | None] = {}
    for role in ROLES:
        named = mapping.get(role)
        if named is not None:
            columns[role] = named or None
            continue
        fits = [n for n in names if re.sub(r"[\s_-]", "", n).lower() in USUAL[role] and n not in taken]
        if len(fits) > 1:
            quoted = " or ".join(map(repr, fits))
            none = "" if role in ("user", "item") else f" (data.{role}='' for none)"
            raise InputError(f"{path}: {role} may be column {quoted}; set data.{role}=COLUMN{none}.")
        columns[role] = fits[0] if fits else None
    for role in ("user", "item"):
        if columns[role] is None:
            if sheet.unit == "line" and all(re.fullmatch(r"-?[\d.:\sTZ/-]+", name) for name in names):
                first = ", ".join(names[:6])
                raise InputError(
                    f"{path}: its first line ({first}) looks like data; give it a header, such as user,item,weight,time."
                )
            listed = ", ".join(map(repr, names[:12])) + (" …" if len(names) > 12 else "")
            raise InputError(f"{path}: no column for data.{role}; it has {listed}: set data.{role}=COLUMN.")
    roles = ", ".join(f"{role}={name!r}" for role, name in columns.items() if name is not None)
    return Found(sheet, columns, f"{path.name}: {said}; {roles}")
