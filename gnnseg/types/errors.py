"""What is raised where a user can mend it."""

from __future__ import annotations


class InputError(ValueError):
    """A mistake the user can mend: one sentence that names the file, line or key, what is wrong and
    what to do.

    The command prints it and exits with code 2.
    """
