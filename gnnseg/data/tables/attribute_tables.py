"""Tables of attributes by id: whose row is whose, and which columns are numbers."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import polars as pl

from gnnseg.data.tables import dtypes, fields, joining, nobody, owned
from gnnseg.data.tables.joining import Kind
from gnnseg.data.tables.layout import SHOWN
from gnnseg.data.tables.numbers import Decimal
from gnnseg.data.tables.sheets import Sheet
from gnnseg.types import InputError

PERCENT = r"\s*%$"


@dataclass(frozen=True)
class AttributeTable:
    """Attributes by id.

    frame: id, optionally name (String), then the attributes. note: how it was joined, in words.
    """

    frame: pl.DataFrame
    note: str


def read(
    sheet: Sheet,
    kind: Kind,
    met: pl.Series | None = None,
    *,
    decimal: Decimal | None = None,
    stated: Decimal | None = None,
    title: str | None = None,
    key: str | None = None,
    attributes: Collection[str] = (),
    strangers: bool = False,
) -> AttributeTable:
    """Read attributes by id; a column of numbers alone is numbers.

    Args:
        sheet: The table.
        kind: Whose attributes they are.
        met: The distinct ids of the interactions, among which its ids are looked for.
        decimal: The decimal sign of every column.
        stated: That of columns that leave theirs open.
        title: The column of names, in place of one called name.
        key: The column of ids; None: found.
        attributes: Columns that are known to hold none.
        strangers: Whether the table may be of others than those in the interactions.

    Raises:
        InputError: An id that has blanks around it or stands more than once, ids that are nobody's
            in the interactions, or columns without names.
    """
    frame = sheet.frame
    if title is not None:
        fields.named(sheet.path, frame.columns, {"title": title})
    but = {*attributes, *([] if title is None else [title])} - {key}
    column = joining.key_column(sheet, kind, met, named=key, but=but)
    if met is not None and not column.usual:
        _refuse_headless(sheet, kind, column.name, met)
    frame = frame.drop(column.name, strict=False)
    if title is not None:
        names = frame[title].cast(pl.String).alias("name")
        frame = frame.drop({title, "name"} & set(frame.columns)).with_columns(names)
    ids = column.ids
    nothing = (ids.is_null() | (ids.str.strip_chars() == "") | nobody.words(ids)).fill_null(True)
    _check(sheet, column.name, ids, nothing)
    found, left = [ids], []
    for series in frame:
        values = _column(series, decimal, stated)
        if series.name == "id" or (values is not None and joining.numbers_rows(values)):
            left.append(series.name or "a column without a name")
        elif values is None:
            left.append(f"{series.name} ({str(series.dtype).lower()})")
        else:
            found.append(values)
    table = pl.DataFrame(found).filter(~nothing)
    if met is not None and not strangers:
        joining.refuse_strangers(
            sheet.path, kind, table["id"], met, f", or name the column of ids ({column.name!r} now)"
        )
    said = f"{sheet.path.name}: "
    return AttributeTable(table, said + _note(table, kind, met, column, left, int(nothing.sum())))


def _refuse_headless(sheet: Sheet, kind: Kind, name: str, met: pl.Series) -> None:
    """Refuse a table whose column of ids is called as somebody in the interactions."""
    if bool((met == name).any()):
        raise InputError(
            where=sheet.path,
            problem=f"its first line is a {kind}'s ({name}) and names no columns",
            advice="give it a header, such as id,age",
        )


def _note(
    table: pl.DataFrame, kind: Kind, met: pl.Series | None, column: joining.KeyColumn,
    left: list[str], nothing: int,
) -> str:  # fmt: skip
    names = [name for name in table.columns if name != "id"]
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    of = "" if met is None else f"knows {column.known:,} of {len(met):,} {kind}s "
    parts = [
        f"{of}by column {column.name!r}",
        f"attributes: {', '.join(names[:SHOWN]) or 'none'}{more}",
        *([f"{nothing:,} rows without an id left out"] if nothing else []),
        *([f"left out: {', '.join(left)}"] if left else []),
    ]
    return "; ".join(parts)


def _check(sheet: Sheet, name: str, ids: pl.Series, nothing: pl.Series) -> None:
    """Refuse ids with blanks around them, and an id that stands more than once."""
    refuse(
        sheet,
        (ids.str.strip_chars() != ids).fill_null(False) & ~nothing,
        f"the id ({name}) has blanks around it; mend it.",
    )
    twice = ids.is_duplicated() & ~nothing
    if bool(twice.any()):
        first = ids[int(twice.arg_true()[0])]
        refuse(sheet, twice, f"id {first} stands more than once; keep one row an id.")


def refuse(sheet: Sheet, bad: pl.Series, why: str) -> None:
    """Raise an InputError for the first bad row, if there is one."""
    if bool(bad.any()):
        line = sheet.line(int(bad.arg_true()[0]))
        raise InputError(f"{sheet.path}, {sheet.unit} {line}: {why}")


def _column(series: pl.Series, decimal: Decimal | None, stated: Decimal | None) -> pl.Series | None:
    """Return numbers where every cell is one (names stay text), lists as they are, else text.

    None: what neither is, such as a struct. Words for nothing, currency and percent signs make no
    number text.
    """
    plain = dtypes.readable(series)
    if plain is None or isinstance(plain.dtype, pl.List | pl.Array):
        return plain
    series = plain
    text = series.cast(pl.String)
    if series.name == "name" or series.dtype == pl.Boolean:
        return text
    cells = series
    if series.dtype in (pl.String, pl.Categorical, pl.Enum):
        cells = nobody.without_words(text)
        cells = cells.str.strip_chars().str.replace(PERCENT, "")
    try:
        found = owned.number(cells, "", series.name, decimal, stated)
    except InputError:  # two decimal signs fit: numbers as a program writes them, or else text
        found = fields.number(cells.to_frame(), series.name).to_series()
    nothing = (cells.is_null() | (text.str.strip_chars() == "")).fill_null(True)
    all_read = not bool((found.is_null() & ~nothing).any())
    return found.alias(series.name) if all_read and found.null_count() < len(found) else text
