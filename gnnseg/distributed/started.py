"""Which of several processes this is, before any of them joins: by torchrun's variables.

Nothing heavy is imported here: every command asks.
"""

from __future__ import annotations

import os


def count() -> int:
    """Return how many processes were started together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def leads() -> bool:
    """Return whether this process, alone or first of several, writes, prints and decides."""
    return count() == 1 or os.environ.get("RANK", "0") == "0"


def speaks() -> bool:
    """Return whether this process says what is wrong: the first on its machine."""
    return count() == 1 or place()[0] == 0


def place() -> tuple[int, int]:
    """Return which of the processes on this machine this is, and how many these are."""
    read = os.environ.get
    return int(read("LOCAL_RANK", "0")), int(read("LOCAL_WORLD_SIZE", str(count())))


def refuse_many(what: str) -> None:
    """Refuse, in one of several processes, what one process does alone.

    Raises:
        InputError: With what to do.
    """
    if count() > 1:
        from gnnseg.types import InputError

        raise InputError(
            where=what,
            problem=f"one process does this, and {count()} were started together",
            advice="leave torchrun out; several processes do one run of gnnseg train",
        )
