"""Files written aside and renamed, so that what stands under a name is whole."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from gnnseg.types import InputError

# How libraries say that the system refused a write, where they raise no OSError: torch
# (inline_container.cc), safetensors, polars and Arrow
REFUSED = (
    "unexpected pos", "PytorchStreamWriter failed", "No space left", "File too large",
    "Disk quota exceeded", "Read-only file system", "os error", "Error while serializing",
)  # fmt: skip


@contextlib.contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yield a name aside to write to, renamed to ``path`` when all went well, removed when not.

    Raises:
        InputError: For a full disk, or a folder that cannot be written, whichever library wrote.
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
    except InputError:
        raise
    except Exception as error:
        if (why := refused(error)) is None:
            raise
        raise InputError(
            f"{path}: cannot be written ({why}); free space or choose another folder."
        ) from error
    finally:
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)


def refused(error: BaseException) -> str | None:
    """Return why the system refused a write, whichever library says so; None: it did not."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    said = str(error).splitlines()[0] if str(error) else ""
    if not any(word in said for word in REFUSED):
        return None
    known = (os.strerror(n) for n in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EROFS))
    return next((text for text in known if text in said), "no space left on the device")
