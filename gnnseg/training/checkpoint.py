"""All that resuming needs, in one file that commits by one rename."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gnnseg.data.atomic import atomic

EVERY_SECONDS = (
    30.0  # between evaluations; only how much a crash costs depends on it, never the result
)


@dataclass
class State:
    """Where training stands. ``waited``: evaluations without a better value; ``sums``: losses since
    the last line."""

    epoch: int = 0
    batch: int = 0
    step: int = 0
    best_epoch: int = 0
    best_value: float | None = None
    waited: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    counted: int = 0
    logged_bytes: int = 0
    done: bool = False


class Checkpoint:
    """``state.pt``: weights, best weights, optimiser, counters, and the length of metrics.jsonl at
    that moment.

    ``path`` None: the best weights are kept in memory, and nothing is written.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self.best: dict[str, Tensor] | None = None
        self._last = time.monotonic()

    def save(self, state: State, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        if self.path is None:
            return
        content = {
            "state": asdict(state),
            "model": model.state_dict(),
            "best": self.best,
            "optimizer": optimizer.state_dict(),
            "where": fingerprint_of_machine(),
        }
        with atomic(self.path) as aside:
            torch.save(content, aside)
        self._last = time.monotonic()

    def exists(self) -> bool:
        return self.path is not None and self.path.exists()

    def due(self) -> bool:
        return time.monotonic() - self._last > EVERY_SECONDS

    def load(
        self, model: nn.Module, optimizer: torch.optim.Optimizer, device: torch.device
    ) -> tuple[State, bool]:
        """The stored state, and whether going on from it is exact (same torch, processor and thread
        count)."""
        assert self.path is not None
        content: dict[str, Any] = torch.load(self.path, map_location=device, weights_only=True)
        model.load_state_dict(content["model"])
        optimizer.load_state_dict(content["optimizer"])
        best = content["best"]
        self.best = None if best is None else {name: value.cpu() for name, value in best.items()}
        return State(**content["state"]), content["where"] == fingerprint_of_machine()

    def keep_best(self, model: nn.Module) -> None:
        self.best = {
            name: value.detach().cpu().clone() for name, value in model.state_dict().items()
        }


def fingerprint_of_machine() -> dict[str, Any]:
    """What bit for bit means here: torch, CPU model, threads."""
    return {
        "torch": str(torch.__version__),
        "cpu": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
    }
