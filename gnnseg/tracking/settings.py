"""What is asked of tracking: a setting, else wandb's environment variable, else a default.

A setting that is null is not given: what was typed wins over the environment, and that over ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from gnnseg.types import InputError

Mode = Literal["offline", "online", "disabled"]
MODE: Mode = "offline"  # where neither a setting nor the environment says
PROJECT = "gnnseg"
LONGEST_TAG = 64  # characters that wandb takes
LONGEST = 128
NOT_IN_PROJECTS = "/\\#?%:"
FORMER: dict[str, Mode] = {"dryrun": "offline", "run": "online"}  # wandb's words of before
EVERY = 50  # steps between two losses
VARIABLES = {
    "project": "WANDB_PROJECT",
    "entity": "WANDB_ENTITY",
    "name": "WANDB_NAME",
    "group": "WANDB_RUN_GROUP",
    "job_type": "WANDB_JOB_TYPE",
    "tags": "WANDB_TAGS",
}


@dataclass(frozen=True, kw_only=True)
class TrackingSettings:
    """Where figures go; null: as the environment says.

    Args:
        kind: jsonl, or wandb or tensorboard beside it; but for ``every`` the rest is wandb's.
        mode: null: WANDB_MODE, else offline.
        project: null: WANDB_PROJECT, else gnnseg.
        entity: null: WANDB_ENTITY, else the account's own.
        name: null: WANDB_NAME, else data, parts, K and seed.
        group: null: WANDB_RUN_GROUP, else runs that are equal but for their seeds.
        job_type: null: WANDB_JOB_TYPE, else train or baseline.
        tags: null: WANDB_TAGS, else none.
        every: Steps between two losses of single steps; null: none, but those of validations.

    Raises:
        InputError: ``every`` is below 1.
    """

    kind: Literal["jsonl", "wandb", "tensorboard"]
    mode: Literal["offline", "online", "disabled"] | None
    project: str | None
    entity: str | None
    group: str | None
    tags: list[str] | None
    name: str | None = None
    job_type: str | None = None
    every: int | None = EVERY

    def __post_init__(self) -> None:
        if self.every is not None and self.every < 1:
            raise InputError(f"tracking.every={self.every}: must be at least 1, or null.")

    @property
    def sends(self) -> bool:
        """Return whether a dashboard is asked for; of resolved settings."""
        return self.kind == "tensorboard" or (self.kind == "wandb" and self.mode != "disabled")


@dataclass(frozen=True, kw_only=True)
class Resolved(TrackingSettings):
    """Settings in which what was not given is filled in from the environment.

    ``folder``: WANDB_DIR, None for the run's; ``id``: WANDB_RUN_ID, as ``wandb agent`` gives it.
    """

    folder: str | None = field(default=None)
    id: str | None = field(default=None)


def resolved(
    settings: TrackingSettings, environ: Mapping[str, str], *, sweep: str | None = None
) -> Resolved:
    """Return what holds, refused where wandb would refuse it.

    Args:
        settings: As configured.
        environ: The environment's variables.
        sweep: The name of the sweep that the run is of.

    Raises:
        InputError: A value that wandb does not take, with the setting or variable it is of.
    """
    given = {key: (environ.get(variable) or None, variable) for key, variable in VARIABLES.items()}
    found, where = {}, {}
    for key, (value, variable) in given.items():
        set_here = getattr(settings, key)
        found[key] = value if set_here is None else set_here
        where[key] = variable if set_here is None else f"tracking.{key}"
    tags = found["tags"]
    if isinstance(tags, str):
        tags = [tag.strip() for tag in tags.split(",")]
    number = environ.get("WANDB_RUN_ID") or None
    result = Resolved(
        kind=settings.kind, mode=_mode(settings, environ), project=found["project"] or PROJECT,
        entity=found["entity"], name=found["name"], group=found["group"],
        job_type=found["job_type"], every=settings.every, tags=tags or [],
        folder=environ.get("WANDB_DIR") or None, id=number,
    )  # fmt: skip
    if not result.sends or result.kind != "wandb":
        return result
    if number and sweep is not None:
        raise InputError(
            f"WANDB_RUN_ID={number}: is the id of one run, and this is a sweep of many; unset it."
        )
    _check(result, where)
    return result


def _mode(settings: TrackingSettings, environ: Mapping[str, str]) -> Mode:
    """Return tracking.mode, else what WANDB_MODE and WANDB_DISABLED say, else offline."""
    if settings.mode is not None:
        return settings.mode
    if environ.get("WANDB_DISABLED", "").lower() in ("1", "true", "yes", "on"):
        return "disabled"
    word = environ.get("WANDB_MODE", "").strip().lower()
    if not word:
        return MODE
    known: dict[str, Mode] = {name: name for name in get_args(Mode)} | FORMER
    if word not in known and settings.kind == "wandb":
        raise InputError(
            f"WANDB_MODE={word}: must be one of {', '.join(get_args(Mode))}; unset it, or set "
            "tracking.mode, which comes first."
        )
    return known.get(word, MODE)


def _check(found: Resolved, where: Mapping[str, str]) -> None:
    """Refuse what wandb's server would refuse hours later."""
    for tag in found.tags or []:
        if not 1 <= len(tag) <= LONGEST_TAG:
            what = "an empty tag" if not tag else f"the tag {tag[:20]}… has {len(tag)} characters"
            raise InputError(f"{where['tags']}: {what}; a tag has 1 to {LONGEST_TAG}.")
    for key in ("project", "entity", "name", "group", "job_type"):
        value = getattr(found, key)
        if value is not None and (not value.strip() or len(value) > LONGEST):
            what = "is blank" if not value.strip() else f"has {len(value)} characters"
            raise InputError(f"{where[key]}: {what}; wandb takes 1 to {LONGEST}.")
    for key in ("project", "entity"):
        bad = [c for c in NOT_IN_PROJECTS if c in (getattr(found, key) or "")]
        if bad:
            raise InputError(
                f"{where[key]}={getattr(found, key)}: holds {' '.join(bad)}, which wandb does not "
                f"take; leave out {' '.join(NOT_IN_PROJECTS)}."
            )
