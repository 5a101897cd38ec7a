"""Tables of one's own as sources of data: files, a database, a table handed over in Python."""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import polars as pl

from gnnseg.data.raw import Raw
from gnnseg.data.sets.base import Reader
from gnnseg.data.sets.fetching import Place
from gnnseg.data.tables import columns, files, formats, separators, sql
from gnnseg.data.tables.dates import Order
from gnnseg.data.tables.formats import Sheet
from gnnseg.data.tables.numbers import Decimal
from gnnseg.data.tables.returns import Returns
from gnnseg.types import InputError


@dataclass(frozen=True, kw_only=True)
class OwnTable(Reader, ABC):
    """What any table of one's own is read by: columns by name, and the tables beside it."""

    user: str | None = None
    item: str | None = None
    weight: str | None = None
    time: str | None = None
    spend: str | None = None
    item_title: str | None = None
    decimal: Decimal | None = None
    dates: Order | None = None
    returns: Returns | None = None
    on_error: Literal["fail", "drop"] = "fail"
    users: str | None = None
    items: str | None = None
    social: str | None = None
    relations: list[dict[str, Any]] = field(default_factory=list)
    log: str | None = None

    def _columns(self) -> dict[str, str | None]:
        """Return the columns that are named, by role; 'title' where the table names the items."""
        roles = ("user", "item", "weight", "time", "spend")
        named: dict[str, str | None] = {role: getattr(self, role) for role in roles}
        if self.item_title is not None and self.items is None:
            named["title"] = self.item_title
        return named

    def _assemble(
        self,
        name: str,
        sheet: Sheet,
        said: list[str],
        say: Callable[[str], None],
        separator: str | None = None,
        encoding: str | None = None,
    ) -> Raw:
        """Return a table whose columns are called by their roles, with the tables beside it."""
        how = (separator, encoding)

        def edges(path: str, what: str) -> pl.DataFrame:
            return files.edges(path, *how, what, self.decimal)

        return files.assemble(
            name,
            sheet,
            said,
            say,
            on_error=self.on_error,
            decimal=self.decimal,
            dates=self.dates,
            returns=self.returns,
            users=files.attributes(self.users, *how, self.decimal),
            items=files.attributes(self.items, *how, self.decimal, self.item_title),
            social=None if self.social is None else edges(self.social, "social ties"),
            log=files.showings(self.log, *how, self.decimal),
            relations=tuple(files.relation(node, "path", edges) for node in self.relations),
        )


@dataclass(frozen=True, kw_only=True)
class FileReader(OwnTable):
    """One table (``path``: a file, several, or a pattern) or a given split, columns by name.

    ``train``, ``valid``, ``test``: a given split, a file each. Null: a column by its usual names;
    ``separator``, ``encoding``, ``decimal`` sign and the order of ``dates`` are told from the whole
    file, and asked where two readings fit. ``returns``: events of negative weight are refused
    (null), kept, dropped, or taken off the purchases before them, within each part of a given
    split. ``on_error``: what to do with a row that cannot be read. ``unseen_users``: may a given
    test have users that train lacks? ``users``, ``items``: tables of attributes by id.
    ``item_title``: the column of items, or else of the interactions, that names the items.
    ``social``: user, user[, weight]. ``relations``: typed edges, each with name, source_kind,
    target_kind (user, item, or a kind of your own) and path (source, target[, weight]). ``log``:
    what was shown, a row an item (``gnnseg.data.logs``).
    """

    path: str | list[str] | None = None
    train: str | None = None
    valid: str | None = None
    test: str | None = None
    format: separators.Format | None = None
    separator: str | None = None
    encoding: str | None = None
    unseen_users: Literal["refuse", "allow"] = "refuse"

    def read(self, place: Place, name: str) -> Raw:
        """Read the files as one table."""
        named = self._columns()
        founds = [
            separators.read(
                one, named, separator=self.separator, encoding=self.encoding, form=self.format
            )
            for one in self._files()
        ]
        parts = ["train", "valid", "test"] if self.path is None else None
        files.same_columns(founds, parts)
        sheet = files.stacked(founds, self.path or "data.train/valid/test")
        if "title" in named and "title" not in sheet.frame.columns:
            raise InputError(
                f"data.item_title={self.item_title}: {sheet.path} has no columns of names; leave "
                "it unset."
            )
        said = files.words(founds)
        founds.clear()
        if parts is None:  # the number of the file is no part of a split
            sheet = replace(sheet, frame=sheet.frame.drop("part"))
        raw = self._assemble(name, sheet, said, place.say, self.separator, self.encoding)
        if parts is not None and self.unseen_users == "refuse":
            files.refuse_unseen(raw.events, str(self.test))
        return raw

    def _files(self) -> list[Path]:
        """Return the files that are named: those of ``path``, or one for each part of a split."""
        path, parts = self.path, {"train": self.train, "valid": self.valid, "test": self.test}
        if path is not None and any(parts.values()):
            raise InputError(
                "data.path and data.train/valid/test are both set; give one file, or three, not "
                "both."
            )
        sources = {"path": path} if path is not None or not any(parts.values()) else parts
        missing = next((key for key, source in sources.items() if not source), None)
        if missing is not None:
            raise InputError(
                f"data.{missing} is not set: give data.path=FILE, or all of data.train, data.valid "
                "and data.test."
            )
        named = (formats.listed(source or "", f"data.{key}") for key, source in sources.items())
        found = [one for several in named for one in several]
        if path is None and len(found) != len(parts):
            raise InputError(
                "data.train, data.valid and data.test are one file each; give several as data.path."
            )
        return found


@dataclass(frozen=True, kw_only=True)
class SqlReader(OwnTable):
    """What a ``query`` answers, one row an event, columns by name as in a file of one's own.

    ``connect``: sqlite:///shop.db, or postgresql://user@host/db with the password in the
    environment (PGPASSWORD).
    """

    query: str | None = None
    connect: str | None = None

    def read(self, place: Place, name: str) -> Raw:
        """Ask the database."""
        if not self.query or not self.connect:
            raise InputError(
                "data=sql: give data.query and data.connect, or gnnseg train --sql 'select …' "
                "--connect ADDRESS."
            )
        frame, where = sql.read(self.query, self.connect), Path("the query")
        named = columns.choose(where, frame, self._columns(), text=False)
        chosen = {role: column for role, column in named.items() if column is not None}
        renamed = frame.select(**{role: pl.col(column) for role, column in chosen.items()})
        told = ", ".join(f"{role}={column!r}" for role, column in chosen.items())
        said = [f"query: {len(frame):,} rows; {told}"]
        return self._assemble(name, Sheet(where, renamed, 1, unit="row"), said, place.say)


@dataclass(frozen=True, kw_only=True)
class GivenTable(Reader):
    """A table handed over in Python: ``gnnseg.train(gnnseg.interactions(frame, …), …)``."""

    def read(self, place: Place, name: str) -> Raw:
        """Refuse: a table that was handed over cannot be read from anywhere."""
        raise InputError(
            f"data={name}: is a table handed to gnnseg.train in Python; for a file use data=file "
            "data.path=FILE."
        )
