"""How files were read, kept with what was told, so that next week's files are read the same.

A reading is a mapping of settings of ``data=file``: what was detected, under the names by which it
could have been told. A setting that is told comes before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import TYPE_CHECKING

from gnnseg.data.raw import Raw
from gnnseg.data.tables.fields import READ, ROLES
from gnnseg.data.tables.stacking import Stacked
from gnnseg.types import InputError, Setting

if TYPE_CHECKING:
    from gnnseg.data.tables.readers import FileReader

SIGNS = {".": "point", ",": "comma"}
SHARED = ("separator", "encoding", "header", "quoting")  # only what all files agree on


def of(found: Stacked, raw: Raw) -> dict[str, str]:
    """Return how files were read, as far as it was the same in all of them."""
    reading: dict[str, str] = {}
    for key in SHARED:
        values = {file.settings.get(key) for file in found.files}
        value = values.pop() if len(values) == 1 else None
        if value is not None:
            reading[key] = value
    first = found.files[0]
    if first.has_names and all(file.columns == first.columns for file in found.files):
        reading |= {role: first.columns.get(role) or "" for role in ROLES}
        reading |= {role: name for role in READ if (name := first.columns.get(role))}
    detected = dict(raw.notes.get("detected", {}))
    if (sign := detected.get("decimal")) in SIGNS:
        reading["decimal"] = SIGNS[sign]
    if detected.get("dates") in ("dmy", "mdy"):
        reading["dates"] = detected["dates"]
    return reading


def applied(reader: FileReader) -> FileReader:
    """Return the reader with the settings of its ``reading`` where it was told none.

    Raises:
        InputError: The reading is none.
    """
    told = reader.reading
    if not told:
        return reader
    names = {field.name for field in fields(reader)}
    if not isinstance(told, Mapping) or not set(told) <= names:
        raise InputError(
            where=Setting("data.reading"),
            problem="holds what is no setting of data=file",
            advice="take it out of the YAML; the next run writes it again",
        )
    new = {key: value for key, value in told.items() if getattr(reader, key) in (None, 0)}
    if any(getattr(reader, role) not in (None, told.get(role)) for role in READ):
        new = {key: value for key, value in new.items() if key not in READ}
    return replace(reader, **new, reading=None)
