"""Settings of baselines that cannot be, refused in a sentence."""

from __future__ import annotations

from gnnseg.types import InputError


def at_least(name: str, value: float, least: float) -> float:
    """Return a setting as it is; InputError where it is below its least value."""
    return _such(name, value, value >= least, f"at least {least:g}")


def above(name: str, value: float, least: float = 0) -> float:
    """Return a setting as it is; InputError where it is not above a bound."""
    return _such(name, value, value > least, f"above {least:g}")


def below(name: str, value: float, most: float) -> float:
    """Return a setting as it is; InputError where it is not below a bound."""
    return _such(name, value, value < most, f"below {most:g}")


def _such(name: str, value: float, holds: bool, wanted: str) -> float:
    if not holds:
        raise InputError(f"baseline.{name} is {value}: it must be {wanted}.")
    return value
