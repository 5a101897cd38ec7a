"""Reading tables: text is checked before it is believed, every refusal names the file and the line.

All readers return polars frames of text columns; numbers and times are made of them by ``number`` and ``moment``.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from gnnseg.types import InputError

EARLIEST, LATEST = -2208988800.0, 4102444800.0  # 1900 and 2100: a time outside is a mistake of unit
MILLISECONDS = 1e11  # unix times above this are in milliseconds
CHUNK = 1 << 20


def exists(path: Path, what: str = "file") -> Path:
    """The path, if a readable file is there."""
    if path.is_dir():
        raise InputError(f"{path}: is a folder; name a {what} in it.")
    if not path.exists():
        raise InputError(f"{path}: no such file; check the path ({what}).")
    if path.stat().st_size == 0:
        raise InputError(f"{path}: the file is empty; give one with a header and rows.")
    return path


def check_text(path: Path, encoding: str = "utf-8") -> None:
    """Binary junk and text in another encoding are refused, with the line where it shows."""
    line = 1
    rest = b""
    with open(path, "rb") as handle:
        while chunk := handle.read(CHUNK):
            if b"\0" in chunk:
                raise InputError(
                    f"{path}: is not a text file (a zero byte near line {line + chunk[: chunk.index(0)].count(10)}); give CSV, TSV or Parquet."
                )
            if encoding == "utf-8":
                try:
                    (rest + chunk).decode("utf-8")
                    rest = b""
                except UnicodeDecodeError as error:
                    data = rest + chunk
                    if error.reason == "unexpected end of data" and len(data) - error.start < 4:
                        rest = data[error.start :]
                    else:
                        at = line + data[: error.start].count(10)
                        raise InputError(
                            f"{path}, line {at}: not UTF-8 (byte 0x{data[error.start]:02x}); save the file as UTF-8 or set data.encoding=latin-1."
                        ) from None
            line += chunk.count(10)
    if rest:
        raise InputError(
            f"{path}, line {line}: not UTF-8 at the end of the file; save the file as UTF-8 or set data.encoding=latin-1."
        )


def sniff_separator(path: Path, encoding: str = "utf-8") -> tuple[str, str]:
    """The separator, and what was seen, in words. Unsure: an InputError that says what to set."""
    with open(path, encoding=encoding, errors="replace") as handle:
        lines = [line.rstrip("\r\n") for line in (handle.readline() for _ in range(20)) if line]
    head = lines[0].lstrip("\ufeff")
    for separator, name in (("::", "'::'"), ("\t", "tab"), (",", "comma"), (";", "semicolon"), ("|", "bar")):
        counts = {_outside_quotes(line, separator) for line in lines}
        if _outside_quotes(head, separator) and len(counts) == 1:
            return separator, f"{path.name}: separated by {name}, {counts.pop() + 1} columns"
    candidates = {s: _outside_quotes(head, s) for s in (",", "\t", ";", "|")}
    best = max(candidates, key=lambda s: candidates[s])
    if candidates[best] and sum(n > 0 for n in candidates.values()) == 1:
        return best, f"{path.name}: separated by {best!r}, {candidates[best] + 1} columns"
    raise InputError(f"{path}: cannot tell what separates its columns (first line: {head[:60]!r}); set data.separator.")


def _outside_quotes(line: str, separator: str) -> int:
    return re.sub(r'"(?:[^"]|"")*"', "", line).count(separator)


def table(
    path: Path,
    *,
    separator: str,
    header: bool = True,
    columns: list[str] | None = None,
    encoding: str = "utf-8",
    quote: bool = True,
) -> pl.DataFrame:
    """A text table, every column as text, blanks at the ends of a cell kept. A ragged line is named."""
    exists(path)
    check_text(path, encoding)
    if len(separator) > 1:
        return _two_character(path, separator, columns or [], encoding)
    try:
        frame = pl.read_csv(
            path, separator=separator, has_header=header, infer_schema=False, quote_char='"' if quote else None,
            encoding="utf8" if encoding == "utf-8" else encoding, new_columns=None if header else columns,
        )  # fmt: skip
    except pl.exceptions.PolarsError as error:
        line, why = ragged(path, separator, encoding, quote)
        if line is None:
            raise InputError(
                f"{path}: cannot be read as a table separated by {separator!r} ({str(error).splitlines()[0]})."
            ) from None
        raise InputError(f"{path}, line {line}: {why}; mend the line or set data.separator.") from None
    line, why = ragged(path, separator, encoding, quote)
    if line is not None:
        raise InputError(f"{path}, line {line}: {why}; mend the line or set data.separator.")
    if frame.is_empty():
        raise InputError(f"{path}: holds a header and no rows; give a file with interactions.")
    if header:
        frame = frame.rename({name: name.strip().lstrip("\ufeff") for name in frame.columns})
    return frame


def ragged(path: Path, separator: str, encoding: str, quote: bool) -> tuple[int | None, str]:
    """The first line whose number of columns differs from the first line's, or whose quote never closes."""
    import csv

    if not quote or '"' not in _sample_has_quotes(path, encoding):
        wanted = None
        with open(path, encoding=encoding, newline="") as handle:
            for number, line in enumerate(handle, 1):
                if not line.strip("\r\n"):
                    continue
                count = line.count(separator)
                wanted = count if wanted is None else wanted
                if count != wanted:
                    return number, f"has {count + 1} columns where the first line has {wanted + 1}"
        return None, ""
    with open(path, encoding=encoding, newline="") as handle:
        reader, wanted, last = csv.reader(handle, delimiter=separator, strict=True), None, 1
        try:
            for row in reader:
                if row:
                    wanted = len(row) if wanted is None else wanted
                    if len(row) != wanted:
                        return last, f"has {len(row)} columns where the first line has {wanted}"
                last = reader.line_num + 1
        except csv.Error as error:
            return last, f"a quote is not closed or not doubled ({error})"
    return None, ""


def _sample_has_quotes(path: Path, encoding: str) -> str:
    with open(path, "rb") as handle:
        while chunk := handle.read(CHUNK):
            if b'"' in chunk:
                return '"'
    return ""


def _two_character(path: Path, separator: str, columns: list[str], encoding: str) -> pl.DataFrame:
    """MovieLens' '::' tables, which have no header and no quotes."""
    rows: list[list[str]] = []
    with open(path, encoding=encoding) as handle:
        for number, line in enumerate(handle, 1):
            cells = line.rstrip("\r\n").split(separator)
            if len(cells) != len(columns):
                raise InputError(
                    f"{path}, line {number}: has {len(cells)} columns where {len(columns)} belong ({'::'.join(columns)})."
                )
            rows.append(cells)
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row")


def atomic_file(path: Path) -> pl.DataFrame:
    """RecBole's atomic file: tab separated, header ``name:type``; types are dropped, every column is text."""
    frame = table(path, separator="\t", quote=False)
    if not all(":" in name for name in frame.columns):
        raise InputError(f"{path}: no RecBole header (name:type in each column); set data.format.")
    return frame.rename({name: name.rsplit(":", 1)[0] for name in frame.columns})


def lists(path: Path) -> pl.DataFrame:
    """LightGCN's lines ``user item item …``: user, item. A user without items stands in no row."""
    exists(path)
    check_text(path)
    users: list[str] = []
    items: list[str] = []
    with open(path, encoding="utf-8") as handle:
        for number, line in enumerate(handle, 1):
            cells = line.split()
            if not cells:
                continue
            bad = next((cell for cell in cells if not cell.isdigit()), None)
            if bad is not None:
                raise InputError(
                    f"{path}, line {number}: {bad!r} is not a number; lines are 'user item item …' of integer ids."
                )
            users.extend(cells[:1] * (len(cells) - 1))
            items.extend(cells[1:])
    if not users:
        raise InputError(f"{path}: holds no interactions; lines are 'user item item …'.")
    return pl.DataFrame({"user": users, "item": items})


def parquet(path: Path) -> pl.DataFrame:
    exists(path)
    try:
        frame = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputError(f"{path}: cannot be read as Parquet ({str(error).splitlines()[0]}).") from None
    if frame.is_empty():
        raise InputError(f"{path}: holds no rows; give a file with interactions.")
    return frame


def number(frame: pl.DataFrame, column: str) -> pl.DataFrame:
    """The column as Float64; what is no number becomes null."""
    return frame.with_columns(
        pl.col(column).cast(pl.String).str.strip_chars().cast(pl.Float64, strict=False).alias(column)
    )


def moment(series: pl.Series) -> pl.Series:
    """Seconds since 1970 UTC from unix seconds or milliseconds, ISO dates or date-times; null where unparsable."""
    if series.dtype.is_temporal():
        return series.cast(pl.Datetime("us")).dt.epoch("us").cast(pl.Float64) / 1e6
    text = series.cast(pl.String).str.strip_chars()
    value = text.cast(pl.Float64, strict=False)
    if value.null_count() < len(value) or text.null_count() == len(text):
        largest = value.abs().max()
        if isinstance(largest, int | float) and np.isfinite(largest) and largest > MILLISECONDS:
            value = value / 1000
        return value
    return (
        text.str.to_datetime(strict=False, time_zone="UTC", time_unit="us").dt.epoch("us").cast(pl.Float64) / 1e6
        if _zoned(text)
        else _naive(text)
    )


def _zoned(text: pl.Series) -> bool:
    first = text.drop_nulls()
    return bool(len(first)) and bool(re.search(r"(Z|[+-]\d\d:?\d\d)$", str(first[0])))


def _naive(text: pl.Series) -> pl.Series:
    best: pl.Series | None = None
    for form in (
        "%Y-%m-%d %H:%M:%S%.f",
        "%Y-%m-%dT%H:%M:%S%.f",
        "%Y-%m-%d %H:%M",
        "%Y-%m-%dT%H:%M",
        "%Y-%m-%d",
        "%Y/%m/%d",
        "%Y%m%d",
    ):
        if "%H" in form:
            parsed = text.str.to_datetime(form, strict=False, time_unit="us")
        else:
            parsed = text.str.to_date(form, strict=False).cast(pl.Datetime("us"))
        if best is None or parsed.null_count() < best.null_count():
            best = parsed
        if parsed.null_count() == text.null_count():
            break
    assert best is not None
    return best.dt.epoch("us").cast(pl.Float64) / 1e6


def events(
    frame: pl.DataFrame, path: Path, columns: dict[str, str | None], *, drop: bool, first_line: int = 2
) -> tuple[pl.DataFrame, dict[str, int], dict[str, str]]:
    """User, item, weight, time, spend from a table by a column mapping; rows that cannot be read refused or counted by reason.

    ``drop`` False: the first such row is an InputError with its line; True: they are left out and counted.
    """
    wanted = {role: name for role, name in columns.items() if name is not None}
    for role, name in wanted.items():
        if name not in frame.columns:
            import difflib

            close = difflib.get_close_matches(name, frame.columns, 1, 0.5)
            hint = (
                f"did you mean {close[0]!r}?" if close else f"the file has {', '.join(map(repr, frame.columns[:12]))}."
            )
            raise InputError(f"{path}: no column {name!r} for data.{role}; {hint}")
    out = pl.DataFrame({role: frame[name] for role, name in wanted.items()}).with_row_index("line", first_line)
    checks: list[tuple[str, pl.Expr]] = []
    for role in ("user", "item"):
        out = out.with_columns(pl.col(role).cast(pl.String))
        checks.append((f"no {role}", pl.col(role).is_null() | (pl.col(role).str.strip_chars() == "")))
        checks.append((f"{role} id with blanks around it", pl.col(role).str.strip_chars() != pl.col(role)))
        checks.append((f"{role} id with a stray quote", pl.col(role).str.contains('"', literal=True)))
    for role in ("weight", "spend"):
        if role in wanted:
            out = out.with_columns(pl.col(role).cast(pl.String).str.strip_chars().alias(f"{role} text"))
            out = number(out, role)
            checks.append((f"{role} is no number", pl.col(role).is_null()))
            checks.append((f"{role} is NaN or infinite", pl.col(role).is_not_null() & ~pl.col(role).is_finite()))
    if "time" in wanted:
        out = out.with_columns(moment(out["time"]).alias("moment"))
        checks.append(("time cannot be read (unix seconds or ISO 8601)", pl.col("moment").is_null()))
        checks.append(
            (
                "time is outside 1900-2100",
                pl.col("moment").is_not_null() & ~pl.col("moment").is_between(EARLIEST, LATEST),
            )
        )
    rejected: dict[str, int] = {}
    examples: dict[str, str] = {}
    for reason, bad in checks:
        rows = out.filter(bad)
        if rows.is_empty():
            continue
        role = reason.split()[0]
        cell = rows[role][0] if f"{role} text" not in rows.columns else rows[f"{role} text"][0]
        where = f"{path.name}, line {rows['line'][0]}: {cell!r}"
        if not drop:
            raise InputError(
                f"{path}, line {rows['line'][0]}: {reason} ({cell!r}); mend it, or set data.on_error=drop to leave such rows out."
            )
        rejected[reason], examples[reason] = len(rows), where
        out = out.filter(~bad.fill_null(False))
    if out.is_empty():
        raise InputError(
            f"{path}: every row was left out ({', '.join(f'{n:,} {r}' for r, n in rejected.items())}); check the mapping."
        )
    if "time" in wanted:
        out = out.with_columns(pl.col("moment").alias("time"))
    return out.select(*wanted), rejected, examples
