"""Files written aside and renamed, so that what stands under a name is whole."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from gnnseg.types import InputError


@contextlib.contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yield a name aside to write to, renamed to ``path`` when all went well, removed when not.

    Raises:
        InputError: For a full disk, or a folder that cannot be written.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        aside.touch()
        mode = aside.stat().st_mode  # as the umask has it: some writers make files of another mode
        yield aside
        os.chmod(aside, mode)
        with open(aside, "rb") as handle:
            os.fsync(handle.fileno())
        os.replace(aside, path)
    except OSError as error:
        raise InputError(
            f"{path}: cannot be written ({error.strerror or error}); free space or choose another "
            "folder."
        ) from error
    finally:
        aside.unlink(missing_ok=True)
