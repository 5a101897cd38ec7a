"""Packages of a user's own, named by ``allow``: where they lie, what is in them, found again from
anywhere."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import logging
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

from gnnseg.config.names import refusal

LOG = logging.getLogger("gnnseg")
_MET: dict[str, str] = {}  # package -> digest of what this process has imported of it


@dataclass(frozen=True)
class OwnPackage:
    """A package's source: the folder that must be on the path, and what is in its .py files.

    ``digest``: sha256 over them; ``written``: when the last was, in seconds since 1970.
    """

    name: str
    place: Path
    digest: str
    written: float

    def record(self) -> dict[str, str]:
        """Return what run.json holds of it."""
        return {"digest": self.digest, "place": str(self.place)}


def allowed(config: Mapping[str, Any]) -> dict[str, OwnPackage]:
    """Return the packages that ``allow`` names, as ``refresh`` finds them.

    Raises:
        InputError: A package cannot be found.
    """
    found = {}
    for name in config.get("allow") or []:
        package = refresh(name)
        if package is None:
            raise refusal(
                f"allow=[{name}]: no such package is found from here; run where its folder lies, "
                "or put that on PYTHONPATH."
            )
        found[name] = package
    return found


def refresh(name: str) -> OwnPackage | None:
    """Return a package by its name, None where there is none; an edited one is imported anew.

    What somebody has imported before it is met here for the first time is current, unless a file of
    it was written after this process began.
    """
    package = _package(name)
    if package is None:
        return None
    loaded = any(_is_of(module, name) for module in sys.modules)
    known = _MET.get(name)
    edited = package.written >= _begun() if known is None else known != package.digest
    if loaded and edited:
        _forget(name)
    _MET[name] = package.digest
    return package


def find_again(run: str, record: Mapping[str, Any]) -> None:
    """Let the packages that a run was trained with be imported, from where they lay then.

    Args:
        run: What messages call the run.
        record: Its run.json; ``depends`` says which packages, and where they were.

    Raises:
        InputError: A package is neither on the path nor where it was.
    """
    for name, was in record.get("depends", {}).get("packages", {}).items():
        found = refresh(name)
        if found is None and Path(was["place"]).is_dir():
            sys.path.append(was["place"])
            importlib.invalidate_caches()
            found = refresh(name)
        if found is None:
            raise refusal(
                f"{run}: was trained with the package {name}, which lay in {was['place']} and is "
                "not there now; put it back, or put the folder where it lies today on PYTHONPATH."
            )
        if found.digest != was["digest"]:
            LOG.info("%s has changed since %s was trained: its answers may differ", name, run)


def digest_of(files: Path) -> str:
    """Return sha256 over a module, or over every .py file below a package's folder."""
    digest = hashlib.sha256()
    for path in _sources(files):
        inside = path.relative_to(files if files.is_dir() else files.parent)
        digest.update(str(inside).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _package(name: str) -> OwnPackage | None:
    spec = _spec(name)
    if spec is None:
        return None
    if spec.submodule_search_locations:
        folders = [Path(each).absolute() for each in spec.submodule_search_locations]
        folders = [each for each in folders if _sources(each)]
        if not folders:
            return None
        if len(folders) > 1:
            raise refusal(
                f"allow=[{name}]: it lies in several folders, {', '.join(map(str, folders))}; "
                "add an __init__.py to the one that is meant."
            )
        files = folders[0]
    elif spec.origin is not None and spec.origin.endswith(".py"):
        files = Path(spec.origin).absolute()
    else:
        return None
    written = max((path.stat().st_mtime for path in _sources(files)), default=0.0)
    return OwnPackage(name, files.parent, digest_of(files), written)


def _sources(files: Path) -> list[Path]:
    """Return the .py files; none that an editor or a notebook keeps hidden beside them."""
    if not files.is_dir():
        return [files]
    found = (path for path in files.rglob("*.py") if path.is_file())
    return sorted(
        path for path in found if not any(p.startswith(".") for p in path.relative_to(files).parts)
    )


def _begun() -> float:
    """Return when this process began, in seconds since 1970."""
    import psutil

    return float(psutil.Process().create_time())


def _is_of(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def _spec(name: str) -> ModuleSpec | None:
    try:
        return importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None


def _forget(name: str) -> None:
    """Let the package be imported anew: its source has changed since this process imported it."""
    for module in [m for m in sys.modules if _is_of(m, name)]:
        del sys.modules[module]
    importlib.invalidate_caches()
