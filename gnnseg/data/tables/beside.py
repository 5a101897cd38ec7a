"""Tables beside the interactions: attributes by id, social ties, typed edges, logs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from gnnseg.data import logs
from gnnseg.data.raw import RawRelation
from gnnseg.data.tables import fields, formats, owned, separators, ties
from gnnseg.data.tables.numbers import Decimal
from gnnseg.data.tables.owned import OwnForm
from gnnseg.data.tables.settings import FileSettings, Format
from gnnseg.data.tables.sheets import Sheet
from gnnseg.types import InputError

ATOMIC = (".user", ".item", ".net", ".link")  # RecBole's files beside the interactions
RELATION_KEYS = ("name", "source_kind", "target_kind")


@dataclass(frozen=True)
class FileForm:
    """How files beside the interactions are read: each for itself.

    forms: Of a file, by its name among ``FILES`` or a relation's, what it is told (``OwnForm``).
    separator, encoding, decimal: Of the interactions; taken where a file leaves its own open.
    """

    separator: str | None = None
    encoding: str | None = None
    decimal: Decimal | None = None
    forms: Mapping[str, Any] = field(default_factory=dict)

    def attributes(
        self, path: str | None, title: str | None = None, *, name: str = "users"
    ) -> pl.DataFrame | None:
        """Read attributes; ``title``: the column of names; ``name``: users or items."""
        if path is None:
            return None
        own = self._own(name)
        with own.errors():
            return attribute_table(self._table(path, own), own.decimal, title, self.decimal)

    def ties(self, path: str | None) -> pl.DataFrame | None:
        """Read social ties."""
        return None if path is None else self._edges(path, "social ties", "social")

    def log(self, path: str | None) -> pl.DataFrame | None:
        """Read a log of what was shown, whose propensities may be missing."""
        if path is None:
            return None
        own = self._own("log")
        with own.errors():
            return logs.read(
                self._table(path, own), propensity=False, decimal=own.decimal or self.decimal,
                columns=own.columns,
            )  # fmt: skip

    def relations(self, nodes: Sequence[Any]) -> tuple[RawRelation, ...]:
        """Read typed edges, each a mapping with the file's ``path``."""
        names = [str(node.get("name")) for node in nodes if isinstance(node, Mapping)]
        for name in self.forms:
            owned.check(name, names)
        return tuple(relation(node, "path", self._edges) for node in nodes)

    def _own(self, name: str) -> OwnForm:
        return OwnForm.of(name, self.forms.get(name))

    def _edges(self, path: str, what: str, name: str | None = None) -> pl.DataFrame:
        own = self._own(what.removeprefix("edges '").removesuffix("'") if name is None else name)
        with own.errors():
            return edge_table(self._table(path, own), what, own.decimal, self.decimal)

    def _table(self, path: str, own: OwnForm) -> Sheet:
        return table(Path(path), own.settings, separator=self.separator, encoding=self.encoding)


def table(
    path: Path,
    how: FileSettings = separators.DETECTED,
    *,
    separator: str | None = None,
    encoding: str | None = None,
) -> Sheet:
    """Read a table as it stands, in any form that interactions may have.

    Args:
        path: The file.
        how: How it is read, as far as it is told.
        separator: Taken where it stands in the first line.
        encoding: Taken where the file leaves its own open.
    """
    where = path.expanduser()
    formats.exists(where)
    form: Format | None = "recbole" if where.suffix in ATOMIC else how.format
    how = how.but(format=form or (None if separators.is_typed(where) else "table"))
    return separators.beside(where, how, separator, encoding)


def attribute_table(
    sheet: Sheet,
    decimal: Decimal | None = None,
    title: str | None = None,
    stated: Decimal | None = None,
) -> pl.DataFrame:
    """Return attributes by id: id, optionally name (String), then the rest.

    A column called id, else the first, holds the ids; a column of numbers alone is numbers.
    ``title``: the column of names, in place of one called name. ``stated``: the decimal sign of
    columns that leave theirs open.

    Raises:
        InputError: An id that is missing, has blanks around it, or stands more than once.
    """
    frame = sheet.frame
    key = "id" if "id" in frame.columns else frame.columns[0]
    if title is not None:
        fields.named(sheet.path, frame.columns, {"title": title})
        names = frame[title].cast(pl.String).alias("name")
        frame = frame.drop({title, "name"} & set(frame.columns) - {key}).with_columns(names)
    frame = frame.rename({key: "id"}).with_columns(fields.identifiers(frame[key]).alias("id"))
    ids = frame["id"]
    bad = ids.is_null() | (ids.str.strip_chars() != ids) | (ids == "")
    _refuse(sheet, bad, f"the id ({key}) is missing or has blanks around it; mend it.")
    twice = ids.is_duplicated()
    if bool(twice.any()):
        first = ids[int(twice.arg_true()[0])]
        _refuse(sheet, twice, f"id {first} stands more than once; keep one row an id.")
    others = [_column(frame[column], decimal, stated) for column in frame.columns if column != "id"]
    return frame.select("id", *others)


def _refuse(sheet: Sheet, bad: pl.Series, why: str) -> None:
    """Raise an InputError for the first bad row, if there is one."""
    if bool(bad.any()):
        line = sheet.line(int(bad.arg_true()[0]))
        raise InputError(f"{sheet.path}, {sheet.unit} {line}: {why}")


def _column(series: pl.Series, decimal: Decimal | None, stated: Decimal | None = None) -> pl.Series:
    """Return numbers where every cell is one (names stay text), lists as they are, else text."""
    if isinstance(series.dtype, pl.List | pl.Array):
        return series
    text = series.cast(pl.String)
    if series.name == "name" or series.dtype == pl.Boolean:
        return text
    try:
        found = owned.number(series, "", series.name, decimal, stated)
    except InputError:  # two decimal signs fit: numbers as a program writes them, or else text
        found = fields.number(series.to_frame(), series.name).to_series()
    all_read = found.null_count() == series.null_count() and found.null_count() < len(found)
    return found if all_read else text


def edge_table(
    sheet: Sheet, what: str, decimal: Decimal | None = None, stated: Decimal | None = None
) -> pl.DataFrame:
    """Return edges by place: source, target[, weight].

    Raises:
        InputError: Further columns, since they could be anything; an end that is missing, or a
            weight that is no number; ``what`` names the edges.
    """
    frame = sheet.frame
    if frame.width not in (2, 3):
        raise InputError(
            f"{sheet.path}: {what} have columns source, target[, weight]; it has {frame.width} "
            "columns."
        )
    source, target = (
        fields.identifiers(frame.to_series(place)).str.strip_chars() for place in (0, 1)
    )
    found = pl.DataFrame({"source": source, "target": target})
    missing = source.is_null() | target.is_null() | (source == "") | (target == "")
    _refuse(sheet, missing, f"an end of {what} is missing; mend it.")
    if frame.width == 2:
        return found.with_columns(weight=pl.lit(1.0))
    ties.refuse_times(sheet, frame.to_series(2), what)
    key = f"the weight of {what}"
    weight = owned.number(frame.to_series(2), str(sheet.path), key, decimal, stated)
    bad = weight.is_null() | ~weight.is_finite().fill_null(False)
    _refuse(sheet, bad, f"the weight of {what} is no finite number; mend it.")
    return found.with_columns(weight=weight)


def relation(node: Any, where: str, read: Callable[[Any, str], pl.DataFrame]) -> RawRelation:
    """Return typed edges of a mapping: name, source_kind, target_kind, and where they stand.

    Args:
        node: The mapping.
        where: The key under which the edges stand: 'path' or 'edges'.
        read: Reads what stands there; takes what messages call the edges, too.
    """
    keys = {*RELATION_KEYS, where}
    if (
        not isinstance(node, Mapping)
        or set(node) != keys
        or not all(isinstance(node[k], str) for k in RELATION_KEYS)
    ):
        raise InputError(
            f"data.relations: each entry has the keys {', '.join(sorted(keys))}, "
            f"{', '.join(RELATION_KEYS)} as text; not {node}."
        )
    edges = read(node[where], f"edges '{node['name']}'")
    return RawRelation(**{key: node[key] for key in RELATION_KEYS}, edges=edges)
