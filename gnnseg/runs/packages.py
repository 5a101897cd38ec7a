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

from gnnseg.types import InputError

LOG = logging.getLogger("gnnseg")
_MET: dict[str, str] = {}  # package -> digest of what this process has imported of it


@dataclass(frozen=True)
class OwnPackage:
    """A package's source: the folder that must be on the path, and a sha256 over its .py files."""

    name: str
    place: Path
    digest: str

    def record(self) -> dict[str, str]:
        """Return what run.json holds of it."""
        return {"digest": self.digest, "place": str(self.place)}


def allowed(config: Mapping[str, Any]) -> dict[str, OwnPackage]:
    """Return the packages that ``allow`` names; one edited since it was imported is imported anew.

    Raises:
        InputError: A package cannot be found.
    """
    found = {}
    for name in config.get("allow") or []:
        package = _package(name)
        if package is None:
            raise InputError(
                f"allow=[{name}]: no such package is found from here; run where its folder lies, "
                "or put that on PYTHONPATH."
            )
        if _MET.setdefault(name, package.digest) != package.digest:
            _MET[name] = package.digest
            _forget(name)
        found[name] = package
    return found


def find_again(run: str, record: Mapping[str, Any]) -> None:
    """Let the packages that a run was trained with be imported, from where they lay then.

    Args:
        run: What messages call the run.
        record: Its run.json; ``depends`` says which packages, and where they were.

    Raises:
        InputError: A package is neither on the path nor where it was.
    """
    for name, was in record.get("depends", {}).get("packages", {}).items():
        found = _package(name)
        if found is None and Path(was["place"]).is_dir():
            sys.path.append(was["place"])
            importlib.invalidate_caches()
            found = _package(name)
        if found is None:
            raise InputError(
                f"{run}: was trained with the package {name}, which lay in {was['place']} and is "
                "not there now; put it back, or put the folder where it lies today on PYTHONPATH."
            )
        if found.digest != was["digest"]:
            LOG.info("%s has changed since %s was trained: its answers may differ", name, run)


def digest_of(files: Path) -> str:
    """Return sha256 over a module, or over every .py file below a package's folder."""
    digest = hashlib.sha256()
    for path in sorted(files.rglob("*.py")) if files.is_dir() else [files]:
        inside = path.relative_to(files if files.is_dir() else files.parent)
        digest.update(str(inside).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _package(name: str) -> OwnPackage | None:
    spec = _spec(name)
    if spec is None:
        return None
    if spec.submodule_search_locations:
        files = Path(next(iter(spec.submodule_search_locations))).absolute()
    elif spec.origin is not None and spec.origin.endswith(".py"):
        files = Path(spec.origin).absolute()
    else:
        return None
    return OwnPackage(name, files.parent, digest_of(files))


def _spec(name: str) -> ModuleSpec | None:
    try:
        return importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None


def _forget(name: str) -> None:
    """Let the package be imported anew: its source has changed since this process imported it."""
    for module in [m for m in sys.modules if m == name or m.startswith(f"{name}.")]:
        del sys.modules[module]
    importlib.invalidate_caches()
