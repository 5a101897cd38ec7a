"""A run's figures as event files for TensorBoard; the only importer of what writes them.

Settings and final figures are what its HPARAMS tab compares runs by; tables are texts. A page it
cannot show.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gnnseg.tracking.beside import Dashboard, pixels
from gnnseg.tracking.describing import RunDescription

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.figure import Figure

Say = Callable[[str], None]
FOLDER = "tensorboard"
ROWS = 50  # of a table that are shown


def stands_in(folder: Path) -> bool:
    """Return whether a run's folder has event files already."""
    return any((folder / FOLDER).glob("events.*"))


class TensorBoard(Dashboard):
    """Event files of one run."""

    def __init__(self, folder: Path, every: int | None, *, about: RunDescription, say: Say) -> None:
        super().__init__("tensorboard", every, say)
        self._about = about
        self._step = 0
        self._final: dict[str, float] = {}
        self.guard(lambda: self._open(folder))

    def _open(self, folder: Path) -> None:
        try:
            from tensorboardX import SummaryWriter
        except ModuleNotFoundError as error:
            if error.name != "tensorboardX":
                raise
            raise ModuleNotFoundError(
                "tensorboardX is not installed (pip install 'gnnseg[tensorboard]')"
            ) from None
        self.run = SummaryWriter(str(folder / FOLDER))
        lines = [f"- `{key}`: {value}" for key, value in self._about.config.items()]
        self.run.add_text("run", "\n".join([f"**{self._about.name}**", "", *lines]), 0)

    def _log(self, metrics: Mapping[str, float], step: int) -> None:
        self._step = step
        self._scalars(metrics)

    def _table(self, name: str, frame: pl.DataFrame) -> None:
        shown = frame.head(ROWS)
        head = f"|{'|'.join(shown.columns)}|\n|{'---|' * len(shown.columns)}\n"
        rows = "\n".join(f"|{'|'.join(map(_cell, row))}|" for row in shown.iter_rows())
        more = f"\n\n{len(frame) - ROWS} more rows" if len(frame) > ROWS else ""
        self.run.add_text(f"table/{name}", head + rows + more, self._step)

    def _figure(self, name: str, figure: Figure) -> None:
        self.run.add_image(f"segment/plot/{name}", pixels(figure), self._step, dataformats="HWC")

    def _page(self, path: Path) -> None:
        self.run.add_text("page", f"`{path}`", self._step)

    def _summary(self, metrics: Mapping[str, float]) -> None:
        self._final |= metrics
        # of the validation there is a curve, which the best value would bend at its end
        self._scalars({k: v for k, v in metrics.items() if not k.startswith("valid/")})

    def _scalars(self, metrics: Mapping[str, float]) -> None:
        """Write figures under their own names, from which the writer would take the @."""
        from tensorboardX.proto.summary_pb2 import Summary

        values = [Summary.Value(tag=name, simple_value=value) for name, value in metrics.items()]
        self.run.file_writer.add_summary(Summary(value=values), self._step)

    def _finish(self, failed: bool) -> None:
        from tensorboardX.summary import hparams

        if self._final and not failed:
            settings = {key: _plain(value) for key, value in self._about.config.items()}
            for part in hparams(settings, self._final):
                self.run.file_writer.add_summary(part)
        self.run.close()


def _plain(value: Any) -> bool | float | str:
    """Return what TensorBoard takes for a setting."""
    return value if isinstance(value, bool | int | float | str) else str(value)


def _cell(value: Any) -> str:
    text = "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
    return text.replace("|", "\\|").replace("\n", " ")
