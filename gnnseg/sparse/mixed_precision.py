"""Mixed precision: in which type the products of a training step are computed.

Weights, losses and gradients are float32 whatever is chosen. What products read may hold fewer
bits, which takes less memory traffic (Micikevicius et al. 2018).
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import torch


class _Here(threading.local):
    messages: torch.dtype | None = None


_HERE = _Here()


def message_type() -> torch.dtype | None:
    """Return the type of the rows that a product with a fixed matrix reads; None: as they are."""
    return _HERE.messages


@contextlib.contextmanager
def mixed_precision(name: str, device: torch.device) -> Iterator[None]:
    """Compute products so, in this thread.

    Args:
        name: 'float32': as the operands are. 'tf32': on a GPU, dense products of float32 read 10 of
            their 23 bits (TF32). 'bf16': also, on any device, the rows that are passed along the
            edges of the graph, and their sums, hold 8 bits (bfloat16).
        device: Where is computed.
    """
    messages, before = _HERE.messages, torch.get_float32_matmul_precision()
    _HERE.messages = torch.bfloat16 if name == "bf16" else None
    if device.type == "cuda":
        torch.set_float32_matmul_precision("highest" if name == "float32" else "high")
    try:
        yield
    finally:
        _HERE.messages = messages
        if device.type == "cuda":
            torch.set_float32_matmul_precision(before)
