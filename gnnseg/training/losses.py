"""Losses of training steps, summed where they are computed and read when somebody looks."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from gnnseg.training.checkpoint import State
from gnnseg.types import InputError

EVERY = 50  # steps between two readings on a device that computes while the host goes on


class Losses:
    """The losses of steps since they were last read; to read them is to wait for the device.

    Args:
        state: of the training; its steps are counted here, and its sums made of what is read.
        every: steps between two readings; 1: each.
    """

    def __init__(self, state: State, every: int) -> None:
        self._state, self._every = state, every
        self._names: tuple[str, ...] = ()
        self._total: Tensor | None = None
        self._newest: Tensor | None = None
        self.last: dict[str, float] = {}

    def add(self, losses: Mapping[str, Tensor]) -> None:
        """Count a step and its losses, 'loss' their sum."""
        self._names = tuple(losses)
        self._newest = torch.stack([value.detach() for value in losses.values()]).double()
        self._total = self._newest if self._total is None else self._total + self._newest
        self._state.count()

    def due(self, last: bool) -> bool:
        """Return whether it is time to read them; ``last``: the epoch is at its end."""
        return last or self._state.step % self._every == 0

    def read(self) -> dict[str, float]:
        """Add what was summed to the state, and return the last step's losses, ``last``.

        Raises:
            InputError: where a loss is no number.
        """
        if self._total is None or self._newest is None:
            return self.last
        total, last = torch.stack([self._total, self._newest]).tolist()
        self._refuse_nan(dict(zip(self._names, total, strict=True)))
        self._state.add(dict(zip(self._names, total, strict=True)))
        self._total, self.last = None, dict(zip(self._names, last, strict=True))
        return self.last

    def _refuse_nan(self, values: Mapping[str, float]) -> None:
        """Refuse losses of which one, or the sum of several steps, is no number."""
        bad = [name for name, value in values.items() if not math.isfinite(value)]
        if bad:
            name = next((one for one in bad if one != "loss"), "loss")
            step = self._state.step - 1
            at = f"step {step}" if self._every == 1 else f"step {step}, or some steps before it"
            raise InputError(
                f"train/{name} became {values[name]} at {at} (epoch {self._state.epoch}): "
                "training has diverged; lower optimizer.lr or raise the head's temperatures."
            )
