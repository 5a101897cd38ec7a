"""What separates the cells of a text: detected from its first lines, or asked about."""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Sequence
from pathlib import Path

from gnnseg.types import InputError, Setting

HEAD = 200  # lines looked at
RARE = ("\x01", "\x1f", "^", "~")  # taken where no usual mark stands, and one is in every line
NUMBERS = r"[-+]?[\d.]+( +[-+]?[\d.]+)+"
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

SETTINGS = {mark: name for name, mark in SEPARATORS.items() if name not in ("\\t", "pipe")}


def first_lines(path: Path, data: bytes) -> list[str]:
    """Return the first lines that hold something."""
    lines = data[: 1 << 16].decode(errors="ignore").split("\n")[:HEAD]
    found = [line.rstrip("\r") for line in lines if line.strip()]
    if not found:
        raise InputError(f"{path}: holds blank lines only; give a file with a header and rows.")
    return found


def the_separator(
    path: Path, lines: list[str], separator: str | None, named: Collection[str] = ()
) -> tuple[str, str]:
    """Return what separates the columns, and its name.

    Where several could, only one may make the ``named`` columns; else an InputError says what to
    set.
    """
    head = {mark: _outside(lines[0], mark) for mark in ("::", "\t", ",", ";", "|")}
    if separator is not None:
        mark = mark_of(separator)
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
    if not likely and _are_numbers_between_blanks(lines):
        return " ", "space"
    rare = [] if likely else [mark for mark in RARE if _is_steady(lines, mark)]
    if len(rare) == 1:
        return rare[0], NAMES.get(rare[0], repr(rare[0]))
    steady = [
        mark for mark in likely if {_outside(line, mark) for line in lines[:20]} == {head[mark]}
    ]
    pick = steady if len(steady) == 1 else likely
    if len(pick) > 1 and named:
        pick = [mark for mark in pick if set(named) <= _cells(lines[0], mark)] or pick
    if len(pick) == 1:
        return pick[0], NAMES.get(pick[0], repr(pick[0]))
    shown = lines[0][:60]
    skip = Setting("data.skip", "1")
    title = (", or ", skip, " if that line is a title") if not pick and _below(lines) else ()
    why = (
        f"it could be {' or '.join(NAMES.get(mark, mark) for mark in pick)}"
        if pick
        else "none of the usual stands there"
    )
    raise InputError(
        where=path,
        problem=f"cannot tell what separates its columns ({why}; first line: {shown!r})",
        advice=("set ", Setting("data.separator"), *title),
    )


def _is_steady(lines: Sequence[str], mark: str) -> bool:
    """Return whether a mark stands in each line, as often as in the others."""
    counts = {_outside(line, mark) for line in lines[:20]}
    return len(lines) > 1 and len(counts) == 1 and counts != {0}


def _below(lines: Sequence[str]) -> bool:
    """Return whether the lines below the first are rows, so that it may be a title."""
    return any(_is_steady(lines[1:], mark) for mark in NAMES)


def _are_numbers_between_blanks(lines: Sequence[str]) -> bool:
    """Return whether each line holds as many numbers as the others, and nothing but these."""
    rows = [line.split() for line in lines]
    same = len(rows[0]) > 1 and {len(row) for row in rows} == {len(rows[0])}
    return same and all(re.fullmatch(NUMBERS, line.strip()) for line in lines)


def mark_of(name: str) -> str:
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
