"""Configuration: composed by Hydra, checked against the signatures of what it names, built. The only importer of Hydra and OmegaConf.

Plain YAML lets ``layers=abc`` through; ``check`` does not, and it runs before any data is read.
"""

from __future__ import annotations

import contextlib
import difflib
import importlib
import inspect
import math
import os
import re
import shlex
import sys
import threading
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

GROUPS = (
    "data", "split", "graph", "features", "encoder", "head", "objective", "regularisers", "optimizer", "trainer", "evaluation", "tracking",
)  # fmt: skip
TOP = (*GROUPS, "seed", "device", "threads", "runs", "cache", "allow", "sweep")
BESIDE = {
    "data": ("root", "min_weight", "k_core"),
    "regularisers": ("weight",),
}  # keys the pipeline takes off before it builds
FOREIGN = ("torch.optim.", "torch.optim.lr_scheduler.", "torch_geometric.nn.")
_COMPOSING = threading.RLock()  # Hydra's state is the process's
OF_DATA = {"social", "labels", "features", "log", "propensity"}  # what the set must have, which is seen once it is read
SEQUENTIAL = {"membership", "affinity"}  # readings of beta whose catalogue softmax is not the score itself


def conf_folder() -> Path:
    """The packaged conf/ beside this file, else the checkout's."""
    here = Path(__file__).resolve().parent
    checkout = here.parent / "conf"
    return (
        checkout if (checkout / "config.yaml").exists() and (here.parent / "pyproject.toml").exists() else here / "conf"
    )


def compose(overrides: list[str], folders: list[Path] | None = None) -> dict[str, Any]:
    """The configuration that these overrides describe, as plain values. ``folders``: more places to look for groups."""
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
            override.partition("=")[2] in SEQUENTIAL for override in overrides if override.startswith("head.beta=")
        )
        config = plain(*(["objective=sampled_softmax"] if typed and not chosen else []))
        if not (chosen or typed) and _get(config, "head").get("beta") in SEQUENTIAL:
            config = plain("objective=sampled_softmax")
    return config


def searchpath(folders: Sequence[Path]) -> list[str]:
    """The override that lets Hydra look in more folders, if there are any."""
    return (
        [f"hydra.searchpath=[{','.join(quoted(f'file://{folder.absolute()}') for folder in folders)}]"]
        if folders
        else []
    )


def quoted(value: str) -> str:
    """A value that Hydra's grammar takes as it stands."""
    escaped = re.sub(r'(\\*)"', r'\1\1\\"', value)
    escaped = re.sub(r"(\\+)$", r"\1\1", escaped)
    return f'"{escaped}"'


def _check_grammar(overrides: Sequence[str]) -> None:
    """Refuse an override that Hydra cannot parse, or takes for several values, with the form that works."""
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
                raise _error(f"{override}: holds several values; add -m to run them all, or {advice}")
        except HydraException as error:
            why = str(error).splitlines()[0]
            raise _error(f"{override}: cannot be parsed ({why}); {advice}") from None


def launch(arguments: list[str], task: Callable[[list[str]], Any]) -> None:
    """Run ``task(job's overrides)`` as Hydra's command line says: once, or many times under ``-m`` by its sweeper and launcher."""
    import hydra

    def job(node: Any) -> Any:
        from hydra.core.hydra_config import HydraConfig

        return task([str(override) for override in HydraConfig.get().overrides.task])

    before, full = sys.argv, os.environ.get("HYDRA_FULL_ERROR")
    sys.argv = ["gnnseg train", *arguments]
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        with _one_sentence(arguments):
            hydra.main(version_base="1.3", config_path=str(conf_folder()), config_name="config")(job)()
    finally:
        sys.argv = before
        os.environ.pop("HYDRA_FULL_ERROR") if full is None else os.environ.__setitem__("HYDRA_FULL_ERROR", full)


@contextlib.contextmanager
def _own_hydra() -> Iterator[None]:
    """Room for a composition inside somebody else's Hydra program, whose global state comes back afterwards; one at a time."""
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
    """The job's place in its sweep; None outside one."""
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    if not HydraConfig.initialized() or HydraConfig.get().mode != RunMode.MULTIRUN:
        return None
    return int(HydraConfig.get().job.num)


@contextlib.contextmanager
def _one_sentence(given: Sequence[str]) -> Iterator[None]:
    """Hydra's and OmegaConf's errors as one sentence that says what was meant."""
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    try:
        yield
    except (HydraException, OmegaConfBaseException) as error:
        raise _error(_explain(error, given)) from error


def _explain(error: Exception, given: Sequence[str]) -> str:
    """``given``: the overrides, whose choices of parts say which settings there are."""
    text = str(error)
    if match := re.search(r"Could not find '([\w-]+)/([^']+)'", text):
        group, name = match[1], match[2]
        known = sorted(path.stem for path in (conf_folder() / group).glob("*.yaml"))
        return f"{group}={name}: no such choice; {_meant(name, known)}"
    if match := re.search(r"Could not override '([^']+)'", text):
        return f"{match[1]}: no such setting; {_meant(match[1], _settings_of(given))}"
    if match := re.search(r"Could not override '?([\w.]+)'?\.\s*No match", text):
        return f"{match[1]}: no such group; {_meant(match[1], list(TOP))}"
    return " ".join(text.split())


def _settings_of(given: Sequence[str]) -> list[str]:
    """Every dotted key of what the overrides choose, whatever else they set; of the defaults where that cannot be composed."""
    parts = [o for o in given if o.partition("=")[0].lstrip("+~") in (*GROUPS, "experiment", "hydra.searchpath")]
    try:
        return known_keys(compose(parts))
    except Exception:
        return known_keys()


def _elsewhere(key: str) -> list[str]:
    """Other choices of the key's group that have such a setting."""
    import yaml

    group, _, name = key.partition(".")
    found = []
    for path in sorted((conf_folder() / group).glob("*.yaml")):
        content = yaml.safe_load(path.read_text("utf-8")) or {}
        if name in content or name in (content.get(group) or {}):
            found.append(path.stem)
    return found


def known_keys(config: Mapping[str, Any] | None = None, prefix: str = "") -> list[str]:
    """Every dotted key of the default configuration."""
    if config is None:
        config = compose([])
    keys = []
    for key, value in config.items():
        keys.append(f"{prefix}{key}")
        if isinstance(value, Mapping):
            keys.extend(known_keys(value, f"{prefix}{key}."))
    return keys


def _meant(wrong: str, known: list[str]) -> str:
    """What a name that is not there was meant to be, nearest first: other choices that have it; a like name beside it; the same
    name elsewhere; a like one elsewhere."""
    group, _, leaf = wrong.rpartition(".")
    others, part = _elsewhere(wrong), wrong.split(".")[0]
    if others or wrong in known:
        instead = f"{part}={' or '.join(others)}" if others else f"another {part}="
        return f"the {part} that was chosen has none; leave it out, or choose {instead}."
    known = [key for key in known if not key.endswith("_target_")]
    leaves = {key: key.rpartition(".")[2] for key in known if key.count(".") < 2 or key.rpartition(".")[0] == group}
    beside = [key for key in known if key.rpartition(".")[0] == group]
    near = difflib.get_close_matches(leaf, [leaves[key] for key in beside], 1, 0.6)
    inside = sorted((key for key in beside if not group and len(key) > 3 and key in wrong), key=len)
    same = [key for key, name in leaves.items() if name == leaf]
    alike = difflib.get_close_matches(leaf, leaves.values(), 1, 0.6)
    close = [
        *inside[-1:], *(key for key in beside if [leaves[key]] == near), *same,
        *(key for key, name in leaves.items() if [name] == alike), *difflib.get_close_matches(wrong, known, 1, 0.6),
    ]  # fmt: skip
    if close:
        return f"did you mean {close[0]}?"
    return f"there are {', '.join(known)}." if len(known) <= 24 else "`gnnseg options` lists them."


def _error(sentence: str) -> Exception:
    from gnnseg.types import InputError

    return InputError(sentence)


# --- check ----------------------------------------------------------------------------------------------------


def check(config: Mapping[str, Any]) -> None:
    """Refuse, in one sentence, what cannot be meant: unknown keys, wrong types, foreign targets, combinations that make no sense."""
    for key in config:
        if key not in TOP:
            raise _error(f"{key}: no such setting; {_meant(key, list(TOP))}")
    for key in TOP:
        if key not in config:
            raise _error(f"{key}: the configuration lacks it; start from conf/config.yaml.")
    allow = config["allow"]
    if not isinstance(allow, list) or not all(isinstance(name, str) for name in allow):
        raise _error(f"allow={allow!r}: give a list of package names, such as allow=[mylab].")
    for group in GROUPS:
        node = config[group]
        if group == "regularisers":
            for name, term in (node or {}).items():
                _check_node(f"regularisers.{name}", term, allow, BESIDE["regularisers"])
                _check_value(f"regularisers.{name}.weight", term["weight"], float)
        else:
            _check_node(group, node, allow, BESIDE.get(group, ()))
    _check_value("seed", config["seed"], int)
    _check_value("threads", config["threads"], int | None)
    if config["threads"] is not None and config["threads"] < 1:
        raise _error(f"threads={config['threads']}: must be at least 1, or null for as many as there are cores.")
    _check_value("device", config["device"], Literal["auto", "cpu", "cuda"])
    _check_value("data.k_core", config["data"]["k_core"], int)
    if config["data"]["k_core"] < 0:
        raise _error(f"data.k_core={config['data']['k_core']}: must be 0 (none is left out) or more.")
    _check_value("data.min_weight", config["data"]["min_weight"], float | None)
    _check_value("sweep.fail_fast", _get(config, "sweep").get("fail_fast"), bool)
    _check_optimizer(config["optimizer"])
    _check_together(config)


def _check_node(where: str, node: Any, allow: list[str], beside: tuple[str, ...]) -> None:
    if not isinstance(node, Mapping) or "_target_" not in node:
        raise _error(f"{where}: has no _target_; choose one of conf/{where.split('.')[0]}.")
    target = locate(str(node["_target_"]), where, allow)
    ours = not str(node["_target_"]).startswith(FOREIGN)
    parameters = inspect.signature(target).parameters
    takes = {
        n: p
        for n, p in parameters.items()
        if p.kind is p.KEYWORD_ONLY or (not ours and p.kind is p.POSITIONAL_OR_KEYWORD)
    }
    given = {key: value for key, value in node.items() if key != "_target_"}
    for key in given:
        if key not in takes and key not in beside:
            known = [f"{where}.{name}" for name in (*takes, *beside)]
            raise _error(f"{where}.{key}: no such setting; {_meant(f'{where}.{key}', known)}")
    if ours:
        for key in (*takes, *beside):
            if key not in given:
                raise _error(f"{where}.{key}: is missing; conf/{where.split('.')[0]} gives its default.")
    hints = parameter_types(target)
    for key, value in given.items():
        if key in hints:
            _check_value(f"{where}.{key}", value, hints[key])


def _check_optimizer(node: Mapping[str, Any]) -> None:
    """What a foreign constructor says of its settings, before data are read."""
    import torch

    if "lr" in node:
        _check_value("optimizer.lr", node["lr"], float)
        if node["lr"] <= 0:
            raise _error(f"optimizer.lr={node['lr']}: must be above 0.")
    try:
        build(node, [torch.nn.Parameter(torch.zeros(1))])
    except (TypeError, ValueError, RuntimeError) as error:
        said = str(error).splitlines()[0].rstrip(".")
        name = node["_target_"].rsplit(".", 1)[-1]
        raise _error(f"optimizer: {name} says: {said}; change what it names.") from None


def locate(path: str, where: str, allow: list[str]) -> Any:
    """The class or function a ``_target_`` names, if it may be named."""
    packages = ("gnnseg", *allow)
    if not (path.startswith(FOREIGN) or path.split(".")[0] in packages):
        raise _error(
            f"{where}._target_={path}: not an allowed target; say allow=[{path.split('.')[0]}] if you trust that package."
        )
    module, _, name = path.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except ImportError as error:
        raise _error(
            f"{where}._target_={path}: cannot be imported ({error}); check the name and that the package can be found."
        ) from None
    except AttributeError:
        raise _error(f"{where}._target_={path}: {module} has no {name}; check the name.") from None


def parameter_types(target: Any) -> dict[str, Any]:
    """Types of a target's parameters, as far as they can be resolved at run time."""
    function = target.__init__ if inspect.isclass(target) else target
    scope = vars(sys.modules[function.__module__]) if function.__module__ in sys.modules else {}
    if inspect.isclass(target) and function.__module__ != target.__module__:
        scope = vars(sys.modules[target.__module__])
    found = {}
    for name, parameter in inspect.signature(target).parameters.items():
        hint = parameter.annotation
        if isinstance(hint, str):
            try:
                hint = eval(hint, dict(scope), dict(vars(typing)))
            except NameError:
                continue
        if hint is not parameter.empty:
            found[name] = hint
    return found


def _check_value(where: str, value: Any, hint: Any) -> None:
    if not fits(value, hint):
        raise _error(f"{where}={value!r}: must be {described(hint)}.")


def fits(value: Any, hint: Any) -> bool:
    """Is a plain value of this type? A whole number is a float too; a bool is no number; NaN and infinity are nothing."""
    origin = typing.get_origin(hint)
    if hint is Any:
        return True
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, part) for part in typing.get_args(hint))
    if origin is Literal:
        return any(value == allowed and type(value) is type(allowed) for allowed in typing.get_args(hint))
    if hint is None or hint is type(None):
        return value is None
    if hint is bool:
        return isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if hint is str:
        return isinstance(value, str)
    if origin in (list, tuple):
        parts = typing.get_args(hint)
        return (
            isinstance(value, list) and all(fits(item, parts[0]) for item in value)
            if parts
            else isinstance(value, list)
        )
    if origin is dict or hint is dict:
        return isinstance(value, dict)
    return True  # a foreign type: its own constructor says


def described(hint: Any) -> str:
    """A type in words."""
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(described(part) for part in typing.get_args(hint))
    if origin is Literal:
        return "one of " + ", ".join(str(value) for value in typing.get_args(hint))
    if origin is list:
        return f"a list, each item {described(typing.get_args(hint)[0])}"
    if origin is dict or hint is dict:
        return "names with values, {name: value, …}"
    words = {
        int: "a whole number",
        float: "a finite number",
        bool: "true or false",
        str: "text",
        type(None): "null",
        None: "null",
    }
    return words.get(hint, str(getattr(hint, "__name__", hint)))


def _check_together(config: Mapping[str, Any]) -> None:
    """What each part is alone may still make no sense together: objective and terms need what the head offers."""
    head_node, objective_node = config["head"], config["objective"]
    head = locate(head_node["_target_"], "head", config["allow"])
    offers = (
        head.offers(**{k: v for k, v in head_node.items() if k != "_target_"})
        if hasattr(head, "offers")
        else frozenset()
    )
    encoder_node = config["encoder"]
    encoder = locate(encoder_node["_target_"], "encoder", config["allow"])
    chosen_encoder = {k: v for k, v in encoder_node.items() if k != "_target_"}
    if hasattr(encoder, "offers"):
        offers |= encoder.offers(**chosen_encoder)
    needs = {
        "objective": objective_node,
        **{f"regularisers.{n}": t for n, t in (config["regularisers"] or {}).items() if t["weight"] != 0},
    }
    words = {
        "probabilities": "a head whose scores are probabilities (head=segments head.beta=distribution)",
        "segments": "a head with segments",
        "view": "an encoder of layers, which noise moves (encoder=lightgcn, sage, …)",
        "layers": "an encoder of layers (encoder=lightgcn, sage, …)",
        "logits": "a head whose scores are logits of any sign (head=dot, neumf, mlp, …)",
        "untied": "prototypes of their own for the items (head.tied=false)",
    }
    for where, node in needs.items():
        target = locate(node["_target_"], where, config["allow"])
        wanted = target.wants(**{key: value for key, value in node.items() if key not in ("_target_", "weight")})
        lacking = sorted(wanted - offers - OF_DATA)
        if lacking:
            if lacking[0] in ("view", "layers"):
                said = encoder_node["_target_"].rsplit(".", 1)[-1].lower()
                said += " of 0 layers" if encoder_node.get("layers") == 0 else ""
                raise _error(
                    f"{where}: needs {words[lacking[0]]}, not {said}; choose another, or set {where}.weight=0."
                )
            chosen = head_node["_target_"].rsplit(".", 1)[-1].lower() + (
                f" with head.beta={head_node['beta']}" if "beta" in head_node else ""
            )
            advice = "use objective=sampled_softmax" if where == "objective" else f"set {where}.weight=0"
            advice = f"set {where}.readout=linear" if node.get("readout") == "alpha" else advice
            raise _error(
                f"{where}={node['_target_'].rsplit('.', 1)[-1].lower()}: needs {words.get(lacking[0], lacking[0])}, not {chosen}; {advice}."
            )
    top, segments = head_node.get("top"), head_node.get("segments")
    if top is not None and segments is not None and not 1 <= top <= segments:
        raise _error(f"head.top={top}: must lie between 1 and head.segments={segments}, or be null.")
    contrasted, layers = (config["regularisers"] or {}).get("xsimgcl", {}), encoder_node.get("layers")
    if contrasted.get("weight") and isinstance(layers, int) and contrasted["layer"] > layers:
        raise _error(
            f"regularisers.xsimgcl.layer={contrasted['layer']}: the encoder has layers 0 to {layers}; choose one of them."
        )
    if contrasted.get("weight") and contrasted["layer"] == _layer_alone(encoder_node):
        key = "combine=last" if encoder_node.get("combine") == "last" else "layer_weights"
        raise _error(
            f"regularisers.xsimgcl.layer={contrasted['layer']}: with encoder.{key} that layer is the embedding, which would be "
            "compared with itself; choose another layer, or let the embedding be of several."
        )
    said = encoder_node["_target_"].rsplit(".", 1)[-1].lower()
    weights, relations = config["graph"].get("weights"), config["graph"].get("relations")
    if weights is not None and hasattr(encoder, "weighs") and not encoder.weighs(**chosen_encoder):
        raise _error(
            f"graph.weights={weights}: encoder={said} as it is set takes every edge alike; set graph.weights=null."
        )
    if relations is not None and hasattr(encoder, "wants") and "relations" not in encoder.wants(**chosen_encoder):
        raise _error(
            f"graph.relations={relations}: encoder={said} as it is set reads none; choose encoder=rgcn, or set it to null."
        )
    for where, node in needs.items():
        if top is not None and node.get("readout") == "alpha":
            raise _error(
                f"{where}.readout=alpha with head.top={top}: a told user whose class is not among the {top} largest would not be "
                f"moved there; set head.top=null or {where}.readout=linear."
            )
    _check_monitor(config["trainer"]["monitor"], config["evaluation"])
    size = config["trainer"]["batch_size"]
    if size is not None and size < 1:
        raise _error(f"trainer.batch_size={size}: must be at least 1, or null for full batch.")
    if size is None and config["trainer"].get("draw") == "weight":
        raise _error(
            "trainer.draw=weight: a full batch holds every pair; set trainer.batch_size to a number, or draw to each."
        )


def _check_monitor(monitor: str, evaluation: Mapping[str, Any]) -> None:
    """What the best epoch is chosen by is measured on validation, under ``paper`` on the test."""
    part, _, rest = monitor.partition("/")
    metric, at, k = rest.partition("@")
    ks = evaluation.get("ks") or []
    if part not in ("valid", "segment", *(["test"] if evaluation.get("protocol") == "paper" else [])) or not metric:
        raise _error(
            f"trainer.monitor={monitor}: the best epoch is chosen on validation; name it as in valid/ndcg@{max(ks, default=20)}."
        )
    if at and k not in map(str, ks):
        raise _error(
            f"trainer.monitor={monitor}: lists are judged at {', '.join(map(str, ks))}; add to evaluation.ks, or choose one of them."
        )


def _layer_alone(encoder: Mapping[str, Any]) -> int | None:
    """The layer that is the embedding by itself, if one is."""
    if encoder.get("combine") == "last":
        return int(encoder["layers"])
    counted = [layer for layer, weight in enumerate(encoder.get("layer_weights") or ()) if weight]
    return counted[0] if len(counted) == 1 else None


def _get(config: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = config.get(key)
    return value if isinstance(value, Mapping) else {}


def build(node: Mapping[str, Any], *positional: Any) -> Any:
    """What a checked node describes: its target called with what the pipeline gives and the node's own keys."""
    module, _, name = str(node["_target_"]).rpartition(".")
    target = getattr(importlib.import_module(module), name)
    return target(*positional, **{key: value for key, value in node.items() if key != "_target_"})
