"""Configuration composed by Hydra, and sweeps launched by it.

The only importer of Hydra and OmegaConf.
"""

from __future__ import annotations

import contextlib
import difflib
import logging
import os
import re
import shlex
import sys
import threading
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from gnnseg.config.names import GROUPS, TOP, conf_folder, meant, refusal

_COMPOSING = threading.RLock()  # Hydra's state is the process's
SEQUENTIAL = {
    "membership",
    "affinity",
}  # readings of beta whose catalogue softmax is not the score itself


def compose(overrides: list[str], folders: list[Path] | None = None) -> dict[str, Any]:
    """Return the configuration that overrides describe, as plain values.

    Args:
        overrides: As they are typed: ``key=value``.
        folders: More places to look for groups.

    Raises:
        InputError: There is no such choice or setting.
    """
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir
    from omegaconf import OmegaConf

    extra = searchpath(folders or [])
    _check_grammar(overrides)
    with (
        _one_sentence([*overrides, *extra]),
        _own_hydra(),
        initialize_config_dir(str(conf_folder()), version_base="1.3"),
    ):

        def plain(*more: str) -> dict[str, Any]:
            node = hydra_compose("config", [*overrides, *more, *extra])
            container = OmegaConf.to_container(node, resolve=True)
            assert isinstance(container, dict)
            container.pop("experiment", None)
            return typing.cast(dict[str, Any], container)

        chosen = any(re.match(r"\+*objective=", override) for override in overrides)
        typed = any(
            override.partition("=")[2] in SEQUENTIAL
            for override in overrides
            if override.startswith("head.beta=")
        )
        config = plain(*(["objective=sampled_softmax"] if typed and not chosen else []))
        if not (chosen or typed) and _get(config, "head").get("beta") in SEQUENTIAL:
            config = plain("objective=sampled_softmax")
    return config


def searchpath(folders: Sequence[Path]) -> list[str]:
    """Return the override that lets Hydra look in more folders, if there are any.

    Raises:
        InputError: Two folders hold a file of one name, of which Hydra would read but the first.
    """
    _refuse_shadowed(folders)
    places = ",".join(quoted(f"file://{folder.absolute()}") for folder in folders)
    return [f"hydra.searchpath=[{places}]"] if folders else []


def _refuse_shadowed(folders: Sequence[Path]) -> None:
    ours = conf_folder()
    groups = ["", *(str(each.relative_to(ours)) for each in ours.rglob("*") if each.is_dir())]
    first: dict[str, Path] = {}
    for folder in [ours, *folders]:
        for group in groups:
            for path in sorted((folder / group).glob("*.yaml")):
                before = first.setdefault(f"{group}/{path.name}", path)
                if before.read_bytes() != path.read_bytes():
                    whose = "gnnseg" if before.is_relative_to(ours) else str(before)
                    raise refusal(
                        f"{path}: {whose} has a {path.name} there too, and only that would be "
                        "read; call yours by another name."
                    )


def quoted(value: str) -> str:
    """Return a value that Hydra's grammar takes as it stands."""
    escaped = re.sub(r'(\\*)"', r'\1\1\\"', value)
    escaped = re.sub(r"(\\+)$", r"\1\1", escaped)
    return f'"{escaped}"'


def _check_grammar(overrides: Sequence[str]) -> None:
    """Refuse an override that Hydra cannot parse, or takes for several values."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    parser = OverridesParser.create()
    for override in overrides:
        key, mark, value = override.partition("=")
        if not mark:
            continue
        advice = f"quote it, as in {shlex.quote(f'{key}={quoted(value)}')}."
        try:
            if parser.parse_override(override).is_sweep_override():
                raise refusal(
                    f"{override}: holds several values; add -m to run them all, or {advice}"
                )
        except HydraException as error:
            why = str(error).splitlines()[0]
            raise refusal(f"{override}: cannot be parsed ({why}); {advice}") from None


def launch(arguments: list[str], task: Callable[[list[str]], Any]) -> None:
    """Run a task as Hydra's command line says.

    Args:
        arguments: Hydra's own; under ``-m`` its sweeper and launcher make many jobs of it.
        task: Called with each job's overrides.
    """
    import hydra

    def job(node: Any) -> Any:
        from hydra.core.hydra_config import HydraConfig

        logger.disabled = False  # Hydra has disabled every logger that was there
        return task([str(override) for override in HydraConfig.get().overrides.task])

    logger = logging.getLogger("gnnseg")
    before, full = sys.argv, os.environ.get("HYDRA_FULL_ERROR")
    sys.argv = ["gnnseg train", *arguments]
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        with _one_sentence(arguments):
            hydra.main(version_base="1.3", config_path=str(conf_folder()), config_name="config")(
                job
            )()
    finally:
        sys.argv, logger.disabled = before, False
        os.environ.pop("HYDRA_FULL_ERROR") if full is None else os.environ.__setitem__(
            "HYDRA_FULL_ERROR", full
        )


@contextlib.contextmanager
def _own_hydra() -> Iterator[None]:
    """Make room for a composition inside somebody else's Hydra program; one at a time.

    That program's global state comes back afterwards.
    """
    from hydra.core.global_hydra import GlobalHydra
    from hydra.core.singleton import Singleton

    with _COMPOSING:
        before = Singleton._instances.pop(GlobalHydra, None)
        try:
            yield
        finally:
            Singleton._instances.pop(GlobalHydra, None)
            if before is not None:
                Singleton._instances[GlobalHydra] = before


def job_number() -> int | None:
    """Return the job's place in its sweep; None outside one."""
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    if not HydraConfig.initialized() or HydraConfig.get().mode != RunMode.MULTIRUN:
        return None
    return int(HydraConfig.get().job.num)


def of_hydra(key: str) -> str | None:
    """Return a setting of Hydra's own, such as hydra.sweeper.direction, of the job at work.

    As it would be typed; None where there is none.
    """
    from enum import Enum

    from hydra.core.hydra_config import HydraConfig
    from omegaconf import OmegaConf

    composed = HydraConfig.instance().cfg
    value = None if composed is None else OmegaConf.select(typing.cast(Any, composed), key)
    if isinstance(value, Enum):
        return value.name
    return None if value is None else str(value).lower()


@contextlib.contextmanager
def _one_sentence(given: Sequence[str]) -> Iterator[None]:
    """Turn Hydra's and OmegaConf's errors into one sentence that says what was meant."""
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


def _explain(error: Exception, given: Sequence[str]) -> str:
    """``given``: the overrides, whose choices of parts say which settings there are."""
    text = str(error)
    if match := re.search(r"Could not find '([\w/-]+)/([^'/]+)'", text):
        return _no_choice(match[1], match[2], text)
    if match := re.search(r"Could not override '([^']+)'", text):
        key, known = match[1], _settings_of(given)
        values = {o.partition("=")[0].lstrip("+"): o.partition("=")[2] for o in given}
        within, _, name = key.rpartition(".")
        if within in known and not any(other.startswith(f"{within}.") for other in known):
            whole = f"'{within}={{{name}: {values.get(key, '…')}}}'"
            return f"{key}: {within} is given whole; write {whole}."
        return f"{key}: no such setting; {meant(key, known)}"
    if match := re.search(r"Could not override '?([\w.]+)'?\.\s*No match", text):
        return f"{match[1]}: no such group; {meant(match[1], list(TOP))}"
    return " ".join(text.split())


def _no_choice(group: str, name: str, text: str) -> str:
    """Say what there is instead of a choice; ``text``: Hydra's words, which list it."""
    listed = re.search(rf"Available options in '{re.escape(group)}':\n((?:\t.*\n?)+)", text)
    known = listed[1].split() if listed else []
    wrong = f"{group}={name}: no such choice"
    if group.startswith("hydra/"):
        plugin = f"hydra-{name.split('_')[0]}-{group.rpartition('/')[2]}"
        there = f"installed: {', '.join(known)}; others" if known else "they"
        return f"{wrong}; {there} are plugins (pip install {plugin})."
    terms = {key: node for key, node in _get(compose([]), group).items() if _is_part(node)}
    if terms:
        near = next(iter(difflib.get_close_matches(name, terms, 1, 0.5)), "")
        example = f"{group}.{near or next(iter(terms))}.weight=0.1"
        return (
            f"{wrong}; a term is set by its weight, as in {example} (there are {', '.join(terms)})."
        )
    return f"{wrong}; {meant(name, known)}"


def _is_part(node: Any) -> bool:
    return isinstance(node, Mapping) and "_target_" in node


def _settings_of(given: Sequence[str]) -> list[str]:
    """Return every dotted key of what the overrides choose, whatever else they set.

    Of the defaults, where that cannot be composed.
    """
    parts = [
        o
        for o in given
        if o.partition("=")[0].lstrip("+~") in (*GROUPS, "experiment", "hydra.searchpath")
    ]
    if len(parts) == len(given):  # it is they that cannot be composed
        return known_keys()
    try:
        return known_keys(compose(parts))
    except Exception:
        return known_keys()


def known_keys(config: Mapping[str, Any] | None = None, prefix: str = "") -> list[str]:
    """Return every dotted key of a configuration, by default the default one."""
    if config is None:
        config = compose([])
    keys = []
    for key, value in config.items():
        keys.append(f"{prefix}{key}")
        if isinstance(value, Mapping):
            keys.extend(known_keys(value, f"{prefix}{key}."))
    return keys


def _get(config: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = config.get(key)
    return value if isinstance(value, Mapping) else {}
