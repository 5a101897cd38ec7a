"""Files that a user names: which they are, and whether they can be read at all."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from pathlib import Path

from gnnseg.types import InputError, Setting


def listed(path: str | Sequence[str], key: str = "data.path") -> list[Path]:
    """Return the files that a path, a pattern ('orders-*.csv') or a list of these stand for.

    Files of a pattern are in sorted order.

    Raises:
        InputError: A pattern that no file matches, an empty list, a file named twice; ``key`` is
            the setting that it names.
    """
    found: list[Path] = []
    for one in [path] if isinstance(path, str) else path:
        where = Path(one).expanduser()
        if where.exists() or not glob.has_magic(str(where)):
            found.append(where)
            continue
        matched = sorted(match for name in glob.glob(str(where)) if (match := Path(name)).is_file())
        if not matched:
            raise InputError(
                where=Setting(key, one),
                problem="no file matches",
                advice="check the pattern and the folder it is looked for in",
            )
        found.extend(matched)
    if not found:
        raise InputError(
            where=Setting(key), problem="is an empty list", advice="name at least one file"
        )
    twice = next((one for n, one in enumerate(found) if one in found[:n]), None)
    if twice is not None:
        raise InputError(
            where=Setting(key), problem=f"{twice} is named twice", advice="name each file once"
        )
    return found


def exists(path: Path, what: str = "file") -> Path:
    """Return the path, if a readable file with something in it is there; else an InputError."""
    try:
        if path.is_dir():
            raise InputError(f"{path}: is a folder; name a {what} in it.")
        if not path.exists():
            raise InputError(f"{path}: no such file; check the path ({what}).")
        if path.stat().st_size == 0:
            raise InputError(f"{path}: the file is empty; give one with a header and rows.")
        with open(path, "rb"):
            return path
    except PermissionError:
        raise InputError(f"{path}: may not be read; change its permissions.") from None
