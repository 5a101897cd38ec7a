"""Configuration composed by Hydra, and sweeps launched by it.

The only importer of Hydra and OmegaConf.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gnnseg.config.composition import baselines
from gnnseg.config.composition.launching import job_number, jobs, launch, of_hydra
from gnnseg.config.composition.loading import loader, quoted, searchpath
from gnnseg.config.composition.searching import as_experiment, split_space
from gnnseg.config.composition.sentences import known_keys, no_choice, one_sentence, unread
from gnnseg.config.names import choices, refusal

if TYPE_CHECKING:
    from gnnseg.config.composition.precedence import ChoicesWin

__all__ = [
    "as_experiment",
    "compose",
    "job_number",
    "jobs",
    "known_keys",
    "launch",
    "of_hydra",
    "quoted",
    "searchpath",
    "split_space",
    "yaml_of",
]

SEQUENTIAL = {
    "membership",
    "affinity",
}  # readings of beta whose catalogue softmax is not the score itself
WIDE = (
    "dot",
    "filtered",
    "hybrid",
    "posthoc",
)  # heads under which the embeddings rank by themselves
MONITOR = "valid/ndcg@20"  # where lists of 20 are evaluated, conf/trainer/default.yaml


def compose(overrides: list[str], folders: list[Path] | None = None) -> dict[str, Any]:
    """Return the configuration that overrides describe, as plain values.

    What is typed wins, also a choice of one's own (``precedence``).

    Args:
        overrides: As they are typed: ``key=value``.
        folders: More places to look for groups.

    Raises:
        InputError: There is no such choice or setting.
    """
    given = [*overrides, *searchpath(folders or [])]
    _check_grammar(overrides)
    with one_sentence(given), loader(given) as found:
        another = [*given, "objective=sampled_softmax"]
        if _typed_beta(overrides) in SEQUENTIAL and _objective_is_implied(found, given):
            given = another
        config = _plain(found, given)
        head = config.get("head")
        beta = head.get("beta") if isinstance(head, dict) else None
        if beta in SEQUENTIAL and given is not another and _objective_is_implied(found, given):
            config = _plain(found, another)

        def baseline(name: str) -> dict[str, Any] | None:
            places = searchpath(folders or [])
            if name not in found.get_group_options(
                "baseline", config_name="config", overrides=places
            ):
                return None
            chosen: dict[str, Any] = _plain(found, [*places, f"baseline={name}"])["baseline"]
            return chosen

        baselines.beside(config, baseline)
    baselines.give_way(config, overrides)
    _choose_width(config)
    _measure_what_is_monitored(config, overrides)
    return config


def yaml_of(config: dict[str, Any], package: str | None = None) -> str:
    """Return a configuration, or what stands at a dotted place of it, as YAML.

    Raises:
        InputError: Nothing stands there.
    """
    from omegaconf import OmegaConf

    node: Any = config
    for key in package.split(".") if package not in (None, "", "_global_") else []:
        if not isinstance(node, Mapping) or key not in node:
            raise refusal(f"--package {package}: the configuration has none; leave it out.")
        node = node[key]
    if not isinstance(node, dict | list):
        return f"{node}\n"
    head = f"# @package {package}\n" if node is not config else ""
    return head + str(OmegaConf.to_yaml(OmegaConf.create(node)))


def _plain(found: ChoicesWin, given: list[str]) -> dict[str, Any]:
    """Return plain values, less what Hydra keeps for itself and the choice of an experiment."""
    from omegaconf import OmegaConf

    from gnnseg.config.composition.chosen import composed

    node, choices = composed(found, given)
    _refuse_ignored(choices, found, given)
    container = OmegaConf.to_container(node, resolve=True)
    assert isinstance(container, dict)
    container.pop("experiment", None)
    return {str(key): value for key, value in container.items()}


def _refuse_ignored(chosen: Mapping[str, Any], found: ChoicesWin, given: list[str]) -> None:
    """Refuse a choice that does not exist where somebody's file calls it optional."""
    for place, name in chosen.items():
        group = place.partition("@")[0]
        if not isinstance(name, str) or group.startswith("hydra/") or name in choices(group):
            continue
        known = found.get_group_options(group, config_name="config", overrides=given)
        if name.startswith("[") or name in known or "/" in name:
            continue
        raise refusal(no_choice(group, name, known))


def _typed_beta(overrides: Sequence[str]) -> str | None:
    typed = [o.partition("=")[2] for o in overrides if o.startswith("head.beta=")]
    return typed[-1] if typed else None


def _objective_is_implied(found: ChoicesWin, given: list[str]) -> bool:
    """Return whether nobody but ``head=segments`` itself has said which objective to use."""
    from hydra.types import RunMode

    saying = found.compute_defaults_list("config", given, RunMode.RUN).overrides.override_metadata
    who = saying.get("objective")
    return who is None or who.containing_config_path == "head/segments"


def _choose_width(config: dict[str, Any]) -> None:
    """Give embeddings whose width is left open the one that suits the head."""
    encoder, head = config.get("encoder"), config.get("head")
    if isinstance(encoder, dict) and encoder.get("dim", 0) is None and isinstance(head, Mapping):
        encoder["dim"] = 128 if baselines.name_of(head) in WIDE else 64


def _measure_what_is_monitored(config: dict[str, Any], overrides: Sequence[str]) -> None:
    """Choose the best epoch at the longest list where 20, the usual length, is not evaluated."""
    trainer, evaluation = config.get("trainer"), config.get("evaluation")
    if not isinstance(trainer, dict) or not isinstance(evaluation, dict):
        return
    ks = evaluation.get("ks")
    typed = any(each.lstrip("+").startswith("trainer.monitor=") for each in overrides)
    if typed or trainer.get("monitor") != MONITOR or not isinstance(ks, list):
        return
    if ks and 20 not in ks and all(isinstance(k, int) for k in ks):
        trainer["monitor"] = f"valid/ndcg@{max(ks)}"


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
        except HydraException:
            raise refusal(unread(override)) from None
