"""Large arrays in files that are read as they are needed, for sets larger than memory.

Inside ``in_files`` whatever is of the length of the interactions is written to a file and mapped:
the system reads pages when they are used and drops them when memory is short. The numbers are the
same, whether they lie in memory or in a file. A file has no name once it is open, so that none
stays behind, whatever becomes of the process.

Shape legend: E rows.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

BLOCK = 1 << 21  # rows worked on at once
LEAST = 1 << 16  # rows from which an array is worth a file
Array = np.ndarray[Any, Any]
Values = TypeVar("Values", Array, "Tensor")
_FOLDER: ContextVar[Path | None] = ContextVar("mapped", default=None)


class FilesError(Exception):
    """Large arrays cannot be kept in files: the folder cannot be written, or its disk is full."""


@contextmanager
def in_files(folder: Path | None) -> Iterator[None]:
    """Keep large arrays in files of a folder, which is made; None: in memory.

    Raises:
        FilesError: The folder cannot be made.
    """
    if folder is not None:
        with _as_files_error():
            folder.mkdir(parents=True, exist_ok=True)
    token = _FOLDER.set(folder)
    try:
        yield
    finally:
        _FOLDER.reset(token)


def empty(rows: int, dtype: Any) -> Array:
    """Return an array (E,) to be filled, in a file where large arrays are kept in files.

    Raises:
        FilesError: The folder cannot be written, or its disk is full.
    """
    folder = _FOLDER.get()
    if folder is None or rows < LEAST:
        return np.empty(rows, dtype)
    with _as_files_error(), tempfile.TemporaryFile(dir=folder) as file:
        if hasattr(os, "posix_fallocate"):  # else a full disk would end the process without a word
            os.posix_fallocate(file.fileno(), 0, rows * np.dtype(dtype).itemsize)
        return np.memmap(file, dtype, "r+", shape=(rows,)).view(np.ndarray)


def kept(values: Values, lasting: bool = True) -> Values:
    """Return the same (E,) numbers, in a file where large arrays are kept in files.

    ``lasting``: whether they are used for longer than a step; others stay in memory.
    """
    if not lasting or _FOLDER.get() is None or values.ndim != 1 or len(values) < LEAST:
        return values
    if not isinstance(values, np.ndarray):
        import torch

        on_cpu = values.device.type == "cpu"
        return torch.from_numpy(kept(values.detach().numpy())) if on_cpu else values
    if _in_file(values) or values.dtype == object:
        return values
    found = empty(len(values), values.dtype)
    found[:] = values
    return found


def taken(values: Array, rows: Array | slice) -> Array:
    """Return some rows (e,) of (E,) values, by mask (E,) bool, number (e,) or slice."""
    if _FOLDER.get() is None or values.ndim != 1 or isinstance(rows, slice):
        chosen: Array = values[rows]
        return chosen
    if rows.dtype == bool:
        some = (values[part][rows[part]] for part in blocks(len(values)))
        return joined(some, int(np.count_nonzero(rows)), values.dtype)
    return joined((values[rows[part]] for part in blocks(len(rows))), len(rows), values.dtype)


def joined(parts: Iterable[Array], rows: int, dtype: Any) -> Array:
    """Return arrays one after the other, which have at most so many ``rows`` together."""
    found, at = empty(rows, dtype), 0
    for part in parts:
        found[at : at + len(part)] = part
        at += len(part)
    return found[:at]


def blocks(rows: int, key: Array | None = None) -> Iterator[slice]:
    """Give slices of some ``BLOCK`` rows that follow one another and are all of E together.

    Args:
        rows: E.
        key: (E,) ascending whole numbers, equal ones of which stay together; None: any row may
            begin a slice.
    """
    begin = 0
    while begin < rows:
        end = min(begin + BLOCK, rows)
        if key is not None and end < rows:
            end = max(int(np.searchsorted(key, key[end])), begin)
            if end == begin:  # one key fills the block
                end = int(np.searchsorted(key, key[begin], side="right"))
        yield slice(begin, end)
        begin = end


@contextmanager
def _as_files_error() -> Iterator[None]:
    """Let what the system says of a file be no OSError, which others take for their own files'."""
    try:
        yield
    except OSError as error:
        raise FilesError(error.strerror or str(error)) from error


def _in_file(values: Array) -> bool:
    base: Any = values
    while isinstance(base, np.ndarray):
        if isinstance(base, np.memmap):
            return True
        base = base.base
    return False
