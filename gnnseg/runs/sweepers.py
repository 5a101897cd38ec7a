"""What Hydra's sweepers seek, and what a job that failed is worth to them."""

from __future__ import annotations

import math

from gnnseg import config as configuration
from gnnseg.types import InputError

# the setting that says what a plugin seeks -> its values for the greatest and for the least
DIRECTIONS = {
    "hydra.sweeper.direction": ("maximize", "minimize"),  # Optuna
    "hydra.sweeper.optim.maximize": ("true", "false"),  # Nevergrad
    "hydra.sweeper.ax_config.experiment.minimize": ("false", "true"),  # Ax
}


class WrongDirection(InputError):
    """The sweeper would seek the worst."""


def seeks() -> bool:
    """Return whether the sweeper at work chooses jobs by the values of those before."""
    return _direction() is not None


def failure() -> float | None:
    """Return the value of a job without one: the worst for what is sought.

    Sweepers end at what is no number; the worst is one that they do not choose again.
    """
    found = _direction()
    if found is None:
        return None
    return -math.inf if found[1] else math.inf


def refuse_wrong_direction(monitor: str, greater: bool) -> None:
    """Refuse a sweeper that would seek the worst value of the monitored metric.

    Raises:
        WrongDirection: What it seeks, and the setting that mends it.
    """
    found = _direction()
    if found is not None and found[1] != greater:
        key, (most, least) = found[0], DIRECTIONS[found[0]]
        is_, should = (least, most) if greater else (most, least)
        better = "greater" if greater else "smaller"
        raise WrongDirection(
            f"{key}={is_}: of {monitor}, which a job returns, {better} is better; say "
            f"{key}={should}."
        )


def _direction() -> tuple[str, bool] | None:
    """Return the setting that says what is sought, and whether that is the greatest."""
    for key, (most, least) in DIRECTIONS.items():
        value = configuration.of_hydra(key)
        if value in (most, least):
            return key, value == most
    return None
