"""What one file beside the interactions is told of itself: ``--users-encoding latin-1``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from gnnseg.data.tables import numbers
from gnnseg.data.tables.numbers import Decimal
from gnnseg.data.tables.settings import FORM, FileSettings
from gnnseg.types import InputError, Setting

FILES = ("users", "items", "social", "log")
LOGGED = ("slate", "user", "item", "position", "propensity", "reward")  # columns of a log
KEYS = (*FORM, "decimal")


@dataclass(frozen=True)
class OwnForm:
    """How one file is read: as it is told, by the entry of ``data.forms`` of its name.

    settings: Separator, encoding and the like. decimal: Its decimal sign. columns: Of a log, what
    its columns are called.
    """

    name: str
    settings: FileSettings = field(default_factory=FileSettings)
    decimal: Decimal | None = None
    columns: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, name: str, told: Any) -> OwnForm:
        """Return the form that a mapping tells.

        Raises:
            InputError: It is no mapping, or names what such a file has not.
        """
        where = Setting(f"data.forms.{name}")
        told = {} if told is None else told
        if not isinstance(told, Mapping):
            raise InputError(where=where, problem=f"is {told!r}", advice="give {name: value}")
        known = keys_of(name)
        odd = next((key for key in told if key not in known), None)
        if odd is not None:
            raise InputError(
                where=where,
                problem=f"has no setting {odd!r}",
                advice=f"it takes {', '.join(known)}",
            )
        columns = {key: str(told[key]) for key in LOGGED if name == "log" and told.get(key)}
        return cls(
            name, FileSettings.of({k: told.get(k) for k in FORM}), told.get("decimal"), columns
        )

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Raise each InputError from within with its settings as this file's own."""
        try:
            yield
        except InputError as error:
            raise error.renamed(self._ours) from None

    def _ours(self, setting: Setting) -> Setting:
        group, _, key = setting.key.rpartition(".")
        ours = group in ("data", "log") and key in keys_of(self.name)
        return Setting(f"+data.forms.{self.name}.{key}", setting.value) if ours else setting


def keys_of(name: str) -> tuple[str, ...]:
    """Return what the file of this name may be told."""
    return (*KEYS, *LOGGED) if name == "log" else KEYS


def check(name: str, relations: Sequence[str]) -> None:
    """Refuse the form of a file that there is not."""
    if name not in (*FILES, *relations):
        raise InputError(
            where=Setting(f"data.forms.{name}"),
            problem="no file beside the interactions is called so",
            advice=f"there are {', '.join((*FILES, *relations))}",
        )


def number(
    series: pl.Series, where: str, key: str, decimal: Decimal | None, stated: Decimal | None
) -> pl.Series:
    """Return a column as numbers; ``stated``: the decimal sign where it leaves its own open."""
    try:
        return numbers.read(series, where, key, decimal)[0]
    except InputError:
        if decimal is not None or stated is None:
            raise
        return numbers.read(series, where, key, stated)[0]
