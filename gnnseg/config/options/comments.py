"""What the comments of a YAML say of it and of its settings."""

from __future__ import annotations

import re
from pathlib import Path

VALUE = r"\"[^\"]*\"|'[^']*'|[^#]*?"
KEY = rf"(\s*)(?:- )?(?:optional )?([\w-]+):(?:\s+({VALUE}))?(?:\s+#\s*(.*))?$"
DEEPER = 4  # columns beyond its key's at which a comment line goes on with the one behind the key


def heading(path: Path) -> str:
    """Return the comment a YAML begins with, as one line."""
    return " ".join(words for line in _heading(path) if "@package" not in (words := _words(line)))


def comments(path: Path, group: str = "", *, shared: bool = False) -> dict[str, str]:
    """Return what is said of each key, by dotted key (less the group's own name).

    A comment stands behind its key, goes on in the lines below at the same column, or stands above
    its key.

    Args:
        path: The YAML.
        group: The group whose name is left off the keys.
        shared: Whether a null without a comment has the one above it, as in a column of columns.
    """
    found: dict[str, str] = {}
    above: list[tuple[int, str]] = []  # indentation and name of each key around this one
    before: list[str] = []  # comment lines above the next key
    last, open_key, indent = "", "", 0
    for line in path.read_text("utf-8").splitlines()[len(_heading(path)) :]:
        if line.lstrip().startswith("#"):
            if open_key and line.index("#") > indent + DEEPER:
                found[open_key] += f" {_words(line)}"
                last = found[open_key]
            else:
                before.append(_words(line))
                open_key = ""
            continue
        key = re.match(KEY, line)
        if key is None:
            before, open_key = [], ""
            continue
        indent, value, behind = len(key[1]), key[3], key[4]
        above = [*((i, k) for i, k in above if i < indent), (indent, key[2])]
        dotted = ".".join(k for _, k in above).removeprefix(f"{group}.")
        said = " ".join([*before, *([behind] if behind else [])])
        before, open_key = [], dotted if behind else ""
        last = said or (last if shared and value == "null" else "")
        if last:
            found[dotted] = last
    return found


def _heading(path: Path) -> list[str]:
    """Return the lines of comment a YAML begins with."""
    lines = path.read_text("utf-8").splitlines()
    return lines[
        : next((n for n, line in enumerate(lines) if not line.startswith("#")), len(lines))
    ]


def _words(line: str) -> str:
    return line.strip().lstrip("# ")
