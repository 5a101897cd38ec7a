"""Sweeps: launched by Hydra's sweeper, or listed without being run."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

from gnnseg.config.composition.loading import loader, searchpath
from gnnseg.config.composition.sentences import one_sentence
from gnnseg.config.names import conf_folder

BASIC = "hydra._internal.core_plugins.basic_sweeper.BasicSweeper"


def launch(arguments: list[str], task: Callable[[list[str]], Any]) -> None:
    """Run a task as Hydra's command line says.

    Args:
        arguments: Hydra's own; under ``-m`` its sweeper and launcher make many jobs of it.
        task: Called with each job's overrides.
    """
    import hydra

    def job(node: Any) -> Any:
        from hydra.core.hydra_config import HydraConfig

        logger.disabled = False  # Hydra has disabled every logger that was there
        return task([str(override) for override in HydraConfig.get().overrides.task])

    logger = logging.getLogger("gnnseg")
    before, full = sys.argv, os.environ.get("HYDRA_FULL_ERROR")
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    logging.getLogger("hydra._internal.hydra").disabled = False  # an earlier launch may have
    sys.argv = ["gnnseg train", *arguments]
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        with one_sentence(arguments):
            hydra.main(version_base="1.3", config_path=str(conf_folder()), config_name="config")(
                job
            )()
    finally:
        sys.argv, logger.disabled = before, False
        root.handlers[:] = handlers  # --info has it print all there is
        root.setLevel(level)
        os.environ.pop("HYDRA_FULL_ERROR") if full is None else os.environ.__setitem__(
            "HYDRA_FULL_ERROR", full
        )


def job_number() -> int | None:
    """Return the job's place in its sweep; None outside one."""
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    if not HydraConfig.initialized() or HydraConfig.get().mode != RunMode.MULTIRUN:
        return None
    return int(HydraConfig.get().job.num)


def of_hydra(key: str) -> str | None:
    """Return a setting of Hydra's own, such as hydra.sweeper.direction, of the job at work.

    As it would be typed; None where there is none.
    """
    from enum import Enum

    from hydra.core.hydra_config import HydraConfig
    from omegaconf import OmegaConf

    composed = HydraConfig.instance().cfg
    value = None if composed is None else OmegaConf.select(cast(Any, composed), key)
    if isinstance(value, Enum):
        return value.name
    return None if value is None else str(value).lower()


def jobs(overrides: Sequence[str], folders: Sequence[Path]) -> list[list[str]] | None:
    """Return the overrides of each job of a sweep, in the order in which they would run.

    None where a sweeper of another kind than Hydra's own chooses them one after the other.

    Args:
        overrides: Of the sweep, ``seed=0,1``.
        folders: More places to look for groups.

    Raises:
        InputError: Something in it cannot be meant.
    """
    given = [*overrides, *searchpath(folders)]
    with one_sentence(given), loader(given) as found:
        from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
        from hydra.core.override_parser.overrides_parser import OverridesParser
        from hydra.types import RunMode

        node = found.load_configuration("config", given, RunMode.MULTIRUN).hydra
        if node.sweeper._target_ != BASIC:
            return None
        params = [f"{key}={value}" for key, value in (node.sweeper.params or {}).items()]
        parser = OverridesParser.create(config_loader=found)
        parsed = parser.parse_overrides([*params, *node.overrides.task])
        return [job for batch in BasicSweeper.split_arguments(parsed, None) for job in batch]
