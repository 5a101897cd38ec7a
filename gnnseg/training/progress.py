"""How far long work is: a bar on a terminal, elsewhere a line every ten seconds.

The clock decides nothing but when a line is said, and how much time it says is left.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

from gnnseg.training.checkpoint import State

EVERY = 10.0  # seconds from the start to the first line, and from line to line
Say = Callable[[str], None]
Clock = Callable[[], float]


def nothing(line: str) -> None:
    """Say nothing."""


class Lines:
    """Lines about work, none before ``EVERY`` seconds: short work says nothing.

    ``lines(done, total, facts)``; ``facts`` is asked for the line where one is due.
    """

    def __init__(self, say: Say, clock: Clock = time.monotonic) -> None:
        self._say, self._clock = say, clock
        self._said = clock()
        self._lock = threading.Lock()
        self._first: tuple[float, float] | None = None

    def __call__(self, done: float, total: float, facts: Callable[[], str]) -> None:
        """Say a line where one is due."""
        with self._lock:
            now = self._clock()
            if self._first is None:
                self._first = now, done
            if now - self._said < EVERY or done >= total:
                return
            self._said = now
        begun, before = self._first
        left = ""
        if done > before:
            left = f", {spell((total - done) * (now - begun) / (done - before))} left"
        self._say(f"{facts()}{left}")


def spell(seconds: float) -> str:
    """Return a time as it is said: 12 s, 3 min, 2 h 5 min."""
    if round(seconds) < 60:
        return f"{max(1, round(seconds))} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return " ".join([f"{hours} h"] * bool(hours) + [f"{minutes} min"] * bool(minutes))


class _Shown:
    """Progress while the ``with`` lasts: a bar on a terminal, lines elsewhere, or nothing."""

    def __init__(self, *columns: Any, shown: bool, say: Say, clock: Clock) -> None:
        from rich.console import Console
        from rich.progress import Progress as Bar

        terminal = sys.stderr.isatty()
        self._bar = Bar(
            *columns, console=Console(stderr=True), transient=True,
            disable=not (shown and terminal),
        )  # fmt: skip
        self._lines = Lines(say, clock) if shown and not terminal else None

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


class Progress(_Shown):
    """Loss, best metric, speed and remaining time of a training.

    ``with Progress(epochs, monitor, name=…) as progress: progress(state, per_epoch, values)``."""

    def __init__(
        self,
        epochs: int,
        monitor: str,
        *,
        name: str = "training",
        shown: bool = True,
        say: Say = nothing,
        clock: Clock = time.monotonic,
    ) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

        super().__init__(
            TextColumn("training"), BarColumn(), MofNCompleteColumn(),
            TextColumn("{task.fields[facts]}"), TimeRemainingColumn(), shown=shown, say=say,
            clock=clock,
        )  # fmt: skip
        self._name, self._epochs, self._monitor = name, epochs, monitor
        self._task = self._bar.add_task("training", total=epochs, facts="")

    def __call__(self, state: State, per_epoch: int, values: Mapping[str, float]) -> None:
        """Show where training is after a step."""
        done = state.epoch + state.batch / per_epoch
        best = "" if state.best_value is None else f"best {self._monitor} {state.best_value:.4f}"
        if self._lines is not None:
            self._lines(done, self._epochs, lambda: self._line(state, values, best))
        if self._bar.disable:
            return
        task = self._bar.tasks[0]
        speed = "" if not task.speed else f"{task.speed * per_epoch:.1f} steps/s"
        self._bar.update(
            self._task, completed=done, facts=f"loss {values['loss']:.4f}  {best}  {speed}"
        )

    def _line(self, state: State, values: Mapping[str, float], best: str) -> str:
        at = min(state.epoch + 1, self._epochs)
        said = f"{self._name}: epoch {at} of {self._epochs}, loss {values['loss']:.4f}"
        return f"{said}, {best}" if best else said


class Counter(_Shown):
    """How many of many are done: ``with Counter(what, total) as count: count(done, total)``."""

    def __init__(
        self,
        what: str,
        total: int,
        *,
        shown: bool = True,
        say: Say = nothing,
        clock: Clock = time.monotonic,
    ) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

        columns = TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
        super().__init__(*columns, shown=shown, say=say, clock=clock)
        self._what, self._done, self._total = what, 0, total
        self._task = self._bar.add_task(what, total=total)
        self._over = threading.Event()
        if self._lines is not None:
            self._lines(0, total, str)

    def __enter__(self) -> Self:
        if self._lines is not None:
            threading.Thread(target=self._tick, daemon=True).start()
        return super().__enter__()

    def __exit__(self, *error: Any) -> None:
        self._over.set()
        super().__exit__(*error)

    def _tick(self) -> None:
        """Say how far it is while one of many takes long."""
        while not self._over.wait(max(EVERY, 0.05)):
            self._say_line()

    def _say_line(self) -> None:
        done, total = self._done, self._total
        if self._lines is not None:
            self._lines(done, total, lambda: f"{self._what}: {done} of {total} done")

    def __call__(self, done: int, total: int) -> None:
        """Show that so many are done."""
        self._done, self._total = done, total
        self._say_line()
        self._bar.update(self._task, completed=done, total=total)
