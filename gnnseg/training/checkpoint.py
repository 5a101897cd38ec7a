"""All that resuming needs, in one file that commits by one rename."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gnnseg.data.atomic import atomic
from gnnseg.distributed.ranks import ALONE, Ranks
from gnnseg.training.sharding import Shards

EVERY_SECONDS = 30.0  # between saves within an epoch; what a crash costs, never the result


@dataclass
class State:
    """Where training stands.

    Args:
        epoch: epochs that are finished.
        batch: steps taken of the epoch that is not.
        step: steps taken in all.
        best_epoch: after which the monitored value was best.
        best_value: the monitored value there.
        validation: all that was measured there.
        waited: validations without a better value.
        sums: losses since the last line of metrics.
        counted: steps since then.
        logged_bytes: the length of metrics.jsonl.
        done: training has ended.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    best_epoch: int = 0
    best_value: float | None = None
    validation: dict[str, float] = field(default_factory=dict)
    waited: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    counted: int = 0
    logged_bytes: int = 0
    done: bool = False

    def count(self) -> None:
        """Count a step that was taken."""
        self.step += 1
        self.batch += 1
        self.counted += 1

    def add(self, losses: Mapping[str, float]) -> None:
        """Add losses of steps that were counted."""
        for name, value in losses.items():
            self.sums[name] = self.sums.get(name, 0.0) + value

    def means(self) -> dict[str, float]:
        """Return the mean losses since the last line, and begin anew."""
        found = {f"train/{name}": total / max(self.counted, 1) for name, total in self.sums.items()}
        self.sums, self.counted = {}, 0
        return found


class Checkpoint:
    """``state.pt``: weights, best weights, optimiser, counters, and what callbacks keep.

    Args:
        path: of the file; None: the best weights are kept in memory, and nothing is written.
        ranks: the processes that train together: the first reads, writes and keeps for all.
    """

    def __init__(self, path: Path | None = None, ranks: Ranks = ALONE) -> None:
        self.path, self.ranks = path, ranks
        self.shards: Shards | None = None
        self.best: dict[str, Tensor] | None = None
        self.kept: dict[str, dict[str, Any]] = {}
        self._last = time.monotonic()

    def save(
        self,
        state: State,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        kept: Mapping[str, Any] | None = None,
    ) -> None:
        """Write everything by one rename.

        Args:
            state: where training stands.
            model: with the weights of now.
            optimizer: with its state.
            kept: what callbacks keep, plain values, or None.
        """
        weights, steps = self._whole(model), optimizer.state_dict()
        if self.shards is not None:
            steps = self.shards.whole_steps(steps)
        if self.path is None or not self.ranks.first:
            return
        content = {
            "state": asdict(state),
            "model": weights,
            "best": self.best,
            "optimizer": steps,
            "where": fingerprint_of_machine(),
            **({"callbacks": dict(kept)} if kept else {}),
        }
        with atomic(self.path) as aside:
            torch.save(content, aside)
        self._last = time.monotonic()

    def _whole(self, model: nn.Module) -> dict[str, Any]:
        """Return the weights of now, of all users."""
        weights = model.state_dict()
        return weights if self.shards is None else self.shards.whole(weights)

    def exists(self) -> bool:
        """Return whether there is a state to go on from."""
        there: bool = self.ranks.told(self.path is not None and self.path.exists())
        return there

    def due(self) -> bool:
        """Return whether it is time to save within an epoch, which the first process says."""
        if self.path is None or not self.ranks.first:
            return False
        return time.monotonic() - self._last > EVERY_SECONDS

    def load(
        self, model: nn.Module, optimizer: torch.optim.Optimizer, device: torch.device
    ) -> tuple[State, bool]:
        """Give model and optimiser back what is stored.

        Returns:
            The stored state, and whether going on from it is exact (same torch, processor and
            thread count).
        """
        content: dict[str, Any] = {}
        if self.ranks.first:
            assert self.path is not None
            where = device if self.ranks.alone else torch.device("cpu")
            content = torch.load(self.path, map_location=where, weights_only=True)
        content = self.ranks.told(content)
        weights, steps = content["model"], content["optimizer"]
        if self.shards is not None:
            weights, steps = self.shards.mine(weights), self.shards.my_steps(steps)
        model.load_state_dict(weights)
        optimizer.load_state_dict(steps)
        self.kept, best = content.get("callbacks", {}), content["best"]
        self.best = None if best is None else {name: value.cpu() for name, value in best.items()}
        state = State(**content["state"])
        if state.best_value is not None and not math.isfinite(state.best_value):
            state.best_value = None  # as states of before may have it: none was ever above it
        return state, content["where"] == fingerprint_of_machine()

    def keep_best(self, model: nn.Module) -> None:
        """Copy the weights of now to the CPU as the best."""
        weights = self._whole(model)
        if self.ranks.first:
            self.best = {name: value.detach().cpu().clone() for name, value in weights.items()}

    def restore_best(self, model: nn.Module) -> None:
        """Give the model its best weights, of all users and in every process."""
        if self.ranks.first:
            assert self.best is not None
            model.load_state_dict(self.best)
        self.ranks.copied(model.state_dict().values())


def fingerprint_of_machine() -> dict[str, Any]:
    """Return what bit for bit means here: torch, CPU model, threads."""
    return {
        "torch": str(torch.__version__),
        "cpu": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
    }
