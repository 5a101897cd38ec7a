"""Parts that are added to a run: metrics, baselines, callbacks, a sampler, a schedule.

A place of the configuration holds one node, or names with nodes; a node is a ``_target_`` with its
settings, as everywhere. Hydra's group of a place is its path: ``metrics=mine`` reads
``metrics/mine.yaml``, ``trainer/callbacks=mine`` reads ``trainer/callbacks/mine.yaml``, of any
folder given with ``--config-dir``. What stands nowhere changes no run's name.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gnnseg.config.names import refusal
from gnnseg.config.targets import build


@dataclass(frozen=True)
class ExtensionPoint:
    """Where parts of one kind stand.

    Args:
        key: the setting, as in ``trainer.callbacks``.
        base: the class that every part there is derived from.
        named: names with nodes; else one node.
    """

    key: str
    base: str
    named: bool = False


PLACES = {
    place.key: place
    for place in (
        ExtensionPoint("metrics", "gnnseg.evaluation.metrics.base.Metric", named=True),
        ExtensionPoint("baselines", "gnnseg.models.baselines.base.Baseline", named=True),
        ExtensionPoint("trainer.callbacks", "gnnseg.training.callbacks.Callback", named=True),
        ExtensionPoint("trainer.sampler", "gnnseg.training.samplers.Sampler"),
        ExtensionPoint("trainer.schedule", "gnnseg.training.schedules.Schedule"),
    )
}
NAME = re.compile(r"[a-z][a-z0-9_]*")


def nodes(config: Mapping[str, Any], key: str) -> Iterator[tuple[str, Any]]:
    """Yield the nodes at a place, each with where it stands; text and null are no nodes.

    Raises:
        InputError: where names with nodes are asked for and something else stands.
    """
    group, _, setting = key.partition(".")
    value = (config.get(group) or {}).get(setting) if setting else config.get(group)
    if value is None or (isinstance(value, str) and not PLACES[key].named):
        return
    if not PLACES[key].named:
        yield key, value
        return
    if not isinstance(value, Mapping) or not all(isinstance(n, Mapping) for n in value.values()):
        raise refusal(
            f"{key}={value!r}: give names with what they stand for, such as "
            f"{key}={{mine: {{_target_: mylab.parts.Mine}}}}."
        )
    for name, node in value.items():
        if not NAME.fullmatch(str(name)):
            raise refusal(f"{key}.{name}: name it in lower-case letters, digits and _.")
        yield f"{key}.{name}", node


def every(config: Mapping[str, Any]) -> Iterator[tuple[ExtensionPoint, str, Any]]:
    """Yield every added part's place, where it stands, and its node."""
    for key, place in PLACES.items():
        for where, node in nodes(config, key):
            yield place, where, node


def parts(config: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Build what stands at a place of a checked configuration, by name."""
    return {where.rpartition(".")[2]: build(node) for where, node in nodes(config, key)}


def check_built(config: Mapping[str, Any]) -> None:
    """Refuse added parts that cannot be built, or do not go with the rest.

    Raises:
        InputError: what a part's constructor says of its settings; a name that is one of ours; a
            sampler whose negatives the objective cannot use.
    """
    for _, where, node in every(config):
        refuse_unbuildable(where, node)
    if config.get("baseline"):
        refuse_unbuildable("baseline", config["baseline"])
    reserved = _ours("gnnseg.models.baselines.base.RESERVED")
    for where, _ in nodes(config, "baselines"):
        if where.partition(".")[2] in reserved:
            raise refusal(f"{where}: there is a baseline of that name; call it another.")
    if sampler := list(parts(config, "trainer.sampler").values()):
        refuse_misfit = _ours("gnnseg.training.samplers.refuse_misfit")
        if config.get("baseline"):
            raise refusal("trainer.sampler: a baseline is fitted without one; leave it out.")
        refuse_misfit(sampler[0], build(config["objective"]))


def refuse_unbuildable(where: str, node: Mapping[str, Any]) -> None:
    """Refuse, with an InputError, a part whose constructor does not take its settings."""
    try:
        build(node)
    except (TypeError, ValueError) as why:
        if isinstance(why, type(refusal("."))) and _is_of_ours(node):
            setting, _, rest = str(why).partition(" ")
            if setting in node:
                raise refusal(f"{where}.{setting} {rest}") from None
            raise
        said = str(why).splitlines()[0].rstrip(".") if str(why) else type(why).__name__
        name = str(node["_target_"]).rpartition(".")[2]
        raise refusal(f"{where}: {name} says: {said}; change what it names.") from None


def _is_of_ours(node: Mapping[str, Any]) -> bool:
    return str(node["_target_"]).startswith("gnnseg.")


def _ours(path: str) -> Any:
    """Return a part of a room that this one may not import, where something was added."""
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)
