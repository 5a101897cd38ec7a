"""Which column of a table beside joins it to the interactions: found by its values, or asked."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import polars as pl

from gnnseg.data.tables import fields, nobody
from gnnseg.data.tables.columns import USUAL, simple
from gnnseg.data.tables.identifiers import identifiers
from gnnseg.data.tables.sheets import Sheet, shown
from gnnseg.types import InputError, Setting

Kind = Literal["user", "item"]
FEW = 0.01  # of the ids that could be known: a table that knows fewer is of somebody else
SURE = 0.8  # of the ids that could be known: chance does not reach it
ROW_NUMBERS = ("", "index", "unnamed0", "rownames", "x1", "level0", "column1")  # simple names


@dataclass(frozen=True)
class MetIds:
    """The ids that the interactions have."""

    events: pl.DataFrame

    @cached_property
    def _distinct(self) -> Mapping[str, pl.Series]:
        return {kind: self.events[kind].drop_nulls().unique().sort() for kind in ("user", "item")}

    def of(self, kind: str) -> pl.Series:
        """Return the distinct ids of users or of items."""
        return self._distinct[kind]


@dataclass(frozen=True)
class KeyColumn:
    """The column that holds a table's ids.

    ids: in one spelling. known: how many of the interactions' it has. usual: whether its name says
    that it holds ids.
    """

    name: str
    ids: pl.Series
    known: int
    usual: bool = False


def key_column(
    sheet: Sheet,
    kind: Kind,
    met: pl.Series | None,
    *,
    named: str | None = None,
    but: Collection[str] = (),
) -> KeyColumn:
    """Return the column of a table of attributes that holds the ids.

    The one that is named; else one of a usual name (``id``, ``customer``), by what it has of the
    interactions' ids; else the first column, unless another has far more of them.

    Args:
        sheet: The table; columns of its index may serve too.
        kind: Whose attributes they are.
        met: The distinct ids of the interactions; None: not known.
        named: The column, where somebody names it.
        but: Columns that serve otherwise.

    Raises:
        InputError: No such column, or two that could be.
    """
    frame = sheet.frame if sheet.index is None else sheet.frame.hstack(sheet.index)
    if named is not None:
        fields.named(sheet.path, frame.columns, {f"{kind}s_id": named})
        return replace(_counted(frame, named, met), usual=True)
    names = [name for name in frame.columns if name not in but and _may_be_ids(frame[name])]
    if not names:
        raise InputError(
            where=sheet.path,
            problem="no column could hold the ids",
            advice=("set ", Setting(f"data.{kind}s_id", "COLUMN")),
        )
    usual = [name for name in names if name == "id" or simple(name) in {"id", *USUAL[kind]}]
    if met is None:
        indexed = [] if sheet.index is None else [n for n in sheet.index.columns if n in names]
        return _counted(frame, [*usual, *indexed, *names][0], None)
    if usual:
        found = _best(sheet, kind, [_counted(frame, name, met) for name in usual], met)
        return replace(found, usual=True)
    return _by_values(sheet, kind, frame, names, met)


def _by_values(
    sheet: Sheet, kind: Kind, frame: pl.DataFrame, names: Sequence[str], met: pl.Series
) -> KeyColumn:
    """Return the first column, or another that has far more of the interactions' ids."""
    first, *others = (_counted(frame, name, met) for name in names)
    others = [each for each in others if each.known and not each.ids.is_duplicated().any()]
    if not others:
        return first
    best = max(others, key=lambda each: each.known)
    if numbers_rows(first.ids.alias(first.name)) and best.known >= first.known:
        return _best(sheet, kind, others, met)
    if 2 * best.known < first.known or (best.known <= first.known and _is_sure(first, met)):
        return first
    if best.known >= 2 * first.known and _is_sure(best, met):
        return _best(sheet, kind, others, met)
    if not first.known:
        return first
    raise _two(sheet, kind, [first, best], met)


def _is_sure(column: KeyColumn, met: pl.Series) -> bool:
    """Return whether nearly all ids that can be known are."""
    return column.known >= SURE * min(len(met), column.ids.drop_nulls().n_unique())


def _best(sheet: Sheet, kind: Kind, found: Sequence[KeyColumn], met: pl.Series) -> KeyColumn:
    """Return the column that has far more of the interactions' ids than others, or ask."""
    best = max(found, key=lambda each: each.known)
    rivals = [
        each
        for each in found
        if each is not best
        and 2 * each.known > best.known
        and not each.ids.equals(best.ids, null_equal=True)
    ]
    if rivals:
        raise _two(sheet, kind, [best, *rivals], met)
    return best


def _two(sheet: Sheet, kind: Kind, found: Sequence[KeyColumn], met: pl.Series) -> InputError:
    listed = " or ".join(
        f"{shown(each.name)} (knows {each.known:,} of {len(met):,} {kind}s)" for each in found[:4]
    )
    return InputError(
        where=sheet.path,
        problem=f"the ids may be column {listed}",
        advice=("set ", Setting(f"data.{kind}s_id", "COLUMN")),
    )


def _counted(frame: pl.DataFrame, name: str, met: pl.Series | None) -> KeyColumn:
    ids = identifiers(frame[name]).alias("id")
    known = 0 if met is None else int(met.is_in(ids.drop_nulls().unique().implode()).sum())
    return KeyColumn(name, ids, known)


def _may_be_ids(series: pl.Series) -> bool:
    kind = series.dtype
    text = kind in (pl.String, pl.Categorical, pl.Enum)
    return text or kind.is_integer() or kind.is_float() or kind.is_decimal()


def numbers_rows(column: pl.Series) -> bool:
    """Return whether a column numbers the rows, as exports of data frames do."""
    if simple(column.name) not in ROW_NUMBERS or not len(column) or column.dtype.is_nested():
        return False
    numbers = column.cast(pl.Int64, strict=False)
    first = numbers[0]
    steady = numbers == pl.int_range(len(numbers), eager=True) + (first or 0)
    return first in (0, 1) and bool(steady.fill_null(False).all())


def refuse_strangers(
    where: Path | str, kind: str, theirs: pl.Series, met: pl.Series, advice: str = ""
) -> None:
    """Refuse ids of which the interactions have almost none; one of each side is shown.

    ``theirs``: distinct ids; none at all is nobody's fault.
    """
    theirs = theirs.filter(~nobody.words(theirs))
    known = int(theirs.is_in(met.implode()).sum())
    if not len(theirs) or known > FEW * min(len(theirs), len(met)):
        return
    one, other = unlike(theirs, met)
    count = "none" if not known else f"only {known:,}"
    raise InputError(
        where=where,
        problem=f"{count} of its {len(theirs):,} {kind}s "
        f"{'is' if known <= 1 else 'are'} in the interactions ({shown(one)} here, "
        f"{shown(other)} there)",
        advice=("write the ids alike", advice),
    )


def refuse_misspelt(where: Path | str, kind: str, theirs: pl.Series, met: pl.Series) -> None:
    """Refuse ids that may be of others, if they are the same ids in another spelling."""
    if not len(theirs) or bool(theirs.is_in(met.implode()).any()):
        return
    one, other = unlike(theirs, met)
    if bool((_bare(pl.Series([one])) == _bare(pl.Series([other]))).all()):
        refuse_strangers(where, kind, theirs, met)


def unlike(theirs: pl.Series, ours: pl.Series) -> tuple[str, str]:
    """Return an id of each side; of one and the same, where they differ in spelling alone."""
    both = _respelt(theirs, ours)
    if len(both):
        return both.row(0)
    return str(theirs[0]) if len(theirs) else "none", str(ours[0])


def misspelt(theirs: pl.Series, ours: pl.Series) -> tuple[str, str] | None:
    """Return one of some unknown ids that is one of ours in another spelling, and ours.

    None: there is none, or spelling is what tells our own ids apart.
    """
    if bool(_bare(ours).is_duplicated().any()):
        return None
    both = _respelt(theirs, ours)
    return both.row(0) if len(both) else None


def _respelt(theirs: pl.Series, ours: pl.Series) -> pl.DataFrame:
    """Return the pairs (theirs, ours) that differ in spelling alone."""
    one, other = (
        pl.DataFrame({"id": ids, "bare": _bare(ids)}).filter(pl.col("bare") != "").sort("bare")
        for ids in (theirs, ours)
    )
    both = one.join(other, on="bare", suffix="_ours").filter(pl.col("id") != pl.col("id_ours"))
    return both.sort("bare", "id").select("id", "id_ours")


def _bare(ids: pl.Series) -> pl.Series:
    """Return ids without case, leading zeros and signs."""
    bare = ids.str.to_lowercase().str.replace_all(r"[^\p{L}\p{N}]", "")
    return bare.str.replace(r"^0+(.)", "${1}")
