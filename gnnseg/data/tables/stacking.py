"""Several files as one table, or as the parts of a given split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from gnnseg.data import held_out
from gnnseg.data.tables import numbers, separators, sheets
from gnnseg.data.tables.numbers import Decimal
from gnnseg.data.tables.paths import listed
from gnnseg.data.tables.separators import Look, ReadFile
from gnnseg.data.tables.settings import FileSettings
from gnnseg.data.tables.sheets import Sheet
from gnnseg.types import InputError, Setting

PARTS = ("train", "valid", "test")


@dataclass(frozen=True)
class Stacked:
    """Interactions of all files as one table whose columns are called by their roles.

    notes: What was noticed, in words. files: Each file as it was read.
    """

    sheet: Sheet
    notes: list[str]
    files: list[ReadFile]


def read(
    sources: Mapping[str, str | list[str] | float | None],
    mapping: Mapping[str, str | None],
    how: FileSettings = separators.DETECTED,
    *,
    decimal: Decimal | None = None,
    guess: bool = False,
    look: Look | None = None,
) -> Stacked:
    """Read interactions, each file by its own form.

    Args:
        sources: ``path`` (a file, several, or a pattern) or ``train``, ``valid`` and ``test``,
            whose rows a column ``part`` tells apart; ``valid`` may be a share of each user's
            training pairs, drawn for it.
        mapping: Columns by role, and ``title``; None: by the usual names, '': not there.
        how: How files are read, as far as it is told.
        decimal: The decimal sign of all files; None: each has its own.
        guess, look: As ``separators.read`` takes them.
    """
    given = sources["path"] is None and any(sources.values())
    parts: tuple[str, ...] = PARTS
    share = held_out.share_of(_one(sources["valid"]))
    if given and share is not None:
        parts = ("train", "test")
    paths = _files(sources, parts if given else ("path",))
    found = [_read(path, mapping, how, paths, guess, look) for path in paths]
    same_columns(found, parts if given else None)
    found = found if decimal is not None else _with_points(found)
    sheet = stacked(found, "data.train/valid/test" if given else _named(sources["path"]))
    title = mapping.get("title")
    if title is not None and "title" not in sheet.frame.columns:
        raise InputError(
            where=Setting("data.item_title", title),
            problem=f"{sheet.path} has no columns of names",
            advice="leave it unset",
        )
    if not given:  # the number of the file is no part of a split
        sheet = replace(sheet, frame=sheet.frame.drop("part"))
    said = notes(found)
    if given and share is not None:
        frame = sheet.frame.with_columns(pl.col("part") * 2)  # the second file is the test
        sheet = replace(sheet, frame=held_out.carve(frame, share))
        said[-1] += f"; validation: {share:.0%} of each user's training pairs, drawn"
    return Stacked(sheet, said, found)


def _one(source: str | list[str] | float | None) -> str | float | None:
    return None if isinstance(source, list) else source


def _named(source: str | list[str] | float | None) -> str | list[str]:
    return source if isinstance(source, list) else str(source or "")


def _read(
    path: Path,
    mapping: Mapping[str, str | None],
    how: FileSettings,
    paths: list[Path],
    guess: bool,
    look: Look | None,
) -> ReadFile:
    """Read one of the files; a separator that is not its own is that of another of them."""
    try:
        return separators.read(path, mapping, how, guess=guess, look=look)
    except InputError:
        if how.separator is None or len(paths) == 1 or not separators.lacks(path, how.separator):
            raise
        return separators.read(path, mapping, replace(how, separator=None), guess=guess, look=look)


def _with_points(files: list[ReadFile]) -> list[ReadFile]:
    """Return files whose numbers have one decimal sign: the point, where their own signs differ."""
    for role in ("weight", "spend"):
        names = [found.columns.get(role) for found in files]
        cells = [
            None if name is None else found.sheet.frame[name]
            for found, name in zip(files, names, strict=True)
        ]
        commas = [
            series is not None
            and series.dtype == pl.String
            and bool(series.str.contains(",", literal=True).any())
            for series in cells
        ]
        if not any(commas) or all(commas):
            continue
        files = [
            _with_point(found, str(name), role) if comma else found
            for found, name, comma in zip(files, names, commas, strict=True)
        ]
    return files


def _with_point(found: ReadFile, name: str, role: str) -> ReadFile:
    """Return a file whose decimal commas are points, in the column of a role; others stay."""
    frame = found.sheet.frame
    try:
        value, sign = numbers.read(frame[name], str(found.sheet.path), role)
    except InputError:  # two readings fit: the other files, read with it, may settle which
        return found
    if sign != numbers.COMMA:
        return found
    words = pl.coalesce(value.cast(pl.String), frame[name]).alias(name)
    sheet = replace(found.sheet, frame=frame.with_columns(words))
    return replace(found, sheet=sheet, note=f"{found.note}; {role} with {sign}")


def _files(
    sources: Mapping[str, str | list[str] | float | None], keys: tuple[str, ...]
) -> list[Path]:
    """Return the files of one table, or of the three parts."""
    if sources["path"] is not None and any(sources[part] for part in PARTS):
        raise InputError(
            "data.path and data.train/valid/test are both set; give one file, or three, not both."
        )
    files: list[Path] = []
    for key in keys:
        source = sources[key]
        if not source:
            raise InputError(
                where=(Setting(f"data.{key}"), " is not set"),
                problem=(
                    *("give ", Setting("data.path", "FILE"), ", or all of data.train, "),
                    "data.valid and data.test",
                ),
            )
        files += listed(_named(source), f"data.{key}")
    if keys != ("path",) and len(files) != len(keys):
        raise InputError(
            "data.train, data.valid and data.test are one file each; give several as data.path."
        )
    return files


def same_columns(files: list[ReadFile], parts: tuple[str, ...] | None) -> None:
    """Refuse files of one table whose columns differ, and parts of a split whose roles do."""
    if parts is not None:
        roles = [
            [role for role, name in found.columns.items() if name is not None] for found in files
        ]
        if any(one != roles[0] for one in roles):
            lists = "; ".join(
                f"{part}: {', '.join(one)}" for part, one in zip(parts, roles, strict=True)
            )
            raise InputError(
                f"data.train, data.valid and data.test have different columns ({lists}); make them "
                "alike."
            )
        return
    first = files[0]
    for found in files[1:]:
        if set(found.names) != set(first.names):
            odd = sorted(set(found.names) ^ set(first.names))[0]
            lacks = found if odd in first.names else first
            raise InputError(
                f"{found.sheet.path}: its columns are not those of {first.sheet.path.name} "
                f"({lacks.sheet.path.name} "
                f"lacks {odd!r}); make them alike."
            )


def stacked(files: list[ReadFile], path: str | list[str]) -> Sheet:
    """Return all files as one table whose columns are called by their roles."""
    columns = [
        {role: name for role, name in found.columns.items() if name is not None} for found in files
    ]
    if len(files) == 1:
        where = files[0].sheet.path
    else:
        where = Path(
            path if isinstance(path, str) else f"{files[0].sheet.path} and {len(files) - 1} more"
        )
    return sheets.stack([found.sheet for found in files], columns, where)


def notes(files: list[ReadFile]) -> list[str]:
    """Return what was noticed in each file; files with the same note share a line."""
    lines: dict[str, list[str]] = {}
    for found in files:
        name = found.sheet.path.name
        lines.setdefault(found.note.removeprefix(f"{name}: "), []).append(name)
    return [
        f"{names[0] if len(names) == 1 else f'{len(names)} files, {names[0]} to {names[-1]}'}: "
        f"{line}"
        for line, names in lines.items()
    ]
