"""Rows of a text and their shape, found in its bytes.

Everything here is vectorised: ten million rows are found and counted in seconds.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gnnseg.types import InputError, Ints

CHUNK = 1 << 23
FEW = 1000  # rows without a separator that are looked at one by one


class Rows(NamedTuple):
    """Of each row: the byte it starts at, its separators, its line (None: row r on line r + 1)."""

    starts: Ints
    separators: Any
    lines: Ints | None


def find(path: Path, data: bytes, separator: bytes, quote: bool) -> Rows:
    """Find the rows of a text, blank ones too.

    A separator or line end between quotes belongs to the cell (RFC 4180: a cell that holds a
    separator, a line end or a quote stands between quotes, and quotes in it are doubled). A quote
    out of place is an InputError.
    """
    raw = np.frombuffer(data, dtype=np.uint8)
    quotes = _places(raw, 34) if quote and b'"' in data else np.empty(0, dtype=np.int64)
    if len(quotes):
        _check_quotes(path, data, raw, quotes, separator[0])
    starts: list[Ints] = [np.zeros(1, dtype=np.int64)]
    counts, seps, closed, breaks = [], 0, 0, 0
    for offset in range(0, len(raw), CHUNK):
        part = raw[offset : offset + CHUNK]
        is_sep, is_end = part == separator[0], part == 10
        if len(quotes):
            inside = np.zeros(len(part), dtype=np.int8)
            lo, hi = np.searchsorted(quotes, [offset, offset + len(part)])
            inside[quotes[lo:hi] - offset] = 1
            outside = ((np.cumsum(inside, dtype=np.int32) + (lo & 1)) & 1) == 0
            breaks += int(np.count_nonzero(is_end & ~outside))
            is_sep &= outside
            is_end &= outside
        end = np.flatnonzero(is_end)
        position = np.flatnonzero(is_sep)
        upto = np.searchsorted(position, end) + seps  # separators before each line end
        counts.append(np.diff(upto, prepend=closed).astype(np.int32))
        starts.append(end + (offset + 1))
        seps += len(position)
        closed = int(upto[-1]) if len(end) else closed
    begins = np.concatenate(starts)
    count = np.concatenate(counts) if counts else np.empty(0, dtype=np.int32)
    if begins[-1] == len(raw):  # the last line has its line end
        begins = begins[:-1]
    else:
        count = np.append(count, np.int32(seps - closed))
    lines = np.searchsorted(_places(raw, 10), begins).astype(np.int64) + 1 if breaks else None
    return Rows(begins, count, lines)


def without_blank(data: bytes, rows: Rows) -> tuple[bytes, Rows]:
    """Return the text and its rows without those that hold nothing but blanks."""
    return _without(data, rows, _blank(data, rows.starts, rows.separators))


def without_empty(data: bytes, rows: Rows) -> tuple[bytes, Rows, int]:
    """Return the text and its rows without those of separators alone, and how many these were."""
    if not len(rows.starts):
        return data, rows, 0
    length = _ends(data, rows) - rows.starts
    empty: Ints = np.flatnonzero((length == rows.separators) & (rows.separators > 0))
    return (*_without(data, rows, empty), len(empty))


def trimmed(data: bytes, rows: Rows, separator: bytes) -> tuple[bytes, Rows]:
    """Return the text and its rows, as wide as each other where only a last separator differs.

    Some programs end every row with a separator, but not the header, or the header alone.
    """
    counts = rows.separators
    if len(counts) < 2 or counts[0] == counts[1] or bool((counts[1:] != counts[1]).any()):
        return data, rows
    wide = np.zeros(1, dtype=np.int64) if counts[0] > counts[1] else np.arange(1, len(counts))
    width, extra = int(counts.min()), abs(int(counts[0]) - int(counts[1]))
    ends, raw = _ends(data, rows)[wide], np.frombuffer(data, dtype=np.uint8)
    keep = np.ones(len(raw), dtype=bool)
    for step in range(1, extra + 1):
        if not bool((raw[ends - step] == separator[0]).all()):
            return data, rows  # cells that hold something
        keep[ends - step] = False
    gone = np.zeros(len(counts), dtype=np.int64)
    gone[wide] = extra
    starts = rows.starts - np.cumsum(gone) + gone
    return raw[keep].tobytes(), Rows(starts, np.full_like(counts, width), rows.lines)


def named(data: bytes, rows: Rows, separator: bytes) -> tuple[bytes, Rows, bool]:
    """Return the text and its rows with a nameless first column where R has written row names.

    There every row but the header has one cell more, the first, which counts the rows.
    """
    counts = rows.separators
    if len(counts) < 3 or bool((counts[1:] != counts[0] + 1).any()):
        return data, rows, False
    begins = rows.starts[1 : FEW + 1].tolist()
    first = [data[begin : data.find(separator, begin)].strip(b'"') for begin in begins]
    if first != [b"%d" % (number + 1) for number in range(len(first))]:
        return data, rows, False
    place = int(rows.starts[0])
    starts = rows.starts + 1
    starts[0] = place
    widths = np.full_like(counts, counts[1])
    return data[:place] + separator + data[place:], Rows(starts, widths, rows.lines), True


def _ends(data: bytes, rows: Rows) -> Ints:
    """Return where each row ends, before its line end."""
    raw = np.frombuffer(data, dtype=np.uint8)
    ends = np.append(rows.starts[1:], len(raw))
    for end in (10, 13):
        ends = ends - (raw[np.maximum(ends - 1, 0)] == end)
    found: Ints = ends
    return found


def _without(data: bytes, rows: Rows, blank: Ints) -> tuple[bytes, Rows]:
    """Return the text and its rows without some; lines are counted as they were."""
    starts, separators, lines = rows
    if not len(blank):
        return data, rows
    lines = np.arange(1, len(starts) + 1) if lines is None else lines
    stops = np.append(starts[1:], len(data))
    keep = np.ones(len(starts), dtype=bool)
    keep[blank] = False
    out, place = io.BytesIO(), 0
    for row in blank.tolist():
        out.write(data[place : starts[row]])
        place = int(stops[row])
    out.write(data[place:])
    length = (stops - starts)[keep]
    return out.getvalue(), Rows(np.cumsum(length) - length, separators[keep], lines[keep])


def _blank(data: bytes, starts: Ints, separators: Any) -> Ints:
    """Find the rows that hold nothing but blanks."""
    lone: Ints = np.flatnonzero(separators == 0)
    if not len(lone):
        return lone
    stops = np.append(starts, len(data) + 1)[lone + 1] - 1
    length = stops - starts[lone]
    raw = np.frombuffer(data, dtype=np.uint8)
    empty = (length == 0) | ((length == 1) & (raw[np.minimum(starts[lone], len(raw) - 1)] == 13))
    if np.count_nonzero(~empty) <= FEW:
        for place in np.flatnonzero(~empty).tolist():
            empty[place] = not data[starts[lone[place]] : stops[place]].strip()
    blank: Ints = lone[empty]
    return blank


def _places(raw: np.ndarray[Any, Any], byte: int) -> Ints:
    """Find where a byte stands, chunk by chunk."""
    found = [
        np.flatnonzero(raw[start : start + CHUNK] == byte) + start
        for start in range(0, len(raw), CHUNK)
    ]
    return np.concatenate(found) if found else np.empty(0, dtype=np.int64)


def _check_quotes(
    path: Path, data: bytes, raw: np.ndarray[Any, Any], quotes: Ints, separator: int
) -> None:
    """Refuse quotes that do not open a cell (the even ones) and close it (the odd ones)."""
    opening, closing = quotes[::2], quotes[1::2]
    border = np.array([separator, 10, 13, 34], dtype=np.uint8)
    wrong_open = (opening > 0) & ~np.isin(raw[np.maximum(opening - 1, 0)], border)
    wrong_close = (closing < len(raw) - 1) & ~np.isin(
        raw[np.minimum(closing + 1, len(raw) - 1)], border
    )
    bad = [
        int(places[wrong][0])
        for places, wrong in ((opening, wrong_open), (closing, wrong_close))
        if wrong.any()
    ]
    if not bad and len(quotes) % 2:
        bad = [int(quotes[-1])]
    if bad:
        line = data.count(b"\n", 0, min(bad)) + 1
        raise InputError(
            f"{path}, line {line}: a quote that does not open and close a whole cell; "
            'put the cell between quotes and double those inside it ("a ""b"" c").'
        )
