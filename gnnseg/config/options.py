"""``gnnseg options``: every group, choice and setting, told from what is there already.

Choices and defaults come from conf/ (and the user's own folders), types from the signature of what
a YAML names, meanings from its docstring (``name``: …) or the YAML's comment, papers from both. The
list of groups imports neither torch nor Hydra.
"""

from __future__ import annotations

import difflib
import inspect
import re
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import yaml

from gnnseg import config

WIDTH = 110
COMMON = {
    group: {*keys, "name"} for group, keys in config.BESIDE.items()
}  # told once, by the group's default choice
TYPES: dict[str, Any] = {  # of settings that no signature has
    "seed": int, "device": Literal["auto", "cpu", "cuda", "cuda:N"], "threads": int | None, "runs.root": str,
    "cache.root": str | None, "metrics": dict | None, "baselines": dict | None,
    "allow": list[str], "sweep.name": str | None, "sweep.fail_fast": bool,
    "root": str, "min_weight": float | None, "k_core": int, "weight": float,
}  # fmt: skip
PAPER = r"[A-Z][\w'’-]+(?:,? et al\.| & [A-Z][\w'’-]+)? (?:19|20)\d\d\b"


def text(
    group: str | None = None,
    name: str | None = None,
    *,
    folders: Sequence[Path] = (),
    allow: Sequence[str] = (),
) -> str:
    """What there is to choose; a group's choices; or a choice's settings. A group with one choice
    tells its settings at once.

    ``folders``: the user's own conf/ folders; ``allow``: packages whose components their YAMLs may
    name.
    """
    if group is None:
        return _overview(folders)
    settings = dict(_top())
    if under := {
        key: value for key, value in settings.items() if key.split(".")[0] == group.split(".")[0]
    }:
        return "\n".join(_block(under.values()))
    if group not in _groups():
        raise _unknown(
            f"options {group}: no such group",
            group,
            [*_groups(), *dict.fromkeys(k.split(".")[0] for k in settings)],
        )
    choices = _choices(group, folders, allow)
    if name is None and len(choices) > 1:
        return _listed(group, choices)
    if name is not None and name not in choices:
        raise _unknown(f"options {group} {name}: no such choice", name, choices)
    choice = choices[name] if name is not None else next(iter(choices.values()))
    return _told(choice)


@dataclass(frozen=True)
class Setting:
    """One key as it is typed in a command, its default, its type in words, and what it means."""

    key: str
    default: Any
    type: str
    meaning: str


@dataclass(frozen=True)
class Choice:
    """``group=name``, its YAML, and where to look for more. A regulariser is one term of its
    group's YAML."""

    group: str
    name: str
    path: Path
    folders: tuple[Path, ...] = ()
    allow: tuple[str, ...] = ()

    @property
    def term(self) -> bool:
        return self.group == "regularisers"

    @property
    def place(self) -> str:
        return f"{self.group}.{self.name}" if self.term else self.group

    @cached_property
    def node(self) -> Mapping[str, Any]:
        """The composed settings: what a command gets that chooses this and nothing else."""
        composed = config.compose([f"{self.group}={self.path.stem}"], list(self.folders))
        node: Mapping[str, Any] = (
            composed[self.group][self.name] if self.term else composed.get(self.group, {})
        )
        return node

    @cached_property
    def target(self) -> Any:
        """The class or function it builds; None where it only sets other groups (an experiment)."""
        if "_target_" not in self.node:
            return None
        if self.allow and "" not in sys.path:
            sys.path.insert(0, "")  # a user's own package lies where the command is typed
        return config.locate(str(self.node["_target_"]), self.place, list(self.allow))

    @property
    def foreign(self) -> bool:
        return str(self.node.get("_target_", "")).startswith(config.FOREIGN)

    @cached_property
    def docs(self) -> list[str]:
        """Docstrings that may tell of a setting: the target's and its bases', as far as they are
        ours or the user's."""
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
        """What its module says, where the module is about this one class."""
        if not inspect.isclass(self.target) or self.foreign or self.term:
            return ""
        return inspect.cleandoc(sys.modules[self.target.__module__].__doc__ or "")

    @property
    def summary(self) -> str:
        """The YAML's heading, else the first sentence of the docstring."""
        if heading := _heading(self.path) if not self.term else "":
            return heading
        first = (
            _paragraphs((self.docs or [self.module_doc])[0])[0] if self.target is not None else ""
        )
        return re.split(r"(?<=[.:]) (?=[A-Z`-])", first)[0].replace("``", "")

    @property
    def papers(self) -> list[str]:
        """Author and year of every paper that heading and docstring name, each once, in their
        order."""
        said = [_heading(self.path) if not self.term else "", self.module_doc, *self.docs[:1]]
        return list(dict.fromkeys(re.findall(PAPER, " ".join(" ".join(said).split()))))

    @cached_property
    def settings(self) -> list[Setting]:
        if self.target is None:
            return []
        hints, told, shared = (
            config.parameter_types(self.target),
            self._comments(),
            self._comments(shared=True),
        )
        found = []
        for key, default in self.node.items():
            if key != "_target_":
                hint = hints.get(key, TYPES.get(key, Any))
                kind = "" if hint is Any else config.described(hint)
                found.append(
                    Setting(f"{self.place}.{key}", default, kind, self._meaning(key, told, shared))
                )
        return found

    @property
    def others(self) -> list[str]:
        """Keywords that a foreign target takes beside those its YAML sets."""
        if not self.foreign:
            return []
        parameters = inspect.signature(self.target).parameters.values()
        return [p.name for p in parameters if p.default is not p.empty and p.name not in self.node]

    def _meaning(self, key: str, told: Mapping[str, str], shared: Mapping[str, str]) -> str:
        defined = (found for doc in self.docs if (found := _defined(doc, key)))
        mentioned = (found for doc in self.docs if (found := _mentioned(doc, key)))
        return next(defined, "") or told.get(key, "") or next(mentioned, "") or shared.get(key, "")

    def _comments(self, *, shared: bool = False) -> dict[str, str]:
        """The YAML's comments by key, with those of the YAMLs it builds on."""
        told: dict[str, str] = {}
        if self.group in COMMON and not self.term:
            first = config.conf_folder() / self.group / f"{_defaults()[self.group]}.yaml"
            told |= {
                key: said
                for key, said in _comments(first, self.group).items()
                if key in COMMON[self.group]
            }
        for base in _read(self.path).get("defaults", []):
            if isinstance(base, str) and (beside := self.path.parent / f"{base}.yaml").exists():
                told |= _comments(beside, self.group, shared=shared)
        told |= _comments(self.path, self.group, shared=shared)
        within = f"{self.name}."
        return (
            {k.removeprefix(within): v for k, v in told.items() if k.startswith(within)}
            if self.term
            else told
        )


# --- what conf/ holds
# -------------------------------------------------------------------------------------------


def _groups() -> list[str]:
    return [*config.GROUPS, "experiment"]


def _choices(group: str, folders: Sequence[Path], allow: Sequence[str] = ()) -> dict[str, Choice]:
    """By name; a user's own beside the packaged, which win where both have one name, as Hydra has
    it."""
    paths: dict[str, Path] = {}
    for folder in (*reversed(folders), config.conf_folder()):
        paths |= {path.stem: path for path in sorted((folder / group).glob("*.yaml"))}
    beside = tuple(folders), tuple(allow)
    if group != "regularisers":
        return {name: Choice(group, name, paths[name], *beside) for name in sorted(paths)}
    terms = [
        (term, path)
        for path in paths.values()
        for term, node in _read(path).items()
        if isinstance(node, dict)
    ]
    return {term: Choice(group, term, path, *beside) for term, path in sorted(terms)}


def _read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(path.read_text("utf-8")) or {}
    return content


def _defaults() -> dict[str, str]:
    """The choice of each group that conf/config.yaml makes."""
    entries = _read(config.conf_folder() / "config.yaml")["defaults"]
    return {
        group: str(choice)
        for entry in entries
        if isinstance(entry, dict)
        for group, choice in entry.items()
    }


def _top() -> Iterator[tuple[str, Setting]]:
    """The settings that belong to no group."""
    path = config.conf_folder() / "config.yaml"
    told = _comments(path)
    for key, value in _flat(_read(path)):
        if key.split(".")[0] in config.TOP:
            yield key, Setting(key, value, config.described(TYPES[key]), told.get(key, ""))


def _heading(path: Path) -> str:
    """The comment a YAML begins with, as one line."""
    lines = []
    for line in path.read_text("utf-8").splitlines():
        if not line.startswith("#"):
            break
        if "@package" not in line:
            lines.append(line.lstrip("# "))
    return " ".join(lines)


def _comments(path: Path, group: str = "", *, shared: bool = False) -> dict[str, str]:
    """What stands behind the keys of a YAML, by dotted key (less the group's own name).

    ``shared``: a null without a comment of its own has the one above it, as in a column of columns.
    """
    told: dict[str, str] = {}
    above: list[tuple[int, str]] = []
    last = ""
    for line in path.read_text("utf-8").splitlines():
        found = re.match(
            r"(\s*)(?:- )?(?:optional )?([\w-]+):(?:\s+([^#]*?))?(?:\s+#\s*(.*))?$", line
        )
        if found is None:
            continue
        indent, value, comment = len(found[1]), found[3], found[4]
        above = [*((i, k) for i, k in above if i < indent), (indent, found[2])]
        key = ".".join(k for _, k in above).removeprefix(f"{group}.")
        last = comment or (last if shared and value == "null" else "")
        if last:
            told[key] = last
    return told


def _brings(path: Path, group: str) -> list[str]:
    """What a choice sets in other groups, as it would be typed."""
    content = _read(path)
    entries = [entry for entry in content.pop("defaults", []) if isinstance(entry, dict)]
    chosen = [
        f"{k.removeprefix('override ').lstrip('/')}={v}"
        for entry in entries
        for k, v in entry.items()
    ]
    if not path.read_text("utf-8").startswith("# @package _global_"):
        return chosen
    return chosen + [
        f"{key}={_value(value)}" for key, value in _flat(content) if key.split(".")[0] != group
    ]


def _set_by(group: str, mark: Literal["=", "."]) -> list[str]:
    """Which packaged choices of other groups choose in this one (=), or set keys of it (.)."""
    lines = []
    for other in config.GROUPS:
        for name, choice in (
            _choices(other, ()).items() if other not in (group, "regularisers") else ()
        ):
            if sets := [
                typed for typed in _brings(choice.path, other) if typed.startswith(group + mark)
            ]:
                lines.append(f"{other}={name}: {' '.join(sets)}")
    return lines


def _flat(node: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in node.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


# --- what docstrings say
# ----------------------------------------------------------------------------------------


def _paragraphs(doc: str) -> list[str]:
    return [" ".join(part.split()) for part in re.split(r"\n\s*\n", doc)]


def _defined(doc: str, key: str) -> str:
    """What follows ````key``:``, up to the next such clause or the sentence's end; keys may share a
    definition."""
    clause = rf"(?:^|[\s(])(?:``\w+``, )*``{key}``(?:, ``\w+``)*: (.+?)(?=[.;,?] ``|\. [A-Z]|\.?$)"
    for paragraph in _paragraphs(doc):
        if found := re.search(clause, paragraph):
            return _balanced(found[1])
    return ""


def _mentioned(doc: str, key: str) -> str:
    """The sentence that names the key."""
    for paragraph in _paragraphs(doc):
        for sentence in re.split(r"(?<=[.;]) (?=[A-Z`])", paragraph):
            if f"``{key}``" in sentence:
                return sentence.rstrip(".;").replace("``", "")
    return ""


def _balanced(words: str) -> str:
    """Up to a bracket that closes what was opened before."""
    depth = 0
    for at, letter in enumerate(words):
        depth += (letter == "(") - (letter == ")")
        if depth < 0:
            return words[:at]
    return words.replace("``", "")


# --- as text --------------------------------------------------------------------------------------
# --------------


def _overview(folders: Sequence[Path]) -> str:
    defaults, told = _defaults(), _comments(config.conf_folder() / "config.yaml")
    lines = ["choices, as in gnnseg train encoder=mf; gnnseg options GROUP [NAME] says more", ""]
    for group in _groups():
        default = defaults.get(group, "null")
        names = [f"[{name}]" if name == default else name for name in _choices(group, folders)]
        meaning = told.get(f"defaults.{group}", "")
        lines += [f"{group:<14}{meaning}", *_wrapped(" ".join(names), 14)]
    lines += [
        "",
        (
            "[…] is the default; an objective, a head and a data set bring defaults of other "
            "groups with them"
        ),
        "",
    ]
    return "\n".join([*lines, *_block(dict(_top()).values())])


def _listed(group: str, choices: Mapping[str, Choice]) -> str:
    default = _defaults().get(group)
    wide = max(map(len, choices)) + 2
    lines = [
        f"{group}: {_comments(config.conf_folder() / 'config.yaml').get(f'defaults.{group}', '')}".rstrip(
            ": "
        ),
        "",
    ]
    for name, choice in choices.items():
        mark = "*" if name == default else " "
        first, *rest = _wrapped(choice.summary, wide + 2) or [""]
        lines += [f"{mark} {name:<{wide}}{first.strip()}".rstrip(), *rest]
    if default in choices:
        lines += ["", f"* the default; gnnseg options {group} {default} tells its settings"]
    if sets := _set_by(group, "="):
        lines += ["", "set by other choices (what is typed wins):", *(f"  {line}" for line in sets)]
    return "\n".join(lines)


def _told(choice: Choice) -> str:
    shown = choice.place if choice.term else f"{choice.group}={choice.name}"
    lines = [shown, *_wrapped(choice.summary, 2)]
    if choice.target is not None:
        lines += [f"  builds {choice.node['_target_']}"]
    if choice.papers:
        lines += _wrapped("papers: " + "; ".join(choice.papers), 2)
    if brings := [] if choice.term else _brings(choice.path, choice.group):
        lines += _wrapped("also sets " + " ".join(brings), 2)
    lines += ["", *_block(choice.settings)] if choice.settings else []
    if choice.others:
        accepted = ", ".join(f"+{choice.place}.{name}" for name in choice.others)
        lines += ["", *_wrapped(f"takes besides: {accepted}", 0)]
    if set_by := _set_by(choice.group, "."):
        lines += [
            "",
            "set by other choices (what is typed wins):",
            *(w for line in set_by for w in _wrapped(line, 2)),
        ]
    return "\n".join(lines)


def _block(settings: Iterable[Setting]) -> list[str]:
    """Each setting as it would be typed, its type behind it, its meaning below."""
    shown = [(f"{s.key}={_value(s.default)}", s) for s in settings]
    wide = min(40, max(len(typed) for typed, _ in shown)) + 2
    return [
        line for typed,
        s in shown for line in (f"{typed:<{wide}}{s.type}".rstrip(), *_wrapped(s.meaning, 4)) if line
    ]  # fmt: skip


def _wrapped(words: str, indent: int) -> list[str]:
    margin = " " * indent
    return textwrap.wrap(
        words, WIDTH, initial_indent=margin, subsequent_indent=margin, break_on_hyphens=False
    )


def _value(value: Any) -> str:
    """As it is typed in YAML; an environment variable with what holds without it."""
    if value is None or isinstance(value, bool):
        return str(value).lower().replace("none", "null")
    if isinstance(value, list):
        return f"[{','.join(map(_value, value))}]"
    return re.sub(r"^\$\{oc\.env:(\w+),(.*)\}$", r"\2 (or $\1)", str(value)) or "''"


def _unknown(problem: str, wrong: str, known: Iterable[str]) -> Exception:
    from gnnseg.types import InputError

    close = difflib.get_close_matches(wrong, list(known), 1, 0.5)
    there = f"there are {', '.join(known)}"
    return InputError(
        f"{problem}; did you mean {close[0]} ({there})?" if close else f"{problem}; {there}."
    )
