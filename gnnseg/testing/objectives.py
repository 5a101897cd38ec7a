"""The laws every objective and regulariser obeys.

Shape legend: U users, I items, E edges, K segments, D width.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from gnnseg.distributed.ranks import Ranks
from gnnseg.graph import BipartiteGraph
from gnnseg.models.heads.base import Head
from gnnseg.models.heads.segments import Segments
from gnnseg.models.objectives.base import (
    GraphObjective,
    Objective,
    PairObjective,
    RenewedObjective,
    RewardObjective,
)
from gnnseg.rng import Rng
from gnnseg.testing.drawn import (
    CLASSES,
    WIDTH,
    a_step,
    full_batch,
    random_embeddings,
    random_graph,
    shape_of,
)
from gnnseg.types import Batch, Logged


@dataclass(frozen=True)
class InTurn(Ranks):
    """One of two processes that are played one after the other, in two rounds.

    In the first each says what it has to sum, in the second the sum is known.
    """

    said: dict[int, Tensor] = field(default_factory=dict)

    def sum(self, x: Tensor) -> Tensor:
        """Return the sum of what both have said, as far as they have."""
        self.said[self.number] = x
        return torch.stack(list(self.said.values())).sum(0)


class ObjectiveContract(ABC):
    """Laws of an objective or a regulariser: inherit them, and say how to make one."""

    @abstractmethod
    def make(self) -> Objective:
        """Make the objective."""

    def given(self, graph: BipartiteGraph) -> BipartiteGraph:
        """Return the graph as the objective needs it: ``with_ties`` where it reads social ties."""
        return graph

    def _ready(self, graph: BipartiteGraph) -> Objective:
        objective = self.make()
        objective.prepare(replace(shape_of(graph, WIDTH), classes=CLASSES), Rng(0))
        if isinstance(objective, GraphObjective):
            objective.reset(graph, Rng(0))
        if isinstance(objective, RenewedObjective):
            objective.renew(random_embeddings(graph), Rng(0))
        return objective

    def _batch(self, graph: BipartiteGraph, objective: Objective) -> Batch:
        """Return every pair, with its negatives and reward 1 and, of every third user, a label."""
        p, sampling = graph.pattern, objective.sampling
        weight = torch.full((p.entries,), 1 / p.entries)
        logged = Logged(torch.ones(p.entries)) if isinstance(objective, RewardObjective) else None
        g = torch.Generator().manual_seed(0)
        every = torch.arange(graph.users)
        labels = torch.where(every % 3 == 0, every // 3 % CLASSES, -1)
        if sampling.kind == "none":
            return replace(full_batch(graph), labels=labels, logged=logged)
        shape = (p.entries, sampling.count) if sampling.kind == "own" else (sampling.count,)
        negatives = torch.randint(graph.items, shape, generator=g)
        return Batch(p.row, p.column, weight, negatives, logged=logged, labels=labels)

    def _head(self, graph: BipartiteGraph) -> Head:
        shape = shape_of(graph, WIDTH)
        head = Segments(shape, Rng(0), segments=4, tau_alpha=0.2, tau_beta=0.2, tau=0.2)
        head.reset(random_embeddings(graph), graph, Rng(0))
        return head

    def test_a_finite_scalar_with_a_gradient(self) -> None:
        """A loss is a finite scalar that moves the users."""
        graph = self.given(random_graph())
        objective, e = self._ready(graph), random_embeddings(graph)
        head = self._head(graph)
        loss = objective(a_step(e, head), self._batch(graph, objective), Rng(0))
        assert loss.shape == ()
        assert bool(torch.isfinite(loss))
        loss.backward()
        assert e.user_UD.grad is not None
        assert bool(e.user_UD.grad.abs().sum() > 0)

    def test_the_scale_of_the_weights_does_not_matter(self) -> None:
        """Weights are relative: three times as much of each changes nothing."""
        graph = self.given(random_graph())
        objective, e = self._ready(graph), random_embeddings(graph)
        if not isinstance(objective, PairObjective):
            return
        step = a_step(e, self._head(graph))
        batch = self._batch(graph, objective)
        tripled = replace(batch, weight=batch.weight * 3)
        torch.testing.assert_close(objective(step, batch, Rng(0)), objective(step, tripled, Rng(0)))

    def test_parts_of_a_batch_add_up(self) -> None:
        """Where processes share a batch, their losses sum up to that of the whole."""
        graph = self.given(random_graph())
        objective, e = self._ready(graph), random_embeddings(graph)
        step, whole = a_step(e, self._head(graph)), self._batch(graph, objective)
        weight = torch.rand(len(whole.users), generator=torch.Generator().manual_seed(1))
        whole = replace(whole, pattern=None, weight=weight)
        said: dict[int, Tensor] = {}
        for _ in range(2):
            total = torch.zeros(())
            for number in range(2):
                part = whole.part(InTurn(number, 2, said=said))
                assert 0 < len(part.users) < len(whole.users)
                portion = objective.portion(part)
                if portion is None:
                    return
                total = total + objective(step, part, Rng(0)) * portion
        torch.testing.assert_close(total.float(), objective(step, whole, Rng(0)))

    def test_steps_make_it_smaller(self) -> None:
        """Training makes it smaller."""
        graph = self.given(random_graph())
        objective, e, head = self._ready(graph), random_embeddings(graph), self._head(graph)
        batch = self._batch(graph, objective)
        optimizer = torch.optim.Adam(
            [e.user_UD, e.item_ID, *head.parameters(), *objective.parameters()], lr=0.02
        )
        losses = []
        for _ in range(20):
            optimizer.zero_grad()
            loss = objective(a_step(e, head), batch, Rng(0))
            losses.append(loss.item())
            loss.backward()
            optimizer.step()
        assert losses[-1] < losses[0]
