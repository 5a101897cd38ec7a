"""What a file is packed in, taken off: gzip, bzip2, xz, and a zip archive of one file."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from gnnseg.types import InputError

ZIP = b"PK\x03\x04"
PACKERS = {  # how a packed file begins, who has packed it, and what unpacks it
    b"\x1f\x8b": ("gzip", gzip.decompress),
    b"BZh": ("bzip2", bz2.decompress),
    b"\xfd7zXZ": ("xz", lzma.decompress),
}
SHEETS = ("xl/", "content.xml")  # what workbooks of Excel and of LibreOffice hold
BROKEN = (OSError, EOFError, zlib.error, lzma.LZMAError, ValueError, zipfile.BadZipFile)


def unpacked(path: Path, data: bytes) -> tuple[bytes, list[str]]:
    """Return what is packed in a file's bytes, and a note of what had packed it.

    Raises:
        InputError: The packed file is broken or empty, or an archive holds several.
    """
    if data.startswith(ZIP) and not is_workbook(data):
        return _only_member(path, data)
    packer = next((PACKERS[start] for start in PACKERS if data.startswith(start)), None)
    if packer is None:
        return data, []
    name, unpack = packer
    try:
        data = unpack(data)
    except BROKEN as error:
        raise InputError(
            f"{path}: is packed by {name} and broken ({error}); fetch or pack it again."
        ) from None
    return _filled(path, data), [f"packed by {name}"]


def is_workbook(data: bytes) -> bool:
    """Return whether a zip archive is a workbook of Excel or LibreOffice."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return any(name.startswith(SHEETS) for name in archive.namelist())
    except BROKEN:
        return False


def _only_member(path: Path, data: bytes) -> tuple[bytes, list[str]]:
    """Return the only file of a zip archive; folders and what macOS adds do not count."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = [one.filename for one in archive.infolist() if not one.is_dir()]
            names = [name for name in names if not _is_hidden(name)]
            if len(names) != 1:
                listed = ", ".join(names[:6]) + (" …" if len(names) > 6 else "")
                raise InputError(
                    where=path,
                    problem=f"is a zip archive of {len(names)} files ({listed or 'none'})",
                    advice="unpack it and name those that belong together",
                )
            content = archive.read(names[0])
    except InputError:
        raise
    except (*BROKEN, RuntimeError, NotImplementedError) as error:  # a password, a rare method
        raise InputError(
            f"{path}: is packed by zip and cannot be unpacked ({error}); unpack it and name the "
            "file."
        ) from None
    return _filled(path, content), [f"{names[0]} packed by zip"]


def _is_hidden(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return "__MACOSX" in parts or parts[-1].startswith(".")


def _filled(path: Path, data: bytes) -> bytes:
    if not data:
        raise InputError(
            f"{path}: the file packed in it is empty; give one with a header and rows."
        )
    return data
