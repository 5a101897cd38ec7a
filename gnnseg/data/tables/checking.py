"""What ``gnnseg data check`` says of files, and the command that it proposes for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from gnnseg.data import zeros
from gnnseg.data.raw import Raw
from gnnseg.data.tables import files as files_
from gnnseg.data.tables import folders, orders, proposal, stacking, summary, typed
from gnnseg.data.tables import returns as returns_
from gnnseg.data.tables.beside import FileForm, TablesBeside
from gnnseg.data.tables.fields import RETURN
from gnnseg.data.tables.marks import NAMES
from gnnseg.data.tables.settings import FileSettings
from gnnseg.data.tables.stacking import Stacked
from gnnseg.types import InputError, Setting

MOST = 0.01  # of the rows: so many may be left out by the command that is proposed
OURS = ("order line that stands before", RETURN)  # rows left out as they were told to be
NOBODY = "left out unasked"


@dataclass(frozen=True)
class Checked:
    """Files as they were read, and the command that reads them again.

    lines: What people are told. events: As training would have them.
    """

    lines: list[str]
    command: str
    events: pl.DataFrame


def check(
    files: Path | str | Sequence[Path | str],
    columns: Mapping[str, str | None],
    separator: str | None = None,
    **told: Any,
) -> str:
    """Return what is in a user's files, and the command that trains on them.

    See ``checked`` for what it takes.
    """
    found = checked(files, columns, separator, **told)
    return "\n".join([*found.lines, "", "train on it:", found.command])


def checked(
    files: Path | str | Sequence[Path | str],
    columns: Mapping[str, str | None],
    separator: str | None = None,
    *,
    seen: list[str] | None = None,
    **told: Any,
) -> Checked:
    """Read a user's files as ``data=file`` would read them.

    Columns that no one named are proposed, by their names or else by their content; rows that
    cannot be read are listed by reason.

    Args:
        files: One table, or several parts of one.
        columns: The columns by role; None: proposed.
        separator: And ``told``: settings of ``data=file``.
        seen: Takes the lines on what was read before an error, too.

    Raises:
        InputError: A file that cannot be read at all, or could be read in two ways; more than a
            hundredth of its rows cannot be read.
    """
    seen = [] if seen is None else seen
    given = [str(one) for one in ([files] if isinstance(files, str | Path) else files)]
    told = {"separator": separator, **{k: v for k, v in told.items() if v is not None}}
    parts: dict[str, str] = {part: told[part] for part in typed.PARTS if part in told}
    given, of_folder = folders.split(given) or (given, {})
    parts = of_folder | parts or proposal.given_split(given) or {}
    heads: list[pl.DataFrame] = []
    try:
        found = _stacked(given, parts, columns, told, heads.append)
    except InputError:
        if heads:
            seen += summary.table(heads[-1], columns)
        raise
    return _Check(given, parts, columns, told, found, seen).checked()


def _stacked(
    given: list[str],
    parts: Mapping[str, str],
    columns: Mapping[str, str | None],
    told: Mapping[str, Any],
    look: Any,
) -> Stacked:
    """Read the interactions; only the columns that serve."""
    title = None if told.get("items") else told.get("item_title")
    mapping = {**columns, "title": title, **orders.columns(told.get("unique"))}
    sources: dict[str, str | list[str] | None] = {"path": None if parts else given}
    sources |= {"train": given[0] if parts else None, **dict.fromkeys(("valid", "test")), **parts}
    how, decimal = FileSettings.of(told), told.get("decimal")
    return stacking.read(sources, mapping, how, decimal=decimal, guess=True, look=look)


@dataclass(frozen=True)
class _Check:
    """Interactions as they were read; what is said of them, and how they are read again."""

    given: list[str]
    parts: Mapping[str, str]
    columns: Mapping[str, str | None]
    told: Mapping[str, Any]
    found: Stacked
    seen: list[str]

    def checked(self) -> Checked:
        """Return what people are told, and the command."""
        first, lines = self.found.files[0], self.seen
        lines += [*self.found.notes, *summary.table(first.head, first.columns)]
        said: list[str] = []
        raw = self._assembled(said.append)
        lines[: len(self.found.notes)] = said
        title = self._title(raw)
        negative = summary.returned(raw.events)
        returns = self.told.get("returns") or ("subtract" if negative else None)
        events, taken = self._settled(raw.events, returns)
        if events.is_empty():
            raise InputError(
                where=self.found.sheet.path,
                problem="no event is left once returns are taken off",
                advice=("set ", Setting("data.returns", "keep"), " or drop, or another column"),
            )
        ours = {*OURS, *raw.notes[NOBODY]}
        bad = {
            k: n for k, n in raw.rejected.items() if k not in ours and k in raw.rejected_examples
        }
        lines += [
            *summary.events(events),
            *summary.parts(events),
            *([f"items are called by column {title!r}"] if title else []),
            *([f"{len(raw.social):,} social ties"] if raw.social is not None else []),
            *([f"a log of {len(raw.log):,} rows"] if raw.log is not None else []),
            *negative,
            *summary.nobody(raw.rejected, raw.rejected_examples, raw.notes[NOBODY]),
            *[f"{count:,} rows left out: {why}" for why, count in taken.items()],
            *self._basket(),
            *summary.rejected(bad, raw.rejected_examples),
        ]
        self._refuse_many(bad, raw)
        detected = raw.notes["detected"]
        decimal, dates = self.told.get("decimal"), self.told.get("dates")
        lines += ["numbers with a decimal point"] if detected.get("decimal") == "." else []
        options = proposal.options(self.found, self.told, self.columns)
        options |= proposal.signs(self.found.sheet, detected, decimal, dates)
        options |= {"returns": returns, **self.parts}
        options |= {name: v for name, v in self.told.items() if name in (*typed.TABLES, *typed.OWN)}
        options["item_title"] = self.told.get("item_title") or title
        options["on_error"] = "drop" if bad else None
        more = self._unseen(events)
        return Checked(lines, proposal.command(self.given, options, more), events)

    def _assembled(self, say: Any) -> Raw:
        told = self.told
        names = ("users", "items", "social", "log", "users_id", "items_id", "item_title", "decimal")
        tables: dict[str, Any] = {name: told[name] for name in names if name in told}
        beside = TablesBeside(
            open=FileForm(told.get("separator"), told.get("encoding")).open,
            **tables,
            forms=forms(told),
        )
        return files_.assemble(
            "check", self.found.sheet, self.found.notes, say, on_error="drop",
            decimal=told.get("decimal"), dates=told.get("dates"),
            returns="drop" if told.get("returns") == "drop" else "keep",
            missing_ids=told.get("missing_ids", "drop"), beside=beside,
            basket=told.get("basket"), keep=told.get("keep"),
            time_as=told.get("time_as"), zeros=told.get("zeros"),
        )  # fmt: skip

    def _settled(
        self, events: pl.DataFrame, returns: str | None
    ) -> tuple[pl.DataFrame, dict[str, int]]:
        """Return the events after returns and zeros are taken off, and how many went, by reason."""
        taken: dict[str, int] = {}
        if returns == "subtract" and "weight" in events.columns:
            keys = ["user", "item", *(["part"] if self.parts else [])]
            events, taken = returns_.subtract(events, keys)
        where = str(self.found.sheet.path)
        events, zero = zeros.settle(events, self.told.get("zeros"), where)
        return events, taken | zero

    def _title(self, raw: Raw) -> str | None:
        if self.told.get("item_title") is not None or self.told.get("basket") is not None:
            return None
        first = self.found.files[0]
        items = raw.items if self.told.get("items") is not None else None
        if items is None and not first.has_names:
            return None
        return proposal.title(items, first.head, first.columns)

    def _basket(self) -> list[str]:
        """Return a line on cells that seem to hold several items."""
        if self.told.get("basket") is not None:
            return []
        mark = orders.mark_in(self.found.sheet.frame["item"])
        if mark is None:
            return []
        return [f"items may be baskets: --basket {NAMES.get(mark, mark)} takes an event of each"]

    def _refuse_many(self, bad: Mapping[str, int], raw: Raw) -> None:
        """Refuse to propose that more than a hundredth of the rows be left out."""
        count, rows = sum(bad.values()), len(self.found.sheet.frame)
        if self.told.get("on_error") == "drop" or count <= MOST * rows:
            return
        why = next(iter(bad))
        raise InputError(
            where=self.found.sheet.path,
            problem=f"{count:,} of {rows:,} rows cannot be read, more than {MOST:.0%} "
            f"({why}; first: {raw.rejected_examples[why]})",
            advice=(
                "mend them or name other columns; ",
                Setting("data.on_error", "drop"),
                " leaves them out all the same",
            ),
        )

    def _unseen(self, events: pl.DataFrame) -> list[str]:
        """Return the setting that lets a given test have users whom train lacks, where it does."""
        if not self.parts:
            return []
        try:
            files_.refuse_unseen(events, str(self.parts["test"]))
        except InputError:
            return ["data.unseen_users=allow"]
        return []


def forms(told: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what each file beside is told of itself, of plain options."""
    found: dict[str, dict[str, Any]] = {}
    for name, (table, key) in typed.OWN.items():
        if told.get(name) is not None:
            found.setdefault(table, {})[key] = told[name]
    return found
