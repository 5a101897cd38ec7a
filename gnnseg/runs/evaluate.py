"""A finished run evaluated anew, from its folder: by the protocol, or from a log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import polars as pl
import torch

from gnnseg.config.extensions import parts
from gnnseg.data import logs
from gnnseg.data.tables import beside
from gnnseg.data.tables.settings import FileSettings
from gnnseg.evaluation import evaluator, offpolicy
from gnnseg.evaluation.offpolicy import OffPolicyEvaluation
from gnnseg.evaluation.protocol import Protocol
from gnnseg.rng import Rng
from gnnseg.runs import loading
from gnnseg.runs.stored import StoredRun
from gnnseg.types import InputError, Policy

EVALUATED = {
    "metric": pl.String, "value": pl.Float64, "protocol": pl.String, "seen": pl.String,
}  # fmt: skip
ALLOWED = {"protocol": ("clean", "paper", "train-mask"), "seen": ("mask", "allow")}


def evaluate(
    run: StoredRun,
    part: Literal["valid", "test"],
    *,
    protocol: str | None,
    seen: str | None,
    ks: Sequence[int] | None,
) -> pl.DataFrame:
    """Return every metric of a part; None: as the run was evaluated."""
    if part not in ("valid", "test"):
        raise InputError(f"part={part}: it is valid or test.")
    if run.is_refit:
        raise InputError(
            f"{run.name}: a refit on all events was trained on what would be asked; evaluate the "
            f"run that it is of, {run.record['refit']['run']}."
        )
    rules, split = _rules(run, protocol=protocol, seen=seen, ks=ks), run.split()
    if part == "valid" and rules.protocol == "paper":
        raise InputError(
            f"{run.name}: under evaluation.protocol=paper validation is part of the training."
        )
    task = rules.test_task(split) if part == "test" else rules.valid_task(split)
    found = evaluator.rank(
        run.scorer, task, rules, rules.training_pairs(split), torch.device("cpu")
    ).metrics
    rows = [(f"{part}/{name}", value, rules.protocol, rules.seen) for name, value in found.items()]
    return pl.DataFrame(rows, schema=EVALUATED, orient="row")


def from_log(
    run: StoredRun,
    log: Any,
    *,
    seen: Literal["mask", "allow"] | None,
    cap: float | None,
    switch: float | None,
    decimal: Literal["point", "comma"] | None,
    columns: Mapping[str, str | None] | None = None,
    how: FileSettings | None = None,
) -> OffPolicyEvaluation:
    """Return what the served policy would have earned; see ``Run.offpolicy``."""
    if not isinstance(run.scorer, Policy):
        raise InputError(
            f"{run.name}: its head says no probabilities; train with head=segments "
            "head.beta=distribution."
        )
    for name, value in (("cap", cap), ("switch", switch)):
        if value is not None and not value > 0:
            raise InputError(f"{name}={value}: must be above 0.")
    seen = run.config["evaluation"]["seen"] if seen is None else seen
    if seen not in ("mask", "allow"):
        raise InputError(f"seen={seen!r}: it is 'mask' or 'allow'.")
    if decimal not in (None, "point", "comma"):
        raise InputError(f"decimal={decimal!r}: it is 'point' or 'comma'.")
    named = isinstance(log, str | Path)
    sheet = beside.table(Path(log), how or FileSettings()) if named else beside.sheet_of(log, "log")

    def unknown(kind: str, id: str, row: int, count: int) -> None:
        raise InputError(
            f"{sheet.where(row)}: {kind} {id!r} is not known to {run.name} ({count:,} rows have "
            "one that is not); leave such rows out."
        )

    read = logs.read(sheet, propensity=True, decimal=decimal, columns=columns)
    found, _ = logs.index(read, run.users, run.items, unknown)
    excluded = offpolicy.excluded(run.seen, found) if seen == "mask" else None
    rng = Rng(int(run.config["seed"]))
    result = offpolicy.evaluate(run.scorer, found, excluded, rng, switch=switch, cap=cap)
    if run.is_refit:
        said = "a refit knows every event of its data: only a log of later says what it would earn"
        return replace(result, warnings=(*result.warnings, said))
    return result


def _rules(run: StoredRun, **asked: Any) -> Protocol:
    """Return the run's protocol with what is asked for otherwise."""
    config = loading.configuration(run.path)
    was = {key: value for key, value in config["evaluation"].items() if key != "_target_"}
    now = was | {key: value for key, value in asked.items() if value is not None}
    for key, values in ALLOWED.items():
        if now[key] not in values:
            raise InputError(f"evaluation.{key}={now[key]}: it is one of {', '.join(values)}.")
    if (now["protocol"] == "paper") != (was["protocol"] == "paper"):
        raise InputError(
            f"{run.name}: trained under evaluation.protocol={was['protocol']}, which cannot be "
            f"evaluated as {now['protocol']}; train again with "
            f"evaluation.protocol={now['protocol']}."
        )
    return Protocol(parts(config, "metrics"), **{**now, "ks": [int(k) for k in now["ks"]]})
