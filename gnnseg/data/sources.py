"""Where a named set comes from: data.root, an installed package or its wheel, its canonical address; tried in this order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gnnseg.types import InputError


@dataclass(frozen=True)
class Place:
    """Where to look and where to keep: ``root`` is data.root, ``cache`` the cache folder, ``say`` tells the user."""

    root: Path
    cache: Path
    say: Callable[[str], None]

    def folder(self, name: str, files: list[str]) -> Path:
        """The folder that holds these files of a set."""
        folder = self.root / name
        if all((folder / file).exists() for file in files):
            self.say(f"{name}: from {folder}")
            return folder
        raise InputError(f"{name}: not found in {folder}")
