"""Tables beside the interactions: attributes by id, social ties, typed edges, logs.

They are opened as files or as data frames, and joined to the ids that the interactions have.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from gnnseg.data import logs
from gnnseg.data.tables import attribute_tables, edges, formats, frames, joining, separators
from gnnseg.data.tables.attribute_tables import AttributeTable
from gnnseg.data.tables.joining import Kind, MetIds
from gnnseg.data.tables.numbers import Decimal
from gnnseg.data.tables.sheets import Sheet

Headless = Callable[[Sequence[str]], bool]  # does a first line hold data?
Say = Callable[[str], None]


@dataclass(frozen=True)
class FileForm:
    """How files beside the interactions are read; a setting that is None is detected."""

    separator: str | None = None
    encoding: str | None = None

    def open(self, path: Any, what: str, headless: Headless | None = None) -> Sheet:
        """Read a file; ``what`` it holds needs no saying."""
        return table(Path(path), self.separator, self.encoding, headless)


@dataclass(frozen=True, kw_only=True)
class TablesBeside:
    """What stands beside the interactions, not yet read.

    open: Makes a sheet of what was given, of what messages call it, and of how a first line without
        names is known.
    users, items, social, log: As ``open`` takes them; None: not there.
    relations: Mappings, whose edges stand under ``edges_key``.
    item_title: The column of ``items`` that names them.
    users_id, items_id: The columns of ids; None: found.
    """

    open: Callable[[Any, str, Headless | None], Sheet]
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

    def read(self, events: pl.DataFrame, say: Say) -> dict[str, Any]:
        """Return the fields of a ``Raw`` beside its events, by name; what was seen is said.

        Raises:
            InputError: A table cannot be read, or is of others than the ``events``.
        """
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
        return attribute_tables.read(
            self.open(given, f"{kind}s", None),
            kind,
            met.of(kind),
            decimal=self.decimal,
            title=self.item_title if kind == "item" else None,
            key=self.users_id if kind == "user" else self.items_id,
        )

    def _ties(self, met: MetIds) -> pl.DataFrame:
        ties = self._edges(self.social, "social ties", ("user", "user"), met)
        ends = pl.concat([ties["source"], ties["target"].alias("source")]).unique().sort()
        where = self.social if isinstance(self.social, str | Path) else "social"
        joining.refuse_strangers(where, "user", ends, met.of("user"))
        return ties

    def _edges(self, given: Any, what: str, kinds: Sequence[str], met: MetIds) -> pl.DataFrame:
        known = [met.of(kind) if kind in ("user", "item") else None for kind in kinds]

        def headless(cells: Sequence[str]) -> bool:
            return edges.headless(cells, known[0], known[1])

        return edges.edge_table(self.open(given, what, headless), what, self.decimal)

    def _log(self) -> pl.DataFrame:
        return logs.read(self.open(self.log, "log", None), propensity=False, decimal=self.decimal)


def table(
    path: Path,
    separator: str | None = None,
    encoding: str | None = None,
    headless: Headless | None = None,
) -> Sheet:
    """Read a table as it stands: Parquet, RecBole's atomic files, or text with a separator.

    Args:
        path: The file.
        separator, encoding: None: detected; so where the separator is no part of the first line.
        headless: Tells of a first line's cells whether they are data; columns then are numbered,
            and those of edges may stand apart by blanks.
    """
    where = path.expanduser()
    formats.exists(where)
    if where.suffix in (".parquet", ".pq"):
        return formats.parquet(where)
    if where.suffix in (".user", ".item", ".net", ".link"):
        return formats.atomic_file(where)
    data = formats.text(where, encoding).data
    lines = separators.first_lines(where, data)
    blanks = headless is not None and _by_blanks(lines)
    if blanks:
        data, mark = re.sub(rb"[ \t]+", b" ", data), " "
        lines = separators.first_lines(where, data)
    else:
        mark, _ = separators.the_separator(where, lines, separator)
    names = None
    if headless is not None:
        first = lines[0].split(mark) if len(mark) > 1 else next(csv.reader(lines, delimiter=mark))
        names = [f"column {n + 1}" for n in range(len(first))] if headless(first) else None
    quote = where.suffix != ".dat"
    return formats.sheet(
        where, separator=mark, data=data, quote=quote, header=names is None, columns=names
    )


def _by_blanks(lines: Sequence[str]) -> bool:
    """Return whether two or three cells of every line stand apart by blanks alone."""
    widths = {len(line.split()) for line in lines}
    return widths <= {2, 3} and len(widths) == 1 and not re.search(r"[,;|\t]|::", lines[0])


def sheet_of(given: Any, what: str, headless: Headless | None = None) -> Sheet:
    """Return a table of any usual kind as a sheet, with its index; its columns have names."""
    if isinstance(given, Sheet):
        return given
    return Sheet(Path(what), frames.read(given, what), 1, unit="row", index=frames.index_of(given))
