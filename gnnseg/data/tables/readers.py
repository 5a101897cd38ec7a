"""Tables of one's own as sources of data: files, a database, a table handed over in Python."""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from gnnseg.data.raw import Raw
from gnnseg.data.sets.base import Reader
from gnnseg.data.sets.fetching import Place
from gnnseg.data.tables import fields, files, orders, readings, sql, stacking
from gnnseg.data.tables.beside import FileForm, TablesBeside
from gnnseg.data.tables.dates import Order
from gnnseg.data.tables.headers import Header
from gnnseg.data.tables.nobody import MissingIds
from gnnseg.data.tables.numbers import Decimal
from gnnseg.data.tables.quoting import Quoting
from gnnseg.data.tables.returns import Returns
from gnnseg.data.tables.settings import FileSettings, Format
from gnnseg.data.tables.sheets import Sheet
from gnnseg.data.zeros import Zeros
from gnnseg.types import InputError


@dataclass(frozen=True, kw_only=True)
class OwnTable(Reader, ABC):
    """What any table of one's own is read by: columns by name, and the tables beside it."""

    user: str | None = None
    item: str | None = None
    weight: str | None = None
    time: str | None = None
    spend: str | None = None
    order: str | None = None
    event: str | None = None
    keep: str | dict[str, float] | None = None
    price: str | None = None
    quantity: str | None = None
    item_title: str | None = None
    decimal: Decimal | None = None
    dates: Order | None = None
    returns: Returns | None = None
    time_as: str | None = None
    zeros: Zeros | None = None
    on_error: Literal["fail", "drop"] = "fail"
    missing_ids: MissingIds = "drop"
    users: str | None = None
    users_id: str | None = None
    items: str | None = None
    items_id: str | None = None
    social: str | None = None
    relations: list[dict[str, Any]] = field(default_factory=list)
    log: str | None = None
    forms: dict[str, Any] = field(default_factory=dict)
    basket: str | None = None
    unique: str | None = None

    def _columns(self) -> dict[str, str | None]:
        """Return the columns that are named, by role; 'title' where the table names the items."""
        named: dict[str, str | None] = {role: getattr(self, role) for role in fields.READ}
        if self.item_title is not None and self.items is None:
            named["title"] = self.item_title
        return named | orders.columns(self.unique)

    def _assemble(
        self,
        name: str,
        sheet: Sheet,
        notes: list[str],
        say: Callable[[str], None],
        *,
        separator: str | None = None,
        encoding: str | None = None,
    ) -> Raw:
        """Return a table whose columns are called by their roles, with the tables beside it."""
        names = ("users", "items", "social", "log", "relations", "users_id", "items_id")
        return files.assemble(
            name,
            sheet,
            notes,
            say,
            on_error=self.on_error,
            decimal=self.decimal,
            dates=self.dates,
            returns=self.returns,
            keep=self.keep,
            time_as=self.time_as,
            zeros=self.zeros,
            basket=self.basket,
            missing_ids=self.missing_ids,
            beside=TablesBeside(
                open=FileForm(separator, encoding).open,
                **{each: getattr(self, each) for each in names},
                item_title=self.item_title,
                decimal=self.decimal,
                forms=self.forms,
            ),
        )


@dataclass(frozen=True, kw_only=True)
class FileReader(OwnTable):
    """One table (``path``: a file, several, or a pattern) or a given split, columns by name.

    ``train``, ``valid``, ``test``: a given split, a file each; ``valid`` may be a share of each
    user's training pairs, drawn for it. Null: a column by its usual names;
    ``separator``, ``encoding``, ``decimal`` sign and the order of ``dates`` are detected from the
    whole file, and asked about where two readings fit. ``returns``: events of negative weight are
    refused (null), kept, dropped, or taken off the purchases before them, within each part of a
    given split. ``time``: several columns as 'Date,Time'. ``time_as``: the unit of times that are
    numbers, or a pattern of dates; null: detected, and asked about where many lie before 1990 or
    after tomorrow. ``zeros``: events of weight 0 are kept or dropped; null: dropped where the
    weights are labels, 0 and 1, and else asked about where they are many. ``missing_ids``: rows
    without a user or an item, with a word for nothing (NULL, NA) in its place, or of the id of all
    guests, are dropped and counted, kept where there is an id, or refused. ``on_error``: what to do
    with a row that cannot be read. ``unseen_users``: may a given test have users that train lacks?
    ``users``, ``items``: tables of attributes by id, in the columns ``users_id`` and ``items_id``;
    null: found by their names and values. ``item_title``: the column of items, or else of the
    interactions, that names the items. ``social``: user, user[, weight]. ``relations``: typed
    edges, each with name, source_kind, target_kind (user, item, or a kind of your own) and path
    (source, target[, weight]). ``log``: what was shown, a row an item (``gnnseg.data.logs``).
    """

    path: str | list[str] | None = None
    train: str | None = None
    valid: str | float | None = None
    test: str | None = None
    format: Format | None = None
    separator: str | None = None
    encoding: str | None = None
    header: Header | None = None
    quoting: Quoting | None = None
    skip: int = 0
    sheet: str | None = None
    unseen_users: Literal["refuse", "allow"] = "refuse"
    reading: dict[str, Any] | None = None

    def read(self, place: Place, name: str) -> Raw:
        """Read the files as one table."""
        mine = readings.applied(self)
        return mine._read(place, name)

    def _read(self, place: Place, name: str) -> Raw:
        sources = {key: getattr(self, key) for key in ("path", *stacking.PARTS)}
        how = FileSettings.of(self)
        found = stacking.read(sources, self._columns(), how, decimal=self.decimal)
        stated = {"separator": self.separator, "encoding": self.encoding}
        raw = self._assemble(name, found.sheet, found.notes, place.say, **stated)
        raw = replace(raw, notes={**raw.notes, "reading": readings.of(found, raw)})
        if self.path is None and self.unseen_users == "refuse":
            files.refuse_unseen(raw.events, str(self.test))
        return raw


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
                where="data=sql",
                problem=(
                    *("give ", sql.QUERY, " and ", sql.CONNECT, ", or gnnseg train "),
                    "--sql 'select …' --connect ADDRESS",
                ),
            )
        sheet, note = sql.interactions(self.query, self.connect, self._columns())
        return self._assemble(name, sheet, [note], place.say)


@dataclass(frozen=True, kw_only=True)
class GivenTable(Reader):
    """A table handed over in Python: ``gnnseg.train(gnnseg.interactions(frame, …), …)``."""

    def read(self, place: Place, name: str) -> Raw:
        """Refuse: a table that was handed over cannot be read from anywhere."""
        raise InputError(
            f"data={name}: is a table handed to gnnseg.train in Python; for a file use data=file "
            "data.path=FILE."
        )
