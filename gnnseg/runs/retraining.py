"""The same training again in memory: on other pairs, with another seed; nothing is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gnnseg.config import build
from gnnseg.models.model import Model
from gnnseg.rng import Rng
from gnnseg.runs import inputs
from gnnseg.runs.assembly import assemble
from gnnseg.runs.inputs import Inputs
from gnnseg.runs.job import Job
from gnnseg.training import events
from gnnseg.training.batching import Training
from gnnseg.training.checkpoint import Checkpoint, State
from gnnseg.training.loop import fit
from gnnseg.types import Pairs, Scorer, Segmentation

PART = 0.9  # of each user's pairs
Begin = Callable[[Model, Inputs, Rng], None]


def retrained(
    job: Job,
    given: Inputs,
    pairs: Pairs,
    seed: int,
    epochs: int,
    begin: Begin | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Scorer:
    """Train a job's model again and return its scores, on the CPU.

    Args:
        job: Whose settings they are.
        given: What its model is given.
        pairs: The training pairs in place of its own, of the same users and items.
        seed: In place of its own.
        epochs: How many, by the schedule of all.
        begin: What is done to a model with its first values; None: nothing.
        stop: Whether to end with ``Interrupted``.
    """
    rng = Rng(seed)
    mine = inputs.on_other_pairs(job.config, job.split, given, pairs).to(job.device)
    known = mine.known(job.device)
    model = assemble(job.config, mine.shape, rng).to(job.device)
    with torch.no_grad():
        model.reset(mine.graph, mine.features, rng, known)
    if begin is not None:
        begin(model, mine, rng)
    made_of = events.of(
        model.objective, mine.graph.pattern, pairs, job.split.log, job.split.name,
        mask=job.protocol.seen == "mask",
    )  # fmt: skip
    training = Training(mine.graph, mine.features, made_of, known)
    checkpoint = Checkpoint()
    settings = replace(job.settings, callbacks=None)
    with torch.enable_grad():
        fit(
            model, build(job.config["optimizer"], model.parameters()), training, settings,
            rng.child("train"), State(), checkpoint, evaluate=None, epochs=epochs, stop=stop,
        )  # fmt: skip
    model.eval()
    with torch.no_grad():
        embeddings = model.embed(mine.graph, mine.features)
        model.finish(embeddings, mine.graph, rng.child("finish"))
        return model.score(embeddings)


def some_of(pairs: Pairs, users: int, rng: Rng, part: float = PART) -> Pairs:
    """Return a random part of every user's pairs, at least one of each."""
    chance = rng.numpy("part").random(len(pairs))
    order = np.lexsort((chance, pairs.user))
    count = np.bincount(pairs.user, minlength=users)
    place = np.empty(len(pairs), dtype=np.int64)
    place[order] = np.arange(len(pairs)) - np.repeat(np.cumsum(count) - count, count)
    kept = place < np.maximum(np.round(part * count), 1)[pairs.user]
    return rows_of(pairs, kept)


def rows_of(pairs: Pairs, rows: Any) -> Pairs:
    """Return some of the pairs, by mask, (E,) bool."""
    found = {name: getattr(pairs, name) for name in pairs.__dataclass_fields__}
    some: dict[str, Any] = {name: None if c is None else c[rows] for name, c in found.items()}
    return Pairs(**some)


def memberships(scorer: Scorer) -> Tensor:
    """Return alpha, (U,K), on the CPU."""
    assert isinstance(scorer, Segmentation)
    return scorer.alpha.detach().double().cpu()
