"""The run folder: files written aside and renamed, one process at a time.

A folder answers alone, without the training data or the device it was made on.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gnnseg import records
from gnnseg.config.stable import upgraded
from gnnseg.data.atomic import atomic
from gnnseg.types import InputError

if TYPE_CHECKING:
    import polars as pl

KEPT = (".lock", ".holder")  # when a folder is cleared


class RunFolder:
    """A run's folder: ``<data>-<encoder>-<head>-<hash12>`` under runs.root."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def file(self, name: str) -> Path:
        """Return the path of a file of the folder."""
        return self.path / name

    def read_json(self) -> dict[str, Any]:
        """Return run.json, its configuration as it would be written today.

        Raises:
            InputError: This is no run folder, or run.json is damaged.
        """
        path = self.file("run.json")
        try:
            content = records.parsed(path.read_text("utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            raise InputError(
                f"{self.path}: not a run folder (no run.json there); gnnseg train prints the path "
                "of one."
            ) from None
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise InputError(f"{path}: damaged ({error}); train again with --fresh.") from None
        assert isinstance(content, dict)
        if "config" in content:
            content["config"] = upgraded(content["config"])
        return content

    def write_json(self, content: Mapping[str, Any], name: str = "run.json") -> None:
        """Write a record; a figure that is not defined is null."""
        with atomic(self.file(name)) as aside:
            aside.write_text(records.text(content, indent=1) + "\n", "utf-8")

    def amend(self, changes: Mapping[str, Any]) -> None:
        """Write run.json with some entries changed; all else stays as it was recorded."""
        content = records.parsed(self.file("run.json").read_text("utf-8"))
        self.write_json({**content, **changes})

    def write_parquet(self, name: str, frame: pl.DataFrame) -> None:
        """Write a table."""
        with atomic(self.file(name)) as aside:
            frame.write_parquet(aside)

    def clear(self) -> None:
        """Empty the folder for a run from the start."""
        for path in self.path.iterdir():
            if path.name not in KEPT:
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def state(self) -> str | None:
        """Return running, finished, interrupted or failed; None where nothing has begun."""
        if not self.file("run.json").exists():
            return None
        return str(self.read_json().get("state"))

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder; the lock of a process that died is free (the kernel lets it go).

        Raises:
            InputError: Another process holds it, which the sentence names; or it cannot be made.
        """
        import filelock

        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"{self.path}: cannot be made ({error.strerror}); set runs.root to a folder you "
                "can write to."
            ) from error
        lock = filelock.FileLock(self.file(".lock"))
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            holder = self.file(".holder")
            who = holder.read_text("utf-8") if holder.exists() else "another process"
            raise InputError(
                f"{self.path}: {who} is at work there; wait for it or stop it."
            ) from None
        except OSError as error:
            raise InputError(
                f"{self.path}: cannot be written ({error.strerror or error}); set runs.root to a "
                "folder you can write to."
            ) from error
        try:
            with atomic(self.file(".holder")) as aside:
                aside.write_text(f"process {os.getpid()} on {socket.gethostname()}", "utf-8")
            for stray in self.path.glob(".*.part"):  # of a process that was killed while it wrote
                stray.unlink(missing_ok=True)
            yield
        finally:
            self.file(".holder").unlink(missing_ok=True)
            lock.release()
