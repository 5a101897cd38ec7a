"""Settings of baselines that cannot be, refused in a sentence."""

from __future__ import annotations

from gnnseg.types import InputError


def at_least(name: str, value: float, least: float) -> float:
    """Return a setting as it is; InputError where it is below its least value."""
    if value < least:
        raise InputError(f"{name} is {value}: it must be at least {least:g}.")
    return value


def above(name: str, value: float, least: float = 0) -> float:
    """Return a setting as it is; InputError where it is not above a bound."""
    if not value > least:
        raise InputError(f"{name} is {value}: it must be above {least:g}.")
    return value
