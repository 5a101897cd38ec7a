"""Runs one after another, or several at once, each worker a process of its own.

A worker that is killed fails the run it was at, and another takes its place.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

from gnnseg.report.declared.declaration import DeclaredRun
from gnnseg.report.declared.results import Line

Do = Callable[[DeclaredRun], Line | None]


def each(
    todo: Sequence[DeclaredRun], do: Do, workers: int, died: Callable[[DeclaredRun, str], Line]
) -> Iterator[tuple[DeclaredRun, Line | None]]:
    """Yield each run with what ``do`` returns, as they end.

    Args:
        todo: The runs, in the order in which they are begun.
        do: Does one; it and what it returns go from process to process.
        workers: How many at once; 1: in this process.
        died: Returns the line of a run whose process ended before it.

    Raises:
        KeyboardInterrupt: Somebody asked to stop; the workers have saved what they were at.
    """
    if workers <= 1 or len(todo) <= 1:
        for run in todo:
            yield run, do(run)
        return
    left = list(reversed(todo))
    team = [_Worker.start(do) for _ in range(min(workers, len(todo)))]
    try:
        for worker in team:
            worker.give(left.pop())
        while busy := [worker for worker in team if worker.at is not None]:
            ready = wait([worker.pipe for worker in busy])
            for worker in [worker for worker in busy if worker.pipe in ready]:
                at = worker.at
                assert at is not None
                try:
                    line = worker.take()
                except EOFError:
                    line = died(at, "its process was killed, perhaps for want of memory")
                    team[team.index(worker)] = worker = _Worker.start(do)
                yield at, line
                if left:
                    worker.give(left.pop())
    finally:
        for worker in team:
            worker.stop()


@dataclass
class _Worker:
    """A process, and the run it is at."""

    process: Any
    pipe: Connection
    at: DeclaredRun | None = None

    @classmethod
    def start(cls, do: Do) -> _Worker:
        """Return a worker that waits for its first run."""
        context = multiprocessing.get_context("spawn")
        mine, theirs = context.Pipe()
        process = context.Process(target=_work, args=(theirs, do))
        process.start()
        theirs.close()
        return cls(process, mine)

    def give(self, run: DeclaredRun) -> None:
        """Begin a run."""
        self.at = run
        with contextlib.suppress(OSError):  # it has died: that is seen when its line is taken
            self.pipe.send(run)

    def take(self) -> Line | None:
        """Return what became of the run."""
        found: Line | None = self.pipe.recv()
        self.at = None
        return found

    def stop(self) -> None:
        """End the process; what it is at is saved first, so that the same command goes on."""
        self.pipe.close()
        if self.at is not None and self.process.is_alive():
            self.process.terminate()
        self.process.join()


def _work(pipe: Connection, do: Do) -> None:
    """Do runs until nobody gives any more.

    Ctrl-C reaches all processes of a terminal; here the one that gives runs decides.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(EOFError, OSError, KeyboardInterrupt):
        while True:
            pipe.send(do(pipe.recv()))
