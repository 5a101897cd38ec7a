"""What every source of data is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from gnnseg.types import InputError

if TYPE_CHECKING:
    from gnnseg.data.raw import Raw
    from gnnseg.data.sets.fetching import Place


OPTIONAL = ("weight", "time", "spend", "order")  # columns of events that need not be there


class Reader(ABC):
    """A source of data: settings in, tables by original ids out.

    A data set of your own is a class derived from this one, named by ``data._target_``. Its
    settings are the keyword-only arguments of its constructor, and stand in its YAML beside name,
    root, min_weight, k_core and currency, which the framework keeps for itself.
    """

    @abstractmethod
    def read(self, place: Place, name: str) -> Raw:
        """Read the set.

        Args:
            place: Where to look (``root``, ``find``) and how to tell the user (``say``).
            name: What the set is called in run folders and reports, ``data.name``.

        Returns:
            Events and what is known beside them, neither cleaned nor indexed.

        Raises:
            InputError: In one sentence, for data that are not there or cannot be read.
        """


def checked(raw: Raw, where: str) -> Raw:
    """Return what a reader has read, if its tables have the columns and types they must have.

    Raises:
        InputError: A table is none of polars, lacks a column, or has one of another type.
    """
    import polars as pl

    text, number = (pl.String,), (pl.Float64,)
    tables: dict[str, dict[str, tuple[Any, ...]]] = {
        "events": {
            "user": text,
            "item": text,
            "weight": number,
            "time": number,
            "spend": number,
            "order": text,
        },
        "users": {"id": text},
        "items": {"id": text},
        "social": {"source": text, "target": text, "weight": number},
    }
    for name, columns in tables.items():
        frame = getattr(raw, name)
        if frame is None:
            continue
        if not isinstance(frame, pl.DataFrame):
            kind = type(frame).__name__
            raise InputError(f"{where}: {name} is a {kind}; give a polars.DataFrame.")
        for column, types in columns.items():
            if column not in frame.columns and column not in OPTIONAL:
                raise InputError(f"{where}: {name} has no column {column}; name one so.")
            if column in frame.columns and frame.schema[column] not in types:
                found, wanted = frame.schema[column], types[0].__name__
                raise InputError(f"{where}: {name}.{column} is {found}; cast it to {wanted}.")
    extra = [c for c in raw.events.columns if c not in (*tables["events"], "part", "title")]
    if extra:
        raise InputError(
            f"{where}: nothing reads events.{extra[0]}; the columns are user, item, weight, time, "
            "spend, order and part."
        )
    return raw
