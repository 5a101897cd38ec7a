"""The run folder: files written aside and renamed, one process at a time.

A folder answers alone, without the training data or the device it was made on.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gnnseg import records
from gnnseg.config.stable import upgraded
from gnnseg.data.atomic import atomic
from gnnseg.types import InputError

if TYPE_CHECKING:
    import filelock
    import polars as pl

FRESH = ".fresh"  # where a run is done again, beside the one that stands
READY = ".ready"  # that run, done: its files are about to take the places of the others
KEPT = (".lock", ".holder", FRESH, READY)  # when a folder is cleared
UNSENT = {"wandb"}  # may hold runs that were not sent yet


class Busy(InputError):
    """Another process is at work in the folder."""


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

    def write_arrays(self, name: str, arrays: Mapping[str, Any]) -> None:
        """Write arrays as one .npz; lightly compressed, in a quarter of numpy's time."""
        import numpy as np

        with (
            atomic(self.file(name)) as aside,
            zipfile.ZipFile(aside, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as into,
        ):
            for key, values in arrays.items():
                with into.open(f"{key}.npy", "w", force_zip64=True) as part:
                    np.lib.format.write_array(part, np.asanyarray(values), allow_pickle=False)

    def clear(self) -> None:
        """Empty the folder for a run from the start."""
        for path in self._contents():
            _remove(path)

    def _contents(self) -> list[Path]:
        return [path for path in self.path.iterdir() if path.name not in KEPT]

    def state(self) -> str | None:
        """Return running, finished, interrupted or failed; None where nothing has begun."""
        if not self.file("run.json").exists():
            return None
        return str(self.read_json().get("state"))

    def is_settled(self) -> bool:
        """Return whether a finished run stands there, and no other is taking its place."""
        return not self.file(READY).exists() and self.state() == "finished"

    @contextlib.contextmanager
    def locked(self, wait: Callable[[str], None] | None = None) -> Iterator[None]:
        """Hold the folder; the lock of a process that died is free (the kernel lets it go).

        A folder in which nothing was written is taken away again.

        Args:
            wait: Told who holds it, before that one's end is waited for; None: it is refused.

        Raises:
            Busy: Another process holds it, which the sentence names.
            InputError: It cannot be made or written.
        """
        import filelock

        lock = filelock.FileLock(self.file(".lock"))
        try:
            self._acquire(lock, wait)
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
            self._take_over()
            yield
        finally:
            self.file(".holder").unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                self._remove_if_empty()
            lock.release()

    def _acquire(self, lock: filelock.BaseFileLock, wait: Callable[[str], None] | None) -> None:
        import filelock

        patience, tries = 0.0, 3
        while True:
            try:
                self.path.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise InputError(
                    f"{self.path}: cannot be made ({error.strerror}); set runs.root to a folder "
                    "you can write to."
                ) from error
            try:
                lock.acquire(timeout=patience, poll_interval=0.2)
                return
            except FileNotFoundError:  # another process took its empty folder away just now
                tries -= 1
                if not tries:
                    raise
            except filelock.Timeout:
                who = self._holder()
                if wait is None:
                    raise Busy(
                        f"{self.path}: {who} is at work there; wait for it or stop it."
                    ) from None
                wait(f"{self.path.name}: waiting for {who}, which is at work there")
                patience = -1

    def _holder(self) -> str:
        try:
            return self.file(".holder").read_text("utf-8")
        except OSError:
            return "another process"

    def _remove_if_empty(self) -> None:
        """Remove the folder where nothing was written; its lock is held."""
        for path in (self._fresh().path, self.file(FRESH)):
            with contextlib.suppress(OSError):
                path.rmdir()
        if not [path for path in self.path.iterdir() if path.name != ".lock"]:
            self.file(".lock").unlink()  # whoever opened it sees that it is no file any more
            self.path.rmdir()

    @contextlib.contextmanager
    def anew(self, goes_on: Callable[[Mapping[str, Any]], bool]) -> Iterator[RunFolder]:
        """Yield a folder to do the run in from the start; its files take their places at the end.

        Until then what stands here stays as it is, whatever happens. The folder is locked.

        Args:
            goes_on: Whether the record of an attempt that was interrupted is one to go on with.
        """
        fresh = self._fresh()
        fresh.path.mkdir(parents=True, exist_ok=True)
        try:
            kept = fresh.state() is not None and goes_on(fresh.read_json())
        except InputError:
            kept = False
        if not kept:
            fresh.clear()
        yield fresh
        self._take_over()

    def naming(self, place: RunFolder, say: Callable[[str], None]) -> Callable[[str], None]:
        """Return ``say`` for a run that is done in ``place``: lines name the folder it will be."""
        return lambda line: say(line.replace(str(place.path), str(self.path)))

    def _fresh(self) -> RunFolder:
        return RunFolder(self.file(FRESH) / self.path.name)  # named as the run: its page names it

    def _take_over(self) -> None:
        """Put the files of a run that was done anew in their places, from wherever that stopped.

        First what it has no file for is removed; then, told by another name, its files are moved,
        run.json last, so that at every moment a finished run stands here.
        """
        fresh, ready = self._fresh(), RunFolder(self.file(READY))
        with contextlib.suppress(InputError):  # a damaged attempt is none
            if fresh.state() == "finished" and not ready.path.exists():
                new = {path.name for path in fresh.path.iterdir()}
                for path in self._contents():
                    if path.name not in new | UNSENT:
                        _remove(path)
                fresh.path.rename(ready.path)
        if not ready.path.exists():
            return
        for path in sorted(ready.path.iterdir(), key=lambda path: path.name == "run.json"):
            _move(path, self.file(path.name))
        shutil.rmtree(ready.path)
        with contextlib.suppress(OSError):
            self.file(FRESH).rmdir()


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _move(source: Path, target: Path) -> None:
    """Put a file or a folder in a place; what was there goes, but for runs not sent yet."""
    if target.is_dir() and not target.is_symlink() and target.name in UNSENT and source.is_dir():
        for path in source.iterdir():
            _move(path, target / path.name)
        return
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    source.replace(target)
