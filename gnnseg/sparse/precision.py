"""Mixed precision: in which type messages are passed along the edges of the graph.

Weights, losses, gradients and dense products keep their type. A product with a matrix of the graph
is bound by the memory it reads, and bfloat16 halves it (Kalamkar et al. 2019); sums are float32.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import torch

TYPES = {"float32": None, "bf16": torch.bfloat16}


@dataclass
class MessageType:
    """In which type messages are read, None: as they are; and whether any were."""

    dtype: torch.dtype | None = None
    read: bool = False


class _Here(threading.local):
    now = MessageType()


_HERE = _Here()


def message_type() -> torch.dtype | None:
    """Return the type in which messages are read here and now; None: as they are."""
    _HERE.now.read = True
    return _HERE.now.dtype


@contextlib.contextmanager
def mixed_precision(name: str) -> Iterator[MessageType]:
    """Pass messages so in this thread, forward and in the gradients of what is computed inside.

    Args:
        name: 'float32': as they are. 'bf16': what is sent, the weights of the edges, and each sum
            when it is done are bfloat16, which has 7 of float32's 23 bits behind the point.
    """
    before, _HERE.now = _HERE.now, MessageType(TYPES[name])
    try:
        yield _HERE.now
    finally:
        _HERE.now = before
