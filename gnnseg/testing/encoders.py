"""The laws every encoder obeys.

Shape legend: U users, I items, E edges, K segments, D width.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from gnnseg.graph import BipartiteGraph
from gnnseg.models.encoders.base import Encoder
from gnnseg.models.encoders.capabilities import EmbedsNewUsers, EmbedsSomeRows
from gnnseg.models.heads.segments import Segments
from gnnseg.models.objectives.likelihood import Likelihood
from gnnseg.models.vectors import pick, unit
from gnnseg.rng import Rng
from gnnseg.testing.drawn import (
    agreement,
    block_graph,
    random_graph,
    shape_of,
    train_quickly,
)
from gnnseg.types import Features, Pairs, Segmentation, Shape


class EncoderContract:
    """Laws of an encoder. Say how to make one.

    ``recovers``: False where it cannot be asked to find planted segments.
    """

    recovers = True

    def make(self, shape: Shape, rng: Rng) -> Encoder:
        """Return a new encoder of this shape."""
        raise AssertionError("say how to make the encoder")

    def features(self, graph: BipartiteGraph) -> Features:
        """Return what the encoder is given beside the graph."""
        return Features()

    def given(self, graph: BipartiteGraph) -> BipartiteGraph:
        """Return the graph as the encoder reads it: ``with_ties`` where it reads social ties."""
        return graph

    def _ready(self, graph: BipartiteGraph) -> Encoder:
        encoder = self.make(shape_of(graph, features=self.features(graph)), Rng(0))
        with torch.no_grad():
            encoder.reset(graph, self.features(graph), Rng(0))
        return encoder

    def test_shapes_and_width(self) -> None:
        """A row a user and an item, as wide as it says."""
        graph = self.given(random_graph())
        e = self._ready(graph)(graph, self.features(graph))
        encoder = self._ready(graph)
        assert e.user_UD.shape == (graph.users, encoder.width)
        assert e.item_ID.shape == (graph.items, encoder.width)
        assert len(e.user0_UD) == graph.users
        assert len(e.item0_ID) == graph.items
        assert e.user_UD.dtype == torch.float32

    def test_a_function_of_the_seed(self) -> None:
        """One seed, one encoder; another seed, another, where anything is drawn."""
        graph = self.given(random_graph())
        a, b = (
            self._ready(graph)(graph, self.features(graph)),
            self._ready(graph)(graph, self.features(graph)),
        )
        assert torch.equal(a.user_UD, b.user_UD)
        assert torch.equal(a.item_ID, b.item_ID)
        shape = shape_of(graph, features=self.features(graph))
        drawn, other = (self.make(shape, Rng(seed)).parameters() for seed in (0, 1))
        alike = [torch.equal(x, y) for x, y in zip(drawn, other, strict=True)]
        assert not all(alike) or not alike

    def test_draws_of_a_training_pass_are_a_function_of_the_step(self) -> None:
        """The same step twice is the same pass."""
        graph = self.given(random_graph())
        encoder = self._ready(graph)
        a, b = (encoder(graph, self.features(graph), rng=Rng(3).at(5)) for _ in range(2))
        assert torch.equal(a.user_UD, b.user_UD)

    def test_gradients_reach_every_parameter(self) -> None:
        """Nothing stands idle."""
        graph = self.given(random_graph())
        encoder = self._ready(graph)
        e = encoder(graph, self.features(graph))
        if not list(encoder.parameters()):
            return
        (e.user_UD.square().sum() + e.item_ID.square().sum()).backward()
        for name, parameter in encoder.named_parameters():
            assert parameter.grad is not None, name
            assert bool(parameter.grad.abs().sum() > 0), name

    def test_a_node_without_anything_does_not_drown_the_others(self) -> None:
        """Who has no edge may be a row of zeros, where the cosine's own derivative has no bound."""
        graph = self.given(random_graph())
        encoder = self._ready(graph)
        e = encoder(graph, self.features(graph))
        if not list(encoder.parameters()):
            return
        away = torch.randn(
            encoder.width, graph.users + graph.items, generator=torch.Generator().manual_seed(1)
        )
        users, items = (
            unit(e.user_UD) @ away[:, : graph.users],
            unit(e.item_ID) @ away[:, graph.users :],
        )
        torch.autograd.backward(users.sum() + items.sum())
        for name, parameter in encoder.named_parameters():
            assert parameter.grad is None or float(parameter.grad.abs().max()) < 1e5, name

    def test_some_rows_are_those_of_the_whole(self) -> None:
        """Few or most of them, of one kind or of both; so is what they teach the parameters."""
        graph = self.given(random_graph())
        encoder = self._ready(graph)
        if not isinstance(encoder, EmbedsSomeRows):
            return
        few = (torch.tensor([1, 4, 7]), torch.tensor([0, 5]))
        most = (torch.arange(2, 23), torch.arange(1, 17))
        whole, parameters = encoder(graph, self.features(graph)), list(encoder.parameters())
        for users, items in (few, most, (few[0], None), (None, few[1])):
            some = encoder(graph, self.features(graph), users, items)
            assert some.users is users
            assert some.items is items
            taught = []
            for e, rows in ((some, (None, None)), (whole, (users, items))):
                x = torch.cat([pick(e.user_UD, rows[0]), pick(e.item_ID, rows[1])])
                away = torch.randn(x.shape, generator=torch.Generator().manual_seed(1))
                gradients = [torch.zeros_like(p) for p in parameters]
                if parameters:
                    found = torch.autograd.grad(
                        (x * away).sum(), parameters, retain_graph=True, allow_unused=True
                    )
                    gradients = [
                        zero if g is None else g for g, zero in zip(found, gradients, strict=True)
                    ]
                taught.append((x, *gradients))
            for a, b in zip(*taught, strict=True):
                torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4)

    def test_new_users_are_embedded_each_for_themselves(self) -> None:
        """Where it embeds them: who else is new does not matter, nor what is not known of them."""
        graph = self.given(random_graph())
        encoder, features = self._ready(graph), self.features(graph)
        if not isinstance(encoder, EmbedsNewUsers):
            return
        known = graph.pattern.degrees()[0] > 0

        def embedded(met: list[list[int]]) -> Tensor:
            new, item = (
                graph.with_users(histories(met), len(met), None),
                Features(None, features.item),
            )
            with torch.no_grad():
                trained = encoder(graph, features)
                start = encoder.expected(trained, known, len(met), item)
                found = encoder.embed_new_users(new, trained, item)(start)
            assert isinstance(found, Tensor)
            return found

        together, alone = embedded([[0, 3, 7], [], [5]]), embedded([[5]])
        assert together.shape == (3, encoder.width)
        assert bool(torch.isfinite(together).all())
        torch.testing.assert_close(together[2:], alone, atol=1e-5, rtol=1e-4)

    def test_nodes_without_neighbours_are_finite(self) -> None:
        """Their weights are normalised by nothing."""
        graph = self.given(random_graph())
        e = self._ready(graph)(graph, self.features(graph))
        assert bool(torch.isfinite(e.user_UD).all())
        assert bool(torch.isfinite(e.item_ID).all())

    def test_holds_parameters_not_the_graph(self) -> None:
        """Another graph in between changes nothing, and no state has the edges' number."""
        graph, other = self.given(random_graph()), self.given(random_graph(seed=1))
        encoder = self._ready(graph)
        before = encoder(graph, self.features(graph)).user_UD
        encoder(other, self.features(graph))
        assert torch.equal(encoder(graph, self.features(graph)).user_UD, before)
        edges = graph.pattern.entries
        assert all(edges not in value.shape for value in encoder.state_dict().values())

    def test_weights_come_back(self) -> None:
        """``state_dict`` is all there is to an encoder."""
        graph = self.given(random_graph())
        encoder = self._ready(graph)
        copy = self.make(shape_of(graph, features=self.features(graph)), Rng(9))
        copy.load_state_dict(encoder.state_dict())
        assert torch.equal(
            copy(graph, self.features(graph)).user_UD, encoder(graph, self.features(graph)).user_UD
        )

    def test_recovers_planted_segments(self) -> None:
        """After a short training, the segments that drew the graph."""
        if not self.recovers:
            return
        graph, label = block_graph()
        graph = self.given(graph)
        encoder = self._ready(graph)
        shape = shape_of(graph, encoder.width, self.features(graph))
        head = Segments(
            shape, Rng(0), segments=4, beta="distribution", tied=False, top=None, centre=True,
            tau_alpha=0.2, tau_beta=0.2, tau=0.2, start="k-means",
            starts=10,
        )  # fmt: skip
        found = train_quickly(
            encoder, head, Likelihood(weights=None, degree_power=0.0), graph, self.features(graph)
        )
        assert isinstance(found, Segmentation)
        assert agreement(found.alpha.argmax(1), label) > 0.9


def histories(met: list[list[int]]) -> Pairs:
    """Return what new users have met, each an ascending list of items."""
    user = np.repeat(np.arange(len(met)), [len(items) for items in met])
    item = np.array([item for items in met for item in items], dtype=np.int64)
    return Pairs(user, item, weight=np.ones(len(user)), count=np.ones(len(user), dtype=np.int64))
