"""The laws every head obeys.

Shape legend: U users, I items, E edges, K segments, D width.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch

from gnnseg.graph import BipartiteGraph
from gnnseg.models.heads.base import FinishedHead, Head, NumberedHead
from gnnseg.rng import Rng
from gnnseg.testing.drawn import WIDTH, random_embeddings, random_graph, shape_of
from gnnseg.types import Embeddings, Scorer, Segmentation, Shape


class HeadContract(ABC):
    """Laws of a head: inherit them, and say how to make one."""

    @abstractmethod
    def make(self, shape: Shape, rng: Rng) -> Head:
        """Make the head, with settings that a small graph can bear."""

    def _ready(self, graph: BipartiteGraph) -> tuple[Head, Embeddings]:
        embeddings = random_embeddings(graph)
        head = self.make(shape_of(graph, WIDTH), Rng(0))
        head.reset(embeddings, graph, Rng(0))
        return head, embeddings

    def test_scores_are_a_scorer_that_says_what_it_stores(self) -> None:
        """Finite tensors by name, none of which two of its parts claim."""
        graph = random_graph()
        head, embeddings = self._ready(graph)
        scorer = head(embeddings)
        assert isinstance(scorer, Scorer)
        ours, its = head.stored(), scorer.stored()
        assert not set(ours) & {*its, "user", "item", "item_counts"}
        assert all(bool(torch.isfinite(value).all()) for value in (*ours.values(), *its.values()))
        assert isinstance(scorer, Segmentation) == {"alpha", "beta"}.issubset(its)

    def test_pairs_blocks_and_edges_agree(self) -> None:
        """Pairs, blocks and edges say the same of a pair."""
        graph = random_graph()
        head, embeddings = self._ready(graph)
        self._agree(head(embeddings), graph)

    def _agree(self, scorer: Scorer, graph: BipartiteGraph) -> None:
        every = torch.arange(graph.users)
        whole = scorer.block(every)
        assert whole.shape == (graph.users, graph.items)
        assert bool(torch.isfinite(whole).all())
        p = graph.pattern
        tolerance: dict[str, Any] = {"atol": 1e-4, "rtol": 1e-4}
        torch.testing.assert_close(scorer.edges(p), whole[p.row, p.column], **tolerance)
        torch.testing.assert_close(
            scorer.pairs(p.row, p.column), whole[p.row, p.column], **tolerance
        )
        some = torch.tensor([0, 3, graph.items - 1])
        torch.testing.assert_close(scorer.block(every, some), whole[:, some], **tolerance)
        torch.testing.assert_close(
            scorer.pairs(every, some.expand(graph.users, 3)), whole[:, some], **tolerance
        )

    def test_segments_are_distributions_and_explanations_add_up(self) -> None:
        """Memberships sum to 1, and what explains a score is all of it."""
        graph = random_graph()
        head, embeddings = self._ready(graph)
        scorer = head(embeddings)
        if not isinstance(scorer, Segmentation):
            return
        torch.testing.assert_close(scorer.alpha.sum(1), torch.ones(graph.users))
        users, items = torch.tensor([0, 1, 2]), torch.tensor([2, 0, 1])
        why = scorer.explain(users, items)
        if why.shares:
            own = 0.0 if why.habit is None else why.habit
            torch.testing.assert_close(why.segments.sum(1) + own, torch.ones(3))
        else:
            beside = [part for part in (why.bias, why.personal) if part is not None]
            parts = torch.stack([why.segments.sum(1), *beside]).sum(0)
            torch.testing.assert_close(parts, scorer.pairs(users, items), atol=1e-4, rtol=1e-4)
        one = scorer.truncated(1).alpha
        assert bool(((one > 0).sum(1) == 1).all())

    def test_gradients_reach_both_sides_and_every_parameter(self) -> None:
        """A loss moves users, items and every parameter."""
        graph = random_graph()
        head, embeddings = self._ready(graph)
        scores = head(embeddings).block(torch.arange(graph.users))
        weights = torch.randn(scores.shape, generator=torch.Generator().manual_seed(0))
        (scores * weights).sum().backward()
        for name, value in [
            ("users", embeddings.user_UD),
            ("items", embeddings.item_ID),
            *head.named_parameters(),
        ]:
            assert value.grad is not None, name
            assert bool(value.grad.abs().sum() > 0), name

    def test_weights_come_back(self) -> None:
        """The state of a head is all that its scores depend on."""
        graph = random_graph()
        head, embeddings = self._ready(graph)
        copy = self.make(shape_of(graph, WIDTH), Rng(9))
        copy.load_state_dict(head.state_dict())
        every = torch.arange(graph.users)
        assert torch.equal(copy(embeddings).block(every), head(embeddings).block(every))

    def test_memberships_of_some_are_rows_of_all(self) -> None:
        """Memberships of some users are rows of alpha."""
        graph = random_graph()
        head, embeddings = self._ready(graph)
        scorer = head(embeddings)
        if isinstance(scorer, Segmentation):
            some = torch.tensor([4, 0, 4])
            torch.testing.assert_close(scorer.memberships(some), scorer.alpha[some])

    def test_renumbered_segments_are_the_same_segments(self) -> None:
        """Another order of the segments changes no score."""
        graph = random_graph()
        head, embeddings = self._ready(graph)
        scorer = head(embeddings)
        if not (isinstance(head, NumberedHead) and isinstance(scorer, Segmentation)):
            return
        every = torch.arange(graph.users)
        alpha, scores = scorer.alpha.detach().clone(), scorer.block(every).detach().clone()
        order = torch.arange(alpha.shape[1]).roll(1)
        head.renumber(order)
        again = head(embeddings)
        assert isinstance(again, Segmentation)
        torch.testing.assert_close(again.alpha, alpha[:, order])
        torch.testing.assert_close(again.block(every), scores, atol=1e-4, rtol=1e-4)

    def test_finishing_leaves_a_scorer(self) -> None:
        """What is made after the last step scores everything, pairs as blocks."""
        graph = random_graph()
        head, embeddings = self._ready(graph)
        if not isinstance(head, FinishedHead):
            return
        with torch.no_grad():
            head.finish(embeddings, graph, Rng(0))
            self._agree(head(embeddings), graph)
