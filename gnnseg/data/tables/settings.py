"""How a file is read, as far as it is told; what is not told is detected from the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from gnnseg.data.tables.headers import Header
from gnnseg.data.tables.quoting import Quoting

Format = Literal[
    "table", "parquet", "json", "excel", "recbole", "lightgcn", "u.data", "ratings.dat", "mind"
]
FORM = ("separator", "encoding", "header", "quoting", "skip", "sheet")  # of any file


@dataclass(frozen=True, kw_only=True)
class FileSettings:
    """How one file is read; None: detected.

    separator: A character, or its name. encoding: Its codec. format: What kind of file it is.
    header: Whether its first line names the columns. quoting: How quotes in cells are written.
    skip: Lines left out at its top. sheet: Of a workbook.
    """

    separator: str | None = None
    encoding: str | None = None
    format: Format | None = None
    header: Header | None = None
    quoting: Quoting | None = None
    skip: int = 0
    sheet: str | None = None

    @classmethod
    def of(cls, settings: Mapping[str, Any] | Any) -> FileSettings:
        """Return those among the settings, or the attributes, that say how a file is read."""
        if not isinstance(settings, Mapping):
            settings = vars(settings)
        names = {field.name for field in fields(cls)}
        return cls(**{k: v for k, v in settings.items() if k in names and v is not None})

    def but(self, **others: Any) -> FileSettings:
        """Return the settings with others that are not None."""
        return replace(self, **{name: v for name, v in others.items() if v is not None})
