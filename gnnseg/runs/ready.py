"""What is asked of a run, and what stands ready before its first step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from gnnseg.distributed.ranks import ALONE, Ranks
from gnnseg.models.fitted import FittedModel
from gnnseg.models.model import Model
from gnnseg.runs import earlier, inputs
from gnnseg.runs.assembly import assemble, fitted, refuse_large, say_what_is_sampled
from gnnseg.runs.earlier import EarlierRun
from gnnseg.runs.folder import RunFolder
from gnnseg.runs.identity import Identity
from gnnseg.runs.inputs import Inputs
from gnnseg.runs.job import Job, Watch
from gnnseg.runs.plan import Plan
from gnnseg.types import Split

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class RunRequest:
    """One run as it is asked for, its data read."""

    config: Mapping[str, Any]
    split: Split
    identity: Identity
    device: torch.device
    why: str
    sweep: str | None
    number: int | None
    say: Say
    progress: bool
    watch: Watch | None
    ranks: Ranks

    def job(self, folder: RunFolder) -> Job:
        """Return how it is done, its results going to a folder.

        Raises:
            InputError: The protocol has nothing to evaluate there, or measures not what is
                monitored.
        """
        ranks = ALONE if self.config["baseline"] else self.ranks
        plan = Plan.of(self.config, self.split, self.device, ranks)
        plan.protocol.refuse_unjudged(self.split)
        plan.protocol.refuse_unmeasured(plan.settings.monitor, self.split)
        return Job(
            plan=plan, identity=self.identity, folder=folder, say=self.say,
            progress=self.progress, watch=self.watch,
        )  # fmt: skip


@dataclass(frozen=True)
class Ready:
    """What is about to be trained or fitted, what it is given, and the run it starts from."""

    model: Model | FittedModel
    given: Inputs
    before: EarlierRun | None


def assembled(job: Job) -> Ready:
    """Return the model of a job, untrained."""
    plan = job.plan
    visits = plan.protocol.training_visits(plan.split)
    given = inputs.of(plan.config, plan.split, plan.train_pairs, job.say, visits).to(plan.device)
    refuse_large(plan.config, given.shape)
    if plan.config["baseline"]:
        return Ready(fitted(plan.config, given.shape, plan.rng), given, None)
    model = assemble(plan.config, given.shape, plan.rng).to(plan.device)
    say_what_is_sampled(model, plan.settings.batch_size, job.say)
    return Ready(model, given, earlier.of(plan.config, plan.split, given))
