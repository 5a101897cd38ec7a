"""The ``gnnseg`` command, one module a verb: arguments in, ``runs`` called, text out.

A module here that has a function ``call`` is a verb: ``call(options)`` does it,
``arguments(parser)`` says what it takes, its docstring is its help. No list names the verbs, and
none of them imports anything heavy at its top. Standard output is the answer alone; what is said on
the way goes to standard error.
"""

from gnnseg.cli.command import main

__all__ = ["main"]
