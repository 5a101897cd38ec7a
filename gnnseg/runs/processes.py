"""What a process can do that was forked, or is one of several workers.

Threads do not survive a fork: a child of a process in which polars had worked would wait for its
threads forever. So it is refused at once, with what to do.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import re
from collections.abc import Iterator
from pathlib import Path

from gnnseg.types import InputError

TASKS = Path("/proc/self/task")  # Linux alone has it; elsewhere children are not forked by default
WORKERS = re.compile(r"polars-\d")  # its pool, which starts with the first work, not on import


class _Fork:
    """Whether this process is a child forked while polars' threads were at work in its parent."""

    def __init__(self) -> None:
        self.threads_lost = False
        self._before = False
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(before=self._look, after_in_child=self._in_child)

    def _look(self) -> None:
        self._before = self.threads_lost or _polars_has_threads()

    def _in_child(self) -> None:
        self.threads_lost = self._before


_FORK = _Fork()


def refuse_lost_threads() -> None:
    """Refuse to go on in a process whose threads were lost in a fork.

    Raises:
        InputError: With what to do.
    """
    if _FORK.threads_lost:
        raise InputError(
            "this process was forked from one in which polars had worked already, whose threads "
            "it lacks: it would wait forever; in the parent, load the run and ask it nothing, or "
            'start workers by multiprocessing.get_context("spawn").'
        )


@contextlib.contextmanager
def one_thread_a_worker() -> Iterator[int | None]:
    """Let a worker process, one of several, use one thread; yield how many, None: as it is.

    Else each of N workers would take all cores. Where OMP_NUM_THREADS is set, as joblib does for
    its workers, that counts. A job of submitit on this machine is one of several too.
    """
    local = os.environ.get("SUBMITIT_EXECUTOR") == "local"
    one_of_many = multiprocessing.parent_process() is not None or local
    if not one_of_many or "OMP_NUM_THREADS" in os.environ:
        yield None
        return
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        yield 1


def _polars_has_threads() -> bool:
    try:
        return any(WORKERS.match((task / "comm").read_text()) for task in TASKS.iterdir())
    except OSError:
        return False
