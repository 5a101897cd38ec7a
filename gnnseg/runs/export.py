"""Tables out: a stream of frames as one whole file, or as a table of a database."""

from __future__ import annotations

import codecs
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import polars as pl

from gnnseg.data.atomic import atomic
from gnnseg.runs import databases
from gnnseg.types import InputError

KINDS = (".parquet", ".csv", ".jsonl", ".xlsx")
SHEET_ROWS = 1_048_575  # of a workbook's sheet, below its header


def write(
    chunks: Iterator[pl.DataFrame], out: Path | str, *, excel: bool = False, table: str = "gnnseg"
) -> Path | str:
    """Write frames as one whole file, aside and renamed, in bounded memory (.xlsx: all at once).

    Args:
        chunks: Frames of the same columns; lists are texts with '; ' in between in what has none.
        out: A name that ends in .parquet, .csv, .jsonl or .xlsx, or a database: sqlite:///crm.db,
            postgresql://user@host/db.
        excel: Whether a spreadsheet shall open the CSV: UTF-8, and no cell a formula.
        table: The name of the table in a database, which is replaced in one transaction.

    Returns:
        The file's path, or of a database what was written, in words.

    Raises:
        InputError: It cannot be written.
    """
    if databases.is_url(out):
        return databases.write(pl.concat([flat(frame) for frame in chunks]), str(out), table)
    path = refuse(out, excel=excel)
    with atomic(path) as aside:
        _fill(aside, path.suffix.lower(), chunks, excel)
    return path


@contextlib.contextmanager
def ready(frame: pl.DataFrame, out: Path | str, *, excel: bool = False) -> Iterator[Path]:
    """Write a frame beside its place, which it takes when all within went well; see ``write``."""
    path = refuse(out, excel=excel)
    with atomic(path) as aside:
        _fill(aside, path.suffix.lower(), iter([frame]), excel)
        yield path


def _fill(aside: Path, kind: str, chunks: Iterator[pl.DataFrame], excel: bool) -> None:
    kinds = dict(zip(KINDS, (_parquet, _csv, _jsonl, _xlsx), strict=True))
    with open(aside, "wb") as handle:
        if excel:
            handle.write(codecs.BOM_UTF8)
            chunks = map(without_formulas, chunks)
        kinds[kind](chunks, handle)


def refuse(out: Path | str, *, excel: bool = False) -> Path:
    """Return the path of a file that can be written; see ``write``.

    Raises:
        InputError: Its kind is unknown, or its folder is not there.
    """
    if "://" in str(out):
        raise InputError(f"{out}: of databases, sqlite:///FILE and postgresql://user@host/db do.")
    path = Path(out).expanduser().absolute()
    if path.suffix.lower() not in KINDS:
        raise InputError(f"{path}: unknown kind of file; end its name in {', '.join(KINDS)}.")
    if not path.parent.is_dir():
        raise InputError(f"{path.parent}: no such folder; make it or choose another.")
    if excel and path.suffix.lower() != ".csv":
        raise InputError(f"{path}: only a CSV can be written for Excel; end its name in .csv.")
    if path.suffix.lower() == ".xlsx":
        _writer()
    return path


def refuse_unwritable(out: Path | str, *, excel: bool = False) -> None:
    """Refuse, before anything is computed, a file that cannot be written; see ``write``.

    Raises:
        InputError: Of a file that its kind is unknown, or its folder is not there.
    """
    if not databases.is_url(out):
        refuse(out, excel=excel)
    elif excel:
        raise InputError("--excel: is of a CSV; a database takes every text as it is.")


def without_formulas(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the same with an apostrophe before texts that a spreadsheet takes for a formula.

    Those that begin with = + - @, a tab or a line's end, numbers excepted (OWASP, CSV injection).
    """
    texts = pl.col(pl.String)
    runs = texts.str.contains(r"^[=+\-@\t\r\n]") & ~texts.str.contains(r"^[+-]?[\d.,]+$")
    return flat(frame).with_columns(pl.when(runs).then("'" + texts).otherwise(texts).name.keep())


def flat(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the same with each list as one text, '; ' between its items."""
    lists = [name for name, kind in frame.schema.items() if isinstance(kind, pl.List)]
    return frame.with_columns(pl.col(name).list.join("; ") for name in lists)


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
        handle.write(flat(frame).write_csv(include_header=number == 0).encode())


def _jsonl(chunks: Iterator[pl.DataFrame], handle: BinaryIO) -> None:
    for frame in chunks:
        handle.write(frame.write_ndjson().encode())


def _xlsx(chunks: Iterator[pl.DataFrame], handle: BinaryIO) -> None:
    frame = flat(pl.concat(chunks))
    if len(frame) > SHEET_ROWS:
        raise InputError(
            f"{len(frame):,} rows: a sheet of a workbook holds {SHEET_ROWS:,}; write .csv instead."
        )
    as_text = {"strings_to_formulas": False, "strings_to_urls": False, "nan_inf_to_errors": True}
    with _writer().Workbook(handle, as_text) as book:
        frame.write_excel(book, float_precision=4)


def _writer() -> Any:
    """Return xlsxwriter, which polars writes workbooks by."""
    try:
        import xlsxwriter
    except ImportError:
        raise InputError(
            ".xlsx needs a writer: pip install 'gnnseg[excel]'; or write .csv with --excel."
        ) from None
    return xlsxwriter
