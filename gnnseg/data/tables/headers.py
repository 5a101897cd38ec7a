"""What stands above the rows of a text: comments, a header, or none; and what columns are called.

Without a header, columns are called by their places: ``column_1``, ``column_2`` ….
"""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Sequence
from typing import Literal

from gnnseg.data.tables.columns import HEADER_WORDS, simple

Header = Literal["first", "none"]
COMMENT = re.compile(rb"[#%]")
NUMBER = re.compile(r"[+-]?(\d[\d.,'’ ]*|\.\d+)([eE][+-]?\d+)?$")


def by_place(place: int) -> str:
    """Return what the column at a place, from 0, is called where it has no name."""
    return f"column_{place + 1}"


def without_comments(data: bytes) -> tuple[bytes, int]:
    """Return the text with the comment lines at its top blanked, and how many there were.

    A comment begins with # or %. A single such line, as wide as the next, is a header as it stands;
    of several, the last is one, without its mark, where it is as wide as a row of numbers below.
    """
    lines: list[tuple[int, int]] = []  # where comments start and stop
    start = 0
    while start < len(data):
        stop = data.find(b"\n", start)
        stop = len(data) if stop < 0 else stop
        line = data[start:stop].strip()
        if line and not COMMENT.match(line):
            break
        if line:
            lines.append((start, stop))
        start = stop + 1
    if not lines or start >= len(data):
        return data, 0
    next_end = data.find(b"\n", start)
    row = data[start : len(data) if next_end < 0 else next_end]
    last = data[lines[-1][0] : lines[-1][1]]
    if len(lines) == 1 and _width(last) == _width(row) > 1:
        return data, 0
    blank = bytearray(data[:start])
    names = len(lines) > 1 and _width(last) == _width(row) > 1 and _holds_numbers(row)
    for begin, stop in lines[:-1] if names else lines:
        blank[begin:stop] = b" " * (stop - begin)
    if names:
        mark = re.match(rb"\s*[#%]+", last)
        assert mark is not None
        blank[lines[-1][0] : lines[-1][0] + mark.end()] = b" " * mark.end()
    return bytes(blank) + data[start:], len(lines) - names


def _width(line: bytes) -> int:
    """Return how many cells a line has, by whichever separator stands most often in it."""
    return 1 + max(line.count(mark) for mark in (b",", b";", b"\t", b"|"))


def _holds_numbers(line: bytes) -> bool:
    return re.fullmatch(rb"[\d.,;\t| +-]+\r?", line) is not None


def cells_of(lines: Sequence[str], mark: str, quote: bool) -> list[list[str]]:
    """Return the cells of lines, those as wide as the first alone."""
    if len(mark) > 1 or not quote:
        rows = [line.split(mark) for line in lines]
    else:
        try:
            rows = list(csv.reader(lines, delimiter=mark))
        except csv.Error:
            return []
    rows = [[cell.strip() for cell in row] for row in rows if row]
    return [row for row in rows if len(row) == len(rows[0])]


def is_absent(rows: Sequence[Sequence[str]], named: Collection[str] = ()) -> bool:
    """Return whether the first of these rows is data like the others, and so no header.

    It is where its cells are of the kind of those below: numbers above numbers, ids of one form, a
    word that stands further down too; no cell differs in kind from its column, none is a usual name
    of a column or one of the ``named``.
    """
    if not rows:
        return False
    first, below = rows[0], rows[1:]
    if any(simple(cell) in HEADER_WORDS for cell in first) or set(first) & set(named):
        return False
    if len(set(first)) == len(first) and _counts_up(first):
        return False  # pandas' names of columns without names
    if not below:
        return len(first) > 1 and all(NUMBER.match(cell) for cell in first)
    votes = [_vote(cell, [row[place] for row in below]) for place, cell in enumerate(first)]
    return min(votes) >= 0 and max(votes) > 0


def _counts_up(cells: Sequence[str]) -> bool:
    digits = [cell for cell in cells if cell]
    if not all(cell.isascii() and cell.isdigit() for cell in digits) or len(digits) < 2:
        return False
    numbers = [int(cell) for cell in digits]
    return numbers == list(range(len(numbers)))


def _vote(cell: str, column: Sequence[str]) -> int:
    """Return 1 where a first cell is of its column's kind, -1 where it is a name, 0 if unclear."""
    filled = [other for other in column if other]
    if not filled:
        return 0 if not cell or NUMBER.match(cell) else -1
    if not cell:
        return 0
    if all(NUMBER.match(other) for other in filled):
        return 1 if NUMBER.match(cell) else -1
    forms = {_form(other) for other in filled}
    if len(forms) == 1 and "9" in next(iter(forms)):
        return 1 if _form(cell) in forms else -1
    return 1 if cell in filled else 0


def _form(cell: str) -> str:
    """Return what ids and dates of one form share: A17 and A4 both give A9."""
    return re.sub(r"\d+", "9", cell)
