"""What a dashboard is told of a run before its first figure: name, group, kind, settings.

Settings are flat, one key each, as they are typed (``head.segments``): a sweep of the dashboard's
own gives the same keys, so that nothing stands there twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gnnseg.report.run_settings import PROTOCOL, SEEDS, Settings

TARGET = "._target_"
LONGEST = 128  # characters of a name that wandb takes
DIGITS = 6  # of what tells groups of one name apart


@dataclass(frozen=True, kw_only=True)
class RunDescription:
    """A run in few words.

    Args:
        name: Data, parts, K and seed: ``ml-100k lightgcn+segments K=16 s0``.
        group: Runs that are equal but for their seeds.
        job_type: train, or baseline.
        config: Settings by dotted key; what the run is done with and on below ``run.``.
    """

    name: str
    group: str
    job_type: str
    config: Mapping[str, Any]


def of(record: Mapping[str, Any]) -> RunDescription:
    """Return the description of a run by its run.json, finished or not yet trained."""
    config = record["config"]
    settings = Settings([record])
    plain = short_name(config, str(record.get("data", {}).get("name", "data")))
    digest = hashlib.sha256(settings.key(0).encode()).hexdigest()[:DIGITS]
    seeds = f"s{config.get('seed', 0)}"
    if split := (config.get("split") or {}).get("seed"):
        seeds += f" split{split}"
    return RunDescription(
        name=f"{plain[: LONGEST - len(seeds) - 1]} {seeds}",
        group=f"{plain[: LONGEST - DIGITS - 1]} {digest}",
        job_type="baseline" if config.get("baseline") else "train",
        config={**_flat(record, settings.flat(0)), **_about(record)},
    )


def short_name(config: Mapping[str, Any], data: str) -> str:
    """Return a run's name without its seeds, such as ``ml-100k lightgcn+segments K=16``."""
    parts = [_short(config[g]) for g in ("encoder", "baseline", "head") if config.get(g)]
    segments = (config.get("head") or {}).get("segments")
    many = [] if segments is None else [f"K={segments}"]
    return " ".join([data, "+".join(parts), *many])


def _flat(record: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings by key; a part's class in few letters, terms of weight 0 left out."""
    config = record["config"]
    idle = {
        f"regularisers.{name}."
        for name, term in (config.get("regularisers") or {}).items()
        if not (isinstance(term, Mapping) and term.get("weight"))
    }
    found: dict[str, Any] = {}
    for key, value in settings.items():
        if not key.startswith(tuple(idle)) and key != "data":
            short = key.endswith(TARGET) and isinstance(value, str)
            found[key.removesuffix(TARGET)] = _last(value) if short else value
    for key in SEEDS:
        node: Any = config
        for part in key.split("."):
            node = node.get(part) if isinstance(node, Mapping) else None
        found[key] = node
    found["data"] = record.get("data", {}).get("name")
    found[PROTOCOL] = record.get("protocol")
    return found


def _about(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a run is done with and on."""
    data, device = record.get("data", {}), record.get("device") or {}
    found = {
        "run.name": record.get("name"), "run.hash": record.get("hash"),
        "run.sweep": record.get("sweep"), "run.numerics": record.get("numerics"),
        "run.git": record.get("git"), "run.device": device.get("name"),
        "run.threads": device.get("threads"), "run.fingerprint": data.get("fingerprint"),
        **{f"run.data.{key}": data.get(key) for key in ("users", "items", "train", "split")},
        **{f"run.version.{name}": said for name, said in (record.get("versions") or {}).items()},
    }  # fmt: skip
    return {key: value for key, value in found.items() if value is not None}


def _short(node: Mapping[str, Any]) -> str:
    return _last(str(node.get("_target_", "")))


def _last(path: str) -> str:
    return path.rpartition(".")[2].lower()
