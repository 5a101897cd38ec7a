"""Numbers out of text: the decimal sign is detected from the whole column.

Where two readings fit, an InputError asks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import polars as pl

from gnnseg.data.tables import signs
from gnnseg.data.tables.sheets import shown
from gnnseg.types import InputError, Setting

Decimal = Literal[".", ",", "point", "comma"]
CHUNK = 1_000_000  # rows rewritten at a time
COMMA = "decimal comma"
FLAGS = "true as 1, false as 0"
NAMES = {".": "point", ",": "comma"}
BLANK = r"'’ \x{a0}\x{202f}\x{2009}"  # thousands signs of any decimal sign
GROUPED = {  # by decimal sign; thousands signs, where there are any, part groups of three
    ".": rf"^[+-]?(\d+|[1-9]\d{{0,2}}(,\d{{3}})+|[1-9]\d?(,\d\d)+,\d{{3}}|"  # 1,23,436: Indian
    rf"[1-9]\d{{0,2}}([{BLANK}]\d{{3}})+)(\.\d*)?$",
    ",": rf"^[+-]?(\d+|[1-9]\d{{0,2}}(\.\d{{3}})+|[1-9]\d{{0,2}}([{BLANK}]\d{{3}})+)(,\d*)?$",
}
THOUSANDS = {".": f"[,{BLANK}]", ",": f"[.{BLANK}]"}
OPEN = r"^[+-]?[1-9]\d{0,2}\.\d{3}$"  # 1.234: may be 1234


def read(
    series: pl.Series,
    where: str,
    key: str,
    decimal: Decimal | None = None,
    *,
    flags: bool = False,
) -> tuple[pl.Series, str | None]:
    """Return the column as Float64, null where it is no number; and a note on how it was read.

    Args:
        series: Text or numbers.
        where: The table, as messages name it.
        key: The column, as messages name it.
        decimal: The decimal sign; None: detected.
        flags: Whether true and false, yes and no are read as 1 and 0.

    Raises:
        InputError: Two readings that differ fit the whole column, or rows fit one alone and other
            rows the other; or amounts of several currencies.
    """
    if series.dtype.is_numeric():
        return series.cast(pl.Float64), None
    if series.dtype == pl.Boolean and flags:
        return series.cast(pl.Float64), FLAGS
    words = series.cast(pl.String)
    value, how = _read(words, where, key, decimal)
    odd = value.is_null() & words.is_not_null()
    if not bool(odd.any()):
        return value, how
    if flags and (found := signs.flags(words)) is not None:
        return found, FLAGS
    plain, notes = signs.plain(words, odd, where, key)
    if not notes:
        return value, how
    value, how = _read(plain, where, key, decimal)
    return value, ", ".join(filter(None, (how, *notes)))


def _read(
    words: pl.Series, where: str, key: str, decimal: Decimal | None
) -> tuple[pl.Series, str | None]:
    """Return texts of digits and separators alone as numbers; see ``read``."""
    if decimal in (",", "comma"):
        return _map(words, lambda part: _grouped(part, ",")), COMMA
    value = words.cast(pl.Int64, strict=False).cast(pl.Float64)
    fraction = value.is_null() & words.is_not_null()
    if not bool(fraction.any()):
        return value, None
    value = words.cast(pl.Float64, strict=False)
    if bool((value.is_null() & words.is_not_null()).any()):
        # blanks around, thousands signs, decimal commas, or no number
        value = _map(words, lambda part: part.str.strip_chars().cast(pl.Float64, strict=False))
    odd = bool((value.is_null() & (words != "")).fill_null(False).any())
    unsure = decimal is None and (odd or _all_open(words, fraction))
    if unsure and _detected(words, fraction, where, key) == ",":
        return _map(words, lambda part: _grouped(part, ",")), COMMA
    if not odd:
        return value, None
    found = value.is_null().sum()
    grouped = _map(words, lambda part: _grouped(part, "."))
    value = value.to_frame("n").select(pl.coalesce("n", grouped)).to_series()
    return value, "thousands signs left out" if value.is_null().sum() < found else None


def _map(words: pl.Series, call: Callable[[pl.Series], pl.Series]) -> pl.Series:
    """Apply a function chunk by chunk, so that texts on the way do not pile up."""
    return pl.concat(
        [call(words.slice(start, CHUNK)) for start in range(0, max(len(words), 1), CHUNK)]
    )


def _all_open(words: pl.Series, fraction: pl.Series) -> bool:
    """Return whether all numbers with a point are such as 1.234.

    The first few are looked at first, so that an ordinary column is not read twice.
    """
    places = (fraction & words.str.contains(".", literal=True).fill_null(False)).arg_true()
    return all(
        bool(words.gather(part).str.strip_chars().str.contains(OPEN).all())
        for part in (places[:100], places)
    )


def _grouped(words: pl.Series, sign: str) -> pl.Series:
    """Return numbers of one decimal sign, thousands signs left out; null for all else."""
    words = words.str.strip_chars()
    fits = words.str.contains(GROUPED[sign])
    plain = words.str.replace_all("." if sign == "," else ",", "", literal=True)
    plain = plain.str.replace(",", ".", literal=True) if sign == "," else plain
    if bool(words.str.contains(f"[{BLANK}]").any()):
        plain = plain.str.replace_all(f"[{BLANK}]", "")
    return (
        plain.cast(pl.Float64, strict=False)
        .to_frame("n")
        .select(pl.when(fits).then(pl.col("n")))
        .to_series()
    )


def _detected(words: pl.Series, fraction: pl.Series, where: str, key: str) -> str:
    """Return the decimal sign that fits all numbers that are not whole: '.' or ','."""
    only: dict[str, str] = {}  # a number that fits this sign alone
    either: str | None = None  # one that fits both, and differs
    for start in range(0, len(words), CHUNK):
        part = words.slice(start, CHUNK).filter(fraction.slice(start, CHUNK)).str.strip_chars()
        point, comma = (part.str.contains(GROUPED[sign]) for sign in ".,")
        for sign, fits in ((".", point & ~comma), (",", comma & ~point)):
            if sign not in only and len(found := part.filter(fits)):
                only[sign] = found[0]
        if either is None and not only:
            both = part.filter(point & comma)
            differ = both.filter(_grouped(both, ".") != _grouped(both, ","))
            either = differ[0] if len(differ) else None
        if len(only) == 2:
            one, other = (Setting("data.decimal", NAMES[sign]) for sign in ".,")
            raise InputError(
                where=where,
                problem=f"{key} has both {shown(only['.'])} (decimal point) and "
                f"{shown(only[','])} (decimal comma)",
                advice=("make them alike, or set ", one, " or ", other),
            )
    if only:
        return next(iter(only))
    if either is not None:
        values = {sign: _grouped(pl.Series([either]), sign)[0] for sign in ".,"}
        readings = [
            (f"{value:g} (", Setting("data.decimal", NAMES[sign]), ")")
            for sign, value in values.items()
        ]
        raise InputError(
            where=where,
            problem=(f"{key} {shown(either)} may be ", readings[0], " or ", readings[1]),
            advice="set the one that is meant",
        )
    return "."
