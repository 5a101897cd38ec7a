"""Standard output and error as they are found: any encoding, and readers that leave.

What is done goes on when nobody reads about it any more, and characters that an encoding lacks are
written in others.
"""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import sys
import unicodedata
from collections.abc import Iterator
from typing import Any, TextIO

ALIKE = {
    "─": "-", "—": "-", "–": "-", "−": "-", "│": "|", "…": "...", "±": "+/-", "×": "x", "†": "+",
    "·": ".", "’": "'", "‘": "'", "“": '"', "”": '"', "→": "->", "≥": ">=", "≤": "<=", "•": "*",
}  # fmt: skip
HANDLER = "gnnseg.alike"


def alike(error: UnicodeError) -> tuple[str | bytes, int]:
    """Replace what an encoding lacks: by signs that look alike, letters without accents, or '?'.

    The bytes of a file's name that is no UTF-8 are written as they are.
    """
    assert isinstance(error, UnicodeEncodeError)
    lacking = error.object[error.start : error.end]
    if all("\udc80" <= c <= "\udcff" for c in lacking):
        return lacking.encode("ascii", "surrogateescape"), error.end
    return "".join(_alike(c, error.encoding) for c in lacking), error.end


def _alike(character: str, encoding: str) -> str:
    for text in (ALIKE.get(character, ""), unicodedata.normalize("NFKD", character)):
        plain = text.encode(encoding, "ignore").decode(encoding)
        if plain:
            return plain
    return "?"


class Lasting(io.FileIO):
    """A stream's bytes out; once its reader has left, or its disk is full, they go nowhere.

    Args:
        number: The file descriptor.
        quiet: Whether every failure is passed over, not the reader's leaving alone: of standard
            error, on which no failure could be told.
    """

    def __init__(self, number: int, *, quiet: bool) -> None:
        super().__init__(number, "wb", closefd=False)
        self._quiet, self._left = quiet, False

    def write(self, data: Any, /) -> int:
        """Write what the system takes; return how many bytes that are."""
        if not self._left:
            try:
                return super().write(data)
            except OSError as error:
                self._left = True  # said once: what is still buffered would fail again
                if not (self._quiet or isinstance(error, BrokenPipeError)):
                    raise
        return len(data)


@contextlib.contextmanager
def lasting() -> Iterator[None]:
    """Let standard output and error take any text, and outlive their readers, while it lasts.

    Streams that somebody else has put there, such as a notebook's, stay.
    """
    before = sys.stdout, sys.stderr
    out = _lasting(sys.stdout, sys.__stdout__, quiet=False)
    err = _lasting(sys.stderr, sys.__stderr__, quiet=True)
    sys.stdout, sys.stderr = out, err
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
        for stream, was in zip((out, err), before, strict=True):
            if was is None:
                stream.close()
            elif stream is not was:  # not closed: a library's log may hold it until the end
                with contextlib.suppress(OSError):
                    stream.flush()


def _lasting(stream: TextIO | None, own: TextIO | None, *, quiet: bool) -> TextIO:
    """Return a stream over the same file; what is none, or somebody else's, as it can be."""
    codecs.register_error(HANDLER, alike)
    if stream is None:  # closed before we began
        return open(os.devnull, "w", encoding="utf-8")
    if stream is not own or not isinstance(stream, io.TextIOWrapper):
        return stream
    try:
        number = stream.fileno()
        stream.flush()
    except (OSError, ValueError):
        return stream
    buffer = io.BufferedWriter(Lasting(number, quiet=quiet))
    return io.TextIOWrapper(
        buffer, encoding=stream.encoding, errors=HANDLER,
        line_buffering=stream.line_buffering or quiet or os.isatty(number),
    )  # fmt: skip
