"""Learned on a logger's log, a policy earns nearly the optimum of planted users; without the
off-policy weights it does not."""

from pathlib import Path

import numpy as np
import pytest
import torch

from gnnseg import config
from gnnseg.data.sets.answers import Answers
from gnnseg.runs import train as pipeline
from gnnseg.runs.run import Run
from gnnseg.simulator import Crowd, served
from gnnseg.types import Policy

SET = [
    "data=planted", "data.users=400", "data.items=60", "data.segments=3", "data.interactions=3600",
    "data.log_events=30000",
    "data.logger=1", "experiment=policy", "head.segments=3", "encoder=mf",
    "trainer.max_epochs=120", "threads=1",
]  # fmt: skip
PLAIN = ["objective.baseline=none", "objective.cap=null"]


def share(overrides: list[str], root: Path) -> float:
    """The served policy's true value, as a part of the best deterministic policy's."""
    composed = config.compose([*SET, *overrides, f"runs.root={root}"])
    config.check(composed)
    run = Run.load(pipeline.train(composed, say=lambda line: None, progress=False).path)
    split = pipeline.read(composed, lambda line: None)
    has_UI = np.zeros((len(split.users), len(split.items)), dtype=bool)
    for pairs in split.parts.values():
        has_UI[pairs.user, pairs.item] = True
    crowd = Crowd(Answers.of(split.truth, split.name), has_UI)
    with torch.no_grad():
        assert isinstance(run.stored.scorer, Policy)
        value = crowd.value(served(run.stored.scorer, has_UI))
    return float(value.mean() / crowd.optimum().mean())


@pytest.mark.slow
def test_the_weights_matter(tmp_path: Path) -> None:
    robust, weighted = share([], tmp_path), share(PLAIN, tmp_path)
    unweighted = share([*PLAIN, "objective.importance=none"], tmp_path)
    assert robust > 0.87
    assert unweighted < weighted - 0.1
