"""Reading tables of text: bytes are checked before they are believed, every refusal names the file
and the line.

All readers return text columns; numbers and times are made of them in ``fields``. Everything here
is vectorised: ten million rows are checked and read in seconds, and no row is looked at by Python
unless it is the one to be named.
"""

from __future__ import annotations

import codecs
import glob
import gzip
import io
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from gnnseg.data.tables import encodings
from gnnseg.types import InputError, Ints

CHUNK = 1 << 23
LONGEST = 60  # characters of a cell that a sentence quotes
HEAD = 1000  # rows looked at before the whole table is read
UNIT = b"\x1f"  # stands in for separators of more than one character
KINDS = {  # how files begin that are no tables of text
    b"PK\x03\x04": "a zip archive or an Excel workbook; unpack it, or export it as CSV",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook or Office document; export the table as CSV",
    b"%PDF": "a PDF; export the table as CSV",
    b"SQLite format 3": "an SQLite database; export the table as CSV",
    b"\x28\xb5\x2f\xfd": "packed by zstd; unpack it",
    b"BZh9": "packed by bzip2; unpack it",
    b"\xfd7zXZ": "packed by xz; unpack it",
    b"7z\xbc\xaf": "a 7-Zip archive; unpack it",
    b"Rar!": "a RAR archive; unpack it",
    b"{\\rtf": "a text document (RTF); export the table as CSV",
    b"<!DOCTYPE": "a web page; export the table as CSV",
    b"<!doctype": "a web page; export the table as CSV",
    b"<html": "a web page; export the table as CSV",
    b"<?xml": "XML; export the table as CSV",
    b'{"': "JSON; export the table as CSV",
    b"[{": "JSON; export the table as CSV",
    b"PAR1": "Parquet; name it .parquet or set data.format=parquet",
    b"\xff\xfe": "UTF-16 text; save it as UTF-8 or set data.encoding=utf-16",
    b"\xfe\xff": "UTF-16 text; save it as UTF-8 or set data.encoding=utf-16",
}
SEPARATORS = {
    "tab": "\t",
    "\\t": "\t",
    "comma": ",",
    "semicolon": ";",
    "bar": "|",
    "pipe": "|",
    "space": " ",
}


Pick = Callable[[pl.DataFrame], Sequence[str]]  # which columns to read, by the first rows


@dataclass(frozen=True)
class Text:
    """A file's text as UTF-8 bytes with \\n at the ends of lines, and what was seen on the way, in
    words."""

    data: bytes
    said: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sheet:
    """A table as read and where its rows stand in the file: row r on line ``first + r``, or on
    ``lines[r]``.

    ``head``: the first rows of all columns, where fewer were read. ``pieces``: sheets stacked, each
    with its first row.
    """

    path: Path
    frame: pl.DataFrame
    first: int = 2
    lines: Ints | None = None
    unit: str = "line"
    head: pl.DataFrame | None = None
    pieces: tuple[tuple[int, Sheet], ...] = field(default=(), repr=False)

    def line(self, row: int) -> int:
        return self.first + row if self.lines is None else int(self.lines[row])

    def where(self, row: int, *, short: bool = False) -> str:
        """File and line of a row, for people; ``short``: by the file's name alone."""
        for start, piece in reversed(self.pieces):
            if row >= start:
                return piece.where(row - start, short=short)
        return f"{self.path.name if short else self.path}, {self.unit} {self.line(row)}"


def stack(sheets: Sequence[Sheet], columns: Sequence[dict[str, str]], path: Path) -> Sheet:
    """Sheets on top of each other; ``columns``: for each, new names and the names they have there.
    ``part``: the sheet's number."""
    frames = [
        sheet.frame.select(
            *[pl.col(old).alias(new) for new, old in names.items()],
            part=pl.lit(number, dtype=pl.Int32),
        )
        for number, (sheet, names) in enumerate(zip(sheets, columns, strict=True))
    ]
    for name in frames[0].columns:
        if len({frame.schema[name] for frame in frames}) > 1:
            frames = [frame.with_columns(pl.col(name).cast(pl.String)) for frame in frames]
    starts = np.cumsum([0, *map(len, frames[:-1])]).tolist()
    bare = [
        Sheet(s.path, pl.DataFrame(), s.first, s.lines, s.unit, pieces=s.pieces) for s in sheets
    ]
    return Sheet(path, pl.concat(frames), pieces=tuple(zip(starts, bare, strict=True)))


def listed(path: str | Sequence[str], key: str = "data.path") -> list[Path]:
    """The files that a path, a pattern such as 'orders-*.csv', or a list of these stand for; a
    pattern's in sorted order."""
    found: list[Path] = []
    for one in [path] if isinstance(path, str) else path:
        where = Path(one).expanduser()
        if where.exists() or not glob.has_magic(str(where)):
            found.append(where)
            continue
        matched = sorted(match for name in glob.glob(str(where)) if (match := Path(name)).is_file())
        if not matched:
            raise InputError(
                f"{key}={one}: no file matches; check the pattern and the folder it is looked for "
                "in."
            )
        found.extend(matched)
    if not found:
        raise InputError(f"{key}: is an empty list; name at least one file.")
    twice = next((one for n, one in enumerate(found) if one in found[:n]), None)
    if twice is not None:
        raise InputError(f"{key}: {twice} is named twice; name each file once.")
    return found


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


def shown(cell: str | None) -> str:
    """A cell as a sentence quotes it: long ones are cut."""
    if not cell:
        return "empty"
    return repr(cell if len(cell) <= LONGEST else cell[:LONGEST] + "…")


def separator_of(name: str) -> str:
    """A separator by its name (tab, comma, semicolon, bar, space), or as it is."""
    if not name:
        raise InputError(
            "data.separator: is empty; give a character, or tab, comma, semicolon, bar or space."
        )
    return SEPARATORS.get(name, name)


def text(path: Path, encoding: str | None = "utf-8") -> Text:
    """The file's text. Binary junk and text in another encoding are refused; an ``encoding`` of
    null is told."""
    exists(path)
    data, said = path.read_bytes(), []
    if data[:2] == b"\x1f\x8b":
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise InputError(
                f"{path}: is packed by gzip and broken ({error}); fetch or pack it again."
            ) from None
        if not data:
            raise InputError(
                f"{path}: the file packed in it is empty; give one with a header and rows."
            )
        said.append("packed by gzip")
    if encoding is None:
        _refuse_kinds(path, data, but=(codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        name, words = encodings.tell(path, data)
        said.append(words)
    else:
        name = encodings.known(encoding)
        said.append("UTF-8" if name == "utf-8" else encoding)
    if name != "utf-8":
        data = encodings.to_utf8(path, data, encoding or name)
    _refuse_kinds(path, data)
    if b"\0" in data:
        line = data.count(b"\n", 0, data.index(b"\0")) + 1
        raise InputError(
            f"{path}, line {line}: a zero byte, so this is no text file; give CSV, TSV or Parquet."
        )
    if (
        encoding is not None
        and name == "utf-8"
        and (place := encodings.first_invalid(data)) is not None
    ):
        raise encodings.not_utf8(path, data, place)
    data = data.removeprefix(codecs.BOM_UTF8)
    if b"\n" not in data and b"\r" in data:
        data = data.replace(b"\r", b"\n")
        said.append("CR line ends")
    elif data[:CHUNK].count(b"\r\n") * 2 > data[:CHUNK].count(b"\n"):
        said.append("CRLF line ends")
    return Text(data, tuple(said))


def _refuse_kinds(path: Path, data: bytes, but: tuple[bytes, ...] = ()) -> None:
    for start, kind in KINDS.items():
        if data.startswith(start) and start not in but:
            raise InputError(f"{path}: is {kind}.")


# --- rows and their shape
# ---------------------------------------------------------------------------------------


def _rows(path: Path, data: bytes, separator: bytes, quote: bool) -> tuple[Ints, Any, Ints | None]:
    """Of each row: the byte it starts at, its number of separators, its line (null: row r on line r
    + 1).

    A separator or line end between quotes belongs to the cell; a quote out of place is an
    InputError. (RFC 4180: a cell that holds a separator, a line end or a quote stands between
    quotes, and quotes in it are doubled.)
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
    begins, count = (
        np.concatenate(starts),
        np.concatenate(counts) if counts else np.empty(0, dtype=np.int32),
    )
    if begins[-1] == len(raw):  # the last line has its line end
        begins = begins[:-1]
    else:
        count = np.append(count, np.int32(seps - closed))
    lines = np.searchsorted(_places(raw, 10), begins).astype(np.int64) + 1 if breaks else None
    return begins, count, lines


def _places(raw: np.ndarray[Any, Any], byte: int) -> Ints:
    """Where a byte stands, found chunk by chunk."""
    found = [
        np.flatnonzero(raw[start : start + CHUNK] == byte) + start
        for start in range(0, len(raw), CHUNK)
    ]
    return np.concatenate(found) if found else np.empty(0, dtype=np.int64)


def _check_quotes(
    path: Path, data: bytes, raw: np.ndarray[Any, Any], quotes: Ints, separator: int
) -> None:
    """Quotes open at the start of a cell and close at its end; the even ones open, the odd ones
    close."""
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


def sheet(
    path: Path,
    *,
    separator: str,
    header: bool = True,
    columns: list[str] | None = None,
    encoding: str | None = "utf-8",
    quote: bool = True,
    data: bytes | None = None,
    pick: Pick | None = None,
) -> Sheet:
    """A table of text, every column as text, blanks at the ends of a cell kept, blank lines left
    out.

    A ragged line and a quote out of place are named. Without a ``header``, ``columns`` names the
    columns. ``data``: the file's ``text``, where it has been read already. ``pick``: given the
    first rows, which columns to read.
    """
    data = text(path, encoding).data if data is None else data
    mark = separator.encode()
    if len(mark) > 1:
        data, mark = data.replace(mark, UNIT), UNIT
    starts, counts, lines = _rows(path, data, mark, quote)
    blank = _blank(data, starts, counts)
    if len(blank):
        data, starts, lines = _without(data, starts, blank, lines)
        counts = np.delete(counts, blank)
    if not len(counts):
        raise InputError(f"{path}: holds blank lines only; give a file with a header and rows.")
    wanted = len(columns) - 1 if columns is not None and not header else int(counts[0])
    wrong = np.flatnonzero(counts != wanted)
    if len(wrong):
        row = int(wrong[0])
        first = "the first line has" if header or columns is None else "there should be"
        raise InputError(
            f"{path}, line {row + 1 if lines is None else lines[row]}: has {counts[row] + 1} "
            f"columns where {first} "
            f"{wanted + 1}; mend the line, or set data.separator."
        )
    if len(counts) == 1 and header:
        raise InputError(f"{path}: holds a header and no rows; give a file with interactions.")
    if lines is not None:
        lines = lines[1:] if header else lines
        lines = (
            None
            if (first_line := int(lines[0])) and lines[-1] - lines[0] == len(lines) - 1
            else lines
        )
    else:
        first_line = 2 if header else 1
    stop = int(starts[HEAD]) if len(starts) > HEAD else len(data)
    del starts, counts
    options = (mark.decode(), header, columns, quote)
    if pick is None:
        return Sheet(path, _parse(path, data, *options), first_line, lines)
    head = _parse(path, data[:stop], *options)
    return Sheet(path, _parse(path, data, *options, list(pick(head))), first_line, lines, head=head)


def _blank(data: bytes, starts: Ints, counts: Any) -> Ints:
    """Rows that hold nothing but blanks."""
    lone: Ints = np.flatnonzero(counts == 0)
    if not len(lone):
        return lone
    stops = np.append(starts, len(data) + 1)[lone + 1] - 1
    length = stops - starts[lone]
    raw = np.frombuffer(data, dtype=np.uint8)
    empty = (length == 0) | ((length == 1) & (raw[np.minimum(starts[lone], len(raw) - 1)] == 13))
    if np.count_nonzero(~empty) <= HEAD:
        for place in np.flatnonzero(~empty).tolist():
            empty[place] = not data[starts[lone[place]] : stops[place]].strip()
    blank: Ints = lone[empty]
    return blank


def _without(
    data: bytes, starts: Ints, blank: Ints, lines: Ints | None
) -> tuple[bytes, Ints, Ints]:
    """The text without these rows, where its rows now start, and the lines they stood on."""
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
    return out.getvalue(), np.cumsum(length) - length, lines[keep]


def _parse(
    path: Path,
    data: bytes,
    separator: str,
    header: bool,
    columns: list[str] | None,
    quote: bool,
    only: list[str] | None = None,
) -> pl.DataFrame:
    options: dict[str, Any] = {
        "separator": separator,
        "infer_schema": False,
        "quote_char": '"' if quote else None,
    }
    try:
        if not header:
            return pl.read_csv(data, has_header=False, new_columns=columns, **options)
        first = pl.read_csv(data, n_rows=0, **options)
        names = [name.strip() for name in first.columns]
        for place, name in enumerate(names):
            if name in names[:place] or "_duplicated_" in name:
                twice = name.split("_duplicated_")[0]
                raise InputError(
                    f"{path}, line 1: the column {shown(twice)} stands twice; rename one."
                )
        places = (
            list(range(len(names))) if only is None else sorted(names.index(name) for name in only)
        )
        frame = pl.read_csv(data, columns=places, **options)
    except pl.exceptions.PolarsError as error:
        why = str(error).splitlines()[0]
        raise InputError(
            f"{path}: cannot be read as a table separated by {separator!r} ({why})."
        ) from None
    frame.columns = [names[place] for place in places]
    return frame


def table(path: Path, **options: Any) -> pl.DataFrame:
    """The table alone, for files that bring attributes."""
    return sheet(path, **options).frame


# --- other formats
# ----------------------------------------------------------------------------------------------


def atomic_file(path: Path, data: bytes | None = None) -> Sheet:
    """RecBole's atomic file: tab separated, header ``name:type``; types are dropped, every column
    is text."""
    found = sheet(path, separator="\t", quote=False, data=data)
    if not all(":" in name for name in found.frame.columns):
        raise InputError(f"{path}: no RecBole header (name:type in each column); set data.format.")
    names = {name: name.rsplit(":", 1)[0] for name in found.frame.columns}
    return Sheet(path, found.frame.rename(names), found.first, found.lines)


def lists(path: Path, data: bytes | None = None) -> Sheet:
    """LightGCN's lines ``user item item …``: user, item. A user without items stands in no row."""
    data = text(path).data if data is None else data
    users: list[str] = []
    items: list[str] = []
    lines: list[int] = []
    for number, line in enumerate(data.decode().split("\n"), 1):
        cells = line.split()
        if not cells:
            continue
        bad = next((cell for cell in cells if not (cell.isascii() and cell.isdigit())), None)
        if bad is not None:
            raise InputError(
                f"{path}, line {number}: {shown(bad)} is no id; lines are 'user item item …' of "
                "integer ids."
            )
        users.extend(cells[:1] * (len(cells) - 1))
        items.extend(cells[1:])
        lines.extend([number] * (len(cells) - 1))
    if not users:
        raise InputError(f"{path}: holds no interactions; lines are 'user item item …'.")
    return Sheet(path, pl.DataFrame({"user": users, "item": items}), 1, np.array(lines))


def parquet(path: Path, pick: Pick | None = None) -> Sheet:
    """A Parquet file; its rows are counted from 1. ``pick``: given the first rows, which columns to
    read."""
    exists(path)
    try:
        head = None if pick is None else pl.read_parquet(path, n_rows=HEAD)
        frame = pl.read_parquet(
            path, columns=None if pick is None or head is None else list(pick(head))
        )
    except (pl.exceptions.PolarsError, OSError) as error:
        why = (str(error).splitlines() or ["unreadable"])[0]
        raise InputError(
            f"{path}: cannot be read as Parquet ({why}); write or fetch it again."
        ) from None
    if frame.is_empty():
        raise InputError(f"{path}: holds no rows; give a file with interactions.")
    return Sheet(path, frame, 1, unit="row", head=head)
