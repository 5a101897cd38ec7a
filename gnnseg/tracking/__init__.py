"""Where a run's figures go while it runs: JSON lines always, a dashboard beside where asked for."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gnnseg.tracking import describing, tensorboard
from gnnseg.tracking.beside import Both, Dashboard
from gnnseg.tracking.dashboard import Wandb, identity_of
from gnnseg.tracking.lines import Jsonl, Tracker
from gnnseg.tracking.settings import Resolved, TrackingSettings, resolved
from gnnseg.tracking.tensorboard import TensorBoard

__all__ = [
    "Both", "Dashboard", "Jsonl", "Resolved", "TensorBoard", "Tracker", "TrackingSettings", "Wandb",
    "open_again", "open_tracker", "resolved",
]  # fmt: skip

Say = Callable[[str], None]


def open_tracker(
    settings: TrackingSettings, folder: Path, *, record: Mapping[str, Any], say: Say
) -> Tracker:
    """Return JSON lines in ``folder``, with a dashboard beside them where it is asked for.

    Args:
        settings: What is asked for.
        folder: The run's folder.
        record: Its run.json, as far as it is known before training.
        say: Where a sentence goes, should the dashboard fail.

    Raises:
        InputError: The lines cannot be written, or wandb would refuse a setting.
    """
    found = resolved(settings, os.environ, sweep=record.get("sweep"))
    lines = Jsonl(folder / "metrics.jsonl")
    return Both(lines, _opened(found, folder, record, say)) if found.sends else lines


def open_again(
    settings: TrackingSettings,
    folder: Path,
    *,
    record: Mapping[str, Any],
    sweep: str | None,
    say: Say,
) -> Dashboard | None:
    """Return the dashboard for a run that stands there finished; None where it has it already.

    Arguments as of ``open_tracker``, and the name of the sweep that asks. Under ``wandb agent``,
    which gives each trial an id, it is asked for whenever the id is another.
    """
    found = resolved(settings, os.environ, sweep=sweep)
    if not found.sends:
        return None
    if found.kind == "tensorboard":
        if tensorboard.stands_in(folder):
            say(f"TensorBoard has this run already: tensorboard --logdir {folder.parent}")
            return None
    elif (before := identity_of(folder)) is not None and found.id in (None, before):
        place = found.folder or folder
        say(
            f"wandb has this run already, as {before}: nothing is sent; what was written offline "
            f"is sent by wandb sync {place}/wandb/offline-run-*-{before}"
        )
        return None
    opened = _opened(found, folder, record, say)
    return opened if opened.is_open else None


def _opened(found: Resolved, folder: Path, record: Mapping[str, Any], say: Say) -> Dashboard:
    about = describing.of(record)
    if found.kind == "tensorboard":
        return TensorBoard(folder, found.every, about=about, say=say)
    return Wandb(found, folder, about=about, say=say)
