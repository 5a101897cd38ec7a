"""Progress bars on a terminal; silent elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from gnnseg.training.checkpoint import State


class _OnTerminal:
    """A bar of rich on standard error while the ``with`` lasts, shown where it is a terminal."""

    def __init__(self, *columns: Any, shown: bool) -> None:
        from rich.console import Console
        from rich.progress import Progress as Bar

        self._bar = Bar(
            *columns, console=Console(stderr=True), transient=True,
            disable=not (shown and sys.stderr.isatty()),
        )  # fmt: skip

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()


class Progress(_OnTerminal):
    """Loss, best metric, speed and remaining time of a training.

    ``with Progress(total_epochs, monitor) as progress: progress(state, per_epoch, values)``."""

    def __init__(self, epochs: int, monitor: str, *, shown: bool = True) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

        super().__init__(
            TextColumn("training"), BarColumn(), MofNCompleteColumn(),
            TextColumn("{task.fields[facts]}"), TimeRemainingColumn(), shown=shown,
        )  # fmt: skip
        self._monitor = monitor
        self._task = self._bar.add_task("training", total=epochs, facts="")

    def __call__(self, state: State, per_epoch: int, values: Mapping[str, float]) -> None:
        if self._bar.disable:
            return
        best = "" if state.best_value is None else f"best {self._monitor} {state.best_value:.4f}"
        task = self._bar.tasks[0]
        speed = "" if not task.speed else f"{task.speed * per_epoch:.1f} steps/s"
        done = state.epoch + state.batch / per_epoch
        self._bar.update(
            self._task, completed=done, facts=f"loss {values['loss']:.4f}  {best}  {speed}"
        )


class Counter(_OnTerminal):
    """How many of many are done: ``with Counter(what, total) as count: count(done, total)``."""

    def __init__(self, what: str, total: int, *, shown: bool = True) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

        columns = TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
        super().__init__(*columns, shown=shown)
        self._task = self._bar.add_task(what, total=total)

    def __call__(self, done: int, total: int) -> None:
        self._bar.update(self._task, completed=done, total=total)
