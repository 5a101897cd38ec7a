"""A run that stood there finished, sent to a dashboard that is asked for afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gnnseg import config as configuration
from gnnseg import records, tracking
from gnnseg.config import build
from gnnseg.runs import writer
from gnnseg.runs.folder import RunFolder
from gnnseg.types import InputError


def give(paths: Sequence[Path], settings: Sequence[str], say: Callable[[str], None]) -> list[Path]:
    """Send finished runs to a dashboard, from their folders (``gnnseg track``); return those.

    Of several, as of ``runs/*``, a folder that is no finished run is left out, and that is said.

    Args:
        paths: Their folders.
        settings: Of tracking, as typed: ``tracking.project=paper``, ``tracking=tensorboard``.
        say: Where a line goes.

    Raises:
        InputError: Nothing to send, no run that is finished, or settings that wandb refuses.
    """
    if not paths:
        raise InputError("track: name the runs to send, such as gnnseg track RUN.")
    finished = [path for path in paths if RunFolder(path).is_settled()]
    lacking = [path for path in paths if not path.exists()] or ([] if finished else paths)
    if lacking:
        raise InputError(
            f"{lacking[0]}: is no finished run; give the folder of one, or finish it by its "
            "command."
        )
    for path in paths:
        if path not in finished:
            say(f"{path}: is no finished run; left out")
    chosen = any(each.startswith("tracking=") for each in settings)
    asked = configuration.compose([*([] if chosen else ["tracking=wandb"]), *settings])
    configuration.check(asked)
    if build(asked["tracking"]).kind == "jsonl":
        raise InputError("tracking=jsonl: sends nothing; choose wandb or tensorboard.")
    for path in finished:
        say(f"{path.name}:")
        folder = RunFolder(path)
        record = folder.read_json()
        config = {**record["config"], "tracking": asked["tracking"]}
        send(folder, config, record.get("sweep"), say)
    return finished


def send(
    folder: RunFolder, config: Mapping[str, Any], sweep: str | None, say: Callable[[str], None]
) -> None:
    """Send the stored figures and tables where a dashboard is asked for, and say so.

    What it has already is not sent twice, but for a trial of ``wandb agent``, which waits for
    figures of its own. Losses of single steps are not stored: it gets those of validations.

    Args:
        folder: The finished run's.
        config: As it is asked for now.
        sweep: The name of the sweep that asks.
        say: Where a line goes.
    """
    record = folder.read_json()
    settings = build(config["tracking"])
    log = tracking.open_again(settings, folder.path, record=record, sweep=sweep, say=say)
    if log is None:
        return
    lines = folder.file("metrics.jsonl")
    for line in lines.read_text("utf-8").splitlines() if lines.exists() else []:
        figures = {name: value for name, value in records.parsed(line).items() if value is not None}
        log.log(figures, figures.pop("step"))
    writer.hand_over(folder, {"alarms": [], "losing": [], **record}, log)
    if log.is_open:
        say(f"{settings.kind} is given the stored record of this run")
    log.finish(False)
