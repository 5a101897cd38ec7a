"""What the loop trains on, and its batches.

Shape legend: E events, B events in a batch, N negatives, U users, I items.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gnnseg.data import batches
from gnnseg.distributed.ranks import ALONE, Ranks
from gnnseg.graph import BipartiteGraph
from gnnseg.models.model import Model
from gnnseg.models.objectives import Objective
from gnnseg.rng import Rng
from gnnseg.training.events import TrainingEvents
from gnnseg.training.samplers import Sampler, refuse_foreign, refuse_misfit, sampler_of
from gnnseg.training.settings import TrainerSettings
from gnnseg.types import Batch, Features, Scorer, Spread

if TYPE_CHECKING:
    from gnnseg.training.sharding import Shards


@dataclass(frozen=True)
class Training:
    """What the loop trains on, on the model's device.

    Args:
        graph: the training graph.
        features: attributes of users and items.
        events: the training pairs, or rows of a log.
        labels: (U,) the users' classes, -1 where they are not known, or None.
        ranks: the processes that train together.
        shards: where these are this process's users alone, whose part of all is ``spread``.
    """

    graph: BipartiteGraph
    features: Features
    events: TrainingEvents
    labels: Tensor | None = None
    ranks: Ranks = ALONE
    spread: Spread | None = None
    shards: Shards | None = None

    @property
    def device(self) -> torch.device:
        """Return where its tensors are."""
        return self.events.weight.device

    @property
    def own(self) -> frozenset[str]:
        """Return the names of the model's parameters that this process alone has."""
        return frozenset() if self.shards is None else self.shards.names

    def scorer(self, model: Model) -> Scorer:
        """Return a model's scores of everybody."""
        embeddings = model.embed(self.graph, self.features)
        if self.shards is not None:
            embeddings = self.shards.everybody(embeddings)
        return model.score(embeddings)

    def batch(
        self,
        rows: Tensor | None,
        objective: Objective,
        log_popularity_I: Tensor,
        rng: Rng,
        own: Sampler | None = None,
    ) -> Batch:
        """Return events with the negatives an objective wants.

        Args:
            rows: (B,) which events; None: every event, as one full batch.
            objective: whose negatives are drawn.
            log_popularity_I: (I,) log of the chance that an event holds each item.
            rng: of the step.
            own: what draws negatives in place of what the objective asks for; None: nothing.
        """
        p, e = self.graph.pattern, self.events

        users, items, weight = (
            column if rows is None else column[rows] for column in (e.users, e.items, e.weight)
        )
        want = objective.sampling
        sampler, negatives, log_q = own or sampler_of(want), None, None
        if sampler is not None:
            asked = {"count": want.count, "epoch": objective.epoch}
            negatives = sampler.draw(users, items, p, rng, **asked).to(users.device)
            log_q = sampler.log_q(log_popularity_I)
            if own is not None:
                shape = (len(users), want.count) if own.own else (want.count,)
                refuse_foreign(negatives, own, shape, self.graph.items)
        return Batch(
            users, items, weight, negatives, log_q=log_q,
            logged=None if e.logged is None else e.logged.at(rows),
            pattern=p if rows is None and (e.logged is None or e.logged.taken is None) else None,
            social=self.graph.social, homophily=self.graph.homophily, labels=self.labels,
            earlier=None if e.earlier is None else e.earlier.at(rows), spread=self.spread,
        )  # fmt: skip


class Batches:
    """The batches of all epochs, each a function of (seed, step).

    Args:
        data: what is trained on.
        settings: how.
        objective: whose negatives are drawn.

    Raises:
        InputError: where the objective cannot use the negatives of the user's own sampler.
    """

    def __init__(self, data: Training, settings: TrainerSettings, objective: Objective) -> None:
        self._size, self._own, self._objective = (
            settings.batch_size,
            settings.own_sampler,
            objective,
        )
        if self._own is not None:
            refuse_misfit(self._own, objective)
        events = data.events
        alike = torch.full_like(events.weight, 1 / max(len(events), 1))
        self._drawn_by = events.weight if settings.draw == "weight" else None
        if self._drawn_by is not None:
            data = replace(data, events=replace(events, weight=alike))
        self._data = data
        chance = alike if self._drawn_by is None else self._drawn_by
        self._log_popularity_I = batches.log_popularity(events.items, chance, data.graph.items)

    @property
    def per_epoch(self) -> int:
        """Return the steps of an epoch."""
        return 1 if self._size is None else math.ceil(len(self._data.events) / self._size)

    def order(self, rng: Rng) -> Tensor | None:
        """Draw the order of an epoch's events, (E,); None: one full batch."""
        if self._size is None:
            return None
        if self._drawn_by is not None:
            return batches.by_weight(self._drawn_by, rng)
        return batches.order(len(self._data.events), rng, self._data.device)

    def rows(self, number: int, order: Tensor | None) -> Tensor | None:
        """Return which events an epoch's batch of that number holds, (B,); None: all."""
        if order is None or self._size is None:
            return None
        return order[number * self._size : (number + 1) * self._size]

    def is_short(self, rows: Tensor | None) -> bool:
        """Return whether a batch is an epoch's last, of fewer events than the others."""
        return rows is not None and len(rows) != self._size

    def of(self, rows: Tensor | None, rng: Rng) -> Batch:
        """Return the batch of some events, (B,), with the negatives of a step; None: of all."""
        return self._data.batch(rows, self._objective, self._log_popularity_I, rng, self._own)
