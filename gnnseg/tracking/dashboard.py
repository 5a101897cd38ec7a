"""A run's figures in wandb; the only importer of it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gnnseg.tracking.beside import Dashboard, first, pixels
from gnnseg.tracking.describing import RunDescription
from gnnseg.tracking.settings import Mode, Resolved

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.figure import Figure

Say = Callable[[str], None]
PREFIXES = ("train/", "valid/", "test/", "segment/", "baseline/")
TABLES = {
    "summary": "segment/summary",
    "cards": "segment/cards",
    "recommendations": "test/recommendations",
    "examples": "test/examples",
    "evidence": "segment/evidence",
    "associations": "segment/associations",
    "stability": "segment/stability",
    "baselines": "baseline/figures",
}
ROWS = 10_000  # rows of a table that wandb is given


def identity_of(folder: Path) -> str | None:
    """Return the id under which wandb has a run, or its offline file; None: it has not."""
    try:
        return (folder / "wandb" / "id").read_text("utf-8").strip() or None
    except OSError:
        return None


class Wandb(Dashboard):
    """One wandb run a job, in the run folder, or where WANDB_DIR says."""

    def __init__(
        self, settings: Resolved, folder: Path, *, about: RunDescription, say: Say
    ) -> None:
        super().__init__("wandb", settings.every, say)
        self._tables: dict[str, pl.DataFrame] = {}
        self._offline = settings.mode == "offline"
        self.guard(lambda: self._open(settings, folder, about))

    @property
    def forgets(self) -> bool:
        """Return whether a run that goes on begins anew here: offline it does."""
        return self._offline

    def _log(self, metrics: Mapping[str, float], step: int) -> None:
        self.run.log({"step": step, **metrics})

    def _table(self, name: str, frame: pl.DataFrame) -> None:
        import wandb

        self._tables[name] = frame
        shown = frame.head(ROWS)
        rows = [list(row) for row in shown.iter_rows()]
        # types are not inferred from the rows: a column may be null in some of them and not in
        # others
        table = wandb.Table(columns=shown.columns, data=rows, allow_mixed_types=True)
        self.run.log({TABLES.get(name, f"test/{name}"): table})

    def _figure(self, name: str, figure: Figure) -> None:
        import wandb

        self.run.log({f"segment/plot/{name}": wandb.Image(pixels(figure))})

    def _page(self, path: Path) -> None:
        """Send the page to look at, and an artifact of it and of the tables as CSV.

        The page is no copy of the artifact's: what lies in the run's own folder can be sent from
        another machine too.
        """
        import wandb

        self.run.log({"report": wandb.Html(path.read_text("utf-8"), inject=False)})
        artifact = wandb.Artifact(f"run-{self.run.id}-report", type="report")
        artifact.add_file(str(path), policy="immutable")
        for name, frame in self._tables.items():
            with artifact.new_file(f"tables/{name}.csv", mode="w", encoding="utf-8") as file:
                file.write(_plain(frame).write_csv())
        self.run.log_artifact(artifact)

    def _summary(self, metrics: Mapping[str, float]) -> None:
        self.run.summary.update(dict(metrics))

    def _finish(self, failed: bool) -> None:
        self.run.finish(exit_code=int(failed))

    def _open(self, settings: Resolved, folder: Path, about: RunDescription) -> None:
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
            "group": settings.group or about.group,
            "job_type": settings.job_type or about.job_type,
            "tags": settings.tags,
            "dir": str(place),
            "name": settings.name or about.name,
            "id": identity,
            "config": dict(about.config),
        }

        def begin(mode: Mode | None) -> Any:
            # console off: the progress bar and the printed paths are ours
            return wandb.init(
                mode=mode,
                resume="allow" if mode == "online" else None,
                # a run of its own, whatever else this process has open in wandb
                settings=wandb.Settings(
                    silent=True,
                    console="off",
                    disable_code=True,
                    init_timeout=60,
                    reinit="create_new",
                ),
                **given,
            )

        try:
            self.run = begin(settings.mode)
        except Exception as error:  # no key, no network
            if settings.mode != "online":
                raise
            self.run, self._offline = begin("offline"), True
            self._say(
                f"wandb: {first(error)}; written offline instead, to be sent by "
                f"wandb sync {place}/wandb/offline-run-*-{identity}"
            )
        (mine / "id").write_text(identity, "utf-8")
        self.run.define_metric("step")
        for prefix in PREFIXES:
            self.run.define_metric(f"{prefix}*", step_metric="step")


def _plain(frame: pl.DataFrame) -> pl.DataFrame:
    """Return a table without columns of lists, which a CSV cannot hold."""
    return frame.select(name for name, kind in frame.schema.items() if not kind.is_nested())
