"""A run that stood there finished, sent to a dashboard that is asked for afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gnnseg import records, tracking
from gnnseg.config import build
from gnnseg.runs import writer
from gnnseg.runs.folder import RunFolder


def send(
    folder: RunFolder, config: Mapping[str, Any], sweep: str | None, say: Callable[[str], None]
) -> None:
    """Send the stored figures and tables where ``tracking=wandb`` is asked for, and say so.

    What wandb has already is not sent twice, but for a trial of ``wandb agent``, which waits for
    figures of its own.

    Args:
        folder: The finished run's.
        config: As it is asked for now.
        sweep: The name of the sweep that asks.
        say: Where a line goes.
    """
    record = folder.read_json()
    log = tracking.open_wandb_again(
        build(config["tracking"]), folder.path, config=dict(config), name=record["name"],
        group=sweep, say=say,
    )  # fmt: skip
    if log is None:
        return
    lines = folder.file("metrics.jsonl")
    for line in lines.read_text("utf-8").splitlines() if lines.exists() else []:
        figures = {name: value for name, value in records.parsed(line).items() if value is not None}
        log.log(figures, figures.pop("step"))
    writer.hand_over(folder, {"alarms": [], "losing": [], **record}, log)
    if log.is_open:
        say("wandb is given the stored record of this run")
    log.finish(False)
