"""Numbers, times and ids out of text; a row that cannot be read is refused by its line, or counted
by reason."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from gnnseg.data.tables import dates, numbers
from gnnseg.data.tables.dates import EARLIEST, LATEST
from gnnseg.data.tables.formats import Sheet, shown
from gnnseg.data.tables.returns import Returns
from gnnseg.types import InputError

ROLES = ("user", "item", "weight", "time", "spend")
BLANKS = r"^\s|\s$|[\r\n]|^$"
TIMES = (
    "unix seconds, unix milliseconds, ISO 8601 such as 2024-01-31 18:30, 31/01/2024 or 31-Jan-2024"
)
YEAR = (
    31536000.0  # times that all lie in 1970 are numbers of another kind: row numbers, Excel's days
)


@dataclass(frozen=True)
class Events:
    """Events as read: ``frame`` has the roles found; rows left out by reason, the first of each;
    what was seen, in words.

    ``told``: the settings decimal and dates, where all columns speak for one.
    """

    frame: pl.DataFrame
    rejected: Mapping[str, int] = field(default_factory=dict)
    examples: Mapping[str, str] = field(default_factory=dict)
    said: tuple[str, ...] = ()
    told: Mapping[str, str] = field(default_factory=dict)


def number(frame: pl.DataFrame, column: str) -> pl.DataFrame:
    """The column as Float64, decimal point; what is no number becomes null."""
    series = frame[column]
    if not series.dtype.is_numeric():
        series = series.cast(pl.String).str.strip_chars().cast(pl.Float64, strict=False)
    return frame.with_columns(series.cast(pl.Float64).alias(column))


def moment(series: pl.Series) -> tuple[pl.Series, str]:
    """Seconds since 1970 UTC, null where unparsable; and how the column was read, in words."""
    return dates.read(series)


def identifiers(series: pl.Series) -> pl.Series:
    """Ids as text; whole numbers that a table stored as floats lose their '.0'."""
    if series.dtype.is_float():
        whole = series.drop_nulls()
        whole = whole.filter(whole.is_finite())
        if bool((whole == whole.round()).all()):
            return series.cast(pl.Int64, strict=False).cast(pl.String)
    return series.cast(pl.String)


def events(
    sheet: Sheet,
    columns: Mapping[str, str | None],
    *,
    drop: bool,
    beside: Sequence[str] = (),
    decimal: numbers.Decimal | None = None,
    order: dates.Order | None = None,
    returns: Returns | None = "keep",
) -> Events:
    """User, item, weight, time, spend of a table by a column mapping (null: not there), and the
    columns ``beside`` as they are.

    ``drop`` False: the first row that cannot be read is an InputError with its line; True: such
    rows are left out, and counted by reason with the first line of each. ``decimal`` and ``order``
    (of day, month, year): null is told. ``returns``: rows of negative weight are refused (null),
    kept, or dropped and counted; whoever subtracts them keeps them.
    """
    wanted = {role: str(columns[role]) for role in ROLES if columns.get(role) is not None}
    named(sheet.path, sheet.frame.columns, wanted)
    for role, name in wanted.items():
        kind = sheet.frame.schema[name]
        if kind.is_nested() or kind in (pl.Binary, pl.Object, pl.Duration):
            raise InputError(
                f"{sheet.path}: column {name!r} for data.{role} holds {str(kind).lower()}; give "
                "text, numbers or times."
            )
    where = str(sheet.path)
    found: dict[str, pl.Series] = {}
    said: list[str] = []
    told: dict[str, str] = {}
    signs: set[str] = set()
    bad: list[tuple[str, str, pl.Series]] = []  # role, reason, row numbers

    def refuse(role: str, reason: str, rows: pl.Series) -> None:
        if len(rows):
            bad.append((role, reason, rows))

    for role in ("user", "item"):
        ids = found[role] = identifiers(sheet.frame[wanted[role]]).alias(role)
        rows = (ids.is_null() | ids.str.contains(BLANKS)).arg_true()
        cells = ids.gather(rows)
        bare = cells.str.strip_chars()
        none = cells.is_null() | (bare == "").fill_null(True)
        refuse(role, f"no {role}", rows.filter(none))
        refuse(role, f"{role} id with blanks around it", rows.filter((bare != cells) & ~none))
        refuse(role, f"{role} id with a line break in it", rows.filter((bare == cells) & ~none))
    for role in ("weight", "spend"):
        if role in wanted:
            value, how = numbers.read(sheet.frame[wanted[role]], where, role, decimal)
            found[role] = value.alias(role)
            said += [f"{role} with {how}"] if how else []
            if how == numbers.COMMA or bool((value != value.round()).any()):
                signs.add("," if how == numbers.COMMA else ".")
            refuse(role, f"{role} is no number", value.is_null().arg_true())
            refuse(
                role, f"{role} is NaN or infinite", (~value.is_finite()).fill_null(False).arg_true()
            )
    if "time" in wanted:
        value, how = dates.read(sheet.frame[wanted["time"]], where, order)
        found["time"] = value.alias("time")
        said.append(f"time read as {how}")
        told |= dict([("dates", name) for name, words in dates.WORDS.items() if words in how][:1])
        refuse(
            "time", f"time cannot be read ({TIMES})", (value.is_null() | value.is_nan()).arg_true()
        )
        outside = ~value.is_between(EARLIEST, LATEST) & ~value.is_nan()
        refuse("time", "time lies outside 1900-2100", outside.fill_null(False).arg_true())
    if len(signs) == 1:
        told["decimal"] = signs.pop()
    if "weight" in wanted and returns in (None, "drop"):
        rows = ((found["weight"] < 0) & found["weight"].is_finite()).fill_null(False).arg_true()
        if len(rows) and returns is None:
            row = int(rows[0])
            raise InputError(
                f"{sheet.where(row)}: weight is negative: "
                f"{_cell(sheet, wanted['weight'], row)}{_others(len(rows))}; "
                "if these are returns, set data.returns=subtract, drop or keep."
            )
        refuse("weight", "weight is negative (a return)", rows)
    extra = {name: sheet.frame[name] for name in beside if name in sheet.frame.columns}
    out = pl.DataFrame({**{role: found[role] for role in wanted}, **extra})
    if not bad:
        return Events(out, said=(*said, *_span(out)), told=told)
    reasons = list(dict.fromkeys(reason for _, reason, _ in bad))
    roles = {reason: role for role, reason, _ in bad}
    parts = [
        pl.DataFrame({"row": rows.cast(pl.Int64), "reason": pl.repeat(reasons.index(r), len(rows), dtype=pl.Int16, eager=True)})
        for _, r, rows in bad
    ]  # fmt: skip
    rows_ = pl.concat(parts).sort("row", "reason").unique("row", keep="first", maintain_order=True)
    rejected: dict[str, int] = {}
    examples: dict[str, str] = {}
    for place, row, count in (
        rows_.group_by("reason").agg(pl.col("row").min(), pl.len()).sort("row").iter_rows()
    ):
        reason = reasons[place]
        cell = _cell(sheet, wanted[roles[reason]], row)
        if not drop and reason != "weight is negative (a return)":
            raise InputError(
                f"{sheet.where(row)}: {reason}: {cell}{_others(len(rows_))}; "
                "mend it, or set data.on_error=drop to leave such rows out, counted."
            )
        rejected[reason], examples[reason] = count, f"{sheet.where(row, short=True)}: {cell}"
    keep = pl.Series(pl.repeat(True, len(out), eager=True)).scatter(rows_["row"], False)
    out = out.filter(keep)
    if out.is_empty():
        listed = ", ".join(f"{count:,} {words}" for words, count in rejected.items())
        raise InputError(
            f"{sheet.path}: every row was left out ({listed}); check the mapping of columns."
        )
    return Events(out, rejected, examples, (*said, *_span(out)), told)


def _cell(sheet: Sheet, column: str, row: int) -> str:
    cell = sheet.frame[column][row]
    return shown(None if cell is None else str(cell))


def _others(count: int) -> str:
    return f" (and {count - 1:,} other rows)" if count > 1 else ""


def named(path: Path, names: Sequence[str], wanted: Mapping[str, str | None]) -> None:
    """Each named column must be there, and none serve as user and item."""
    for role, name in wanted.items():
        if name is not None and name not in names:
            role = "item_title" if role == "title" else role
            close = difflib.get_close_matches(str(name), names, 1, 0.5)
            listed = ", ".join(map(shown, names[:12])) + (" …" if len(names) > 12 else "")
            hint = (
                f"did you mean {close[0]!r}?"
                if close
                else f"it has {listed}; set data.{role}=COLUMN."
            )
            raise InputError(f"{path}: no column {name!r} for data.{role}; {hint}")
    if wanted.get("user") is not None and wanted.get("user") == wanted.get("item"):
        raise InputError(
            f"{path}: data.user and data.item are both {wanted.get('user')!r}; name two columns."
        )


def _span(frame: pl.DataFrame) -> list[str]:
    """The first and the last day, for people to see whether the times were read right."""
    if "time" not in frame.columns:
        return []
    ends = pl.Series([frame["time"].min(), frame["time"].max()]).cast(pl.Int64) * 1000
    days = ends.cast(pl.Datetime("ms")).dt.strftime("%Y-%m-%d").to_list()
    odd = " (if these are no times, set data.time='')" if float(ends[1] or 0) < 1000 * YEAR else ""
    return [f"{days[0]} to {days[1]}{odd}"]
