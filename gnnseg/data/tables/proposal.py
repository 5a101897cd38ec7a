"""The command that trains on files as ``gnnseg data check`` has read them."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from gnnseg.data.tables import columns as columns_
from gnnseg.data.tables import numbers, typed
from gnnseg.data.tables.fields import READ
from gnnseg.data.tables.folders import NAMES
from gnnseg.data.tables.sheets import Sheet
from gnnseg.data.tables.stacking import Stacked

BESIDE = ("users_id", "items_id", "missing_ids")


def given_split(files: Sequence[str]) -> dict[str, str] | None:
    """Return the files of a given split that lie beside its train; None: there are none.

    They are called like it: ``train.txt`` beside ``valid.txt`` and ``test.txt``.
    """
    if len(files) != 1 or "train" not in (path := Path(files[0])).name:
        return None
    found = {}
    for part, words in NAMES.items():
        names = (path.name.replace("train", word) for word in words)
        mine = [name for name in names if path.with_name(name).is_file()]
        if len(mine) != 1:
            return None
        found[part] = files[0].removesuffix(path.name) + mine[0]
    return found


def options(
    found: Stacked, told: Mapping[str, Any], roles: Mapping[str, str | None]
) -> dict[str, Any]:
    """Return the plain options that read the files as they were read.

    Args:
        found: The files as they were read.
        told: The settings that were told.
        roles: The columns that were told, by role.
    """
    first = found.files[0]
    proposed: dict[str, Any] = {
        role: (first.columns.get(role) if first.has_names else None) or roles.get(role)
        for role in READ
    }
    proposed |= {name: told.get(name) for name in ("separator", "encoding", "format")}
    for name, usual in (("header", "first"), ("quoting", "double")):
        values = {file.settings.get(name, usual) for file in found.files}
        seen = values.pop() if len(values) == 1 else usual
        proposed[name] = told.get(name) or (None if seen == usual else seen)
    others = ("skip", "sheet", "basket", "unique", "keep", "time_as", "zeros", *BESIDE)

    return proposed | {name: told.get(name) or None for name in others}


def signs(
    sheet: Sheet, detected: Mapping[str, str], decimal: Any, order: Any
) -> dict[str, str | None]:
    """Return the decimal sign and the order of dates that the command names.

    Those that were detected are named where they read every column as it was read.
    """
    comma = "," if detected.get("decimal") == "," else None
    found = detected.get("dates")
    mine = {"decimal": decimal or comma, "dates": order or (found if found != "ymd" else None)}
    if mine == {"decimal": decimal, "dates": order}:
        return mine
    same = all(
        _same(sheet.frame[role], mine["decimal"], decimal)
        for role in ("weight", "spend", "price", "quantity")
        if role in sheet.frame.columns
    )
    return mine if same else {**mine, "decimal": decimal}


def _same(cells: pl.Series, sign: Any, told: Any) -> bool:
    return numbers.read(cells, "", "", sign)[0].equals(numbers.read(cells, "", "", told)[0])


def command(files: Sequence[str], options: Mapping[str, Any], more: Sequence[str] = ()) -> str:
    """Return the command that trains on the files."""
    shown = [shlex.quote(_as_file(one)) for one in files]
    named = [
        word
        for key, value in options.items()
        if value is not None
        for word in (typed.flag(key), shlex.quote(str(value)))
    ]
    return " ".join(["gnnseg train", *shown, *named, *more])


def _as_file(name: str) -> str:
    """Return a file as ``gnnseg train`` takes it for one."""
    return name if typed.is_file(name) else f"./{name}"


def title(
    items: pl.DataFrame | None, head: pl.DataFrame, columns: Mapping[str, str | None]
) -> str | None:
    """Return the only unused column that is called as titles of items usually are."""
    names = head.columns if items is None else items.columns
    used = set(columns.values()) if items is None else {"id"}
    fits = [name for name in names if columns_.simple(name) in columns_.TITLES and name not in used]
    return fits[0] if len(fits) == 1 else None
