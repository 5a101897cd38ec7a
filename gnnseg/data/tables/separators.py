"""What a user's file is: detected from its first lines and reported, never silently guessed.

Where two readings fit, an InputError says what to set.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl

from gnnseg.data.tables import columns as columns_
from gnnseg.data.tables import formats, headers, impressions, joined, jsons, workbooks
from gnnseg.data.tables import lines as lines_
from gnnseg.data.tables.decoded import DecodedText
from gnnseg.data.tables.fields import ROLES
from gnnseg.data.tables.marks import NAMES, SETTINGS, first_lines, mark_of, the_separator
from gnnseg.data.tables.settings import FileSettings, Format
from gnnseg.data.tables.sheets import Sheet
from gnnseg.types import InputError, Setting

DETECTED = FileSettings()
BENCHMARKS = ("lightgcn", "u.data", "ratings.dat", "mind")  # without a header, columns by place
Look = Callable[[pl.DataFrame], None]
Pick = Callable[..., list[str]]
ATOMIC = ("\t", ",", ";", "|")
ATOMIC_NAME = r"[^:]+:(token|token_seq|float|float_seq)"
RUNS, EDGES = re.compile(rb" {2,}"), re.compile(rb"(?m)^ +| +(?=\r?$)")
PYTHON = r"""\{u?'[^']*': """
MOVIELENS = ("user", "item", "weight", "time")


@dataclass(frozen=True)
class WholeFile:
    """A file as read, by its own columns.

    note: What was noticed, in words. format: What kind of file it is. settings: How it was read,
    where that was detected.
    """

    sheet: Sheet
    note: str
    format: Format
    settings: dict[str, str]


@dataclass(frozen=True)
class ReadFile:
    """A file as read: its rows, which column serves which role, and what was noticed, in words."""

    sheet: Sheet
    columns: dict[str, str | None]
    note: str
    format: Format = "table"
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def has_names(self) -> bool:
        """Return whether the file's columns have names of their own."""
        return self.format not in BENCHMARKS

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
    how: FileSettings = DETECTED,
    *,
    guess: bool = False,
    look: Look | None = None,
) -> ReadFile:
    """Read a user's table of interactions; only the columns that serve are read.

    Args:
        path: The file.
        mapping: Columns by role, and of titles; None: by the usual names; '': not there.
        how: How the file is read, as far as it is told.
        guess: Columns may be proposed by their content too, for people to look at.
        look: Is given the first rows, of all columns, before any column is chosen.

    Raises:
        InputError: What cannot be read, or could be read in two ways.
    """
    formats.exists(path)
    columns: dict[str, str | None] = {}

    def pick(head: pl.DataFrame, text: bool = True) -> list[str]:
        if look is not None:
            look(head)
        columns.update(columns_.choose(path, head, mapping, text=text, guess=guess))
        used = [name for name in columns.values() if name is not None]
        plain = [one for name in used for one in joined.parts(head.columns, name) or (name,)]
        return list(dict.fromkeys(plain))

    named = [name for name in mapping.values() if name and "," not in name]
    told = any(mapping.get(role) for role in ROLES)
    found = whole(path, how, named=named, pick=pick, table=told)
    if found.format in BENCHMARKS:
        return ReadFile(found.sheet, _by_place(found), found.note, found.format, found.settings)
    sheet = joined.added_to(found.sheet, columns.get("time"))
    file = ReadFile(sheet, columns, found.note, found.format, found.settings)
    simple = {name: columns_.simple(name) for name in file.names}
    unused = lines_.unused_kinds(file.head, list(columns.values()), simple)
    roles = ", ".join(f"{role}={name!r}" for role, name in columns.items() if name is not None)
    note = f"{found.note}{f', {unused}' if unused else ''}; {roles}"
    return replace(file, note=note)


def _by_place(found: WholeFile) -> dict[str, str | None]:
    return {name: name for name in found.sheet.frame.columns}


def whole(
    path: Path,
    how: FileSettings = DETECTED,
    *,
    named: Sequence[str] = (),
    pick: Pick | None = None,
    table: bool = False,
) -> WholeFile:
    """Read a file of any form, by its own columns.

    Args:
        path: The file.
        how: How it is read, as far as it is told.
        named: Columns that it must have, which speak for one separator.
        pick: Given the first rows, and whether they come from text, which columns to read.
        table: Whether it can be no list of users and items without a header.

    Raises:
        InputError: What cannot be read, or could be read in two ways.
    """
    formats.exists(path)
    form = how.format
    if form is None and (path.suffix in (".parquet", ".pq") or _begins(path, b"PAR1")):
        form = "parquet"
    typed = None if pick is None else lambda head: pick(head, False)
    if form == "parquet":
        sheet = formats.parquet(path, typed)
        return _found(sheet, (f"Parquet, {len(sheet.frame):,} rows",), form)
    if form == "excel" or (form is None and formats.is_workbook(path)):
        data = path.read_bytes()
        sheet, note = workbooks.read(path, data, sheet=how.sheet, header=how.header)
        return _typed(sheet, (note,), "excel", typed)
    text, separator = _without_excels_note(formats.text(path, how.encoding), how.separator)
    data, notes = _below_top(text, how.skip)
    if form == "json" or (form is None and separator is None and jsons.looks(data)):
        sheet, note = jsons.read(path, data)
        return _typed(sheet, (*notes, note), "json", typed)
    lines = first_lines(path, data)
    if form is None and re.match(PYTHON, lines[0]):
        raise InputError(
            where=path,
            problem="its lines are Python's way of writing rows, and no JSON",
            advice="write each again by json.dumps(ast.literal_eval(line))",
        )
    form = form or _form(path, lines, separator, table)
    if form == "recbole":
        mark = next((m for m in ATOMIC if _is_atomic(lines[0], m)), "\t")
        sheet = formats.atomic_file(path, data, mark)
        notes = (*notes, "RecBole atomic file")
        notes = notes if mark == "\t" else (*notes, f"separated by {NAMES[mark]}")
        return _typed(sheet, notes, form, pick)
    if form != "table":
        return _benchmark(path, data, form)
    text = DecodedText(data, notes, text.codec)
    return _table(path, text, replace(how, separator=separator), named, pick)


def _table(
    path: Path, text: DecodedText, how: FileSettings, named: Sequence[str], pick: Pick | None
) -> WholeFile:
    """Read a table of text, whose top has been seen to."""
    data, notes, lines = text.data, text.notes, first_lines(path, text.data)
    mark, name = the_separator(path, lines, how.separator, named)
    if mark == " " and len({line.count(" ") for line in lines}) > 1:
        data = RUNS.sub(b" ", EDGES.sub(b"", data))
        lines = first_lines(path, data)
    quote = path.suffix != ".dat"
    absent = how.header == "none" or (
        how.header is None and headers.is_absent(headers.cells_of(lines, mark, quote), named)
    )
    sheet = formats.sheet(
        path, separator=mark, header=not absent, data=data, quote=quote, quoting=how.quoting,
        pick=pick,
    )  # fmt: skip
    width = sheet.frame.width if sheet.head is None else sheet.head.width
    said = (*notes, f"separated by {name}, {width} columns", *(["no header"] if absent else []))
    settings = {"separator": SETTINGS.get(mark, mark), "header": "none" if absent else "first"}
    if sheet.quoting not in (None, "double"):
        settings["quoting"] = sheet.quoting
    return _found(sheet, said, "table", settings | {"encoding": text.codec})


def is_typed(path: Path) -> bool:
    """Return whether a file's columns have types of their own: Parquet, a workbook, JSON."""
    if path.suffix in (".parquet", ".pq") or _begins(path, b"PAR1") or formats.is_workbook(path):
        return True
    return jsons.looks(formats.start(path))


def beside(path: Path, how: FileSettings, separator: str | None, encoding: str | None) -> Sheet:
    """Read a table beside others, whose separator and encoding it may share, by its own columns."""
    if how.format == "table" and how.separator is None and separator is not None:
        how = how if lacks(path, separator) else how.but(separator=separator)
    try:
        return whole(path, how).sheet
    except InputError:
        if how.encoding is not None or encoding is None:
            raise
        return whole(path, how.but(encoding=encoding)).sheet


def lacks(path: Path, separator: str) -> bool:
    """Return whether a separator does not stand in the first line of a text."""
    return mark_of(separator).encode() not in formats.start(path).split(b"\n", 1)[0]


def _without_excels_note(
    text: DecodedText, separator: str | None
) -> tuple[DecodedText, str | None]:
    """Blank the line ``sep=;`` that Excel writes; return the text and the separator it names."""
    first = re.match(rb'"?sep=(.)"?\r?(?=\n)', text.data)
    if first is None:
        return text, separator
    named = first[1].decode(errors="replace") if separator is None else separator
    return DecodedText(text.data[first.end() :], text.notes, text.codec), named


def _below_top(text: DecodedText, skip: int) -> tuple[bytes, tuple[str, ...]]:
    """Return the text without the lines that are skipped, and comments above its rows blanked."""
    data, notes = text.data, text.notes
    if skip:
        place = 0
        for _ in range(skip):
            place = data.find(b"\n", place) + 1 or len(data)
        data = b"\n" * data.count(b"\n", 0, place) + data[place:]
        notes = (*notes, f"{skip} lines at the top left out")
    data, comments = headers.without_comments(data)
    if comments:
        notes = (*notes, f"{comments} {'line' if comments == 1 else 'lines'} of comments left out")
    return data, notes


def _typed(sheet: Sheet, notes: Sequence[str], form: Format, pick: Any) -> WholeFile:
    """Return a sheet that was read whole, its columns picked."""
    if pick is not None:
        head = sheet.frame.head(formats.HEAD)
        sheet = replace(sheet, frame=sheet.frame.select(pick(head)), head=head)
    return _found(sheet, notes, form)


def _benchmark(path: Path, data: bytes, form: Format) -> WholeFile:
    """Read a file as LightGCN or MovieLens have them: no header, columns by place."""
    if form == "mind":
        sheet, note = impressions.read(path, data)
        return WholeFile(sheet, note, form, {})
    if form == "lightgcn":
        note = f"{path.name}: lines 'user item item …'"
        return WholeFile(formats.lists(path, data), note, form, {})
    sheet = formats.sheet(
        path,
        separator="\t" if form == "u.data" else "::",
        header=False,
        columns=list(MOVIELENS),
        quote=False,
        data=data,
    )
    note = f"{path.name}: MovieLens' {form}, no header"
    return WholeFile(sheet, note, form, {})


def _begins(path: Path, magic: bytes) -> bool:
    with open(path, "rb") as handle:
        return handle.read(len(magic)) == magic


def _is_atomic(line: str, mark: str) -> bool:
    cells = line.split(mark)
    return all(re.fullmatch(ATOMIC_NAME, cell.strip()) for cell in cells)


def _form(path: Path, lines: list[str], separator: str | None, table: bool) -> Format:
    """Detect the format; a named separator or column speaks for a table with a header."""
    if any(_is_atomic(lines[0], mark) for mark in ATOMIC):
        return "recbole"
    if separator is not None or table:
        return "table"
    if impressions.looks(lines):
        return "mind"
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
                advice=("set ", lists, ", or ", space, " and the columns by name"),
            )
        return "lightgcn"
    return "table"


def _found(
    sheet: Sheet,
    notes: Sequence[str],
    form: Format,
    settings: Mapping[str, str] | None = None,
) -> WholeFile:
    note = f"{sheet.path.name}: {', '.join([*notes, *sheet.notes])}"
    return WholeFile(sheet, note, form, dict(settings or {}))
