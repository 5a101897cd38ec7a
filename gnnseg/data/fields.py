"""Numbers, times and ids out of text; a row that cannot be read is refused by its line, or counted by reason."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from gnnseg.data.formats import Sheet
from gnnseg.types import InputError

ROLES = ("user", "item", "weight", "time", "spend")
EARLIEST, LATEST = -2208988800.0, 4102444800.0  # 1900 and 2100: a time outside is a mistake of unit
MILLISECONDS = 1e11  # unix times above this are in milliseconds
DAY_NUMBER = r"^(19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])$"  # 20240131: as seconds all would lie in August 1970
MOMENTS = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M")
DAYS = ("%Y-%m-%d", "%Y/%m/%d", "%Y%m%d")


@dataclass(frozen=True)
class Events:
    """Events as read: ``frame`` has the roles found; rows left out by reason, the first of each; what was seen."""

    frame: pl.DataFrame
    rejected: Mapping[str, int] = field(default_factory=dict)
    examples: Mapping[str, str] = field(default_factory=dict)
    said: tuple[str, ...] = ()


def number(frame: pl.DataFrame, column: str) -> pl.DataFrame:
    """The column as Float64; what is no number becomes null."""
    return frame.with_columns(_float(frame[column]).alias(column))


def _float(series: pl.Series) -> pl.Series:
    if series.dtype.is_numeric():
        return series.cast(pl.Float64)
    return series.cast(pl.String).str.strip_chars().cast(pl.Float64, strict=False)


def moment(series: pl.Series) -> tuple[pl.Series, str]:
    """Seconds since 1970 UTC, null where unparsable; and how the column was read, in words.

    Unix seconds or milliseconds (told apart by the median), ISO 8601 dates and date-times with or without a zone (none:
    UTC), and dates such as 20240131. Days and months in another order are not guessed at.
    """
    if series.dtype == pl.Date:
        return _seconds(series.cast(pl.Datetime("us"))), "dates"
    if series.dtype.is_temporal():
        return _seconds(series), "date-times"
    words = series.cast(pl.String).str.strip_chars()
    value = _float(series)
    known = words.drop_nulls()
    if len(known) and bool(known.str.contains(DAY_NUMBER).all()):
        return _seconds(known_days(words)), "dates such as 20240131"
    if value.null_count() * 2 <= len(value):
        middle = value.filter(value.is_finite()).median()
        if isinstance(middle, float) and abs(middle) > MILLISECONDS:
            return value / 1000, "unix milliseconds"
        return value, "unix seconds"
    plain = words.str.replace(r"^(\d{4}-\d\d-\d\d)T", "${1} ").str.replace(r"\s?(Z|z|UTC)$", "+00:00")
    zoned = plain.str.contains(r"\d\d:\d\d.*[+-]\d\d:?\d\d$")
    best = pl.Series("time", [None] * len(plain), dtype=pl.Datetime("us"))
    for form in MOMENTS:
        best = best.zip_with(best.is_not_null(), plain.str.to_datetime(form, strict=False, time_unit="us"))
        if bool(zoned.any()):
            aware = plain.str.to_datetime(form + "%z", strict=False, time_unit="us").dt.replace_time_zone(None)
            best = best.zip_with(best.is_not_null(), aware)
    best = best.zip_with(best.is_not_null(), known_days(plain))
    return _seconds(best), "ISO dates and times" + (", zones heeded" if bool(zoned.any()) else ", taken as UTC")


def known_days(words: pl.Series) -> pl.Series:
    """Dates by the forms that cannot be misread."""
    found = pl.Series("time", [None] * len(words), dtype=pl.Datetime("us"))
    for form in DAYS:
        day = words.str.to_date(form, strict=False).cast(pl.Datetime("us"))
        found = found.zip_with(found.is_not_null(), day)
    return found


def _seconds(series: pl.Series) -> pl.Series:
    return series.dt.epoch("us").cast(pl.Float64) / 1e6


def identifiers(series: pl.Series) -> pl.Series:
    """Ids as text; whole numbers that a table stored as floats lose their '.0'."""
    if series.dtype.is_float():
        whole = series.drop_nulls()
        whole = whole.filter(whole.is_finite())
        if bool((whole == whole.round()).all()):
            return series.cast(pl.Int64, strict=False).cast(pl.String)
    return series.cast(pl.String)


def events(sheet: Sheet, columns: Mapping[str, str | None], *, drop: bool) -> Events:
    """User, item, weight, time, spend of a table by a column mapping (null: not there).

    ``drop`` False: the first row that cannot be read is an InputError with its line; True: such rows are left out, and
    counted by reason with the first line of each.
    """
    wanted = {role: columns[role] for role in ROLES if columns.get(role) is not None}
    _named(sheet, wanted)
    out = pl.DataFrame({role: sheet.frame[str(name)] for role, name in wanted.items()})
    texts = {role: out[role].cast(pl.String).alias(f"{role} text") for role in wanted}
    said: list[str] = []
    reason = pl.when(pl.lit(False)).then(pl.lit("")).otherwise(None)
    checks: list[tuple[str, str, pl.Expr]] = []
    for role in ("user", "item"):
        out = out.with_columns(identifiers(out[role]).alias(role))
        bare = pl.col(role).str.strip_chars()
        checks.append((role, f"no {role}", pl.col(role).is_null() | (bare == "")))
        checks.append((role, f"{role} id with blanks around it", bare != pl.col(role)))
        checks.append((role, f"{role} id with a line break in it", pl.col(role).str.contains(r"[\r\n]")))
    for role in ("weight", "spend"):
        if role in wanted:
            out = number(out, role)
            checks.append((role, f"{role} is no number", pl.col(role).is_null()))
            checks.append((role, f"{role} is NaN or infinite", ~pl.col(role).is_finite()))
    if "time" in wanted:
        seconds, how = moment(out["time"])
        out = out.with_columns(seconds.alias("time"))
        said.append(f"time read as {how}")
        form = "unix seconds, unix milliseconds or ISO 8601 such as 2024-01-31 18:30"
        checks.append(("time", f"time cannot be read ({form})", pl.col("time").is_null() | pl.col("time").is_nan()))
        checks.append(("time", "time lies outside 1900-2100", ~pl.col("time").is_between(EARLIEST, LATEST)))
    for _, words, bad in reversed(checks):
        reason = pl.when(bad.fill_null(False)).then(pl.lit(words)).otherwise(reason)
    why = out.select(reason.alias("reason"))["reason"]
    broken = why.is_not_null()
    if not bool(broken.any()):
        return Events(out, said=(*said, *_span(out)))
    roles = {words: role for role, words, _ in checks}
    rows = pl.DataFrame({"row": broken.arg_true(), "reason": why.filter(broken)})
    rejected: dict[str, int] = {}
    examples: dict[str, str] = {}
    for row, words, count in rows.group_by("reason").agg(pl.col("row").min(), pl.len()).sort("row").select(
        "row", "reason", "len"
    ).iter_rows():  # fmt: skip
        cell = texts[roles[words]][row]
        shown = "empty" if cell is None or cell == "" else repr(cell)
        line = f"{sheet.unit} {sheet.line(row)}"
        if not drop:
            others = f" (and {len(rows) - 1:,} other rows)" if len(rows) > 1 else ""
            raise InputError(
                f"{sheet.path}, {line}: {words}: {shown}{others}; "
                "mend it, or set data.on_error=drop to leave such rows out, counted."
            )
        rejected[words], examples[words] = count, f"{sheet.path.name}, {line}: {shown}"
    out = out.filter(~broken)
    if out.is_empty():
        listed = ", ".join(f"{count:,} {words}" for words, count in rejected.items())
        raise InputError(f"{sheet.path}: every row was left out ({listed}); check the mapping of columns.")
    return Events(out, rejected, examples, (*said, *_span(out)))


def _named(sheet: Sheet, wanted: Mapping[str, str | None]) -> None:
    """Each named column must be there, and none serve two roles."""
    names = sheet.frame.columns
    for role, name in wanted.items():
        if name not in names:
            close = difflib.get_close_matches(str(name), names, 1, 0.5)
            listed = ", ".join(map(repr, names[:12])) + (" …" if len(names) > 12 else "")
            hint = f"did you mean {close[0]!r}?" if close else f"it has {listed}; set data.{role}=COLUMN."
            raise InputError(f"{sheet.path}: no column {name!r} for data.{role}; {hint}")
    if wanted.get("user") == wanted.get("item"):
        raise InputError(f"{sheet.path}: data.user and data.item are both {wanted.get('user')!r}; name two columns.")


def _span(frame: pl.DataFrame) -> list[str]:
    """The first and the last day, for people to see whether the times were read right."""
    if "time" not in frame.columns:
        return []
    ends = pl.Series([frame["time"].min(), frame["time"].max()]).cast(pl.Int64) * 1000
    days = ends.cast(pl.Datetime("ms")).dt.strftime("%Y-%m-%d").to_list()
    return [f"{days[0]} to {days[1]}"]
