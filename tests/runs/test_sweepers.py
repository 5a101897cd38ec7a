"""Sweepers that seek: what they seek, and what a failed job is worth to them."""

import math
from typing import Any

import pytest

from gnnseg import config
from gnnseg.runs import sweepers

OPTUNA, NEVERGRAD = "hydra.sweeper.direction", "hydra.sweeper.optim.maximize"
AX = "hydra.sweeper.ax_config.experiment.minimize"


def of(monkeypatch: pytest.MonkeyPatch, **settings: str) -> None:
    monkeypatch.setattr(config, "of_hydra", lambda key: settings.get(key))


@pytest.mark.parametrize(
    ("setting", "value", "worst"),
    [
        (OPTUNA, "maximize", -math.inf), (OPTUNA, "minimize", math.inf),
        (NEVERGRAD, "true", -math.inf), (NEVERGRAD, "false", math.inf),
        (AX, "false", -math.inf), (AX, "true", math.inf),
    ],
)  # fmt: skip
def test_a_failure_is_the_worst(
    monkeypatch: pytest.MonkeyPatch, setting: str, value: str, worst: float
) -> None:
    of(monkeypatch, **{setting: value})
    assert sweepers.seeks()
    assert sweepers.failure() == worst
    greater = worst < 0
    sweepers.refuse_wrong_direction("valid/ndcg@20", greater)
    with pytest.raises(sweepers.WrongDirection, match=rf"say {setting}=(?!{value})\w+\."):
        sweepers.refuse_wrong_direction("valid/ndcg@20", not greater)


def test_hydras_own_sweeper_seeks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    of(monkeypatch)
    assert not sweepers.seeks()
    assert sweepers.failure() is None
    sweepers.refuse_wrong_direction("valid/ndcg@20", True)


def test_hydras_settings_are_read_as_they_are_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    from enum import Enum

    from hydra.core.hydra_config import HydraConfig
    from omegaconf import OmegaConf

    direction = Enum("Direction", ["minimize", "maximize"])
    composed: Any = OmegaConf.create({"hydra": {"sweeper": {"direction": direction.maximize}}})
    monkeypatch.setattr(HydraConfig.instance(), "cfg", composed)
    assert config.of_hydra(OPTUNA) == "maximize"
    assert config.of_hydra(AX) is None
    monkeypatch.setattr(HydraConfig.instance(), "cfg", None)
    assert config.of_hydra(OPTUNA) is None
