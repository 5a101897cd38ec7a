"""A run's figures in wandb; the only importer of it.

Whatever goes wrong there costs one sentence, never a run.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gnnseg.tracking.lines import Jsonl
from gnnseg.tracking.settings import Mode, Resolved

if TYPE_CHECKING:
    import polars as pl

Say = Callable[[str], None]
PREFIXES = ("train/", "valid/", "test/", "segment/")
TABLES = {
    "summary": "segment/summary",
    "cards": "segment/cards",
    "recommendations": "test/recommendations",
    "examples": "test/examples",
    "evidence": "segment/evidence",
    "associations": "segment/associations",
    "stability": "segment/stability",
}
ROWS = 10_000  # rows of a table that wandb is given


def identity_of(folder: Path) -> str | None:
    """Return the id under which wandb has a run, or its offline file; None: it has not."""
    try:
        return (folder / "wandb" / "id").read_text("utf-8").strip() or None
    except OSError:
        return None


class Wandb:
    """One wandb run a job, in the run folder, or where WANDB_DIR says.

    A first failure is said in one sentence; then wandb is left alone.
    """

    def __init__(
        self,
        settings: Resolved,
        folder: Path,
        *,
        config: Mapping[str, Any],
        name: str,
        say: Say,
    ) -> None:
        self._say = say
        self._run: Any = None
        self._begun = False
        self._guard(lambda: self._open(settings, folder, config, name))

    @property
    def is_open(self) -> bool:
        """Return whether wandb takes what it is given."""
        return self._run is not None

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

    def _open(self, settings: Resolved, folder: Path, config: Mapping[str, Any], name: str) -> None:
        mine = folder / "wandb"
        mine.mkdir(exist_ok=True)
        place = folder if settings.folder is None else Path(settings.folder).expanduser()
        # looked at here: where it cannot be written, wandb would quietly write elsewhere
        if settings.folder is not None and not (place.is_dir() and os.access(place, os.W_OK)):
            raise OSError(f"WANDB_DIR={settings.folder}: is no folder that can be written")
        import wandb

        # an interrupted run that goes on is the same run to wandb; a fresh one is not
        identity = settings.id or identity_of(folder) or secrets.token_hex(4)
        given: dict[str, Any] = {
            "project": settings.project,
            "entity": settings.entity,
            "group": settings.group,
            "tags": settings.tags,
            "dir": str(place),
            "name": settings.name or name,
            "id": identity,
            "config": dict(config),
        }

        def begin(mode: Mode | None) -> Any:
            # console off: the progress bar and the printed paths are ours
            return wandb.init(
                mode=mode,
                resume="allow" if mode == "online" else None,
                settings=wandb.Settings(
                    silent=True, console="off", disable_code=True, init_timeout=60
                ),
                **given,
            )

        try:
            self._run = begin(settings.mode)
        except Exception as error:  # no key, no network
            if settings.mode != "online":
                raise
            self._run = begin("offline")
            self._say(
                f"wandb: {_first(error)}; written offline instead, to be sent by "
                f"wandb sync {place}/wandb/offline-run-*-{identity}"
            )
        (mine / "id").write_text(identity, "utf-8")
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
            self._say(
                f"wandb: {_first(error)}; going on with metrics.jsonl alone (tracking=jsonl says "
                "so from the start)"
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


def _first(error: Exception) -> str:
    """Return what an error says in one line; of a failed validation the setting too."""
    said = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not said:
        return type(error).__name__
    return ": ".join(said[:3]) if "validation error" in said[0] else said[0]


def _prefixed(name: str) -> str:
    return name if name in ("epoch", "step") or name.startswith(PREFIXES) else f"train/{name}"
