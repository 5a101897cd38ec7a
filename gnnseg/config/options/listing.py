"""What there is to choose and to set, as text."""

from __future__ import annotations

import difflib
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from gnnseg.config.names import groups
from gnnseg.config.options.parts import (
    Choice,
    OptionSetting,
    brings,
    choices_of,
    default_choices,
    group_meanings,
    set_by,
    top_settings,
    typed,
)

WIDTH = 100


def text(
    group: str | None = None,
    name: str | None = None,
    *,
    folders: Sequence[Path] = (),
    allow: Sequence[str] = (),
) -> str:
    """Return what there is to choose; a group's choices; or a choice's settings.

    Of a group with one choice, its settings at once.

    Args:
        group: A group, or a setting that belongs to none; None: all of them.
        name: One of the group's choices.
        folders: The user's own conf/ folders.
        allow: Packages whose components the YAMLs there may name.

    Raises:
        InputError: There is no such group or choice.
    """
    settings = top_settings()
    if group is None:
        return _overview(folders)
    if group not in (known := groups(folders)):
        first = group.split(".")[0]
        if under := [each for key, each in settings.items() if key.split(".")[0] == first]:
            return "\n".join(_block(under))
        everything = dict.fromkeys([*known, *(key.split(".")[0] for key in settings)])
        raise _unknown(f"options {group}: no such group", group, everything)
    choices = choices_of(group, folders, allow)
    if name is None and len(choices) > 1:
        return _listed(group, choices)
    if name is not None and name not in choices:
        raise _unknown(f"options {group} {name}: no such choice", name, choices)
    return describe(choices[name] if name is not None else next(iter(choices.values())))


def _overview(folders: Sequence[Path]) -> str:
    defaults, meanings = default_choices(), group_meanings()
    lines = ["choices, as in gnnseg train encoder=mf; gnnseg options GROUP [NAME] says more", ""]
    for group in groups(folders):
        names = [
            f"[{name}]" if name == defaults.get(group) else name
            for name in choices_of(group, folders)
        ]
        lines += [f"{group:<14}{meanings.get(group, '')}".rstrip(), *_wrapped(" ".join(names), 14)]
    lines += [
        "",
        "[…] is the default; an objective, a head and a data set bring defaults of other groups",
        "with them",
        "",
    ]
    return "\n".join([*lines, *_block(top_settings().values())])


def _listed(group: str, choices: Mapping[str, Choice]) -> str:
    default = default_choices().get(group)
    wide = max(map(len, choices)) + 2
    lines = [f"{group}: {group_meanings().get(group, '')}".rstrip(": "), ""]
    for name, choice in choices.items():
        mark = "*" if name == default else " "
        first, *rest = _wrapped(choice.summary, wide + 2) or [""]
        lines += [f"{mark} {name:<{wide}}{first.strip()}".rstrip(), *rest]
    if default in choices:
        lines += ["", f"* the default; gnnseg options {group} {default} says what it sets"]
    return "\n".join([*lines, *_set_by(set_by(group, "="))])


def describe(choice: Choice) -> str:
    """Return all there is to say of one choice."""
    shown = choice.place if choice.term else f"{choice.group}={choice.name}"
    lines = [shown, *_wrapped(choice.summary, 2)]
    if choice.target is not None:
        lines += [f"  builds {choice.node['_target_']}"]
    if choice.papers:
        lines += _wrapped("papers: " + "; ".join(choice.papers), 2)
    if sets := [] if choice.term else brings(choice.path, choice.group):
        lines += _wrapped("also sets " + " ".join(sets), 2)
    lines += ["", *_block(choice.settings)] if choice.settings else []
    if choice.others:
        accepted = ", ".join(f"+{choice.place}.{name}" for name in choice.others)
        lines += ["", *_wrapped(f"takes besides: {accepted}", 0)]
    return "\n".join([*lines, *_set_by(set_by(choice.group, "."))])


def _set_by(lines: Sequence[str]) -> list[str]:
    head = ["", "set by other choices (what is typed wins):"] if lines else []
    return [*head, *(wrapped for line in lines for wrapped in _wrapped(line, 2))]


def _block(settings: Iterable[OptionSetting]) -> list[str]:
    """Return each setting as it would be typed, its type behind it, its meaning below."""
    shown = [(f"{setting.key}={typed(setting.default)}", setting) for setting in settings]
    wide = min(40, max(len(words) for words, _ in shown)) + 2
    lines = []
    for words, setting in shown:
        lines += [f"{words:<{wide}}{setting.type}".rstrip(), *_wrapped(setting.meaning, 4)]
    return lines


def _wrapped(words: str, indent: int) -> list[str]:
    margin = " " * indent
    return textwrap.wrap(
        words, WIDTH, initial_indent=margin, subsequent_indent=margin, break_on_hyphens=False
    )


def _unknown(problem: str, wrong: str, known: Iterable[str]) -> Exception:
    from gnnseg.types import InputError

    close = difflib.get_close_matches(wrong, list(known), 1, 0.5)
    there = f"there are {', '.join(known)}"
    return InputError(
        f"{problem}; did you mean {close[0]} ({there})?" if close else f"{problem}; {there}."
    )
