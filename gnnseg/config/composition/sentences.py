"""What Hydra and OmegaConf complain of, as one sentence that says what was meant."""

from __future__ import annotations

import contextlib
import difflib
import inspect
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from gnnseg.config.composition.loading import quoted
from gnnseg.config.names import GROUPS, TOP, choices, meant, refusal
from gnnseg.config.targets import FOREIGN, locate

NO_CHOICE = r"(?:In '([^']+)': )?Could not (?:find|load) '([\w/-]+)/([^'/]*)'"


@contextlib.contextmanager
def one_sentence(given: Sequence[str]) -> Iterator[None]:
    """Raise Hydra's and OmegaConf's errors as an InputError that says what was meant.

    ``given``: the overrides, whose choices of parts say which settings there are.
    """
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    try:
        yield
    except (HydraException, OmegaConfBaseException) as error:
        raise refusal(_explain(error, given)) from error
    except ValueError as error:
        nothing = next((each for each in given if each.endswith("=null")), None)
        if nothing is None or "Config group override" not in str(error):
            raise
        group = nothing.partition("=")[0]
        raise refusal(
            f"{nothing}: a group's choice is the name of a file; leave it out, or take it out of "
            f"the defaults with ~{group}."
        ) from error


def unread(override: str) -> str:
    """Say that an override is no setting that can be read, and how its text would be one."""
    key, _, value = override.partition("=")
    ending = ", or take the comma at its end away" if value.endswith(",") else ""
    return (
        f"{override}: cannot be read as a setting; quote its text, as in "
        f"{shlex.quote(f'{key}={quoted(value)}')}{ending}."
    )


def known_keys(config: Mapping[str, Any] | None = None, prefix: str = "") -> list[str]:
    """Return every dotted key of a configuration, by default the default one."""
    if config is None:
        config = _compose([])
    keys = []
    for key, value in config.items():
        keys.append(f"{prefix}{key}")
        if isinstance(value, Mapping):
            keys.extend(known_keys(value, f"{prefix}{key}."))
    return keys


def no_choice(group: str, name: str, known: Sequence[str], where: str = "") -> str:
    """Say what there is instead of a choice.

    Args:
        group: The group, as in ``encoder``.
        name: What was chosen.
        known: The choices there are.
        where: What chooses it, as in ``experiment=mine``; "": it was typed.
    """
    inside = f" (chosen by {where})" if where else ""
    wrong = f"{group}={name}{inside}: no such choice"
    if not name:
        return f"{group}={inside}: the name of a choice is missing; {meant(name, list(known))}"
    if group.startswith("hydra/"):
        plugin = f"hydra-{name.split('_')[0]}-{group.rpartition('/')[2]}"
        there = f"installed: {', '.join(known)}; others" if known else "they"
        return f"{wrong}; {there} are plugins (pip install {plugin})."
    terms = {key: node for key, node in _get(_compose([]), group).items() if _is_part(node)}
    if terms:
        near = next(iter(difflib.get_close_matches(name, terms, 1, 0.5)), "")
        example = f"{group}.{near or next(iter(terms))}.weight=0.1"
        return (
            f"{wrong}; a term is set by its weight, as in {example} (there are {', '.join(terms)})."
        )
    if not known:
        return (
            f"{wrong}; there is none yet: yours is the file {group}/{name}.yaml of a folder given "
            "with --config-dir."
        )
    return f"{wrong}; {meant(name, list(known))}"


def _explain(error: Exception, given: Sequence[str]) -> str:
    from hydra.errors import OverrideParseException

    text = str(error)
    if isinstance(error, OverrideParseException):
        return unread(error.override)
    if match := re.search(NO_CHOICE, text):
        listed = re.search(r"Available options in '[^']+':\n((?:\t.*\n?)+)", text)
        known = listed[1].split() if listed else list(choices(match[2], _folders(given)))
        return no_choice(match[2], match[3], known, _who_chooses(match[1] or "", match[2], given))
    if match := re.search(r"Could not override '?([\w./@:-]+?)'?\.\s*No match", text):
        if match[1] == "hparams":
            return "hparams: names what gnnseg tune draws from; give it there, not in a training."
        return f"{match[1]}: no such group; {meant(match[1], list(TOP))}"
    if match := re.search(r"Could not override '([^']+)'", text):
        return _no_setting(match[1], given)
    return " ".join(text.split())


def _who_chooses(parent: str, group: str, given: Sequence[str]) -> str:
    """Return what chooses a group's part, where it was not typed: a file, or the experiment."""
    if parent not in ("", "config", "hydra/config"):
        return parent.replace("/", "=", 1)
    keys = {o.partition("=")[0].lstrip("+"): o for o in given}
    experiment = keys.get("experiment", "")
    return "" if group in keys or group == "experiment" or "," in experiment else experiment


def _no_setting(key: str, given: Sequence[str]) -> str:
    """Say what a setting that is not there was meant to be."""
    values = {o.partition("=")[0].lstrip("+"): o.partition("=")[2] for o in given}
    if "/" in key:
        return no_choice(key, values.get(key, "…"), list(choices(key, _folders(given))))
    config = _chosen(given)
    known = known_keys(config)
    within, _, name = key.rpartition(".")
    node: Any = config
    for part in within.split("."):
        node = _get(node, part)
    path = str(node.get("_target_", ""))
    if path.startswith(FOREIGN):
        takes = [*inspect.signature(locate(path, within, [])).parameters]
        if name in takes:
            added = shlex.quote(f"+{key}={values.get(key, '…')}")
            return (
                f"{key}: conf/ does not set it, and {path.rpartition('.')[2]} takes it; add it "
                f"with a plus, {added}."
            )
        known += [f"{within}.{each}" for each in takes]
    if within in known and not node:
        whole = f"'{within}={{{name}: {values.get(key, '…')}}}'"
        return f"{key}: {within} is given whole; write {whole}."
    return f"{key}: no such setting; {meant(key, known)}"


def _chosen(given: Sequence[str]) -> Mapping[str, Any]:
    """Return the configuration of what the overrides choose, whatever else they set.

    The default one, where that cannot be composed.
    """
    parts = [
        o
        for o in given
        if o.partition("=")[0].lstrip("+~")
        in (*GROUPS, "baseline", "experiment", "hydra.searchpath")
    ]
    if len(parts) == len(given):  # it is they that cannot be composed
        return _compose([])
    try:
        return _compose(parts)
    except Exception:
        return _compose([])


def _folders(given: Sequence[str]) -> list[Path]:
    """Return the folders that overrides of ``hydra.searchpath`` name."""
    paths = (o for o in given if o.startswith("hydra.searchpath="))
    return [Path(found) for o in paths for found in re.findall(r'"file://([^"]*)"', o)]


def _compose(overrides: list[str]) -> dict[str, Any]:
    from gnnseg.config.composition import compose

    return compose(overrides)


def _is_part(node: Any) -> bool:
    return isinstance(node, Mapping) and "_target_" in node


def _get(config: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = config.get(key)
    return value if isinstance(value, Mapping) else {}
