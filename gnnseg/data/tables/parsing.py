"""The bytes of a text table as a frame: names of columns, cells as text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from gnnseg.data.tables import headers, quoting
from gnnseg.data.tables.quoting import Quoting
from gnnseg.data.tables.sheets import shown
from gnnseg.types import InputError


@dataclass(frozen=True)
class Columns:
    """The columns of a text table by place, and which of them have no name of their own."""

    names: list[str]
    nameless: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Parsing:
    """How cells are parsed: what separates them, and how they are quoted."""

    path: Path
    separator: bytes
    header: bool
    quoting: Quoting

    def columns(self, first: bytes) -> Columns:
        """Return the columns as the first row names them, or as their places do."""
        found = self._parsed(first, has_header=False, n_rows=1)
        if not self.header:
            return Columns([headers.by_place(place) for place in range(found.width)])
        cells = quoting.restored(found, self.quoting, self.separator).row(0)
        names = [(cell or "").strip() for cell in cells]
        self._refuse_twice(names)
        nameless = [place for place, name in enumerate(names) if not name]
        for place in nameless:
            name = headers.by_place(place)
            names[place] = name if name not in names else f"{name} (without a name)"
        return Columns(names, frozenset(names[place] for place in nameless))

    def frame(self, data: bytes, names: Sequence[str], only: Sequence[str]) -> pl.DataFrame:
        """Return the columns ``only`` of those called by ``names``, in the order of the file."""
        places = sorted(names.index(name) for name in only)
        frame = self._parsed(data, has_header=self.header, columns=places)
        frame.columns = [names[place] for place in places]
        return quoting.restored(frame, self.quoting, self.separator)

    def _parsed(self, data: bytes, **options: Any) -> pl.DataFrame:
        quote = None if self.quoting == "none" else '"'
        mark = self.separator.decode()
        try:
            return pl.read_csv(
                data, separator=mark, infer_schema=False, quote_char=quote, **options
            )
        except pl.exceptions.PolarsError as error:
            why = str(error).splitlines()[0]
            raise InputError(
                f"{self.path}: cannot be read as a table separated by {mark!r} ({why})."
            ) from None

    def _refuse_twice(self, names: Sequence[str]) -> None:
        for place, name in enumerate(names):
            if name and name in names[:place]:
                raise InputError(
                    f"{self.path}, line 1: the column {shown(name)} stands twice; rename one."
                )
