"""Settings of baselines that cannot be, refused in a sentence that begins with the setting's name.

Where the baseline stands, ``baseline`` or ``baselines.NAME``, the check of a configuration says.
"""

from __future__ import annotations

from gnnseg.types import InputError


def at_least(name: str, value: float, least: float) -> float:
    """Return a setting as it is; InputError where it is below its least value."""
    return _checked(name, value, value >= least, f"at least {least:g}")


def above(name: str, value: float, least: float = 0) -> float:
    """Return a setting as it is; InputError where it is not above a bound."""
    return _checked(name, value, value > least, f"above {least:g}")


def below(name: str, value: float, most: float) -> float:
    """Return a setting as it is; InputError where it is not below a bound."""
    return _checked(name, value, value < most, f"below {most:g}")


def _checked(name: str, value: float, holds: bool, wanted: str) -> float:
    if not holds:
        raise InputError(f"{name} is {value}: it must be {wanted}.")
    return value
