"""Ids in one spelling, whatever file, type or program they come from.

Whole numbers lose what a program put on them (``12345.0``, ``12,345``, ``="00123"``); leading
zeros and letter case are kept. Text is looked through once by one pattern; only where something is
found are the distinct ids looked at.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

import polars as pl

from gnnseg.data.tables import nobody
from gnnseg.types import text_of_id

BLANKS = r"^\s|\s$|[\r\n]|^$"
INVISIBLE = (
    "\u00ad\u200b\u200e\u200f\u2060\ufeff\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)
HIDDEN = "signs of no width"
JOINERS = "\u200c\u200d"  # of scripts and emoji: they count between letters, never at an end
MARK = r"'’ \x{a0}\x{202f}\x{2009}"
POINT_ZERO = r"^-?(0|[1-9]\d*)(\.0{0,2}|\.0{4,}|,0{1,2})$"
GROUPED = rf"^[1-9]\d{{0,2}}((,\d{{3}})+|([{MARK}]\d{{3}})+)$"
POWER = r"^[+-]?\d(\.\d+)?[eE]\+\d{2,3}$"
WRAPPED = r'^="(.*)"$|^\'(\d+)$'
OTHERS = r"[^\x00-\x7f]"  # what is not ASCII
ODD = "|".join((BLANKS, nobody.WORD, nobody.GUEST, POINT_ZERO, GROUPED, POWER, WRAPPED, OTHERS))
SMALL = 6  # digits that programs print of a number in powers of ten: further ones are lost
EXACT = 2**53  # doubles beyond skip whole numbers
EXACT_SINGLE = 2**24
MANY = 2_000_000  # distinct ids beyond which twins are not looked for


@dataclass(frozen=True)
class Identifiers:
    """Ids in one spelling.

    ids: String, null where there is none. notes: what was done, in words. blank: whether some are
    empty, words for nothing, or have blanks around or line breaks in them. guests: those that may
    stand for everybody without an account. lost: such as a program cut to a few digits
    (``1.23457E+12``, a double beyond 2^53), as they are written in ``ids``.
    """

    ids: pl.Series
    notes: tuple[str, ...] = ()
    blank: bool = False
    guests: tuple[str, ...] = ()
    lost: pl.Series = field(default_factory=lambda: pl.Series(dtype=pl.String))


def identifiers(series: pl.Series) -> pl.Series:
    """Return ids as text in one spelling."""
    return read(series).ids


def read(series: pl.Series, what: str = "ids") -> Identifiers:
    """Return ids in one spelling, and what was done to them; ``what`` they are, in words."""
    if series.dtype.is_float():
        return _of_floats(series, what)
    if series.dtype.is_decimal():
        text = series.cast(pl.String)
        whole = bool((series == series.floor()).all())
        return Identifiers(text.str.replace(r"\.0+$", "") if whole else text)
    if series.dtype == pl.Object:
        cells = series.to_list()
        texts = [None if cell is None or cell != cell else text_of_id(cell) for cell in cells]
        series = pl.Series(series.name, texts, dtype=pl.String)
    text = series.cast(pl.String)
    if series.dtype.is_integer():
        return Identifiers(text, guests=_guest_numbers(series))
    if not bool(text.str.contains(ODD).any()):
        return Identifiers(text)
    return _of_text(text, what)


def _of_floats(series: pl.Series, what: str) -> Identifiers:
    """Return numbers as ids: whole ones without '.0', NaN as nothing."""
    known = series.set(series.is_nan().fill_null(False), None)
    whole = known.drop_nulls()
    if not bool((whole == whole.round()).all()):
        return Identifiers(known.cast(pl.String))
    limit = EXACT_SINGLE if series.dtype == pl.Float32 else EXACT
    far = whole.filter(whole.abs() >= limit)
    ids = known.cast(pl.Int64, strict=False).cast(pl.String)
    guests, notes = _guest_numbers(known), (f"{what} are doubles, read as whole numbers",)
    if far.is_empty():
        return Identifiers(ids, notes, guests=guests)
    beyond = known.cast(pl.String)
    ids = ids.to_frame("i").select(pl.coalesce("i", pl.lit(beyond))).to_series().alias(series.name)
    kept = (known.abs() >= limit).fill_null(False)
    return Identifiers(ids, notes, guests=guests, lost=ids.filter(kept).unique())


def _guest_numbers(series: pl.Series) -> tuple[str, ...]:
    return tuple(str(one) for one in nobody.NUMBERS if bool((series == one).any()))


def _of_text(text: pl.Series, what: str) -> Identifiers:
    """Return text in one spelling, by a look at the distinct ids."""
    distinct = text.drop_nulls().unique()
    nothing = distinct.str.contains(nobody.WORD) | (distinct == "")
    real = distinct.filter(~nothing)
    table = pl.DataFrame({"old": real, "new": real})
    notes: list[str] = []
    for name, rule in RULES:
        new = rule(table["new"])
        changed = table.filter(pl.lit(new) != pl.col("new")).with_columns(
            done=new.filter(new != table["new"])
        )
        if len(changed):
            before = table["new"].n_unique()
            table = table.with_columns(new=new)
            merged = before - new.n_unique()
            notes.append(_said(what, name, changed.sort("old").row(0), merged))
    lost = real.filter(real.str.contains(POWER) & table["new"].str.contains(POWER))
    moved = table.filter(pl.col("old") != pl.col("new"))
    if len(moved):
        rows = (
            text.alias("old")
            .to_frame()
            .lazy()
            .join(moved.lazy(), on="old", how="left", maintain_order="left")
        )
        text = rows.select(pl.coalesce("new", "old")).collect().to_series().alias(text.name)
    blank = bool(nothing.any() or table["new"].str.contains(BLANKS).any())
    guests = table["new"].filter(table["new"].str.contains(nobody.GUEST)).unique()
    return Identifiers(text, tuple(notes), blank, tuple(guests.sort()), lost)


def _said(what: str, name: str, row: tuple[str, str, str], merged: int) -> str:
    """Return what a rule did, with its first example."""
    _, old, new = row
    by = f"{what} without {name}" + ("" if name == HIDDEN else f": {old} is {new}")
    one = "1 id was" if merged == 1 else f"{merged:,} ids were"
    return by + (f" ({one} written both ways)" if merged else "")


def _visible(ids: pl.Series) -> pl.Series:
    """Return ids without signs of no width, accents composed (NFC)."""
    rows = ids.str.contains(r"[^\x00-\x7f]").arg_true()
    if rows.is_empty():
        return ids
    bare = ids.gather(rows).str.replace_all(f"[{INVISIBLE}]", "").str.strip_chars(JOINERS)
    composed = [unicodedata.normalize("NFC", one) for one in bare.to_list()]
    return ids.clone().scatter(rows, pl.Series(composed, dtype=pl.String))


def _unwrapped(ids: pl.Series) -> pl.Series:
    """Return ids without what keeps a spreadsheet from reading them as numbers."""
    found = ids.str.extract_groups(WRAPPED).struct.unnest()
    return found.select(pl.coalesce("1", "2", pl.lit(ids))).to_series()


def _whole(ids: pl.Series) -> pl.Series:
    """Return whole numbers without '.0', where no id of the column is a fraction or a version."""
    fits = ids.str.contains(POINT_ZERO)
    if not bool(fits.any()) or bool(ids.filter(~fits).str.contains(r"^\d+[.,]\d").any()):
        return ids
    return _where(fits, ids.str.replace(r"[.,]0*$", ""), ids)


def _ungrouped(ids: pl.Series) -> pl.Series:
    """Return numbers without thousands signs, where all ids of the column are numbers.

    Groups that all have three digits may be several ids in a cell, and stay.
    """
    fits = ids.str.contains(GROUPED)
    numbers = bool((fits | ids.str.contains(r"^-?\d+$")).all())
    if not (numbers and bool(ids.filter(fits).str.contains(r"^\d{1,2}\D").any())):
        return ids
    return _where(fits, ids.str.replace_all(f"[,{MARK}]", ""), ids)


def _unscaled(ids: pl.Series) -> pl.Series:
    """Return numbers in powers of ten as whole ones, where no digit can be lost."""
    rows = ids.str.contains(POWER).arg_true()
    if rows.is_empty():
        return ids
    return ids.clone().scatter(
        rows, pl.Series([_exact(one) for one in ids.gather(rows)], dtype=pl.String)
    )


def _exact(text: str) -> str:
    """Return a number in powers of ten as a whole one, or as it is where digits may be lost."""
    number = Decimal(text)
    digits = len(text.lower().partition("e")[0].strip("+-").replace(".", ""))
    shifted = number.adjusted() - (digits - 1)  # digits that are not written
    short = "e" in text and digits < SMALL and abs(number) < EXACT
    exact = number == number.to_integral_value() and (shifted <= 0 or short)
    return str(int(number)) if exact else text


def _where(rows: pl.Series, then: pl.Series, other: pl.Series) -> pl.Series:
    return then.zip_with(rows, other)


RULES = (
    (HIDDEN, _visible),
    ("a spreadsheet's quotes", _unwrapped),
    ("'.0'", _whole),
    ("thousands signs", _ungrouped),
    ("powers of ten", _unscaled),
)


def cut(ids: pl.Series) -> pl.Series:
    """Return the ids whose digits a program has cut, such as 1.23457E+12."""
    return ids.filter(ids.str.contains(POWER))


def twins(distinct: pl.Series, what: str) -> Iterator[str]:
    """Yield what is said of ids that differ in letter case, or in leading zeros, alone."""
    if len(distinct) > MANY:
        return
    for bare, differ in (
        (distinct.str.to_lowercase(), "letter case"),
        (distinct.str.replace(r"^0+(\d)", "${1}"), "leading zeros"),
    ):
        table = pl.DataFrame({"id": distinct, "bare": bare})
        again = table.filter(pl.col("bare").is_duplicated()).sort("bare", "id")
        if len(again):
            sets = again["bare"].n_unique()
            first, second = again["id"][0], again["id"][1]
            pairs = "1 pair" if sets == 1 else f"{sets:,} pairs"
            yield (
                f"{pairs} of {what} differ in {differ} alone ({first} and {second}); they are "
                "kept apart"
            )
