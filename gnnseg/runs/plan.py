"""What a model is trained by, wherever its weights and figures go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from gnnseg.config import build
from gnnseg.config.extensions import parts
from gnnseg.distributed.ranks import ALONE, Ranks
from gnnseg.evaluation.protocol import Protocol
from gnnseg.rng import Rng
from gnnseg.training.settings import TrainerSettings
from gnnseg.types import Pairs, Split


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A configuration, its data and its device: all that a training's result depends on.

    Of the configuration is built what needs no model. ``train_pairs`` are trained on, what is
    validated is ``split``'s. Under ``paper`` the test is monitored. ``ranks``: the processes that
    train together.
    """

    config: Mapping[str, Any]
    split: Split
    train_pairs: Pairs
    protocol: Protocol
    device: torch.device
    ranks: Ranks = ALONE
    rng: Rng = field(init=False)
    settings: TrainerSettings = field(init=False)

    @staticmethod
    def of(
        config: Mapping[str, Any], split: Split, device: torch.device, ranks: Ranks = ALONE
    ) -> Plan:
        """Return the plan of a configuration, trained on what its protocol trains on."""
        protocol: Protocol = build(config["evaluation"], parts(config, "metrics"))
        return Plan(
            config=config, split=split, train_pairs=protocol.training_pairs(split),
            protocol=protocol, device=device, ranks=ranks,
        )  # fmt: skip

    def __post_init__(self) -> None:
        settings: TrainerSettings = build(self.config["trainer"])
        if self.protocol.protocol == "paper":
            settings = replace(settings, monitor=settings.monitor.replace("valid/", "test/"))
        object.__setattr__(self, "settings", settings)
        object.__setattr__(self, "rng", Rng(int(self.config["seed"])))
