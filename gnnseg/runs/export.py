"""Tables out: a stream of frames as one whole .parquet, .csv or .jsonl."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import polars as pl

from gnnseg.data.atomic import atomic
from gnnseg.types import InputError

KINDS = (".parquet", ".csv", ".jsonl")


def write(chunks: Iterator[pl.DataFrame], out: Path | str, *, excel: bool = False) -> Path:
    """Write frames as one file, aside and renamed, in bounded memory; return its path.

    Args:
        chunks: Frames of the same columns.
        out: A name that ends in .parquet, .csv or .jsonl.
        excel: Whether Excel shall open the CSV as UTF-8.

    Raises:
        InputError: The file cannot be written.
    """
    path = refuse(out, excel=excel)
    kinds = dict(zip(KINDS, (_parquet, _csv, _jsonl), strict=True))
    with atomic(path) as aside, open(aside, "wb") as handle:
        if excel:
            handle.write(codecs.BOM_UTF8)
        kinds[path.suffix.lower()](chunks, handle)
    return path


def refuse(out: Path | str, *, excel: bool = False) -> Path:
    """Return the path of a file that can be written; see ``write``.

    Raises:
        InputError: Its kind is unknown, or its folder is not there.
    """
    path = Path(out).expanduser().absolute()
    if path.suffix.lower() not in KINDS:
        raise InputError(f"{path}: unknown kind of file; end its name in {', '.join(KINDS)}.")
    if not path.parent.is_dir():
        raise InputError(f"{path.parent}: no such folder; make it or choose another.")
    if excel and path.suffix.lower() != ".csv":
        raise InputError(f"{path}: only a CSV can be written for Excel; end its name in .csv.")
    return path


def _parquet(chunks: Iterator[pl.DataFrame], handle: BinaryIO) -> None:
    import pyarrow.parquet as pq

    writer = None
    for frame in chunks:
        table = frame.to_arrow()
        writer = writer or pq.ParquetWriter(handle, table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()


def _csv(chunks: Iterator[pl.DataFrame], handle: BinaryIO) -> None:
    for number, frame in enumerate(chunks):
        handle.write(frame.write_csv(include_header=number == 0).encode())


def _jsonl(chunks: Iterator[pl.DataFrame], handle: BinaryIO) -> None:
    for frame in chunks:
        handle.write(frame.write_ndjson().encode())
