"""One seed, many independent named generators, each a function of (seed, name, step).

So no generator state is saved. Draws are made on the CPU and moved to the device, so that a CUDA
run sees the same numbers as a CPU run.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import numpy as np
import torch


@dataclass(frozen=True)
class Rng:
    """A point in the tree of draws: ``Rng(seed).child('encoder').at(step).torch('dropout')``.

    0 is a seed like any other.
    """

    seed: int
    scope: str = ""
    step: int = 0

    def child(self, name: str) -> Rng:
        """Return the point below this one that is called so."""
        return replace(self, scope=f"{self.scope}/{name}")

    def at(self, step: int) -> Rng:
        """Return the same point at a step."""
        return replace(self, step=step)

    def number(self, name: str) -> int:
        """Return 63 bits that depend on (seed, scope, name, step) alone."""
        digest = hashlib.sha256(f"{self.seed}|{self.scope}/{name}|{self.step}".encode()).digest()
        return int.from_bytes(digest[:8], "little") >> 1

    def torch(self, name: str) -> torch.Generator:
        """Return a generator of torch, on the CPU."""
        return torch.Generator().manual_seed(self.number(name))

    def numpy(self, name: str) -> np.random.Generator:
        """Return a generator of numpy."""
        return np.random.default_rng(self.number(name))
