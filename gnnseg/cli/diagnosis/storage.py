"""Where data are, and what may be written."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from gnnseg.cli.diagnosis.finding import Finding

LEAST = 1 << 30  # bytes free in a folder that is written to


def data(root: Path, cache: Path) -> Iterator[Finding]:
    """Look for every named data set: in data.root, in the cache, in an installed package."""
    from gnnseg.data.sets import carriers, fetching
    from gnnseg.data.sets.registry import SOURCES
    from gnnseg.data.tables import inspect

    there = root.is_dir()
    said = f"data.root is {root}" + ("" if there else ", which does not exist")
    yield Finding(
        "data",
        True if there else None,
        said,
        "set data.root=DIR or GNNSEG_DATA, or fetch sets into it.",
    )
    for name, source in SOURCES.items():
        problems: list[str] = []
        place = fetching.Place(root, cache, problems.append)
        held = [
            f
            for f in (root / name, place.kept / name)
            for layout in source.layouts
            if place._complete(f, layout)
        ]
        packages = [
            layout.package.name
            for layout in source.layouts
            if layout.package is not None
            and carriers.installed(layout.package, layout.files) is not None
        ]
        fetch = f"gnnseg data fetch {name} brings it from {inspect._origin(source.layouts)}"
        if held:
            yield Finding("data", True, f"{name}: in {held[0]}")
        elif problems:
            yield Finding("data", False, problems[0], f"complete or remove the folder; {fetch}.")
        elif packages:
            yield Finding("data", True, f"{name}: in the installed package {packages[0]}")
        else:
            yield Finding("data", None, f"{name}: not here", f"{fetch}.")


def folder(area: str, folder: Path, remedy: str) -> Iterator[Finding]:
    """Write a small file where a folder is, or would be made; say how much room is there."""
    nearest = next(parent for parent in (folder, *folder.parents) if parent.exists())
    said = f"{folder}" + ("" if nearest == folder else f", to be made in {nearest}")
    try:
        with tempfile.NamedTemporaryFile(dir=nearest, prefix=".gnnseg-doctor-") as file:
            file.write(bytes(4096))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        why = error.strerror or type(error).__name__
        yield Finding(
            area,
            False,
            f"{said}: cannot be written ({why})",
            f"{remedy} to a folder that can.",
            True,
        )
        return
    free = shutil.disk_usage(nearest).free
    room = f"{said}: can be written, {free / 2**30:,.1f} GiB free"
    yield Finding(
        area,
        free >= LEAST,
        room,
        f"free {LEAST / 2**30:.0f} GiB, or {remedy} to a folder with more room.",
    )
