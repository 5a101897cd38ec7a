"""Runs one after another, or several at once, each worker a process of its own.

A worker that is killed fails the run it was at, and another takes its place. What is to be done is
asked for when somebody is free to do it, so that it may depend on what was done before.
"""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, TypeVar

Task = TypeVar("Task")
Done = TypeVar("Done")
WATCHED = 2.0  # seconds between two looks whether the process that gives tasks is still there


def each(
    todo: Iterable[Task], do: Callable[[Task], Done], workers: int,
    died: Callable[[Task, str], Done],
) -> Generator[tuple[Task, Done], None, None]:  # fmt: skip
    """Yield each task with what ``do`` returns, as they end.

    Args:
        todo: The tasks, in the order in which they are begun.
        do: Does one; it and what it returns go from process to process.
        workers: How many at once; 1: in this process.
        died: Returns what stands for a task whose process ended before it.

    Raises:
        KeyboardInterrupt: Somebody asked to stop; the workers have saved what they were at.
    """
    left = iter(todo)
    if workers <= 1:
        for task in left:
            yield task, do(task)
        return
    team: list[_Worker] = []
    with _terminated_as_interrupted():
        yield from _by_team(team, left, do, workers, died)


def _by_team(
    team: list[_Worker], left: Iterator[Task], do: Callable[[Task], Done], workers: int,
    died: Callable[[Task, str], Done],
) -> Generator[tuple[Task, Done], None, None]:  # fmt: skip
    try:
        for task in itertools.islice(left, workers):
            team.append(_Worker.start(do))
            team[-1].give(task)
        while busy := [worker for worker in team if worker.at is not None]:
            ready = wait([worker.pipe for worker in busy])
            for worker in [worker for worker in busy if worker.pipe in ready]:
                at = worker.at
                assert at is not None
                try:
                    done = worker.take()
                except EOFError:
                    done = died(at, "its process was killed, perhaps for want of memory")
                    team[team.index(worker)] = worker = _Worker.start(do)
                yield at, done
                for task in itertools.islice(left, 1):
                    worker.give(task)
    finally:
        for worker in team:
            worker.stop()


@contextlib.contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """Let SIGTERM stop as Ctrl-C does: workers would outlive this process.

    In other threads than the main one signals are left alone.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@dataclass
class _Worker:
    """A process, and the run it is at."""

    process: Any
    pipe: Connection
    at: Any = None

    @classmethod
    def start(cls, do: Callable[[Any], Any]) -> _Worker:
        """Return a worker that waits for its first run."""
        context = multiprocessing.get_context("spawn")
        mine, theirs = context.Pipe()
        process = context.Process(target=_work, args=(theirs, do))
        process.start()
        theirs.close()
        return cls(process, mine)

    def give(self, task: Any) -> None:
        """Begin a task."""
        self.at = task
        with contextlib.suppress(OSError):  # it has died: that is seen when its answer is taken
            self.pipe.send(task)

    def take(self) -> Any:
        """Return what became of the task."""
        found = self.pipe.recv()
        self.at = None
        return found

    def stop(self) -> None:
        """End the process; what it is at is saved first, so that the same command goes on."""
        self.pipe.close()
        if self.at is not None and self.process.is_alive():
            self.process.terminate()
        self.process.join()


def _work(pipe: Connection, do: Callable[[Any], Any]) -> None:
    """Do tasks until nobody gives any more.

    Ctrl-C reaches all processes of a terminal; here the one that gives tasks decides. Where that
    one was killed, what is done is stopped and saved.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_watch, args=(os.getppid(),), daemon=True).start()
    with contextlib.suppress(EOFError, OSError, KeyboardInterrupt):
        while True:
            pipe.send(do(pipe.recv()))


def _watch(parent: int) -> None:
    """Ask this process to stop once it has another parent."""
    while os.getppid() == parent:
        time.sleep(WATCHED)
    os.kill(os.getpid(), signal.SIGTERM)
