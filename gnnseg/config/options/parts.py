"""What there is to choose and to set, read from conf/, signatures and docstrings."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import yaml

from gnnseg import config
from gnnseg.config.names import choices as yamls
from gnnseg.config.options import docstrings
from gnnseg.config.options.comments import comments, heading

COMMON = {  # said once, by the group's default choice
    group: {*keys, "name"} for group, keys in config.BESIDE.items()
}
TYPES: dict[str, Any] = {  # of settings that no signature has
    "seed": int, "device": str, "threads": int | None, "profile": bool, "runs.root": str,
    "metrics": dict | None, "baselines": dict | None,
    "cache.root": str | None, "cache.mapped": bool,
    "segments.since": str | None, "segments.keep": float, "segments.refits": int,
    "segments.names": str | None,
    "allow": list[str], "sweep.name": str | None, "sweep.fail_fast": bool,
    "report.people": bool, "evidence.refits": int, "evidence.rewired": bool,
    "currency": str | None,
    "name": str, "root": str, "min_weight": float | None, "k_core": int, "weight": float,
}  # fmt: skip


@dataclass(frozen=True)
class OptionSetting:
    """One key as it is typed in a command, its default, its type in words, and what it means."""

    key: str
    default: Any
    type: str
    meaning: str


@dataclass(frozen=True)
class Choice:
    """``group=name``, its YAML, and where to look for more.

    ``term``: one part among several in the group's YAML, such as a regulariser.
    """

    group: str
    name: str
    path: Path
    folders: tuple[Path, ...] = ()
    allow: tuple[str, ...] = ()
    term: bool = False

    @property
    def place(self) -> str:
        """Return where the part stands in a configuration."""
        group = self.group.replace("/", ".")
        return f"{group}.{self.name}" if self.term else group

    @cached_property
    def node(self) -> Mapping[str, Any]:
        """Return the composed settings, as a command gets them that chooses nothing else."""
        add = "" if self.group in default_choices() else "+"
        composed = config.compose([f"{add}{self.group}={self.path.stem}"], list(self.folders))
        node: Mapping[str, Any] = composed
        for key in self.place.split("."):
            node = node.get(key) or {}
        return node

    @cached_property
    def target(self) -> Any:
        """Return what it builds; None where it only sets other groups (an experiment)."""
        if "_target_" not in self.node:
            return None
        if self.allow and "" not in sys.path:
            sys.path.insert(0, "")  # a user's own package lies where the command is typed
        return config.locate(str(self.node["_target_"]), self.place, list(self.allow))

    @property
    def foreign(self) -> bool:
        """Return whether neither we nor the user wrote what it builds."""
        return str(self.node.get("_target_", "")).startswith(config.FOREIGN)

    @cached_property
    def docs(self) -> list[str]:
        """Return the docstrings of the target and its bases, ours and the user's."""
        if self.target is None or self.foreign:
            return []
        bases = self.target.__mro__ if inspect.isclass(self.target) else [self.target]
        known = ("gnnseg", *self.allow)
        return [
            inspect.cleandoc(b.__doc__)
            for b in bases
            if b.__module__.split(".")[0] in known and b.__doc__
        ]

    @property
    def module_doc(self) -> str:
        """Return what its module says, where the module is about this one class."""
        if not inspect.isclass(self.target) or self.foreign or self.term:
            return ""
        return inspect.cleandoc(sys.modules[self.target.__module__].__doc__ or "")

    @property
    def heading(self) -> str:
        """Return what the YAML says of itself."""
        return "" if self.term else heading(self.path)

    @property
    def summary(self) -> str:
        """Return the YAML's heading, else the first sentence of the docstring."""
        if self.heading or self.target is None:
            return self.heading
        return docstrings.first_sentence((self.docs or [self.module_doc])[0])

    @property
    def papers(self) -> list[str]:
        """Return author and year of every paper that heading and docstring name."""
        return docstrings.papers([self.heading, self.module_doc, *self.docs[:1]])

    @cached_property
    def settings(self) -> list[OptionSetting]:
        """Return every setting of the part, in the YAML's order."""
        if self.target is None:
            return []
        hints = config.parameter_types(self.target)
        own, shared = self._comments(), self._comments(shared=True)
        found = []
        for key, default in self.node.items():
            if key != "_target_":
                hint = hints.get(key, TYPES.get(key, Any))
                kind = "" if hint is Any else config.described(hint)
                said = own.get(key) or self._documented(key) or shared.get(key, "")
                found.append(OptionSetting(f"{self.place}.{key}", default, kind, said))
        return found

    @property
    def others(self) -> list[str]:
        """Return the keywords that a foreign target takes beside those its YAML sets."""
        if not self.foreign:
            return []
        parameters = inspect.signature(self.target).parameters.values()
        return [p.name for p in parameters if p.default is not p.empty and p.name not in self.node]

    def _documented(self, key: str) -> str:
        """Return what a docstring says of a setting."""
        found = [docstrings.meaning(doc, key) for doc in self.docs]
        found += [docstrings.mentioned(doc, key) for doc in self.docs]
        return next(filter(None, found), "")

    def _comments(self, *, shared: bool = False) -> dict[str, str]:
        """Return the YAML's comments by key, with those of the YAMLs it builds on."""
        found: dict[str, str] = {}
        if self.group in COMMON and not self.term:
            first = config.conf_folder() / self.group / f"{default_choices()[self.group]}.yaml"
            said = comments(first, self.group)
            found |= {key: words for key, words in said.items() if key in COMMON[self.group]}
        for base in read(self.path).get("defaults", []):
            if isinstance(base, str) and (beside := self.path.parent / f"{base}.yaml").exists():
                found |= comments(beside, self.group, shared=shared)
        found |= comments(self.path, self.group, shared=shared)
        within = f"{self.name}."
        if not self.term:
            return found
        return {k.removeprefix(within): v for k, v in found.items() if k.startswith(within)}


def packages(typed: str) -> list[str]:
    """Return the packages that ``allow=…`` names, in the form it has in every command."""
    try:
        value = yaml.safe_load(typed)
    except yaml.YAMLError:
        value = typed
    return config.check_allow(value)


def choices_of(
    group: str, folders: Sequence[Path] = (), allow: Sequence[str] = ()
) -> dict[str, Choice]:
    """Return a group's choices by name, the user's own too; of a group of terms, the terms."""
    beside = tuple(folders), tuple(allow)
    found: dict[str, Choice] = {}
    for name, path in yamls(group, folders).items():
        terms = _terms(read(path), group)
        found |= {term: Choice(group, term, path, *beside, term=True) for term in terms}
        if not terms:
            found[name] = Choice(group, name, path, *beside)
    return dict(sorted(found.items()))


def _terms(content: Mapping[str, Any], group: str) -> list[str]:
    """Return the parts that a YAML holds side by side; none where it is itself one part."""
    content = {key: node for key, node in content.items() if key != "defaults"}
    if "_target_" in content or group in content or not content:
        return []
    parts = [key for key, node in content.items() if isinstance(node, dict) and "_target_" in node]
    return parts if len(parts) == len(content) else []


def default_choices() -> dict[str, str | None]:
    """Return the choice of each group that conf/config.yaml makes; None: none."""
    entries = read(config.conf_folder() / "config.yaml")["defaults"]
    return {
        group.removeprefix("optional "): choice
        for entry in entries
        if isinstance(entry, dict)
        for group, choice in entry.items()
    }


def group_meanings() -> dict[str, str]:
    """Return what conf/config.yaml says of each group."""
    said = comments(config.conf_folder() / "config.yaml")
    return {
        key.removeprefix("defaults."): words
        for key, words in said.items()
        if key.startswith("defaults.")
    }


def top_settings() -> dict[str, OptionSetting]:
    """Return the settings that belong to no group."""
    path = config.conf_folder() / "config.yaml"
    said = comments(path)
    return {
        key: OptionSetting(key, value, config.described(TYPES[key]), said.get(key, ""))
        for key, value in flat(read(path))
        if key in TYPES
    }


def brings(path: Path, group: str) -> list[str]:
    """Return what a choice sets in other groups, as it would be typed."""
    content = read(path)
    entries = [entry for entry in content.pop("defaults", []) if isinstance(entry, dict)]
    chosen = [
        f"{k.removeprefix('override ').lstrip('/')}={v}"
        for entry in entries
        for k, v in entry.items()
    ]
    if not path.read_text("utf-8").startswith("# @package _global_"):
        return chosen
    return chosen + [
        f"{key}={typed(value)}" for key, value in flat(content) if key.split(".")[0] != group
    ]


def set_by(group: str, mark: Literal["=", "."]) -> list[str]:
    """Return which packaged choices of other groups choose in this one (=), or set its keys (.)."""
    lines = []
    for other, default in default_choices().items():
        if default is None or other == group or other not in config.GROUPS:
            continue
        for name, choice in choices_of(other).items():
            if choice.term:
                continue
            sets = [s for s in brings(choice.path, other) if s.startswith(group + mark)]
            lines += [f"{other}={name}: {' '.join(sets)}"] if sets else []
    return lines


def read(path: Path) -> dict[str, Any]:
    """Return a YAML's content."""
    content: dict[str, Any] = yaml.safe_load(path.read_text("utf-8")) or {}
    return content


def flat(node: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Return every value with its dotted key."""
    for key, value in node.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def typed(value: Any) -> str:
    """Return a value as it is typed in YAML; an environment variable with what holds without it."""
    if value is None or isinstance(value, bool):
        return str(value).lower().replace("none", "null")
    if isinstance(value, list):
        return f"[{','.join(map(typed, value))}]"
    return re.sub(r"^\$\{oc\.env:(\w+),(.*)\}$", r"\2 (or $\1)", str(value)) or "''"
