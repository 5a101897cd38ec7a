"""Hooks of encoders, heads and objectives that nobody would ask for: refused, not passed over."""

from __future__ import annotations

import inspect
from collections.abc import Mapping

from gnnseg.types import InputError


def refuse_unasked(part: type, former: Mapping[str, str], owners: Mapping[str, str]) -> None:
    """Refuse a class whose hook would be passed over without a word.

    Args:
        part: The class, as it is made.
        former: Names hooks no longer have, and their names of today, or the class to inherit.
        owners: Hooks of which only some classes are asked, and the class to inherit.

    Raises:
        InputError: It has a hook of a former name, or one without the class that goes with it.
    """
    where = f"{part.__module__}.{part.__qualname__}"
    for name, today in former.items():
        if hasattr(part, name):
            advice = f"inherit {today} instead" if today[0].isupper() else f"call it {today}"
            raise InputError(f"{where}.{name}: is not asked for any more; {advice}.")
    inherited = {each.__name__ for each in part.__mro__}
    for name, owner in owners.items():
        if hasattr(part, name) and owner not in inherited:
            raise InputError(
                f"{where}.{name}: only a {owner} is asked for it; let the class inherit {owner}, "
                "which stands beside its base class."
            )


def refuse_signature(part: type, name: str, base: type) -> None:
    """Refuse a class whose hook takes other arguments than it is given.

    Args:
        part: The class, as it is made.
        name: The hook.
        base: The class that says which arguments there are.

    Raises:
        InputError: The hook of the class cannot be called with them.
    """
    asked = list(inspect.signature(getattr(base, name)).parameters)
    try:
        inspect.signature(getattr(part, name)).bind(*asked)
    except TypeError:
        raise InputError(
            f"{part.__module__}.{part.__qualname__}.{name}: is called with ({', '.join(asked)}); "
            "let it take them."
        ) from None
