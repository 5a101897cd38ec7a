"""How to train: the group ``trainer`` of a configuration."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from gnnseg.config import build
from gnnseg.training.callbacks import Callback
from gnnseg.training.samplers import Sampler
from gnnseg.training.schedules import SCHEDULES, Schedule
from gnnseg.types import InputError

WITHOUT = {  # what null is for, of settings that may be it
    "batch_size": ", or null for full batch",
    "eval_users": ", or null for everybody",
}


@dataclass(frozen=True, kw_only=True)
class TrainerSettings:
    """How to train.

    Args:
        max_epochs: passes over the training events.
        batch_size: events a step; None: full batch, an epoch is one step.
        eval_every: epochs between two validations.
        eval_users: how many users a validation asks at most while training goes on, drawn; None:
            as many as the evaluation of the trained model.
        patience: validations without a better ``monitor`` before training stops; None: never.
        monitor: the metric the best model is chosen by.
        schedule: of the learning rate: onecycle, constant, or a node of the user's own.
        clip: largest norm of the gradient; None: any.
        draw: an epoch's batches hold 'each' pair once, weighing what the objective says, or pairs
            drawn with replacement by 'weight', which then weigh alike.
        sampler: of negatives, a node of the user's own; None: as the objective asks.
        precision: in which type messages are passed along the edges while training ('float32',
            'bf16': see ``sparse.mixed_precision``); evaluation is in float32.
        callbacks: nodes of the user's own by name, or None.
        refit: whether the evaluated run is trained once more on all events (``runs.refit``).

    Raises:
        InputError: for a number that cannot be.
    """

    max_epochs: int
    batch_size: int | None
    eval_every: int
    patience: int | None
    monitor: str
    schedule: Literal["onecycle", "constant"] | dict[str, Any]
    clip: float | None
    draw: Literal["each", "weight"] = "each"
    sampler: dict[str, Any] | None = None
    callbacks: dict[str, Any] | None = None
    refit: bool = False
    eval_users: int | None = None
    precision: Literal["float32", "bf16"] = "float32"

    def __post_init__(self) -> None:
        for key in ("max_epochs", "batch_size", "eval_every", "eval_users", "patience"):
            value = getattr(self, key)
            if value is not None and value < 1:
                raise InputError(
                    f"trainer.{key}={value}: must be at least 1{WITHOUT.get(key, '')}."
                )
        if self.clip is not None and self.clip <= 0:
            raise InputError(
                f"trainer.clip is {self.clip}: the largest norm must be above 0; null lets any "
                "pass."
            )

    @cached_property
    def rates(self) -> Schedule:
        """Return the schedule itself."""
        if isinstance(self.schedule, str):
            return SCHEDULES[self.schedule]()
        schedule: Schedule = build(self.schedule)
        return schedule

    @cached_property
    def own_sampler(self) -> Sampler | None:
        """Return the user's own sampler itself."""
        sampler: Sampler | None = None if self.sampler is None else build(self.sampler)
        return sampler

    @cached_property
    def own_callbacks(self) -> dict[str, Callback]:
        """Return the callbacks themselves, by name."""
        return {name: build(node) for name, node in (self.callbacks or {}).items()}
