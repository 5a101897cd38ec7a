"""Code of the user's own that runs while training goes on, at four moments.

It can break neither determinism nor resuming silently: while it runs, the global generators of
Python, numpy and torch are seeded from the run's seed and the step, and come back afterwards; its
attributes are stored with the checkpoint, or refused where they cannot be.
"""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gnnseg.models.model import Model
from gnnseg.rng import Rng
from gnnseg.types import InputError

_GLOBAL = threading.RLock()  # the global generators are the process's
MOMENTS = ("begin", "after_step", "after_evaluation", "end")
PLAIN = (bool, int, float, str, Tensor, type(None))


@dataclass(frozen=True)
class Moment:
    """Where training stands.

    Args:
        model: as it is; what a callback changes in it is trained on.
        epoch: epochs that are finished.
        step: steps that are taken.
        rng: of this moment, for whatever is drawn.
    """

    model: Model
    epoch: int
    step: int
    rng: Rng


class Callback:
    """What looks on, or takes a hand, while a model is trained; override what is needed.

    Attributes are stored with the checkpoint and come back when an interrupted run goes on: keep
    numbers, text, tensors, and lists and dicts of them.
    """

    def begin(self, moment: Moment) -> None:
        """Look on before the first step, and where a run goes on.

        In the second case the stored attributes come back right after this.
        """

    def after_step(self, moment: Moment, losses: Mapping[str, float]) -> None:
        """Look on after a step.

        Args:
            moment: where training stands.
            losses: of the step: loss, then the objective and each term.
        """

    def after_evaluation(self, moment: Moment, metrics: Mapping[str, float]) -> None:
        """Look on after a validation.

        Args:
            moment: where training stands.
            metrics: what was measured, by name.
        """

    def end(self, moment: Moment) -> None:
        """Look on after the last step; the model holds the last weights, not the best."""


class Callbacks:
    """All callbacks of a run, in their order.

    Args:
        callbacks: by name.
        rng: of the training.

    Raises:
        InputError: where one overrides none of the four moments: nobody would ever call it.
    """

    def __init__(self, callbacks: Mapping[str, Callback], rng: Rng) -> None:
        for name, callback in callbacks.items():
            kind = type(callback)
            if all(getattr(kind, moment) is getattr(Callback, moment) for moment in MOMENTS):
                raise InputError(
                    f"trainer.callbacks.{name}: {kind.__name__} overrides no moment of a callback; "
                    f"define one of {', '.join(MOMENTS)}."
                )
        self._callbacks, self._rng = callbacks, rng

    def call(self, hook: str, model: Model, epoch: int, step: int, *given: Any) -> None:
        """Call one hook of every callback, with mappings it cannot write to."""
        if not self._callbacks:
            return
        given = tuple(MappingProxyType(dict(values)) for values in given)
        for name, callback in self._callbacks.items():
            rng = self._rng.child(f"callback {name}").at(step)
            with _seeded(rng.number(hook)):
                getattr(callback, hook)(Moment(model, epoch, step, rng), *given)

    def kept(self) -> dict[str, dict[str, Any]]:
        """Return what a checkpoint holds of the callbacks: their attributes.

        Raises:
            InputError: for an attribute that cannot be stored, so that going on would not be exact.
        """
        found = {name: dict(vars(callback)) for name, callback in self._callbacks.items()}
        for name, attributes in found.items():
            for key, value in attributes.items():
                if not _is_plain(value):
                    raise InputError(
                        f"trainer.callbacks.{name}: its attribute {key} is of type "
                        f"{type(value).__name__}, which a checkpoint cannot hold, so that an "
                        "interrupted run would end differently; keep numbers, text, tensors, lists "
                        "or dicts."
                    )
        return found

    def restore(self, kept: Mapping[str, Mapping[str, Any]]) -> None:
        """Give the callbacks the attributes of a checkpoint back."""
        for name, attributes in kept.items():
            vars(self._callbacks[name]).update(attributes)


def _is_plain(value: Any) -> bool:
    if isinstance(value, Mapping):
        return type(value) is dict and all(
            _is_plain(part) for pair in value.items() for part in pair
        )
    if isinstance(value, list | tuple):
        return type(value) in (list, tuple) and all(_is_plain(part) for part in value)
    return type(value) in PLAIN


@contextlib.contextmanager
def _seeded(number: int) -> Iterator[None]:
    """Seed the global generators, and put them back as they were."""
    devices = list(range(torch.cuda.device_count()))
    with _GLOBAL, torch.random.fork_rng(devices):
        python, numpy = random.getstate(), np.random.get_state()
        torch.manual_seed(number)
        random.seed(number)
        np.random.seed(number % 2**32)
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)
