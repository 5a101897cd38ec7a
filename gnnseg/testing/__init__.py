"""The laws every component obeys, as test classes to inherit: for our own and for yours.

    from gnnseg.testing import EncoderContract

    class TestMine(EncoderContract):
        def make(self, shape, rng):
            return MyEncoder(shape, rng, dim=16)

Shape legend: U users, I items, E edges, K segments, D width.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gnnseg.graph import BipartiteGraph
from gnnseg.graph.relations import flows as typed_flows
from gnnseg.graph.social import both_ways
from gnnseg.models.encoders.base import Encoder
from gnnseg.models.heads.base import Head
from gnnseg.models.heads.segments import Segments
from gnnseg.models.objectives.base import Objective, PairObjective
from gnnseg.models.objectives.likelihood import Likelihood
from gnnseg.models.vectors import pick, unit
from gnnseg.rng import Rng
from gnnseg.sparse import Csr
from gnnseg.types import Batch, Edges, Embeddings, Features, Relation, Segmentation, Shape, Step

WIDTH = 16
CLASSES = 3


def random_graph(
    users: int = 23, items: int = 17, edges: int = 90, seed: int = 0
) -> BipartiteGraph:
    """A graph whose last user and last item have no edge."""
    key = np.random.default_rng(seed).choice((users - 1) * (items - 1), size=edges, replace=False)
    return BipartiteGraph(Csr.of(key // (items - 1), key % (items - 1), (users, items)))


def block_graph(
    segments: int = 4, users: int = 120, items: int = 60, each: int = 8, seed: int = 0
) -> tuple[BipartiteGraph, Tensor]:
    """Users of known segments who meet their own segment's items nine times in ten, and their
    labels (U,)."""
    g = np.random.default_rng(seed)
    label = np.arange(users) % segments
    home = np.arange(items) % segments
    pairs = set()
    for user in range(users):
        own = np.flatnonzero(home == label[user])
        for item in g.choice(own, size=min(each, len(own)), replace=False):
            pairs.add((user, int(item) if g.random() < 0.9 else int(g.integers(items))))
    rows, columns = zip(*sorted(pairs), strict=True)
    return BipartiteGraph(Csr.of(list(rows), list(columns), (users, items))), torch.from_numpy(
        label
    )


def shape_of(graph: BipartiteGraph, width: int = 0, features: Features | None = None) -> Shape:
    found = features or Features()
    user, item = (0 if matrix is None else matrix.shape[1] for matrix in (found.user, found.item))
    relations = {flow.name: (flow.source, flow.target) for flow in graph.relations}
    counts = graph.pattern.degrees()[1]
    return Shape(
        graph.users, graph.items, counts, user, item, relations, graph.entities, width=width
    )


def telling_features(graph: BipartiteGraph, segments: int = 4, seed: int = 0) -> Features:
    """Attributes that tell the segments of ``block_graph``, among noise."""
    g = np.random.default_rng(seed)

    def matrix(n: int) -> Tensor:
        told = np.eye(segments)[np.arange(n) % segments]
        return torch.from_numpy(np.hstack([told, g.normal(0, 0.3, (n, 3))])).float()

    return Features(matrix(graph.users), matrix(graph.items))


def with_ties(
    graph: BipartiteGraph, segments: int = 4, each: int = 4, seed: int = 0
) -> BipartiteGraph:
    """The graph with ``each`` friends named by every user but the last, among those of the user's
    segment in ``block_graph``."""
    g = np.random.default_rng(seed)
    source = np.repeat(np.arange(graph.users - 1), each)
    target = (source + segments * g.integers(1, 6, len(source))) % (
        graph.users - graph.users % segments
    )
    apart = (source != target) & (target != graph.users - 1)
    ties = Edges(source[apart], target[apart], np.ones(int(apart.sum())))
    return replace(graph, social=both_ways(ties, graph.users))


def with_relations(graph: BipartiteGraph, segments: int = 4, seed: int = 0) -> BipartiteGraph:
    """The graph with items that are of a genre of their segment, users who mention genres, and
    genres that lie near each other."""
    g = np.random.default_rng(seed)
    genres = 2 * segments
    items, users = np.arange(graph.items - 1), np.repeat(np.arange(graph.users - 1), 2)
    near = np.arange(genres)
    relations = (
        Relation("is of", "item", "genre", items, items % genres, np.ones(len(items))),
        Relation(
            "mentions",
            "user",
            "genre",
            users,
            g.integers(0, genres, len(users)),
            g.integers(1, 4, len(users)).astype(np.float64),
        ),
        Relation("is near", "genre", "genre", near, (near + segments) % genres, np.ones(genres)),
    )
    flows = typed_flows(relations, {"user": graph.users, "item": graph.items, "genre": genres})
    return replace(graph, relations=flows, entities={"genre": genres})


def random_embeddings(graph: BipartiteGraph, width: int = WIDTH, seed: int = 0) -> Embeddings:
    g = torch.Generator().manual_seed(seed)
    user = torch.randn(graph.users, width, generator=g, requires_grad=True)
    item = torch.randn(graph.items, width, generator=g, requires_grad=True)
    return Embeddings(user, item, user, item)


def a_step(embeddings: Embeddings, head: Head) -> Step:
    """One training step, whose further views are the embeddings moved by noise, of one layer."""

    def view(rng: Rng, noise: float) -> Embeddings:
        user, item = (
            x + noise * torch.randn(x.shape, generator=rng.torch(kind))
            for kind, x in (("user", embeddings.user_UD), ("item", embeddings.item_ID))
        )
        layers = ((embeddings.user_UD, embeddings.item_ID), (user, item))
        return replace(embeddings, user_UD=user, item_ID=item, layers=layers)

    return Step(embeddings, head(embeddings), view)


class TableScorer:
    """Scores as they stand in a table (U,I): for loops beside objectives."""

    def __init__(self, score: Tensor) -> None:
        self.score = score

    def pairs(self, users: Tensor, items: Tensor) -> Tensor:
        return self.score[users.view(-1, *[1] * (items.dim() - 1)), items]

    def block(self, users: Tensor, items: Tensor | None = None) -> Tensor:
        return self.score[users] if items is None else self.score[users][:, items]

    def edges(self, pattern: Csr) -> Tensor:
        return self.pairs(pattern.row, pattern.column)


def table_step(score: Tensor) -> Step:
    """A step that says these scores, (U,I), and has no embeddings."""
    nothing = torch.zeros(0, 1)
    return Step(Embeddings(nothing, nothing, nothing, nothing), TableScorer(score))


def full_batch(graph: BipartiteGraph) -> Batch:
    p = graph.pattern
    weight = torch.full((p.entries,), 1 / p.entries)
    return Batch(p.row, p.column, weight, pattern=p, social=graph.social, homophily=graph.homophily)


class EncoderContract:
    """Laws of an encoder. Say how to make one; ``recovers`` False where it cannot be asked to find
    planted segments."""

    recovers = True

    def make(self, shape: Shape, rng: Rng) -> Encoder:
        raise AssertionError("say how to make the encoder")

    def features(self, graph: BipartiteGraph) -> Features:
        """What the encoder is given beside the graph."""
        return Features()

    def given(self, graph: BipartiteGraph) -> BipartiteGraph:
        """The graph as the encoder wants it: ``with_ties`` where it reads social ties."""
        return graph

    def _ready(self, graph: BipartiteGraph) -> Encoder:
        encoder = self.make(shape_of(graph, features=self.features(graph)), Rng(0))
        with torch.no_grad():
            encoder.reset(graph, self.features(graph), Rng(0))
        return encoder

    def test_shapes_and_width(self) -> None:
        graph = self.given(random_graph())
        e = self._ready(graph)(graph, self.features(graph))
        encoder = self._ready(graph)
        assert e.user_UD.shape == (graph.users, encoder.width)
        assert e.item_ID.shape == (graph.items, encoder.width)
        assert len(e.user0_UD) == graph.users
        assert len(e.item0_ID) == graph.items
        assert e.user_UD.dtype == torch.float32

    def test_a_function_of_the_seed(self) -> None:
        graph = self.given(random_graph())
        a, b = (
            self._ready(graph)(graph, self.features(graph)),
            self._ready(graph)(graph, self.features(graph)),
        )
        assert torch.equal(a.user_UD, b.user_UD)
        assert torch.equal(a.item_ID, b.item_ID)
        other = self.make(shape_of(graph, features=self.features(graph)), Rng(1))
        with torch.no_grad():
            other.reset(graph, self.features(graph), Rng(1))
        parameters = zip(self._ready(graph).parameters(), other.parameters(), strict=True)
        alike = [torch.equal(x, y) for x, y in parameters]
        assert not all(alike) or not alike

    def test_draws_of_a_training_pass_are_a_function_of_the_step(self) -> None:
        graph = self.given(random_graph())
        encoder = self._ready(graph)
        a, b = (encoder(graph, self.features(graph), rng=Rng(3).at(5)) for _ in range(2))
        assert torch.equal(a.user_UD, b.user_UD)

    def test_gradients_reach_every_parameter(self) -> None:
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
        if not encoder.partial:
            return
        few, most = (
            (torch.tensor([1, 4, 7]), torch.tensor([0, 5])),
            (torch.arange(2, 23), torch.arange(1, 17)),
        )
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
                    told = torch.autograd.grad(
                        (x * away).sum(), parameters, retain_graph=True, allow_unused=True
                    )
                    gradients = [
                        zero if g is None else g for g, zero in zip(told, gradients, strict=True)
                    ]
                taught.append((x, *gradients))
            for a, b in zip(*taught, strict=True):
                torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4)

    def test_nodes_without_neighbours_are_finite(self) -> None:
        graph = self.given(random_graph())
        e = self._ready(graph)(graph, self.features(graph))
        assert bool(torch.isfinite(e.user_UD).all())
        assert bool(torch.isfinite(e.item_ID).all())

    def test_holds_parameters_not_the_graph(self) -> None:
        graph, other = self.given(random_graph()), self.given(random_graph(seed=1))
        encoder = self._ready(graph)
        before = encoder(graph, self.features(graph)).user_UD
        encoder(other, self.features(graph))
        assert torch.equal(encoder(graph, self.features(graph)).user_UD, before)
        edges = graph.pattern.entries
        assert all(edges not in value.shape for value in encoder.state_dict().values())

    def test_weights_come_back(self) -> None:
        graph = self.given(random_graph())
        encoder = self._ready(graph)
        copy = self.make(shape_of(graph, features=self.features(graph)), Rng(9))
        copy.load_state_dict(encoder.state_dict())
        assert torch.equal(
            copy(graph, self.features(graph)).user_UD, encoder(graph, self.features(graph)).user_UD
        )

    def test_recovers_planted_segments(self) -> None:
        if not self.recovers:
            return
        graph, label = block_graph()
        graph = self.given(graph)
        encoder = self._ready(graph)
        shape = shape_of(graph, encoder.width, self.features(graph))
        head = Segments(
            shape, Rng(0), segments=4, beta="distribution", tied=False, top=None, centre=True,
            tau_alpha=0.2, tau_beta=0.2, tau=0.2, starts=10,
        )  # fmt: skip
        found = _train(
            encoder, head, Likelihood(weights=None, degree_power=0.0), graph, self.features(graph)
        )
        assert isinstance(found, Segmentation)
        assert _agree(found.alpha.argmax(1), label) > 0.9


class HeadContract:
    """Laws of a head."""

    def make(self, shape: Shape, rng: Rng) -> Head:
        raise AssertionError("say how to make the head")

    def _ready(self, graph: BipartiteGraph) -> tuple[Head, Embeddings]:
        embeddings = random_embeddings(graph)
        head = self.make(shape_of(graph, WIDTH), Rng(0))
        head.reset(embeddings, Rng(0))
        return head, embeddings

    def test_pairs_blocks_and_edges_agree(self) -> None:
        graph = random_graph()
        head, embeddings = self._ready(graph)
        scorer = head(embeddings)
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
        graph = random_graph()
        head, embeddings = self._ready(graph)
        scorer = head(embeddings)
        if not isinstance(scorer, Segmentation):
            return
        torch.testing.assert_close(scorer.alpha.sum(1), torch.ones(graph.users))
        users, items = torch.tensor([0, 1, 2]), torch.tensor([2, 0, 1])
        why = scorer.explain(users, items)
        if why.shares:
            torch.testing.assert_close(why.segments.sum(1), torch.ones(3))
        else:
            parts = why.segments.sum(1) + (0.0 if why.bias is None else why.bias)
            torch.testing.assert_close(parts, scorer.pairs(users, items), atol=1e-4, rtol=1e-4)
        one = scorer.truncated(1).alpha
        assert bool(((one > 0).sum(1) == 1).all())

    def test_gradients_reach_both_sides_and_every_parameter(self) -> None:
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
        graph = random_graph()
        head, embeddings = self._ready(graph)
        copy = self.make(shape_of(graph, WIDTH), Rng(9))
        copy.load_state_dict(head.state_dict())
        every = torch.arange(graph.users)
        assert torch.equal(copy(embeddings).block(every), head(embeddings).block(every))

    def test_memberships_of_some_are_rows_of_all(self) -> None:
        graph = random_graph()
        head, embeddings = self._ready(graph)
        scorer = head(embeddings)
        if isinstance(scorer, Segmentation):
            some = torch.tensor([4, 0, 4])
            torch.testing.assert_close(scorer.memberships(some), scorer.alpha[some])

    def test_renumbered_segments_are_the_same_segments(self) -> None:
        graph = random_graph()
        head, embeddings = self._ready(graph)
        scorer = head(embeddings)
        if not isinstance(scorer, Segmentation):
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
        graph = random_graph()
        head, embeddings = self._ready(graph)
        with torch.no_grad():
            head.finish(embeddings, graph, Rng(0))
            assert bool(torch.isfinite(head(embeddings).block(torch.arange(graph.users))).all())


class ObjectiveContract:
    """Laws of an objective or a regulariser."""

    def make(self) -> Objective:
        raise AssertionError("say how to make the objective")

    def given(self, graph: BipartiteGraph) -> BipartiteGraph:
        """The graph as the objective wants it: ``with_ties`` where it reads social ties."""
        return graph

    def _ready(self, graph: BipartiteGraph) -> Objective:
        objective = self.make()
        objective.prepare(replace(shape_of(graph, WIDTH), classes=CLASSES), Rng(0))
        return objective

    def _batch(self, graph: BipartiteGraph, objective: Objective) -> Batch:
        """Every pair, with the negatives it wants and, of every third user, a label."""
        p, want = graph.pattern, objective.sampling
        weight = torch.full((p.entries,), 1 / p.entries)
        g = torch.Generator().manual_seed(0)
        every = torch.arange(graph.users)
        labels = torch.where(every % 3 == 0, every // 3 % CLASSES, -1)
        if want.kind == "none":
            return replace(full_batch(graph), labels=labels)
        shape = (p.entries, want.count) if want.kind == "own" else (want.count,)
        return Batch(
            p.row, p.column, weight, torch.randint(graph.items, shape, generator=g), labels=labels
        )

    def _head(self, graph: BipartiteGraph) -> Head:
        head = Segments(
            shape_of(graph, WIDTH), Rng(0), segments=4, beta="distribution", tied=False, top=None,
            centre=True,
            tau_alpha=0.2, tau_beta=0.2, tau=0.2,
        )  # fmt: skip
        head.reset(random_embeddings(graph), Rng(0))
        return head

    def test_a_finite_scalar_with_a_gradient(self) -> None:
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
        graph = self.given(random_graph())
        objective, e = self._ready(graph), random_embeddings(graph)
        if not isinstance(objective, PairObjective):
            return
        step = a_step(e, self._head(graph))
        batch = self._batch(graph, objective)
        tripled = replace(batch, weight=batch.weight * 3)
        torch.testing.assert_close(objective(step, batch, Rng(0)), objective(step, tripled, Rng(0)))

    def test_steps_make_it_smaller(self) -> None:
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


def _train(
    encoder: Encoder,
    head: Head,
    objective: Objective,
    graph: BipartiteGraph,
    features: Features | None = None,
    steps: int = 60,
) -> Any:
    given = features or Features()
    with torch.no_grad():
        head.reset(encoder(graph, given), Rng(0))
    optimizer = torch.optim.Adam([*encoder.parameters(), *head.parameters()], lr=0.05)
    for _ in range(steps):
        optimizer.zero_grad()
        e = encoder(graph, given)
        objective(Step(e, head(e)), full_batch(graph), Rng(0)).backward()
        optimizer.step()
    with torch.no_grad():
        return head(encoder(graph, given))


def _agree(found: Tensor, label: Tensor) -> float:
    from sklearn.metrics import adjusted_rand_score

    return float(adjusted_rand_score(label.numpy(), found.numpy()))
