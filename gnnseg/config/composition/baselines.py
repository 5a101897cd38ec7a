"""Baselines in a configuration: in place of what is trained, and beside it.

``baseline=ease``: encoder, head, objective, regularisers and optimizer stand empty, but for
head=posthoc, which clusters what others have made. ``evaluation.baselines=[ease]``: what it names
stands with all its settings among ``baselines``, as somebody's own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gnnseg.config.names import TRAINED, choices, meant, refusal

AFTERWARDS = "posthoc"  # the head that makes its segments of finished vectors
KEPT = ("trainer.monitor",)  # of the trainer: by what settings are chosen
AT_ONCE = {  # what the trainer says of a fit: one epoch, one batch
    "max_epochs": 1, "batch_size": None, "eval_every": 1, "patience": None, "clip": None,
    "eval_users": None, "schedule": "constant", "draw": "each", "sampler": None, "callbacks": None,
    "refit": False, "precision": "float32",
}  # fmt: skip
ALWAYS = ("popularity",)  # what stands beside every run anyway
Load = Callable[[str], Mapping[str, Any] | None]


def give_way(config: dict[str, Any], overrides: Sequence[str]) -> None:
    """Empty the groups that a baseline needs none of, where there is one.

    Args:
        config: Composed; changed.
        overrides: As they were typed.

    Raises:
        InputError: What a baseline has none of was asked for by name.
    """
    node = config.get("baseline")
    if node is None:
        return
    name = name_of(node)
    head = config.get("head")
    clustered = isinstance(head, Mapping) and name_of(head) == AFTERWARDS
    for override in overrides:
        key = override.partition("=")[0].lstrip("+~").partition("@")[0]
        group = re.split(r"[./]", key)[0]
        if group == "head" and not clustered:
            raise refusal(
                f"{override}: baseline={name} scores by itself; leave one of the two out, or "
                "choose head=posthoc, which clusters its users."
            )
        if (group in TRAINED and group != "head") or (group == "trainer" and key not in KEPT):
            raise refusal(
                f"{override}: baseline={name} is fitted at once, without {_what(group)}; leave one "
                "of the two out."
            )
    for group in TRAINED:
        if not (group == "head" and clustered):
            config[group] = {}
    if isinstance(config.get("trainer"), dict):
        config["trainer"] |= AT_ONCE


def beside(config: dict[str, Any], load: Load) -> None:
    """Put what ``evaluation.baselines`` names among ``baselines``, with all settings.

    Args:
        config: Composed; changed.
        load: Returns the settings of a choice of the group ``baseline``; None: there is none such.

    Raises:
        InputError: It is neither a list of names nor names with settings, or names none.
    """
    evaluation = config.get("evaluation")
    if not isinstance(evaluation, dict) or "baselines" not in evaluation:
        return
    asked = evaluation.pop("baselines")
    if not asked:
        return
    settings = asked if isinstance(asked, Mapping) else {}
    if not isinstance(asked, Mapping | list) or not all(
        isinstance(name, str) and isinstance(settings.get(name) or {}, Mapping) for name in asked
    ):
        raise refusal(
            f"evaluation.baselines={asked!r}: give names, such as [ease,rp3beta], or names with "
            "settings, such as {ease: {l2: 200}}."
        )
    found = {}
    for name in asked:
        if name in ALWAYS:
            continue
        node = load(name)
        if node is None:
            raise refusal(
                f"evaluation.baselines: {name}: no such choice of baseline; "
                f"{meant(name, list(choices('baseline')))}"
            )
        found[name] = {**node, **(settings.get(name) or {})}
    if found:
        config["baselines"] = {**found, **(config.get("baselines") or {})}


def name_of(node: Mapping[str, Any]) -> str:
    """Return the name of a part, that of its class in lower case."""
    return str(node.get("_target_", "")).rpartition(".")[2].lower()


def _what(group: str) -> str:
    words = {"trainer": "a training loop", "regularisers": "losses", "optimizer": "an optimizer"}
    return words.get(group, f"an {group}")
