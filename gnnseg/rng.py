"""One seed, many independent named generators, each a function of (seed, name, step).

So no generator state is saved. What is drawn in a training step comes from a ``Stream``, counter
based, so that each device draws for itself and all draw the same bits; what is drawn once comes
from a generator on the CPU and is moved.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

GAMMA = 0x9E3779B97F4A7C15 - 2**64  # SplitMix64's constants (Steele, Lea & Flood 2014), as int64
FIRST, SECOND = 0xBF58476D1CE4E5B9 - 2**64, 0x94D049BB133111EB - 2**64
BLOCK = 1 << 15  # counters mixed at once on a CPU: they stay in its cache


@dataclass(frozen=True)
class Rng:
    """A point in the tree of draws: ``Rng(seed).child('encoder').at(step).torch('dropout')``.

    0 is a seed like any other.
    """

    seed: int
    scope: str = ""
    step: int | Tensor = 0

    def child(self, name: str) -> Rng:
        """Return the point below this one that is called so."""
        return replace(self, scope=f"{self.scope}/{name}")

    def at(self, step: int | Tensor) -> Rng:
        """Return the same point at a step; a tensor: for streams alone, see ``stream``."""
        return replace(self, step=step)

    def number(self, name: str) -> int:
        """Return 63 bits that depend on (seed, scope, name, step) alone.

        Raises:
            TypeError: where the step is a tensor: what is drawn on the CPU cannot be replayed.
        """
        if isinstance(self.step, Tensor):
            raise TypeError(f"{self.scope}/{name}: draws on the CPU, so that it cannot be replayed")
        digest = hashlib.sha256(f"{self.seed}|{self.scope}/{name}|{self.step}".encode()).digest()
        return int.from_bytes(digest[:8], "little") >> 1

    def stream(self, name: str, device: torch.device | str) -> Stream:
        """Return draws on a device, the same bits on each.

        ``step`` may be a tensor there, int64 of no dimension, as where a step is recorded once and
        replayed; what draws otherwise cannot be.
        """
        digest = hashlib.sha256(f"{self.seed}|{self.scope}/{name}".encode()).digest()
        return Stream(int.from_bytes(digest[:8], "little", signed=True), self.step, device)

    def torch(self, name: str) -> torch.Generator:
        """Return a generator of torch, on the CPU."""
        return torch.Generator().manual_seed(self.number(name))

    def numpy(self, name: str) -> np.random.Generator:
        """Return a generator of numpy."""
        return np.random.default_rng(self.number(name))


class Stream:
    """Counter-based draws: number n of a stream is a function of (key, step, n) alone.

    SplitMix64 (Steele, Lea & Flood 2014): the n-th output is the mixed n-th multiple of a constant,
    from a start that is itself mixed of key and step. Integer arithmetic alone, and conversions
    that are exact, so that CPU and GPU agree to the bit. Each call goes on where the last ended.

    Args:
        key: 64 bits of seed and name.
        step: of training, an int or an int64 tensor without dimension on the device.
        device: where the draws are made.
    """

    def __init__(self, key: int, step: int | Tensor, device: torch.device | str) -> None:
        self.device = torch.device(device)
        if not isinstance(step, Tensor):
            step = torch.full((), step, dtype=torch.int64, device=self.device)
        self._begin = _mixed(step * GAMMA + key)
        self._drawn = 0

    def bits(self, shape: Sequence[int]) -> Tensor:
        """Draw 64 bits each, int64."""
        count = int(np.prod(shape, dtype=np.int64))
        size = BLOCK if self.device.type == "cpu" else max(count, 1)
        out = torch.arange(
            self._drawn + 1, self._drawn + count + 1, dtype=torch.int64, device=self.device
        )
        for part in torch.split(out, size):
            _mixed(part.mul_(GAMMA).add_(self._begin))
        self._drawn += count
        return out.view(tuple(shape))

    def integers(self, below: int | Tensor, shape: Sequence[int]) -> Tensor:
        """Draw integers from 0 up to but not ``below``, int64.

        ``below``: 1 or more; a tensor is one bound for each, of a shape that broadcasts.
        """
        return self.bits(shape).bitwise_and_(2**62 - 1).remainder_(below)

    def uniform(self, shape: Sequence[int], dtype: torch.dtype = torch.float32) -> Tensor:
        """Draw from [0, 1), as fine as the type can be (24 or 53 bits)."""
        fine = 53 if dtype == torch.float64 else 24
        high = self.bits(shape).bitwise_right_shift_(64 - fine).bitwise_and_(2**fine - 1)
        return high.to(dtype).mul_(2.0**-fine)

    def permutation(self, count: int) -> Tensor:
        """Draw an order of 0 to count - 1, (count,)."""
        return self.bits((count,)).argsort(stable=True)


def _mixed(x: Tensor) -> Tensor:
    """Mix 64 bits in place; a right shift fills with zeros, which int64's own does not."""
    for shift, factor in ((30, FIRST), (27, SECOND)):
        x.bitwise_xor_((x >> shift).bitwise_and_((1 << (64 - shift)) - 1)).mul_(factor)
    return x.bitwise_xor_((x >> 31).bitwise_and_((1 << 33) - 1))
