"""The configuration of a run from what was typed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gnnseg import config as configuration


def configured(overrides: Sequence[str], folders: Sequence[Path]) -> dict[str, Any]:
    """Return the checked configuration of overrides; ``folders``: more places to look for groups.

    A package that ``allow`` names may lie where the command is typed.

    Raises:
        InputError: Something in it cannot be meant.
    """
    composed = configuration.compose(list(overrides), list(folders))
    check_here(composed)
    return composed


def check_here(composed: dict[str, Any]) -> None:
    """Check a configuration whose packages may lie in the working directory.

    Raises:
        InputError: Something in it cannot be meant.
    """
    if composed["allow"] and "" not in sys.path:
        sys.path.insert(0, "")
    configuration.check(composed)
    from gnnseg.runs.assembly import rehearse

    rehearse(composed)
