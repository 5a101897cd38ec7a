"""Reading tables of text: bytes are checked before they are believed, every refusal names the file and the line.

All readers return text columns; numbers and times are made of them in ``fields``. Everything here is vectorised: ten
million rows are checked and read in seconds, and no row is looked at by Python unless it is the one to be named.
"""

from __future__ import annotations

import codecs
import gzip
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from gnnseg.types import InputError, Ints

CHUNK = 1 << 23
UNIT = b"\x1f"  # stands in for separators of more than one character
KINDS = {  # how files begin that are no tables of text
    b"PK\x03\x04": "a zip archive or an Excel workbook; unpack it, or export it as CSV",
    b"%PDF": "a PDF; export the table as CSV",
    b"SQLite format 3": "an SQLite database; export the table as CSV",
    b"\x28\xb5\x2f\xfd": "packed by zstd; unpack it",
    b"\xff\xfe": "UTF-16 text; save it as UTF-8 or set data.encoding=utf-16",
    b"\xfe\xff": "UTF-16 text; save it as UTF-8 or set data.encoding=utf-16",
}
SEPARATORS = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "bar": "|", "pipe": "|", "space": " "}


@dataclass(frozen=True)
class Sheet:
    """A table as read and where its rows stand in the file: row r on line ``first + r``, or on ``lines[r]``."""

    path: Path
    frame: pl.DataFrame
    first: int = 2
    lines: Ints | None = None
    unit: str = "line"

    def line(self, row: int) -> int:
        return self.first + row if self.lines is None else int(self.lines[row])


def exists(path: Path, what: str = "file") -> Path:
    """The path, if a readable file with something in it is there."""
    try:
        if path.is_dir():
            raise InputError(f"{path}: is a folder; name a {what} in it.")
        if not path.exists():
            raise InputError(f"{path}: no such file; check the path ({what}).")
        if path.stat().st_size == 0:
            raise InputError(f"{path}: the file is empty; give one with a header and rows.")
        with open(path, "rb"):
            return path
    except PermissionError:
        raise InputError(f"{path}: may not be read; change its permissions.") from None


def separator_of(name: str) -> str:
    """A separator by its name (tab, comma, semicolon, bar, space), or as it is."""
    if not name:
        raise InputError("data.separator: is empty; give a character, or tab, comma, semicolon, bar or space.")
    return SEPARATORS.get(name, name)


def text(path: Path, encoding: str = "utf-8") -> bytes:
    """The file as UTF-8 bytes with \\n at the ends of lines. Binary junk and text in another encoding are refused."""
    exists(path)
    data = path.read_bytes()
    if data[:2] == b"\x1f\x8b":
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError) as error:
            raise InputError(f"{path}: is packed by gzip and broken ({error}); fetch or pack it again.") from None
    try:
        name = codecs.lookup(encoding).name
    except LookupError:
        raise InputError(f"data.encoding={encoding}: no such encoding; utf-8, latin-1 and cp1252 are usual.") from None
    if name != "utf-8":
        try:
            data = data.decode(name).encode()
        except UnicodeError as error:
            raise InputError(f"{path}: is not {encoding} text ({error}); set data.encoding to what it is.") from None
    for start, kind in KINDS.items():
        if data.startswith(start):
            raise InputError(f"{path}: is {kind}.")
    if b"\0" in data:
        line = data.count(b"\n", 0, data.index(b"\0")) + 1
        raise InputError(f"{path}, line {line}: a zero byte, so this is no text file; give CSV, TSV or Parquet.")
    if name == "utf-8":
        _check_utf8(path, data)
    data = data.removeprefix(codecs.BOM_UTF8)
    if b"\n" not in data and b"\r" in data:
        data = data.replace(b"\r", b"\n")
    return data


def _check_utf8(path: Path, data: bytes) -> None:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for start in range(0, len(data), CHUNK):
            decoder.decode(data[start : start + CHUNK], final=start + CHUNK >= len(data))
    except UnicodeDecodeError:
        try:
            data.decode()
        except UnicodeDecodeError as error:
            junk = sum(byte < 9 or 13 < byte < 32 for byte in data[:4096]) > len(data[:4096]) // 20
            if junk:
                raise InputError(f"{path}: is not a text file; give CSV, TSV or Parquet.") from None
            line = data.count(b"\n", 0, error.start) + 1
            raise InputError(
                f"{path}, line {line}: not UTF-8 (byte 0x{data[error.start]:02x}); "
                "save the file as UTF-8 or set data.encoding=latin-1."
            ) from None


# --- rows and their shape ---------------------------------------------------------------------------------------


def _rows(path: Path, data: bytes, separator: bytes, quote: bool) -> tuple[Ints, Ints, Ints]:
    """Of each row: the byte it starts at, its number of separators, its line. A quote out of place is an InputError.

    A separator or line end between quotes belongs to the cell. (RFC 4180: a cell that holds a separator, a line end or
    a quote stands between quotes, and quotes in it are doubled.)
    """
    raw = np.frombuffer(data, dtype=np.uint8)
    quotes = np.flatnonzero(raw == 34) if quote else np.empty(0, dtype=np.int64)
    if len(quotes):
        _check_quotes(path, data, raw, quotes, separator[0])
    ends, counts, seps, closed = [], [], 0, 0
    for start in range(0, len(raw), CHUNK):
        part = raw[start : start + CHUNK]
        is_sep, is_end = part == separator[0], part == 10
        if len(quotes):
            inside = np.zeros(len(part), dtype=np.int8)
            lo, hi = np.searchsorted(quotes, [start, start + len(part)])
            inside[quotes[lo:hi] - start] = 1
            outside = ((np.cumsum(inside, dtype=np.int32) + (lo & 1)) & 1) == 0
            is_sep &= outside
            is_end &= outside
        end = np.flatnonzero(is_end)
        position = np.flatnonzero(is_sep)
        upto = np.searchsorted(position, end) + seps  # separators before each line end
        counts.append(np.diff(upto, prepend=closed))
        ends.append(end + start)
        seps += len(position)
        closed = int(upto[-1]) if len(end) else closed
    end, count = np.concatenate(ends), np.concatenate(counts)
    if len(raw) and (not len(end) or end[-1] != len(raw) - 1):  # the last line has no line end
        end, count = np.append(end, len(raw)), np.append(count, seps - closed)
    starts = np.concatenate([[0], end[:-1] + 1]).astype(np.int64)
    if len(quotes) and len(starts) <= int(np.count_nonzero(raw == 10)):
        every = np.flatnonzero(raw == 10)
        lines = np.searchsorted(every, starts) + 1
    else:
        lines = np.arange(1, len(starts) + 1)
    return starts, count.astype(np.int64), lines.astype(np.int64)


def _check_quotes(path: Path, data: bytes, raw: np.ndarray[Any, Any], quotes: Ints, separator: int) -> None:
    """Quotes open at the start of a cell and close at its end; the even ones open, the odd ones close."""
    opening, closing = quotes[::2], quotes[1::2]
    border = np.array([separator, 10, 13, 34], dtype=np.uint8)
    wrong_open = (opening > 0) & ~np.isin(raw[np.maximum(opening - 1, 0)], border)
    wrong_close = (closing < len(raw) - 1) & ~np.isin(raw[np.minimum(closing + 1, len(raw) - 1)], border)
    bad = [int(places[wrong][0]) for places, wrong in ((opening, wrong_open), (closing, wrong_close)) if wrong.any()]
    if not bad and len(quotes) % 2:
        bad = [int(quotes[-1])]
    if bad:
        line = data.count(b"\n", 0, min(bad)) + 1
        raise InputError(
            f"{path}, line {line}: a quote that does not open and close a whole cell; "
            'put the cell between quotes and double those inside it ("a ""b"" c").'
        )


def sheet(
    path: Path,
    *,
    separator: str,
    header: bool = True,
    columns: list[str] | None = None,
    encoding: str = "utf-8",
    quote: bool = True,
    data: bytes | None = None,
) -> Sheet:
    """A table of text, every column as text, blanks at the ends of a cell kept, blank lines left out.

    A ragged line and a quote out of place are named. Without a ``header``, ``columns`` names the columns.
    ``data``: the file's ``text``, where it has been read already.
    """
    data = text(path, encoding) if data is None else data
    mark = separator.encode()
    if len(mark) > 1:
        data, mark = data.replace(mark, UNIT), UNIT
    starts, counts, lines = _rows(path, data, mark, quote)
    blank = np.array([], dtype=np.int64)
    lone = np.flatnonzero(counts == 0)
    if len(lone):
        stops = np.append(starts[1:], len(data) + 1)
        blank = lone[[not data[starts[r] : stops[r]].strip() for r in lone.tolist()]] if len(lone) < 1000 else lone[:0]
    if len(blank):
        keep = np.ones(len(starts), dtype=bool)
        keep[blank] = False
        stops = np.append(starts[1:], len(data))
        pieces = zip(starts[keep].tolist(), stops[keep].tolist(), strict=True)
        data = b"".join(data[a:b] for a, b in pieces)
        counts, lines = counts[keep], lines[keep]
    if not len(counts):
        raise InputError(f"{path}: holds blank lines only; give a file with a header and rows.")
    wanted = len(columns) - 1 if columns is not None and not header else int(counts[0])
    wrong = np.flatnonzero(counts != wanted)
    if len(wrong):
        row = int(wrong[0])
        first = "the first line has" if header or columns is None else "there should be"
        raise InputError(
            f"{path}, line {lines[row]}: has {counts[row] + 1} columns where {first} {wanted + 1}; "
            "mend the line, or set data.separator."
        )
    if len(counts) == 1 and header:
        raise InputError(f"{path}: holds a header and no rows; give a file with interactions.")
    frame = _parse(path, data, mark.decode(), header, columns, quote)
    lines = lines[1:] if header else lines
    regular = lines[-1] - lines[0] == len(lines) - 1
    return Sheet(path, frame, int(lines[0]), None if regular else lines)


def _parse(
    path: Path, data: bytes, separator: str, header: bool, columns: list[str] | None, quote: bool
) -> pl.DataFrame:
    try:
        frame = pl.read_csv(
            data, separator=separator, has_header=header, infer_schema=False, quote_char='"' if quote else None,
            new_columns=None if header else columns,
        )  # fmt: skip
    except pl.exceptions.PolarsError as error:
        why = str(error).splitlines()[0]
        raise InputError(f"{path}: cannot be read as a table separated by {separator!r} ({why}).") from None
    if not header:
        return frame
    names = [name.strip() for name in frame.columns]
    for place, name in enumerate(names):
        if name in names[:place] or "_duplicated_" in name:
            raise InputError(f"{path}, line 1: the column {name.split('_duplicated_')[0]!r} stands twice; rename one.")
    frame.columns = names
    return frame


def table(path: Path, **options: Any) -> pl.DataFrame:
    """The table alone, for files that bring attributes."""
    return sheet(path, **options).frame


# --- other formats ----------------------------------------------------------------------------------------------


def atomic_file(path: Path) -> Sheet:
    """RecBole's atomic file: tab separated, header ``name:type``; types are dropped, every column is text."""
    found = sheet(path, separator="\t", quote=False)
    if not all(":" in name for name in found.frame.columns):
        raise InputError(f"{path}: no RecBole header (name:type in each column); set data.format.")
    names = {name: name.rsplit(":", 1)[0] for name in found.frame.columns}
    return Sheet(path, found.frame.rename(names), found.first, found.lines)


def lists(path: Path, data: bytes | None = None) -> Sheet:
    """LightGCN's lines ``user item item …``: user, item. A user without items stands in no row."""
    data = text(path) if data is None else data
    users: list[str] = []
    items: list[str] = []
    lines: list[int] = []
    for number, line in enumerate(data.decode().split("\n"), 1):
        cells = line.split()
        if not cells:
            continue
        bad = next((cell for cell in cells if not (cell.isascii() and cell.isdigit())), None)
        if bad is not None:
            raise InputError(f"{path}, line {number}: {bad!r} is no id; lines are 'user item item …' of integer ids.")
        users.extend(cells[:1] * (len(cells) - 1))
        items.extend(cells[1:])
        lines.extend([number] * (len(cells) - 1))
    if not users:
        raise InputError(f"{path}: holds no interactions; lines are 'user item item …'.")
    return Sheet(path, pl.DataFrame({"user": users, "item": items}), 1, np.array(lines))


def parquet(path: Path) -> Sheet:
    """A Parquet file; its rows are counted from 1."""
    exists(path)
    try:
        frame = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        why = (str(error).splitlines() or ["unreadable"])[0]
        raise InputError(f"{path}: cannot be read as Parquet ({why}); write or fetch it again.") from None
    if frame.is_empty():
        raise InputError(f"{path}: holds no rows; give a file with interactions.")
    return Sheet(path, frame, 1, unit="row")
