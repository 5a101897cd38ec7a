"""YAML read strictly: each key known, of its type, and there once; else one sentence."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from gnnseg.types import InputError

KINDS = {
    str: "a text", bool: "true or false", int: "a whole number", float: "a number",
    list: "a list", dict: "a mapping of keys to values",
}  # fmt: skip


class _Loader(yaml.SafeLoader):  # type: ignore[misc]  # PyYAML has no types here
    """SafeLoader that refuses a key that stands twice, which PyYAML would read as the last."""

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        """Return the mapping of a node."""
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for at, key in enumerate(keys):
            if key in keys[:at]:
                line = node.value[at][0].start_mark.line + 1
                raise InputError(f"line {line}: {key} stands twice; leave one out.")
        return super().construct_mapping(node, deep)


def read(path: Path) -> Strict:
    """Return the mapping of a YAML file.

    Raises:
        InputError: There is no such file, or it holds no mapping.
    """
    try:
        found = yaml.load(path.read_text("utf-8"), _Loader)  # a SafeLoader
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(
            f"{path}: not there; name a folder with a table.yaml in it, or write one "
            "(docs/tables.md)."
        ) from None
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        said = " ".join(str(error).split())
        raise InputError(f"{path}: no YAML ({said}); mend it there.") from None
    return Strict(path, "", {} if found is None else found)


class Strict:
    """A mapping whose keys are taken by name and type; what is left over is refused."""

    def __init__(self, file: Path, where: str, value: Any) -> None:
        self.file, self.where = file, where
        self._left = dict(self._typed(where, value, dict))
        self._known: list[str] = []

    def error(self, key: str, sentence: str) -> InputError:
        """Return what is wrong with a key."""
        return InputError(f"{self.file}: {self._at(key)}: {sentence}")

    def take(self, key: str, kind: type, default: Any = ...) -> Any:
        """Return a key's value, of its type; ``default``: where it is not there."""
        self._known.append(key)
        if key not in self._left:
            if default is ...:
                raise self.error(key, f"is missing; write {KINDS[kind]}.")
            return default
        return self._typed(self._at(key), self._left.pop(key), kind)

    def any(self, key: str, default: Any) -> Any:
        """Return a key's value, whatever it is."""
        self._known.append(key)
        return self._left.pop(key, default)

    def choice(self, key: str, among: Sequence[str], default: str) -> str:
        """Return one of some words."""
        found = str(self.take(key, str, default))
        if found not in among:
            raise self.error(key, f"{found!r} is none of {', '.join(among)}.")
        return found

    def list_of(self, key: str, kind: type, default: Any = ...) -> list[Any]:
        """Return a list whose entries are of one type."""
        found = self.take(key, list, default)
        where = self._at(key)
        return [self._typed(f"{where}[{n}]", each, kind) for n, each in enumerate(found, 1)]

    def mapping(self, key: str) -> Mapping[str, Any]:
        """Return a mapping with texts for keys; empty where it is not there."""
        found = self.take(key, dict, {})
        for name in found:
            self._typed(f"{self._at(key)}, key {name!r}", name, str)
        return dict(found)

    def each(self, key: str, shorthand: str = "") -> Iterator[Strict]:
        """Yield the mappings of a list; a bare text stands for one with a ``shorthand`` alone."""
        found = self.take(key, list)
        if not found:
            raise self.error(key, "is empty; write one entry at least.")
        for number, value in enumerate(found, 1):
            plain = {shorthand: value} if shorthand and isinstance(value, str) else value
            yield Strict(self.file, f"{self._at(key)}[{number}]", plain)

    def below(self, key: str, value: Any) -> Strict:
        """Return a mapping that stands under a key."""
        return Strict(self.file, self._at(key), value)

    def number(self, key: str, value: Any) -> float:
        """Return a finite number that stands under a key."""
        found = float(self._typed(self._at(key), value, float))
        if not math.isfinite(found):
            raise self.error(key, f"is {found}; write a number, or leave the figure out.")
        return found

    def within(self, key: str, least: float, most: float, kind: type, default: Any = ...) -> Any:
        """Return a number from ``least`` to ``most``; ``default``: where it is not there."""
        found = self.take(key, kind, default)
        if found is not None and not least <= found <= most:
            limits = f"{least:g} or more" if math.isinf(most) else f"{least:g} to {most:g}"
            raise self.error(key, f"is {found}; write {limits}.")
        return found

    def end(self) -> None:
        """Refuse keys that nobody has taken."""
        import difflib

        for key in self._left:
            near = difflib.get_close_matches(str(key), self._known, 1)
            there = f"did you mean {near[0]}?" if near else f"there are {', '.join(self._known)}."
            raise self.error(str(key), f"no such key; {there}")

    def _at(self, key: str) -> str:
        return f"{self.where}.{key}" if self.where else key

    def _typed(self, where: str, value: Any, kind: type) -> Any:
        right = isinstance(value, kind) and not (isinstance(value, bool) and kind is int)
        if kind is float:
            right = isinstance(value, int | float) and not isinstance(value, bool)
        if right:
            return value
        place = f"{self.file}: {where}" if where else str(self.file)
        said = repr(value) if len(repr(value)) < 60 else f"{repr(value)[:60]}…"
        raise InputError(f"{place}: is {said}; write {KINDS[kind]}.")
