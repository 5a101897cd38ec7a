"""What a search is given and gives: typed sweeps as a space, settings as an experiment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gnnseg.config.composition.sentences import one_sentence, unread
from gnnseg.config.names import choices, groups, refusal

APART = ("runs", "cache", "tracking", "report", "sweep", "threads", "device")


def split_space(overrides: Sequence[str]) -> tuple[list[str], dict[str, Any]]:
    """Return the overrides of one value, and those of several as a space (``types.space``).

    ``a,b``, ``choice(a,b)`` and ``range(1,4)`` are values, ``interval(0.1,0.3)`` and ``tag(log,
    interval(0.1,0.3))`` numbers between.

    Raises:
        InputError: One cannot be read, or is a sweep that draws nothing.
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    parser, plain, found = OverridesParser.create(), list[str](), dict[str, Any]()
    for override in overrides:
        try:
            parsed = parser.parse_override(override)
        except HydraException:
            raise refusal(unread(override)) from None
        if parsed.is_sweep_override():
            found[override.partition("=")[0]] = _values(parsed, override)
        else:
            plain.append(override)
    return plain, found


def _values(parsed: Any, override: str) -> Any:
    """Return the values of a sweep as YAML would have them."""
    from hydra.core.override_parser.types import Transformer

    if not parsed.is_interval_sweep():
        if parsed.is_choice_sweep() or parsed.is_range_sweep():
            return [str(each) for each in parsed.sweep_iterator(transformer=Transformer.encode)]
        raise refusal(f"{override}: is no list and no interval; write interval(LOW,HIGH) or A,B.")
    ends = parsed.value()
    whole = isinstance(ends.start, int) and isinstance(ends.end, int)
    return {"low": ends.start, "high": ends.end, "log": "log" in ends.tags, "whole": whole}


def as_experiment(overrides: Sequence[str], folders: Sequence[Path], comment: str) -> str:
    """Return overrides of one run as the file of an experiment, under a comment.

    Choices of parts go to its defaults, settings below their groups; ``typed_again`` is left to
    whoever gives the command.

    Args:
        overrides: ``key=value`` each, as typed.
        folders: More places in which groups have choices.
        comment: Lines without their mark.
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from omegaconf import OmegaConf

    with one_sentence(overrides):
        parsed = OverridesParser.create().parse_overrides(list(overrides))
    known = {*groups(folders), "experiment"}
    defaults: list[Any] = []
    settings: dict[str, Any] = {}
    for each in parsed:
        key, value = str(each.key_or_group), _plain(each.value())
        if key in known and isinstance(value, str) and value in choices(key, folders):
            defaults.append(value if key == "experiment" else {f"override /{key}": value})
        elif not typed_again(key) and not each.is_delete():
            _put(settings, key.split("."), value)
    defaults.sort(key=lambda entry: not isinstance(entry, str))  # what it builds on stands first
    lines = ["# @package _global_", *(f"# {line}" for line in comment.splitlines())]
    body: dict[str, Any] = {"defaults": [*defaults, "_self_"], **settings}
    return "\n".join(lines) + "\n" + str(OmegaConf.to_yaml(OmegaConf.create(body)))


def typed_again(key: str) -> bool:
    """Return whether a setting is a machine's own: where things lie, and how they are computed."""
    return key.split(".")[0] in APART or key == "data.root"


def _plain(value: Any) -> Any:
    """Return an override's value without Hydra's own classes for quoted text."""
    from hydra.core.override_parser.types import QuotedString

    if isinstance(value, QuotedString):
        return value.text
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, Mapping):
        return {str(_plain(key)): _plain(each) for key, each in value.items()}
    return value


def _put(settings: dict[str, Any], path: Sequence[str], value: Any) -> None:
    for key in path[:-1]:
        beneath = settings.setdefault(key, {})
        settings = beneath if isinstance(beneath, dict) else {}
    settings[path[-1]] = value
