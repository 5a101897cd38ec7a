"""The ``gnnseg`` command, one module a verb: arguments in, ``runs`` called, text out.

A module here that has a function ``call`` is a verb: ``call(options)`` does it,
``arguments(parser)`` says what it takes, its docstring is its help. No list names the verbs, and
none of them imports anything heavy at its top. Standard output is the answer alone; what is said on
the way goes to standard error.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that ``arguments`` (or sys.argv) describe, and return its exit code."""
    try:
        from gnnseg.cli import command

        return command.main(arguments)
    except KeyboardInterrupt:  # while that was imported, or as it ended
        return 130
