"""Where a run's figures go while it runs: JSON lines always, wandb beside them where asked for."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gnnseg.tracking.dashboard import Both, Wandb, identity_of
from gnnseg.tracking.lines import Jsonl, Tracker
from gnnseg.tracking.settings import Resolved, TrackingSettings, resolved

__all__ = [
    "Both", "Jsonl", "Resolved", "Tracker", "TrackingSettings", "Wandb", "open_tracker",
    "open_wandb_again", "resolved",
]  # fmt: skip

Say = Callable[[str], None]


def open_tracker(
    settings: TrackingSettings,
    folder: Path,
    *,
    config: Mapping[str, Any],
    name: str,
    group: str | None,
    say: Say,
) -> Tracker:
    """Return JSON lines in ``folder``, with wandb beside them where it is asked for.

    Args:
        settings: What is asked for.
        folder: The run's folder.
        config: The run's configuration.
        name: The run's name.
        group: The sweep's name.
        say: Where a sentence goes, should wandb fail.

    Raises:
        InputError: The lines cannot be written, or wandb would refuse a setting.
    """
    found = resolved(settings, os.environ, sweep=group)
    lines = Jsonl(folder / "metrics.jsonl")
    if not found.sends:
        return lines
    return Both(lines, Wandb(found, folder, config=config, name=name, say=say))


def open_wandb_again(
    settings: TrackingSettings,
    folder: Path,
    *,
    config: Mapping[str, Any],
    name: str,
    group: str | None,
    say: Say,
) -> Wandb | None:
    """Return wandb for a run that stands there finished; None where it has the run already.

    Arguments as of ``open_tracker``. Under ``wandb agent``, which gives each trial an id, it is
    asked for whenever the id is another.
    """
    found = resolved(settings, os.environ, sweep=group)
    if not found.sends:
        return None
    before = identity_of(folder)
    if before is not None and found.id in (None, before):
        place = found.folder or folder
        say(
            f"wandb has this run already, as {before}: nothing is sent; what was written offline "
            f"is sent by wandb sync {place}/wandb/offline-run-*-{before}"
        )
        return None
    opened = Wandb(found, folder, config=config, name=name, say=say)
    return opened if opened.is_open else None
