"""A space of settings: what a search draws from, in a declared table and in ``gnnseg tune``.

As YAML has it: a setting with the list of its values, or with an interval ``{low: 0.05, high: 0.5,
log: true}``; ``whole: true`` draws whole numbers. As a command has it: overrides, ``key=value``.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gnnseg.types.errors import InputError

DIGITS = 3  # of a drawn number that count: more would only make commands longer
KEYS = ("low", "high", "log", "whole")


@dataclass(frozen=True, kw_only=True)
class Interval:
    """Numbers from ``low`` to ``high``.

    Args:
        low: The smallest.
        high: The largest.
        log: Whether a draw is uniform in the logarithm.
        whole: Whether they are whole numbers.
    """

    low: float
    high: float
    log: bool = False
    whole: bool = False

    def word(self, value: float) -> str:
        """Return a number of the interval as an override has it, in few digits."""
        near = round(value) if self.whole else float(f"{value:.{DIGITS}g}")
        return word(min(max(near, self.low), self.high) if not self.whole else int(near))

    def at(self, share: float) -> str:
        """Return the number at a share of the way from low to high."""
        if self.log:
            return self.word(math.exp(_between(math.log(self.low), math.log(self.high), share)))
        return self.word(_between(self.low, self.high, share))

    def __str__(self) -> str:
        """Return it as it would be typed."""
        bare = f"interval({self.low:g}, {self.high:g})"
        if self.whole:
            bare = f"interval({int(self.low)}, {int(self.high)})"
        return f"tag(log, {bare})" if self.log else bare


@dataclass(frozen=True)
class Space:
    """Settings, each with the words of its values or with an interval."""

    values: Mapping[str, tuple[str, ...] | Interval]

    @property
    def size(self) -> int | None:
        """Return how many settings of all keys there are; None: without number."""
        counts = [
            None if isinstance(found, Interval) else len(found) for found in self.values.values()
        ]
        return None if None in counts else math.prod(c for c in counts if c is not None)

    def of_grid(self, place: int) -> tuple[str, ...]:
        """Return the settings at a place of a finite space; the last key's values change first."""
        found = []
        for key, choices in reversed(list(self.values.items())):
            assert not isinstance(choices, Interval)
            place, at = divmod(place, len(choices))
            found.append(f"{key}={choices[at]}")
        return tuple(reversed(found))

    def drawn(self, most: int) -> tuple[tuple[str, ...], ...]:
        """Return all settings of a small space, else so many draws, always the same."""
        size = self.size
        if size is None:
            draw = random.Random(str(self))
            return tuple(self._draw(draw) for _ in range(most))
        places: Sequence[int] = range(size)
        if size > most:
            # as it ever was drawn: a table's trials are always the same
            lists = {k: [*v] for k, v in self.values.items() if not isinstance(v, Interval)}
            places = sorted(random.Random(str(lists)).sample(places, most))
        return tuple(self.of_grid(place) for place in places)

    def corners(self) -> tuple[tuple[str, ...], ...]:
        """Return the settings of all first values, of all last ones, and so through the longest."""
        most = max(
            (2 if isinstance(found, Interval) else len(found) for found in self.values.values()),
            default=0,
        )
        return tuple(
            tuple(
                f"{key}={found.at(n / max(most - 1, 1))}"
                if isinstance(found, Interval)
                else f"{key}={found[n % len(found)]}"
                for key, found in self.values.items()
            )
            for n in range(most)
        )

    def typed(self) -> tuple[str, ...]:
        """Return the space as it would be typed: ``key=choice(a,b)`` or ``key=interval(a,b)``."""
        return tuple(
            f"{key}={found}" if isinstance(found, Interval) else f"{key}=choice({','.join(found)})"
            for key, found in self.values.items()
        )

    def __str__(self) -> str:
        return " ".join(self.typed())

    def _draw(self, draw: random.Random) -> tuple[str, ...]:
        def one(found: tuple[str, ...] | Interval) -> str:
            return found.at(draw.random()) if isinstance(found, Interval) else draw.choice(found)

        return tuple(f"{key}={one(found)}" for key, found in self.values.items())


def of(node: Mapping[str, Any]) -> Space:
    """Return the space of settings with their values, as YAML has them.

    Raises:
        InputError: The key, and what is wrong with its values; ``where`` is the caller's to say.
    """
    return Space({key: _values(key, found) for key, found in node.items()})


def word(value: Any) -> str:
    """Return a value of YAML as an override has it."""
    if isinstance(value, list | tuple):
        return f"[{','.join(map(word, value))}]"
    if value is None or isinstance(value, bool):
        return {True: "true", False: "false", None: "null"}[value]
    return str(value)


def _values(key: str, found: Any) -> tuple[str, ...] | Interval:
    if isinstance(found, Mapping):
        return _interval(key, found)
    if not isinstance(found, list):
        raise InputError(
            f"{key}: is {found!r}; write a list of values, or an interval {{low: …, high: …}}."
        )
    if not found:
        raise InputError(f"{key}: is empty; list the values to choose from.")
    words = tuple(map(word, found))
    twice = next((each for at, each in enumerate(words) if each in words[:at]), None)
    if twice is not None:
        raise InputError(f"{key}: {twice} stands twice; leave one out.")
    return words


def _interval(key: str, node: Mapping[str, Any]) -> Interval:
    for name, value in node.items():
        if name not in KEYS:
            raise InputError(f"{key}.{name}: no such key; an interval has {', '.join(KEYS)}.")
        right = bool if name in ("log", "whole") else int | float
        if not isinstance(value, right) or (right is not bool and isinstance(value, bool)):
            what = "true or false" if right is bool else "a number"
            raise InputError(f"{key}.{name}: is {value!r}; write {what}.")
    for name in ("low", "high"):
        if name not in node:
            raise InputError(f"{key}.{name}: is missing; an interval has a low and a high end.")
    found = Interval(**node)
    if not found.low < found.high:
        raise InputError(f"{key}: low must be below high, not {found.low:g} and {found.high:g}.")
    if found.log and found.low <= 0:
        raise InputError(f"{key}: log: true needs low above 0, not {found.low:g}.")
    if found.whole and (found.low != int(found.low) or found.high != int(found.high)):
        raise InputError(f"{key}: whole: true needs whole numbers for low and high.")
    return found


def _between(low: float, high: float, share: float) -> float:
    return low + (high - low) * share
