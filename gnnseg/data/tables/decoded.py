"""A file's text: bytes are checked, unpacked and decoded before they are believed."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from pathlib import Path

from gnnseg.data.tables import encodings, packed
from gnnseg.data.tables.paths import exists
from gnnseg.types import InputError, Setting, Words

CHUNK = 1 << 23
EXPORT, UNPACK = "export the table as CSV", "unpack it"
KINDS: dict[bytes, tuple[str, Words]] = {  # how files begin that are no tables of text
    b"PK\x03\x04": ("a zip archive or an Excel workbook", "unpack it, or export it as CSV"),
    b"\xd0\xcf\x11\xe0": ("an old Excel workbook or Office document", EXPORT),
    b"%PDF": ("a PDF", EXPORT),
    b"SQLite format 3": ("an SQLite database", EXPORT),
    b"\x28\xb5\x2f\xfd": ("packed by zstd", UNPACK),
    b"7z\xbc\xaf": ("a 7-Zip archive", UNPACK),
    b"Rar!": ("a RAR archive", UNPACK),
    b"{\\rtf": ("a text document (RTF)", EXPORT),
    b"<!DOCTYPE": ("a web page", EXPORT),
    b"<!doctype": ("a web page", EXPORT),
    b"<html": ("a web page", EXPORT),
    b"<table": ("a web page", EXPORT),
    b"<?xml": ("XML", EXPORT),
    b"PAR1": ("Parquet", ("name it .parquet or set ", Setting("data.format", "parquet"))),
    b"\xff\xfe": ("UTF-16 text", ("save it as UTF-8 or set ", Setting("data.encoding", "utf-16"))),
    b"\xfe\xff": ("UTF-16 text", ("save it as UTF-8 or set ", Setting("data.encoding", "utf-16"))),
}
UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True)
class DecodedText:
    """A file's text: UTF-8, lines ending with \\n; what was noticed, in words; its codec."""

    data: bytes
    notes: tuple[str, ...] = ()
    codec: str = "utf-8"


def text(path: Path, encoding: str | None = "utf-8") -> DecodedText:
    """Return the file's text; ``encoding`` None: detected from its bytes.

    Raises:
        InputError: No such file, no text, or text in another encoding.
    """
    exists(path)
    data, unpacked = packed.unpacked(path, path.read_bytes())
    if encoding is None:
        _refuse_kinds(path, data, but=UTF_16)
        name, known_as = encodings.detect(path, data)
    else:
        name = encodings.known(encoding)
        known_as = "UTF-8" if name == "utf-8" else encoding
    if name != "utf-8":
        if encoding is not None and encodings.is_utf8_too(data):
            known_as = f"{encoding}, though every byte fits UTF-8"
        data = encodings.to_utf8(path, data, encoding or name)
    _refuse_kinds(path, data)
    if b"\0" in data:
        line = data.count(b"\n", 0, data.index(b"\0")) + 1
        raise InputError(
            f"{path}, line {line}: a zero byte, so this is no text file; give CSV, TSV or Parquet."
        )
    if encoding is not None and name == "utf-8":
        place = encodings.first_invalid(data)
        if place is not None:
            raise encodings.not_utf8(path, data, place)
    data, ends = _line_ends(data.removeprefix(codecs.BOM_UTF8))
    return DecodedText(data, (*unpacked, known_as, *ends), name)


def _line_ends(data: bytes) -> tuple[bytes, list[str]]:
    """Return the text with line ends that hold a \\n, and a note of unusual ones."""
    if b"\n" not in data and b"\r" in data:
        return data.replace(b"\r", b"\n"), ["CR line ends"]
    crlf = data[:CHUNK].count(b"\r\n") * 2 > data[:CHUNK].count(b"\n")
    return data, ["CRLF line ends"] if crlf else []


def _refuse_kinds(path: Path, data: bytes, but: tuple[bytes, ...] = ()) -> None:
    for start, (kind, advice) in KINDS.items():
        if data.startswith(start) and start not in but:
            raise InputError(where=path, problem=f"is {kind}", advice=advice)
