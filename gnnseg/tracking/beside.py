"""A dashboard beside JSON lines: whatever goes wrong there costs one sentence, never a run."""

from __future__ import annotations

import abc
import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gnnseg.tracking.lines import Jsonl

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.figure import Figure

Say = Callable[[str], None]
OURS = ("train/", "valid/", "test/", "segment/")


class Dashboard(abc.ABC):
    """Where a run's figures go beside metrics.jsonl.

    A first failure is said in one sentence; then the dashboard is left alone.

    Args:
        name: What it is called.
        every: Steps between two losses of single steps; None: none.
        say: Where the sentence goes.
    """

    def __init__(self, name: str, every: int | None, say: Say) -> None:
        self._name, self._every, self._say = name, every, say
        self._begun = False
        self.run: Any = None

    @property
    def forgets(self) -> bool:
        """Return whether a run that goes on begins anew here, so that it needs its earlier lines.

        wandb keeps one file for each time that a run goes on offline, and of files of one run the
        last that is sent takes the place of the others.
        """
        return False

    @property
    def is_open(self) -> bool:
        """Return whether it takes what it is given."""
        return self.run is not None

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Log the figures of a step."""
        self.guard(lambda: self._log({prefixed(k): v for k, v in metrics.items()}, step))

    def losses(self, losses: Mapping[str, float], step: int) -> None:
        """Log the losses of a single step, of every so many."""
        if self._every is not None and step % self._every == 0:
            found = {f"train/step/{name}": value for name, value in losses.items()}
            self.guard(lambda: self._log(found, step))

    def table(self, name: str, frame: pl.DataFrame) -> None:
        """Send a table."""
        self.guard(lambda: self._table(name, frame))

    def figure(self, name: str, figure: Figure) -> None:
        """Send a plot."""
        self.guard(lambda: self._figure(name, figure))

    def page(self, path: Path) -> None:
        """Send the page, after the tables."""
        self.guard(lambda: self._page(path))

    def summary(self, metrics: Mapping[str, float]) -> None:
        """Send the final figures."""
        self.guard(lambda: self._summary(metrics))

    def finish(self, failed: bool) -> None:
        """Close the log; nothing follows."""
        self.guard(lambda: self._finish(failed))
        self.run = None

    def guard(self, action: Callable[[], object]) -> None:
        """Do it if the dashboard is still there; whatever it raises ends that, not the run."""
        if self.run is None and self._begun:
            return
        self._begun = True
        try:
            action()
        except Exception as error:  # they raise their own, the network's and the disk's
            self._say(
                f"{self._name}: {first(error)}; going on with metrics.jsonl alone (tracking=jsonl "
                "says so from the start)"
            )
            with contextlib.suppress(Exception):  # what it has is closed, so that it can be sent
                if self.run is not None:
                    self._finish(True)
            self.run = None

    @abc.abstractmethod
    def _log(self, metrics: Mapping[str, float], step: int) -> None: ...

    @abc.abstractmethod
    def _table(self, name: str, frame: pl.DataFrame) -> None: ...

    @abc.abstractmethod
    def _figure(self, name: str, figure: Figure) -> None: ...

    @abc.abstractmethod
    def _page(self, path: Path) -> None: ...

    @abc.abstractmethod
    def _summary(self, metrics: Mapping[str, float]) -> None: ...

    @abc.abstractmethod
    def _finish(self, failed: bool) -> None: ...


class Both:
    """JSON lines and a dashboard side by side; positions are the lines'."""

    def __init__(self, lines: Jsonl, beside: Dashboard) -> None:
        self._lines, self._beside = lines, beside

    def position(self) -> int:
        """Return the bytes of metrics.jsonl so far."""
        return self._lines.position()

    def truncate(self, length: int) -> None:
        """Forget what was logged after that position."""
        self._lines.truncate(length)
        if self._beside.forgets:
            for step, figures in self._lines.stored():
                self._beside.log(figures, step)

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Log the figures of a step."""
        self._lines.log(metrics, step)
        self._beside.log(metrics, step)

    def losses(self, losses: Mapping[str, float], step: int) -> None:
        """Show the losses of a single step."""
        self._beside.losses(losses, step)

    def figure(self, name: str, figure: Figure) -> None:
        """Send a plot."""
        self._beside.figure(name, figure)

    def page(self, path: Path) -> None:
        """Send the page."""
        self._beside.page(path)

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


def pixels(figure: Figure) -> Any:
    """Return a plot as an image, (height, width, 3)."""
    import numpy as np
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def first(error: Exception) -> str:
    """Return what an error says in one line; of a failed validation the setting too."""
    said = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not said:
        return type(error).__name__
    return ": ".join(said[:3]) if "validation error" in said[0] else said[0]


def prefixed(name: str) -> str:
    """Return a figure's name with the part that it is of; bare ones are training's."""
    return name if name in ("epoch", "step") or name.startswith(OURS) else f"train/{name}"
