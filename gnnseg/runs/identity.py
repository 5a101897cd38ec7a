"""What a run is, and so what it is called: everything that can alter a figure, and nothing else."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from gnnseg import records
from gnnseg.config import packages
from gnnseg.config.packages import OwnPackage
from gnnseg.config.stable import recorded, short
from gnnseg.runs.numerics import NUMERICS

SCHEMA = 1
HASHED = (
    "data", "split", "graph", "features", "encoder", "head", "objective", "regularisers",
    "optimizer", "trainer", "evaluation",
)  # fmt: skip
MADE_OF = ("baseline", "encoder", "head")  # what a run's name says
AFTERWARDS = ("refit",)  # of the trainer group: what is done with the finished run
WHERE_SET = ("baseline", "baselines", "metrics")  # groups that a run without them does not know
PATHS = (
    "root", "path", "train", "valid", "test", "users", "items", "social", "relations", "query",
    "connect", "reading", "forms",
)  # fmt: skip  # of the data group, where text: their content is in the fingerprint
SHOWN = ("currency",)  # of the data group: how money is written, which alters no figure
VECTORS = ("features.user_vectors", "features.item_vectors")  # files, whatever their names


@dataclass(frozen=True)
class Identity:
    """A run's hash and name, and what beside the configuration they depend on.

    ``plain``: the hash as if no package and no file were named, which runs share that differ in
    these alone; ``files``: sha256 of the content of each file by the setting that names it.
    """

    digest: str
    name: str
    plain: str
    packages: dict[str, OwnPackage]
    files: dict[str, str]

    def depends(self) -> dict[str, Any] | None:
        """Return what run.json holds of packages and files; None where none are named."""
        if not self.packages and not self.files:
            return None
        found = {name: package.record() for name, package in self.packages.items()}
        return {"plain": self.plain, "packages": found, "files": self.files}


def identify(
    config: Mapping[str, Any],
    fingerprint: str,
    since: str | None = None,
    numerics: int | None = None,
) -> Identity:
    """Return a run's identity: configuration that can alter a figure, content of the data, seed.

    The source of every package that ``allow`` names and the content of every file that a setting
    names belong to it, where there are any; paths and devices never do. ``since``: the hash of the
    earlier run that this one starts from. ``numerics``: of which definitions; None: of today's.
    """
    groups = {name: config[name] for name in HASHED}
    groups |= {name: config[name] for name in WHERE_SET if config.get(name)}
    groups["trainer"] = {k: v for k, v in config["trainer"].items() if k not in AFTERWARDS}
    if config.get("baseline"):  # what settings are chosen by; there is no training
        groups["trainer"] = {"monitor": config["trainer"]["monitor"]}
    if since is not None:
        asked = {key: value for key, value in config["segments"].items() if key != "names"}
        groups["segments"] = {**asked, "since": since}
    groups["data"] = {
        key: value
        for key, value in config["data"].items()
        if key not in SHOWN
        if key not in PATHS or (value is not None and not isinstance(value, str | list | dict))
    }
    files: dict[str, str] = {}
    ours = str(config["data"]["_target_"]).startswith("gnnseg.")
    named = {
        name: node if name == "data" and ours else _by_content(node, name, files)
        for name, node in groups.items()
    }
    content = {
        "schema": SCHEMA, "numerics": NUMERICS if numerics is None else numerics,
        "fingerprint": fingerprint, "seed": config["seed"], **named,
    }  # fmt: skip
    found = packages.allowed(config)
    plain = _sha256(content)
    code = {name: package.digest for name, package in found.items()}
    added = {key: value for key, value in (("packages", code), ("files", files)) if value}
    digest = _sha256({**content, **added}) if added else plain
    made = [component(config, group) for group in MADE_OF if config.get(group)]
    name = "-".join([str(config["data"]["name"]), *made, digest[:12]])
    return Identity(digest, name, plain, found, files)


def identity(config: Mapping[str, Any], fingerprint: str) -> str:
    """Return the sha256 of what a run is."""
    return identify(config, fingerprint).digest


def component(config: Mapping[str, Any], group: str) -> str:
    """Return what names of runs and messages call a group's choice: its class, in small letters."""
    return short(str(config[group]["_target_"]))


def what_changed(root: Path, mine: Identity) -> str | None:
    """Say which package or file an earlier run of the same configuration had otherwise."""
    if not mine.packages and not mine.files:
        return None
    family = mine.name.rpartition("-")[0]
    earlier = [path for path in root.glob(f"{family}-*/run.json") if path.parent.name != mine.name]
    for path in sorted(earlier, key=lambda path: path.stat().st_mtime, reverse=True):
        try:
            record = records.parsed(path.read_text("utf-8"))
        except (OSError, ValueError):
            continue
        was = record.get("depends", {})
        if was.get("plain") != mine.plain or "refit" in record:
            continue
        before = {name: each["digest"] for name, each in was["packages"].items()} | was["files"]
        now = {name: each.digest for name, each in mine.packages.items()} | mine.files
        other = [name for name, digest in now.items() if before.get(name, digest) != digest]
        if other:
            done = "was trained" if record.get("state") == "finished" else "was begun"
            verb = "has" if len(other) == 1 else "have"
            return (
                f"{' and '.join(other)} {verb} changed since {path.parent.name} {done}: "
                "another run, trained from the start"
            )
    return None


def source_digest() -> str:
    """Return sha256 over this package's Python files."""
    return packages.digest_of(Path(__file__).parents[1])


def versions() -> dict[str, str]:
    """Return the versions of Python and of what figures may depend on."""
    found = {"python": platform.python_version()}
    for name in ("gnnseg", "torch", "numpy", "hydra-core", "polars", "scikit-learn", "scipy"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def git_revision() -> str | None:
    """Return the checkout's commit, with '+' where files differ from it; None outside one."""
    here = Path(__file__).parents[1]
    if not (here.parent / ".git").exists():
        return None
    ask = ["git", "-C", str(here), "describe", "--always", "--dirty=+", "--abbrev=12"]
    try:
        done = subprocess.run(
            [*ask, "--exclude=*"], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _by_content(value: Any, where: str, files: dict[str, str]) -> Any:
    """Copy settings, a path to a file replaced by what it is; the file's digest goes to ``files``.

    A text is a path where it looks like one (a folder or a suffix in it) and a file lies there.
    """
    if isinstance(value, Mapping):
        return {key: _by_content(item, f"{where}.{key}", files) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_by_content(item, f"{where}.{n}", files) for n, item in enumerate(value)]
    if not isinstance(value, str) or where.endswith("._target_"):
        return value
    path = os.path.expanduser(value)
    looks = where in VECTORS or os.path.basename(path) != path or os.path.splitext(path)[1]
    if not looks or not os.path.isfile(path):
        return value
    files[where] = _digest_of(Path(path))
    if where in VECTORS:
        beside = Path(path).with_suffix(".ids.txt")  # a .npy holds no ids: they stand beside it
        if path.endswith(".npy") and beside.is_file():
            files[f"{where} (ids)"] = _digest_of(beside)
    return "a file"


def _digest_of(path: Path) -> str:
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _sha256(content: Mapping[str, Any]) -> str:
    plain = records.canonical(recorded(content))
    return hashlib.sha256(
        json.dumps(plain, sort_keys=True, separators=(",", ":")).encode()
    ).hexdigest()
