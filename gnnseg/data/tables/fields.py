"""Numbers, times and ids out of columns; a row that cannot be read is refused by its line, or
counted by reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from gnnseg.data.tables import dates, lines, nobody, numbers, plausible, weights
from gnnseg.data.tables import identifiers as identifiers_
from gnnseg.data.tables.identifiers import BLANKS, identifiers
from gnnseg.data.tables.iso import EARLIEST, LATEST
from gnnseg.data.tables.nobody import MissingIds
from gnnseg.data.tables.returns import Returns
from gnnseg.data.tables.sheets import Sheet, named, shown
from gnnseg.types import InputError, Setting

__all__ = ["ROLES", "ReadEvents", "events", "identifiers", "moment", "named", "number"]

ROLES = ("user", "item", "weight", "time", "spend")
READ = (*ROLES, *lines.ROLES)  # the latter where they are named
TIMES = (
    "unix seconds, unix milliseconds, ISO 8601 such as 2024-01-31 18:30, 31/01/2024 or 31-Jan-2024"
)
LOST = "its column was a number somewhere; export it as text"
CUT = r"^\d[.,]\d+[eE]\+?\d+$"  # 1.34681E+12, as spreadsheets write large numbers
RETURN = "weight is negative (a return)"


@dataclass(frozen=True)
class ReadEvents:
    """Events as read.

    frame: a column a role found, and those beside.
    rejected, examples: rows left out by reason, and the first of each.
    notes: what was noticed, in words.
    detected: the settings ``decimal`` and ``dates``, where all columns speak for one.
    left_out: reasons for which rows go unasked.
    """

    frame: pl.DataFrame
    rejected: Mapping[str, int] = field(default_factory=dict)
    examples: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    detected: Mapping[str, str] = field(default_factory=dict)
    left_out: frozenset[str] = frozenset()


def number(frame: pl.DataFrame, column: str) -> pl.DataFrame:
    """Return the frame with the column as Float64, decimal point; what is no number is null."""
    series = frame[column]
    if not series.dtype.is_numeric():
        series = series.cast(pl.String).str.strip_chars().cast(pl.Float64, strict=False)
    return frame.with_columns(series.cast(pl.Float64).alias(column))


def moment(series: pl.Series) -> tuple[pl.Series, str]:
    """Return seconds since 1970 UTC, null where unparsable; and how they were read, in words."""
    return dates.read(series)


def events(
    sheet: Sheet,
    columns: Mapping[str, str | None],
    *,
    drop: bool,
    beside: Sequence[str] = (),
    decimal: numbers.Decimal | None = None,
    order: dates.Order | None = None,
    returns: Returns | None = "keep",
    time_as: str | None = dates.ANY,
    missing_ids: MissingIds = "drop",
    guests: bool = False,
) -> ReadEvents:
    """Read user, item, weight, time and spend of a table.

    Args:
        sheet: The table.
        columns: Its columns by role; None: not there.
        drop: Leave out rows that cannot be read, counted by reason, instead of an error.
        beside: Columns that are taken as they are.
        decimal: The decimal sign; None: detected.
        order: The order of day, month and year; None: detected.
        returns: Rows of negative weight are refused (None), kept, or dropped and counted; whoever
            subtracts them keeps them.
        time_as: A unit of numbers, or a pattern of dates; 'any': detected; None: detected, and
            asked about where many lie before 1990 or after tomorrow.
        missing_ids: Rows without a user or an item, and with words for nothing in their place
            (NULL, NA …), are dropped and counted, kept where there is a word, or refused.
        guests: Look for an id that stands for everybody without an account, which is missing too.

    Raises:
        InputError: The first row that cannot be read, by its line, or a column in which two
            readings fit.
    """
    wanted = {role: str(columns[role]) for role in READ if columns.get(role) is not None}
    named(sheet.path, sheet.frame.columns, wanted)
    reading = _Reading(sheet, wanted)
    for role in ("user", "item"):
        reading.ids(role, missing_ids, guests and role == "user")
    reading.measures(decimal)
    reading.times(order, time_as)
    reading.words()
    if returns in (None, "drop"):
        reading.refuse_returns(count=returns == "drop")
    extra = {name: sheet.frame[name] for name in beside if name in sheet.frame.columns}
    frame = pl.DataFrame({**{role: reading.found[role] for role in wanted}, **extra})
    rejected, examples, bad = reading.rejected(drop)
    if len(bad):
        frame = frame.filter(pl.Series(pl.repeat(True, len(frame), eager=True)).scatter(bad, False))
        if frame.is_empty():
            raise _all_left_out(sheet, rejected, examples)
    return ReadEvents(
        frame=frame,
        rejected=rejected,
        examples=examples,
        notes=(*reading.notes, *_span(frame)),
        detected=reading.detected,
        left_out=frozenset(reading.left_out),
    )


def _all_left_out(
    sheet: Sheet, rejected: Mapping[str, int], examples: Mapping[str, str]
) -> InputError:
    listed = [f"{count:,} {words} (first: {examples[words]})" for words, count in rejected.items()]
    return InputError(
        f"{sheet.path}: every row was left out ({', '.join(listed)}); check the mapping of columns."
    )


class _Reading:
    """Columns read one after the other, and the rows of each that cannot be read."""

    def __init__(self, sheet: Sheet, wanted: Mapping[str, str]) -> None:
        self.sheet, self.wanted = sheet, wanted
        self.found: dict[str, pl.Series] = {}
        self.notes: list[str] = []
        self.detected: dict[str, str] = {}
        self.bad: list[tuple[str, str, pl.Series]] = []  # role, reason, row numbers
        self.left_out: set[str] = {RETURN}  # reasons for which rows go without being asked about
        for role, name in wanted.items():
            kind = sheet.frame.schema[name]
            if kind.is_nested() or kind in (pl.Binary, pl.Object, pl.Duration):
                raise InputError(
                    where=sheet.path,
                    problem=(
                        f"column {name!r} for ",
                        Setting(f"data.{role}"),
                        f" holds {str(kind).lower()}",
                    ),
                    advice="give text, numbers or times",
                )

    def refuse(self, role: str, reason: str, rows: pl.Series) -> None:
        """Note the numbers of rows that cannot be read."""
        if len(rows):
            self.bad.append((role, reason, rows))

    def ids(self, role: str, missing_ids: MissingIds, guests: bool) -> None:
        """Read the ids of users or items."""
        read = identifiers_.read(self.sheet.frame[self.wanted[role]], f"{role} ids")
        self.found[role] = ids = read.ids.alias(role)
        self.notes += read.notes
        if len(read.lost):
            lost = ids.is_in(read.lost.implode()).fill_null(False).arg_true()
            self.refuse(role, f"{role} id has lost digits ({LOST})", lost)
        if missing_ids == "drop":
            self.left_out.add(f"no {role}")
        if read.blank or ids.null_count():
            self._blanks(role, ids, missing_ids)
        found = nobody.guest(ids, read.guests) if guests else None
        if found is None:
            return
        said = f"user {found.id} holds {found.share:.0%} of the events"
        if missing_ids == "keep" or not found.certain:
            self.notes.append(f"{said} and is kept (if it stands for guests, leave its rows out)")
            return
        said += ", as guests do"
        self.left_out |= {said} if missing_ids == "drop" else set()
        self.refuse(role, said, (ids == found.id).fill_null(False).arg_true())

    def _blanks(self, role: str, ids: pl.Series, missing_ids: MissingIds) -> None:
        """Note the rows without an id, and with blanks in it."""
        words = missing_ids != "keep"
        pattern = f"{BLANKS}|{nobody.WORD}" if words else BLANKS
        rows = (ids.is_null() | ids.str.contains(pattern)).arg_true()
        cells = ids.gather(rows)
        bare = cells.str.strip_chars()
        none = cells.is_null() | (bare == "").fill_null(True)
        if words:
            named = nobody.words(cells)
            found = sorted(set(cells.filter(named)))
            self.notes += [f"no {role}: {', '.join(found)}"] if found else []
            none |= named
        self.refuse(role, f"no {role}", rows.filter(none))
        self.refuse(role, f"{role} id with blanks around it", rows.filter((bare != cells) & ~none))
        self.refuse(
            role, f"{role} id with a line break in it", rows.filter((bare == cells) & ~none)
        )

    def measures(self, decimal: numbers.Decimal | None) -> None:
        """Read weight, spend, price and quantity."""
        signs: set[str] = set()
        for role in ("weight", "spend", "price", "quantity"):
            if role not in self.wanted:
                continue
            column = self.sheet.frame[self.wanted[role]]
            where = str(self.sheet.path)
            value, how = numbers.read(column, where, role, decimal, flags=True)
            self.found[role] = value.alias(role)
            self.notes += [f"{role} with {how}"] if how else []
            comma = how is not None and numbers.COMMA in how
            if comma or bool((value != value.round()).any()):
                signs.add("," if comma else ".")
            self.refuse(role, f"{role} is no number", value.is_null().arg_true())
            endless = (~value.is_finite()).fill_null(False)
            self.refuse(role, f"{role} is NaN or infinite", endless.arg_true())
            largest = f"{role} is larger than {weights.LARGEST:g}, too large to compute with"
            self.refuse(role, largest, weights.beyond(value))
            self.notes += weights.notes(self.sheet, value) if role == "weight" else []
        if len(signs) == 1:
            self.detected["decimal"] = signs.pop()

    def times(self, given: dates.Order | None, form: str | None) -> None:
        """Read the times, if there are any."""
        if "time" not in self.wanted:
            return
        column = self.sheet.frame[self.wanted["time"]]
        value, how = dates.read(column, str(self.sheet.path), given, form)
        self.found["time"] = value.alias("time")
        self.notes.append(f"time read as {how}")
        odd = plausible.check(self.sheet, column, value, how, form)
        self.notes += [odd] if odd else []
        if column.dtype == pl.String and bool(column.head(100).str.contains(CUT).any()):
            self.notes.append("times in scientific notation are as coarse as their digits")
        order = next((name for name, words in dates.WORDS.items() if words in how), None)
        self.detected |= {} if order is None else {"dates": order}
        unread = value.is_null() | value.is_nan()
        self.refuse("time", f"time cannot be read ({TIMES})", unread.arg_true())
        outside = ~value.is_between(EARLIEST, LATEST) & ~value.is_nan()
        self.refuse("time", "time lies outside 1900-2100", outside.fill_null(False).arg_true())

    def words(self) -> None:
        """Read orders and kinds of events; lines without an order are told apart by their time."""
        if "order" in self.wanted:
            order = identifiers(self.sheet.frame[self.wanted["order"]]).str.strip_chars()
            none = lines.blank(order)
            alone = self.found.get("time", pl.int_range(len(order), eager=True)).cast(pl.String)
            self.found["order"] = order.zip_with(~none, "\0" + alone.fill_null("")).alias("order")
            if int(none.sum()):
                self.notes.append(f"{int(none.sum()):,} rows without an order")
        if "event" in self.wanted:
            self.found["event"] = self.sheet.frame[self.wanted["event"]].alias("event")

    def refuse_returns(self, *, count: bool) -> None:
        """Note rows of negative weight, to be counted; or else raise an error for the first."""
        if "weight" not in self.wanted:
            return
        weight = self.found["weight"]
        rows = ((weight < 0) & weight.is_finite()).fill_null(False).arg_true()
        if count or not len(rows):
            self.refuse("weight", RETURN, rows)
            return
        raise InputError(
            where=self.sheet.where(int(rows[0])),
            problem=f"weight is negative: {self._cell('weight', int(rows[0]))}{_others(len(rows))}",
            advice=(
                "if these are returns, set ",
                Setting("data.returns", "subtract"),
                ", drop or keep",
            ),
        )

    def rejected(self, drop: bool) -> tuple[dict[str, int], dict[str, str], pl.Series]:
        """Return the rows to leave out: counted by reason, the first of each reason, and all.

        A row counts for the first of its reasons. Without ``drop``, the first row that is neither a
        return nor nobody's is an InputError.
        """
        if not self.bad:
            return {}, {}, pl.Series(dtype=pl.Int64)
        reasons = list(dict.fromkeys(reason for _, reason, _ in self.bad))
        roles = {reason: role for role, reason, _ in self.bad}
        parts = [
            rows.cast(pl.Int64)
            .alias("row")
            .to_frame()
            .with_columns(reason=pl.lit(reasons.index(reason), dtype=pl.Int16))
            for _, reason, rows in self.bad
        ]
        table = pl.concat(parts).sort("row", "reason")
        table = table.unique("row", keep="first", maintain_order=True)
        counts: dict[str, int] = {}
        examples: dict[str, str] = {}
        firsts = table.group_by("reason").agg(pl.col("row").min(), pl.len()).sort("row")
        for place, row, count in firsts.iter_rows():
            reason = reasons[place]
            cell = self._cell(roles[reason], row)
            if not drop and reason not in self.left_out:
                raise InputError(
                    where=self.sheet.where(row),
                    problem=f"{reason}: {cell}{_others(len(table))}",
                    advice=(
                        "mend it, or set ",
                        *(
                            (Setting("data.time_as", "PATTERN"), " such as %d.%m.%Y, or ")
                            if roles[reason] == "time"
                            else ()
                        ),
                        Setting("data.on_error", "drop"),
                        " to leave such rows out, counted",
                    ),
                )
            counts[reason] = count
            examples[reason] = f"{self.sheet.where(row, short=True)}: {cell}"
        return counts, examples, table["row"]

    def _cell(self, role: str, row: int) -> str:
        cell = self.sheet.frame[self.wanted[role]][row]
        return shown(None if cell is None else str(cell))


def _others(count: int) -> str:
    return f" (and {count - 1:,} other rows)" if count > 1 else ""


def _span(frame: pl.DataFrame) -> list[str]:
    """Return the first and the last day, for people to see whether the times were read right."""
    if "time" not in frame.columns:
        return []
    ends = pl.Series([frame["time"].min(), frame["time"].max()]).cast(pl.Int64) * 1000
    days = ends.cast(pl.Datetime("ms")).dt.strftime("%Y-%m-%d").to_list()
    return [f"{days[0]} to {days[1]}"]
