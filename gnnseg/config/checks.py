"""What cannot be meant, refused in one sentence before any data are read.

Plain YAML lets ``layers=abc`` through; a target's signature does not. What each part is alone may
still make no sense together.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from gnnseg.config import packages
from gnnseg.config.extensions import check_built, every, refuse_unbuildable
from gnnseg.config.fitted import check_fitted
from gnnseg.config.names import BASES, BESIDE, GROUPS, TOP, TRAINED, meant, refusal
from gnnseg.config.nodes import check_allow, check_node, check_value
from gnnseg.config.requirements import OF_DATA, WORDS, Part, part_of, parts_that_ask
from gnnseg.config.targets import build
from gnnseg.config.trainer import check_trainer

__all__ = ["check", "check_allow", "check_node", "check_value"]

BUILT = ("split", "features", "trainer", "tracking", "objective")  # of settings alone
SEGMENTS = ["segments.since", "segments.keep", "segments.refits", "segments.names"]
KEPT = ("combine", "layer_weights", "gamma")  # settings that say which layers the embedding is of


def check(config: Mapping[str, Any]) -> None:
    """Refuse what cannot be meant.

    Raises:
        InputError: An unknown key, a wrong type, a target that is not allowed, a combination that
            makes no sense.
    """
    for key in config:
        if key not in TOP:
            raise refusal(f"{key}: no such setting; {meant(key, list(TOP))}")
    for key in TOP:
        if key not in config:
            raise refusal(f"{key}: the configuration lacks it; start from conf/config.yaml.")
    _check_finite("", config)
    allow = check_allow(config["allow"])
    for name in allow:
        packages.refresh(name)
    fitted = config["baseline"] is not None
    for group in (*GROUPS, *(["baseline"] if fitted else [])):
        if fitted and group in TRAINED and not config[group]:
            continue  # it gives way
        node, beside, base = config[group], BESIDE.get(group, ()), BASES.get(group)
        if group == "regularisers":
            for name, term in (node or {}).items():
                check_node(f"regularisers.{name}", term, allow, beside=beside, base=base)
                check_value(f"regularisers.{name}.weight", term["weight"], float)
        else:
            check_node(group, node, allow, beside=beside, base=base)
    for place, where, node in every(config):
        check_node(where, node, allow, base=place.base)
    check_built(config)
    _check_machine(config)
    check_value("data.k_core", config["data"]["k_core"], int)
    if (k := config["data"]["k_core"]) < 0:
        must = "must be 0 (none is left out) or more"
        raise refusal(where="data.k_core", value=str(k), problem=must)
    check_value("data.min_weight", config["data"]["min_weight"], float | None)
    check_value("data.name", config["data"]["name"], str)
    _check_currency(config["data"].get("currency"))
    sweep = config["sweep"]
    check_value(
        "sweep.fail_fast", sweep.get("fail_fast") if isinstance(sweep, Mapping) else None, bool
    )
    _plain("report", config["report"], {"people": bool})
    _check_segments(config["segments"])
    _check_evidence(config["evidence"])
    if fitted:
        check_fitted(config)
    else:
        _check_optimizer(config["optimizer"])
        _check_together(config)
    _check_constructors(config)


def _check_machine(config: Mapping[str, Any]) -> None:
    """Refuse a seed, and settings of where and how it is computed, that cannot be."""
    for key, kind in (("seed", int), ("profile", bool), ("threads", int | None)):
        check_value(key, config[key], kind)
    check_value("cache.mapped", config["cache"]["mapped"], bool)
    if config["threads"] is not None and config["threads"] < 1:
        raise refusal(
            f"threads={config['threads']}: must be at least 1, or null for as many as there are "
            "cores."
        )
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", str(config["device"])):
        raise refusal(f"device={config['device']!r}: must be one of auto, cpu, cuda, cuda:N.")


def _check_currency(value: Any) -> None:
    """Refuse what is no currency's code."""
    check_value("data.currency", value, str | None)
    if value is not None and not re.fullmatch("[A-Z]{3}", value):
        raise refusal(
            where="data.currency", value=value, problem="must be a code of ISO 4217, such as EUR"
        )


def _check_finite(where: str, value: Any) -> None:
    """Refuse NaN and infinity wherever they stand, also where a setting may be anything."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            _check_finite(f"{where}.{key}" if where else str(key), item)
    elif isinstance(value, list | tuple):
        for item in value:
            _check_finite(where, item)
    elif isinstance(value, float) and not math.isfinite(value):
        raise refusal(f"{where}={value}: must be a finite number, to be recorded.")


def _check_constructors(config: Mapping[str, Any]) -> None:
    """Refuse what the parts that need no data say of their settings, before data are read."""
    nodes = {group: config[group] for group in (*BUILT, "baseline") if config[group]}
    for name, term in (config["regularisers"] or {}).items():
        nodes[f"regularisers.{name}"] = {k: v for k, v in term.items() if k != "weight"}
    for where, node in nodes.items():
        refuse_unbuildable(where, node)


def _plain(group: str, node: Any, kinds: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a group of plain settings; refuse others in it, and values of another kind."""
    given = node if isinstance(node, Mapping) else {}
    known = [f"{group}.{key}" for key in kinds]
    for key in given:
        if key not in kinds:
            raise refusal(f"{group}.{key}: no such setting; {meant(f'{group}.{key}', known)}")
    for key, kind in kinds.items():
        check_value(f"{group}.{key}", given.get(key), kind)
    return given


def _check_segments(node: Any) -> None:
    """Refuse what cannot be said of an earlier run."""
    kinds = {"since": str | None, "keep": float, "refits": int, "names": str | None}
    given = _plain("segments", node, kinds)
    for key in ("keep", "refits"):
        if given[key] < 0:
            raise refusal(f"segments.{key}={given[key]}: must be 0 or more.")


def _check_evidence(node: Any) -> None:
    """Refuse refits that cannot be counted, and graphs of chance without refits beside them."""
    given = _plain("evidence", node, {"refits": int, "rewired": bool})
    if given["refits"] < 0:
        raise refusal(f"evidence.refits={given['refits']}: must be 0 (none) or more.")
    if given["rewired"] and not given["refits"]:
        raise refusal(
            "evidence.rewired=true: says nothing without refits beside; set evidence.refits=5."
        )


def _check_optimizer(node: Mapping[str, Any]) -> None:
    """Refuse what a foreign constructor does not take, before data are read."""
    import torch

    if "lr" in node:
        check_value("optimizer.lr", node["lr"], float)
        if node["lr"] <= 0:
            raise refusal(f"optimizer.lr={node['lr']}: must be above 0.")
    try:
        build(node, [torch.nn.Parameter(torch.zeros(1))])
    except (TypeError, ValueError, RuntimeError) as why:
        said = str(why).splitlines()[0].rstrip(".")
        name = node["_target_"].rsplit(".", 1)[-1]
        raise refusal(f"optimizer: {name} says: {said}; change what it names.") from None


def _check_together(config: Mapping[str, Any]) -> None:
    """Refuse parts that make no sense together."""
    head, (encoder, *asking) = part_of(config, "head", config["head"]), parts_that_ask(config)
    terms = {n: t for n, t in (config["regularisers"] or {}).items() if t["weight"] != 0}
    encoder.says("requires")
    for part in asking:
        _check_needs(part, head, encoder)
    _check_top(head, asking)
    _check_habit(head, asking[0], config["evaluation"].get("seen"))
    for name in ("xsimgcl", "ncl_structure"):
        if name in terms:
            _check_layer(f"regularisers.{name}.layer", terms[name]["layer"], encoder)
    if "xsimgcl" in terms:
        _check_contrasted(terms["xsimgcl"]["layer"], encoder)
    _check_graph(config["graph"], encoder, asking)
    check_trainer(config)


def _check_needs(part: Part, head: Part, encoder: Part) -> None:
    """Refuse an objective or a term that requires what neither head nor encoder provides."""
    lacking = sorted(
        part.says("requires") - head.says("provides") - encoder.says("provides") - OF_DATA
    )
    if not lacking:
        return
    if lacking[0] in ("view", "layers", "intents"):
        said = encoder.name + (" of 0 layers" if encoder.settings.get("layers") == 0 else "")
        raise refusal(
            f"{part.where}: needs {WORDS[lacking[0]]}, not {said}; choose another, or set "
            f"{part.where}.weight=0."
        )
    chosen = head.name + (
        f" with head.beta={head.settings['beta']}" if "beta" in head.settings else ""
    )
    if lacking[0] == "tables":
        chosen = encoder.name
    advice = (
        "use objective=sampled_softmax"
        if part.where == "objective"
        else f"set {part.where}.weight=0"
    )
    advice = (
        f"set {part.where}.readout=linear" if part.settings.get("readout") == "alpha" else advice
    )
    raise refusal(
        f"{part.where}={part.name}: needs {WORDS.get(lacking[0], lacking[0])}, not {chosen}; "
        f"{advice}."
    )


def _check_top(head: Part, asking: Iterable[Part]) -> None:
    """Refuse more segments a user than there are, and fewer where labels are read off them."""
    top, segments = head.settings.get("top"), head.settings.get("segments")
    if top is None:
        return
    if segments is not None and not 1 <= top <= segments:
        raise refusal(
            f"head.top={top}: must lie between 1 and head.segments={segments}, or be null."
        )
    for part in asking:
        if part.settings.get("readout") == "alpha":
            raise refusal(
                f"{part.where}.readout=alpha with head.top={top}: a labelled user whose class is "
                f"not among the {top} largest would not be moved there; set head.top=null or "
                f"{part.where}.readout=linear."
            )


def _check_habit(head: Part, objective: Part, seen: object) -> None:
    """Refuse habits where nothing is taken again, or where an event would be its own evidence."""
    if not head.settings.get("habit"):
        return
    beta = head.settings.get("beta", "distribution")
    if beta != "distribution":
        raise refusal(
            f"head.habit=true: a past mixes with probabilities, not with head.beta={beta}; set "
            "head.beta=distribution, or head.habit=false."
        )
    if seen != "allow":
        raise refusal(
            f"head.habit=true: with evaluation.seen={seen} nobody is shown what they took before; "
            "set evaluation.seen=allow, or head.habit=false."
        )
    if not getattr(objective.target, "keeps_visits", False):
        raise refusal(
            f"head.habit=true: objective={objective.name} does not keep a user's visits apart, so "
            "that an event would be its own evidence; use objective=likelihood, or set "
            "head.habit=false."
        )


def _check_layer(where: str, layer: int, encoder: Part) -> None:
    """Refuse a layer that is not there."""
    layers = encoder.settings.get("layers")
    if isinstance(layers, int) and layer > layers:
        raise refusal(
            f"{where}={layer}: the encoder has layers 0 to {layers}; choose one of them, or raise "
            "encoder.layers."
        )


def _check_contrasted(layer: int, encoder: Part) -> None:
    """Refuse a layer for xsimgcl that is the embedding itself."""
    if hasattr(encoder.target, "embeds_as") and layer == encoder.target.embeds_as(
        **encoder.settings
    ):
        named = (
            f"encoder.{key}={encoder.settings[key]}"
            for key in KEPT
            if encoder.settings.get(key) is not None
        )
        raise refusal(
            f"regularisers.xsimgcl.layer={layer}: with {next(named, 'this encoder')} that layer is "
            "the embedding, which would be "
            "compared with itself; choose another layer, or let the embedding be of several."
        )


def _check_graph(graph: Mapping[str, Any], encoder: Part, asking: Iterable[Part]) -> None:
    """Refuse a graph that is given what nobody reads."""
    weights, relations = graph.get("weights"), graph.get("relations")
    reads_weights = getattr(encoder.target, "reads_weights", None)
    if weights is not None and not (reads_weights and reads_weights(**encoder.settings)):
        ours = str(encoder.target.__module__).startswith("gnnseg.")
        raise refusal(
            f"graph.weights={weights}: encoder={encoder.name} as it is set takes every edge alike; "
            "set graph.weights=null"
            + ("." if ours else ", or let the class inherit gnnseg.encoders.ReadsWeights.")
        )
    if (
        relations is not None
        and hasattr(encoder.target, "requires")
        and "relations" not in encoder.says("requires")
    ):
        instead = (
            "set encoder.relations=typed"
            if "relations" in encoder.settings
            else "choose encoder=rgcn"
        )
        raise refusal(
            f"graph.relations={relations}: encoder={encoder.name} as it is set reads none; "
            f"{instead}, or set it to null."
        )
    if graph.get("homophily") == "full" and not any(
        "social" in part.says("requires") for part in (encoder, *asking)
    ):
        raise refusal(
            "graph.homophily=full: nothing here reads social ties; choose what does "
            f"(encoder={encoder.name} as it is set does not, "
            "regularisers.social.weight=0.3 would), or set it to measured."
        )
