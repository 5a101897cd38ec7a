"""The run folder: its name from what the run is, files written aside and renamed, one process at a
time.

A folder answers alone, without the training data or the device it was made on.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gnnseg.config.stable import recorded, upgraded
from gnnseg.data.atomic import atomic
from gnnseg.types import InputError

if TYPE_CHECKING:
    import polars as pl

SCHEMA = 1
NUMERICS = 7  # raised with every change that may alter a figure
HASHED = (
    "data", "split", "graph", "features", "encoder", "head", "objective", "regularisers",
    "optimizer", "trainer", "evaluation", "metrics", "baselines",
)  # fmt: skip
PATHS = (
    "root",
    "path",
    "train",
    "valid",
    "test",
    "users",
    "items",
    "social",
    "relations",
    "query",
    "connect",
)  # of the data group, where text


def identity(config: Mapping[str, Any], fingerprint: str) -> str:
    """sha256 of what a run is: configuration that can alter a figure, content of the data, seed;
    never paths or devices."""
    groups = {name: config[name] for name in HASHED}
    groups["data"] = {
        key: value
        for key, value in config["data"].items()
        if key not in PATHS or (value is not None and not isinstance(value, str | list | dict))
    }
    content = {
        "schema": SCHEMA, "numerics": NUMERICS, "fingerprint": fingerprint, "seed": config["seed"],
        **groups,
    }  # fmt: skip
    return hashlib.sha256(
        json.dumps(_canonical(recorded(content)), sort_keys=True, separators=(",", ":")).encode()
    ).hexdigest()


def _canonical(value: Any) -> Any:
    """Numbers that are equal are written alike: 1.0 as 1."""
    if isinstance(value, Mapping):
        return {str(key): _canonical(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_canonical(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


class RunFolder:
    """A run's folder: ``<data>-<encoder>-<head>-<hash12>`` under runs.root."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def file(self, name: str) -> Path:
        return self.path / name

    def read_json(self) -> dict[str, Any]:
        """run.json; an InputError where this is no run folder."""
        path = self.file("run.json")
        try:
            content = json.loads(path.read_text("utf-8"))
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
        with atomic(self.file(name)) as aside:
            aside.write_text(
                json.dumps(content, indent=1, ensure_ascii=False, allow_nan=True) + "\n", "utf-8"
            )

    def write_parquet(self, name: str, frame: pl.DataFrame) -> None:
        with atomic(self.file(name)) as aside:
            frame.write_parquet(aside)

    def state(self) -> str | None:
        """'running', 'finished', 'interrupted', 'failed', or None where nothing has begun."""
        if not self.file("run.json").exists():
            return None
        return str(self.read_json().get("state"))

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder. A second process is told who holds it; a dead holder's lock is free (the
        kernel lets it go)."""
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
