"""How the learning rate moves while training goes on."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

WARM_UP = 0.3  # one-cycle: share of steps in which the rate rises
FIRST, LAST = 1 / 25, 1e-5  # one-cycle: the first and the last step's parts of the largest rate


class Schedule(ABC):
    """The learning rate of each step as a part of the largest, ``optimizer.lr``.

    ``patient_from``: share of the epochs after which patience counts; a rate that still rises says
    nothing of what a run will come to.
    """

    patient_from: ClassVar[float] = 0.0

    @abstractmethod
    def rate(self, step: int, steps: int) -> float:
        """Return the part of the largest rate.

        Args:
            step: from 0, over the whole training.
            steps: how many there are at most.

        Returns:
            A finite number, 0 or more; a function of the step alone, so that a run that was stopped
            goes on as if nothing had happened.
        """


class OneCycle(Schedule):
    """A cosine up to the largest rate and down to almost nothing (Smith & Topin 2018)."""

    patient_from = 2 / 3

    def rate(self, step: int, steps: int) -> float:
        """Return the part of the largest rate."""
        if steps <= 1:
            return 1.0
        rise = max(1.0, WARM_UP * steps - 1)
        if step <= rise:
            return _cosine(FIRST, 1.0, step / rise)
        return _cosine(1.0, LAST, (step - rise) / max(1.0, steps - 1 - rise))


class Constant(Schedule):
    """The same rate at every step."""

    def rate(self, step: int, steps: int) -> float:
        """Return 1."""
        return 1.0


SCHEDULES: Mapping[str, type[Schedule]] = {"onecycle": OneCycle, "constant": Constant}


def _cosine(start: float, end: float, part: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * min(max(part, 0.0), 1.0))) / 2
