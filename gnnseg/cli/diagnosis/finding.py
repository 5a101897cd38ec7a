"""One thing that was looked at, and what was found."""

from __future__ import annotations

import importlib.metadata
from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """What was found about an area of the installation.

    ``ok`` None: nothing to object to, and nothing to rely on. ``essential``: without it nothing can
    be trained.
    """

    area: str
    ok: bool | None
    text: str
    advice: str = ""
    essential: bool = False


def installed_version(name: str) -> str | None:
    """Return the installed version of a package; None where it is not installed."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def last_line(said: str) -> str:
    """Return the last line that says something."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return str(lines[-1]) if lines else "no reason given"
