"""Where a run's figures go while it runs: JSON lines always, wandb beside them where asked for.

The only importer of wandb, and only when a run asks for it. Whatever goes wrong there costs one
sentence, never a run.
"""

from __future__ import annotations

import json
import math
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from gnnseg.types import InputError

if TYPE_CHECKING:
    import polars as pl

Say = Callable[[str], None]
PREFIXES = ("train/", "valid/", "test/", "segment/")
TABLES = {
    "cards": "segment/cards",
    "recommendations": "test/recommendations",
    "examples": "test/examples",
    "evidence": "segment/evidence",
    "associations": "segment/associations",
    "stability": "segment/stability",
}
ROWS = 10_000  # rows of a table that wandb is given


@dataclass(frozen=True, kw_only=True)
class TrackingSettings:
    """Where figures go. ``kind``: jsonl, or wandb beside it; the rest is wandb's.

    ``group`` null: the sweep's name.
    """

    kind: Literal["jsonl", "wandb"]
    mode: Literal["offline", "online", "disabled"]
    project: str
    entity: str | None
    group: str | None
    tags: list[str]


class Tracker(Protocol):
    """What a run's figures are given to as it goes."""

    def position(self) -> int:
        """Return the bytes of metrics.jsonl so far.

        Stored with the weights, so that both go on from the same moment.
        """
        ...

    def truncate(self, length: int) -> None:
        """Forget what was logged after that position."""
        ...

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Take the figures of a step."""
        ...

    def table(self, name: str, frame: pl.DataFrame) -> None:
        """Take a table of the finished run."""
        ...

    def summary(self, metrics: Mapping[str, float]) -> None:
        """Take the final figures."""
        ...

    def finish(self, failed: bool) -> None:
        """Close the log; nothing follows."""
        ...


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
    """
    lines = Jsonl(folder / "metrics.jsonl")
    if settings.kind == "jsonl" or settings.mode == "disabled":
        return lines
    return Both(
        lines,
        Wandb(settings, folder, config=config, name=name, group=settings.group or group, say=say),
    )


class Jsonl:
    """One JSON object a line, each on its way to the disk before the next step begins.

    NaN and infinity become null.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = open(path, "ab", buffering=0)  # noqa: SIM115 (finish() closes it)
        except OSError as error:
            raise self._refused(error) from error

    def position(self) -> int:
        """Return the bytes of metrics.jsonl so far."""
        return self.path.stat().st_size

    def truncate(self, length: int) -> None:
        """Forget what was logged after that position."""
        if length < self.position():
            self._file.truncate(length)

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Log the figures of a step."""
        line = {"step": step} | {name: _plain(value) for name, value in metrics.items()}
        if "epoch" in line:
            line = {"epoch": line.pop("epoch"), **line}
        text = (json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n").encode()
        before = self.position()
        try:
            written = self._file.write(text)
            # where the disk is nearly full an unbuffered write may stop half-way
            if written != len(text):
                self._file.truncate(before)
                raise InputError(
                    f"{self.path}: cannot be written (no space left); free space and run again."
                )
        except OSError as error:
            raise self._refused(error) from error

    def table(self, name: str, frame: pl.DataFrame) -> None:
        """Do nothing: tables stand in the run folder as Parquet files already."""

    def summary(self, metrics: Mapping[str, float]) -> None:
        """Do nothing: final figures stand in run.json already."""

    def finish(self, failed: bool) -> None:
        """Close the log; nothing follows."""
        self._file.close()

    def _refused(self, error: OSError) -> InputError:
        return InputError(
            f"{self.path}: cannot be written ({error.strerror or error}); free space or choose "
            "another runs.root."
        )


class Wandb:
    """One wandb run a job, in the run folder.

    A first failure is said in one sentence; then wandb is left alone.
    """

    def __init__(
        self,
        settings: TrackingSettings,
        folder: Path,
        *,
        config: Mapping[str, Any],
        name: str,
        group: str | None,
        say: Say,
    ) -> None:
        self._say = say
        self._run: Any = None
        self._begun = False
        self._guard(lambda: self._open(settings, folder, config, name, group))

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Log the figures of a step."""
        shown = {_prefixed(key): value for key, value in metrics.items()}
        self._guard(lambda: self._run.log({"step": step, **shown}))

    def table(self, name: str, frame: pl.DataFrame) -> None:
        """Send a table."""

        def send() -> None:
            import wandb

            shown = frame.head(ROWS)
            rows = [list(row) for row in shown.iter_rows()]
            # types are not inferred from the rows: a column may be null in some of them and not in
            # others
            table = wandb.Table(columns=shown.columns, data=rows, allow_mixed_types=True)
            self._run.log({TABLES.get(name, f"test/{name}"): table})

        self._guard(send)

    def summary(self, metrics: Mapping[str, float]) -> None:
        """Send the final figures."""
        self._guard(lambda: self._run.summary.update(dict(metrics)))

    def finish(self, failed: bool) -> None:
        """Close the log; nothing follows."""
        self._guard(lambda: self._run.finish(exit_code=int(failed)))
        self._run = None

    def _open(
        self,
        settings: TrackingSettings,
        folder: Path,
        config: Mapping[str, Any],
        name: str,
        group: str | None,
    ) -> None:
        # made here: where it cannot be, wandb would quietly write elsewhere
        place = folder / "wandb"
        place.mkdir(exist_ok=True)
        identity = place / "id"
        import wandb

        # an interrupted run that goes on is the same run to wandb; a fresh one is not
        if not identity.exists():
            identity.write_text(secrets.token_hex(4), "utf-8")
        self._run = wandb.init(
            mode=settings.mode,
            project=settings.project,
            entity=settings.entity,
            group=group,
            tags=list(settings.tags),
            dir=str(folder),
            name=name,
            id=identity.read_text("utf-8").strip(),
            resume="allow" if settings.mode == "online" else None,
            config=dict(config),
            # console off: the progress bar and the printed paths are ours
            settings=wandb.Settings(silent=True, console="off", disable_code=True, init_timeout=60),
        )
        self._run.define_metric("step")
        for prefix in PREFIXES:
            self._run.define_metric(f"{prefix}*", step_metric="step")

    def _guard(self, action: Callable[[], object]) -> None:
        """Do it if wandb is still there; whatever it raises ends wandb, not the run."""
        if self._run is None and self._begun:
            return
        self._begun = True
        try:
            action()
        except Exception as error:  # wandb raises its own, the network's and the disk's
            what = (
                str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            )
            self._say(
                f"wandb: {what}; going on with metrics.jsonl alone (tracking=jsonl says so from "
                "the start)"
            )
            self._run = None


class Both:
    """JSON lines and wandb side by side; positions are the lines'."""

    def __init__(self, lines: Jsonl, beside: Wandb) -> None:
        self._lines, self._beside = lines, beside

    def position(self) -> int:
        """Return the bytes of metrics.jsonl so far."""
        return self._lines.position()

    def truncate(self, length: int) -> None:
        """Forget what was logged after that position."""
        self._lines.truncate(length)

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Log the figures of a step."""
        self._lines.log(metrics, step)
        self._beside.log(metrics, step)

    def table(self, name: str, frame: pl.DataFrame) -> None:
        """Send a table."""
        self._beside.table(name, frame)

    def summary(self, metrics: Mapping[str, float]) -> None:
        """Send the final figures."""
        self._beside.summary(metrics)

    def finish(self, failed: bool) -> None:
        """Close the log; nothing follows."""
        self._lines.finish(failed)
        self._beside.finish(failed)


def _prefixed(name: str) -> str:
    return name if name in ("epoch", "step") or name.startswith(PREFIXES) else f"train/{name}"


def _plain(value: Any) -> Any:
    """Return what JSON can hold: no NaN; numbers of numpy and torch by their item()."""
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
