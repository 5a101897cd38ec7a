"""Tables beside the interactions: attributes by id, social ties, typed edges, logs.

They are opened as files or as data frames, and joined to the ids that the interactions have.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from gnnseg.data import logs
from gnnseg.data.tables import attribute_tables, edges, formats, frames, joining, owned, separators
from gnnseg.data.tables.attribute_tables import AttributeTable
from gnnseg.data.tables.joining import Kind, MetIds
from gnnseg.data.tables.marks import first_lines
from gnnseg.data.tables.numbers import Decimal
from gnnseg.data.tables.owned import OwnForm
from gnnseg.data.tables.settings import FileSettings, Format
from gnnseg.data.tables.sheets import Sheet

ATOMIC = (".user", ".item", ".net", ".link")  # RecBole's files beside the interactions
Headless = Callable[[Sequence[str]], bool]  # does a first line hold data?
Say = Callable[[str], None]


@dataclass(frozen=True)
class FileForm:
    """How files beside the interactions are read; a setting that is None is detected."""

    separator: str | None = None
    encoding: str | None = None

    def open(self, path: Any, what: str, own: OwnForm, headless: Headless | None = None) -> Sheet:
        """Read a file in its ``own`` form; ``what`` it holds needs no saying."""
        return table(
            Path(path), own.settings, separator=self.separator, encoding=self.encoding,
            headless=headless,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class TablesBeside:
    """What stands beside the interactions, not yet read.

    open: Makes a sheet of what was given, of what messages call it, of the file's own form, and of
        how a first line without names is known.
    users, items, social, log: As ``open`` takes them; None: not there.
    relations: Mappings, whose edges stand under ``edges_key``.
    item_title: The column of ``items`` that names them.
    users_id, items_id: The columns of ids; None: found.
    decimal: The decimal sign of columns that leave theirs open.
    forms: What a file is told of itself, by its name (``gnnseg.data.tables.owned``).
    """

    open: Callable[[Any, str, OwnForm, Headless | None], Sheet]
    users: Any = None
    items: Any = None
    social: Any = None
    log: Any = None
    relations: Sequence[Any] = ()
    edges_key: str = "path"
    item_title: str | None = None
    users_id: str | None = None
    items_id: str | None = None
    decimal: Decimal | None = None
    forms: Mapping[str, Any] = field(default_factory=dict)

    def read(self, events: pl.DataFrame, say: Say) -> dict[str, Any]:
        """Return the fields of a ``Raw`` beside its events, by name; what was seen is said.

        Raises:
            InputError: A table cannot be read, or is of others than the ``events``.
        """
        named = [str(node.get("name")) for node in self.relations if isinstance(node, Mapping)]
        for name in self.forms:
            owned.check(name, named)
        met = MetIds(events)
        found: dict[str, Any] = {}
        for kind in ("user", "item"):
            table = self.attributes(kind, met)
            found[f"{kind}s"] = None if table is None else table.frame
            if table is not None:
                say(table.note)
        relations = [
            edges.relation(
                node,
                self.edges_key,
                lambda given, what, kinds: self._edges(given, what, kinds, met),
            )
            for node in self.relations
        ]
        return {
            **found,
            "social": None if self.social is None else self._ties(met),
            "log": None if self.log is None else self._log(),
            "relations": tuple(relations),
        }

    def attributes(self, kind: Kind, met: MetIds) -> AttributeTable | None:
        """Read the attributes of users or items."""
        given = self.users if kind == "user" else self.items
        if given is None:
            return None
        own = self._own(f"{kind}s")
        with own.errors():
            return attribute_tables.read(
                self.open(given, f"{kind}s", own, None),
                kind,
                met.of(kind),
                decimal=own.decimal,
                stated=self.decimal,
                title=self.item_title if kind == "item" else None,
                key=self.users_id if kind == "user" else self.items_id,
            )

    def _ties(self, met: MetIds) -> pl.DataFrame:
        ties = self._edges(self.social, "social ties", ("user", "user"), met, "social")
        ends = pl.concat([ties["source"], ties["target"].alias("source")]).unique().sort()
        where = self.social if isinstance(self.social, str | Path) else "social"
        joining.refuse_strangers(where, "user", ends, met.of("user"))
        return ties

    def _own(self, name: str) -> OwnForm:
        return OwnForm.of(name, self.forms.get(name))

    def _edges(
        self, given: Any, what: str, kinds: Sequence[str], met: MetIds, name: str | None = None
    ) -> pl.DataFrame:
        known = [met.of(kind) if kind in ("user", "item") else None for kind in kinds]

        def headless(cells: Sequence[str]) -> bool:
            return edges.headless(cells, known[0], known[1])

        own = self._own(what.removeprefix("edges '").removesuffix("'") if name is None else name)
        with own.errors():
            sheet = self.open(given, what, own, headless)
            return edges.edge_table(sheet, what, own.decimal, self.decimal)

    def _log(self) -> pl.DataFrame:
        own = self._own("log")
        with own.errors():
            return logs.read(
                self.open(self.log, "log", own, None), propensity=False,
                decimal=own.decimal or self.decimal, columns=own.columns,
            )  # fmt: skip


def table(
    path: Path,
    how: FileSettings = separators.DETECTED,
    *,
    separator: str | None = None,
    encoding: str | None = None,
    headless: Headless | None = None,
) -> Sheet:
    """Read a table as it stands, in any form that interactions may have.

    Args:
        path: The file.
        how: How it is read, as far as it is told.
        separator: Taken where it stands in the first line.
        encoding: Taken where the file leaves its own open.
        headless: Tells of a first line's cells whether they are data; columns are numbered then.
    """
    where = path.expanduser()
    formats.exists(where)
    if headless is not None and how.separator is None and _by_blanks(where):
        how = how.but(separator="space")
    form: Format | None = "recbole" if where.suffix in ATOMIC else how.format
    how = how.but(format=form or (None if separators.is_typed(where) else "table"))
    sheet = separators.beside(where, how, separator, encoding)
    if headless is None or how.header is not None or not headless(sheet.frame.columns):
        return sheet
    return separators.beside(where, how.but(header="none"), separator, encoding)


def _by_blanks(path: Path) -> bool:
    """Return whether two or three cells of every line stand apart by blanks alone."""
    if separators.is_typed(path) or path.suffix in ATOMIC:
        return False
    lines = first_lines(path, formats.start(path))
    widths = {len(line.split()) for line in lines}
    return widths <= {2, 3} and len(widths) == 1 and not re.search(r"[,;|\t]|::", lines[0])


def sheet_of(
    given: Any, what: str, own: OwnForm | None = None, headless: Headless | None = None
) -> Sheet:
    """Return a table of any usual kind as a sheet, with its index; its columns have names."""
    if isinstance(given, Sheet):
        return given
    return Sheet(Path(what), frames.read(given, what), 1, unit="row", index=frames.index_of(given))
