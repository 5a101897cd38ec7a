"""Small graphs, features and steps that tests draw, and the shortest training.

Shape legend: U users, I items, E edges, K segments, D width.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gnnseg.data import visits
from gnnseg.graph import BipartiteGraph
from gnnseg.graph.relations import edge_types as typed_edges
from gnnseg.graph.social import both_ways
from gnnseg.models.encoders.base import Encoder
from gnnseg.models.heads.base import Head
from gnnseg.models.objectives.base import Objective
from gnnseg.rng import Rng
from gnnseg.sparse import Csr
from gnnseg.sparse.csr import Transpose
from gnnseg.types import (
    Batch,
    Edges,
    Embeddings,
    Features,
    Interactions,
    Relation,
    Scorer,
    Shape,
    Step,
)

WIDTH = 16
CLASSES = 3


def random_graph(
    users: int = 23, items: int = 17, edges: int = 90, seed: int = 0
) -> BipartiteGraph:
    """Draw a graph whose last user and last item have no edge."""
    key = np.random.default_rng(seed).choice((users - 1) * (items - 1), size=edges, replace=False)
    return BipartiteGraph(Csr.of(key // (items - 1), key % (items - 1), (users, items)))


def block_graph(
    segments: int = 4, users: int = 120, items: int = 60, each: int = 8, seed: int = 0
) -> tuple[BipartiteGraph, Tensor]:
    """Draw users of known segments, and their labels (U,).

    They meet their own segment's items nine times in ten.
    """
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
    """Return what a component must know of the graph and features to make its parameters."""
    found = features or Features()
    user, item = (0 if matrix is None else matrix.shape[1] for matrix in (found.user, found.item))
    relations = {
        edge_type.name: (edge_type.source, edge_type.target) for edge_type in graph.relations
    }
    counts = graph.pattern.degrees()[1]
    return Shape(
        graph.users, graph.items, counts, user, item, relations, graph.entities, width=width
    )


def telling_features(graph: BipartiteGraph, segments: int = 4, seed: int = 0) -> Features:
    """Draw attributes that tell the segments of ``block_graph``, among noise."""
    g = np.random.default_rng(seed)

    def matrix(n: int) -> Tensor:
        observed = np.eye(segments)[np.arange(n) % segments]
        return torch.from_numpy(np.hstack([observed, g.normal(0, 0.3, (n, 3))])).float()

    return Features(matrix(graph.users), matrix(graph.items))


def with_ties(
    graph: BipartiteGraph, segments: int = 4, each: int = 4, seed: int = 0
) -> BipartiteGraph:
    """Return the graph with ``each`` friends named by every user but the last.

    Among those of the user's segment in ``block_graph``.
    """
    g = np.random.default_rng(seed)
    source = np.repeat(np.arange(graph.users - 1), each)
    target = (source + segments * g.integers(1, 6, len(source))) % (
        graph.users - graph.users % segments
    )
    apart = (source != target) & (target != graph.users - 1)
    ties = Edges(source[apart], target[apart], np.ones(int(apart.sum())))
    return replace(graph, social=both_ways(ties, graph.users))


def with_relations(graph: BipartiteGraph, segments: int = 4, seed: int = 0) -> BipartiteGraph:
    """Return the graph with typed relations to and among genres.

    Items are of a genre of their segment, users mention genres, and genres lie near each other.
    """
    g = np.random.default_rng(seed)
    genres = 2 * segments
    items, users = np.arange(graph.items - 1), np.repeat(np.arange(graph.users - 1), 2)
    near = np.arange(genres)
    relations = (
        Relation(
            name="is of",
            source_kind="item",
            target_kind="genre",
            source=items,
            target=items % genres,
            weight=np.ones(len(items)),
        ),
        Relation(
            name="mentions",
            source_kind="user",
            target_kind="genre",
            source=users,
            target=g.integers(0, genres, len(users)),
            weight=g.integers(1, 4, len(users)).astype(np.float64),
        ),
        Relation(
            name="is near",
            source_kind="genre",
            target_kind="genre",
            source=near,
            target=(near + segments) % genres,
            weight=np.ones(genres),
        ),
    )
    edge_types = typed_edges(relations, {"user": graph.users, "item": graph.items, "genre": genres})
    return replace(graph, relations=edge_types, entities={"genre": genres})


def drawn_visits(graph: BipartiteGraph, seed: int = 0) -> Interactions:
    """Draw one to three visits for each pair of a graph, within a hundred days."""
    g, p = np.random.default_rng(seed), graph.pattern
    pair = np.repeat(np.arange(p.entries), g.integers(1, 4, p.entries))
    days = g.integers(0, 100, len(pair)).astype(np.float64)
    events = Interactions(p.row.numpy()[pair], p.column.numpy()[pair], time=days * visits.DAY)
    return visits.of(events)


def random_embeddings(graph: BipartiteGraph, width: int = WIDTH, seed: int = 0) -> Embeddings:
    """Draw embeddings of a graph's users and items, as leaves, of four intents, and their pasts."""
    g = torch.Generator().manual_seed(seed)
    user = torch.randn(graph.users, width, generator=g, requires_grad=True)
    item = torch.randn(graph.items, width, generator=g, requires_grad=True)
    apart = drawn_visits(graph, seed)
    past = visits.latest(apart, visits.half_lives(apart), graph.users, graph.items)
    return Embeddings(user, item, user, item, past=past, histories=graph.pattern, intents=4)


def a_step(embeddings: Embeddings, head: Head) -> Step:
    """Make a training step of two layers, further views being embeddings moved by noise, of one.

    Where the embeddings have no layers, each is the last with its columns moved on by one.
    """
    if embeddings.layers is None:
        layers = tuple(
            (embeddings.user_UD.roll(by, 1), embeddings.item_ID.roll(by, 1)) for by in range(3)
        )
        embeddings = replace(embeddings, layers=layers)

    def view(rng: Rng, noise: float) -> Embeddings:
        user, item = (
            x + noise * torch.randn(x.shape, generator=rng.torch(kind))
            for kind, x in (("user", embeddings.user_UD), ("item", embeddings.item_ID))
        )
        layers = ((embeddings.user_UD, embeddings.item_ID), (user, item))
        return replace(embeddings, user_UD=user, item_ID=item, layers=layers)

    return Step(embeddings, head(embeddings), view)


class TableScorer(Scorer):
    """Scores as they stand in a table (U,I): for loops beside objectives."""

    def __init__(self, score: Tensor) -> None:
        self.score = score

    def pairs(self, users: Tensor, items: Tensor) -> Tensor:
        """Score pairs, (B,),(B,) -> (B,); (B,),(B,N) -> (B,N)."""
        return self.score[users.view(-1, *[1] * (items.dim() - 1)), items]

    def block(self, users: Tensor, items: Tensor | None = None) -> Tensor:
        """Score users against shared items, (B,),(N,) -> (B,N); None: the whole catalogue."""
        return self.score[users] if items is None else self.score[users][:, items]

    def edges(self, pattern: Csr) -> Tensor:
        """Score the pattern's entries, (E,), in its order."""
        return self.pairs(pattern.row, pattern.column)


def table_step(score: Tensor) -> Step:
    """Make a step that says these scores, (U,I), and has no embeddings."""
    nothing = torch.zeros(0, 1)
    return Step(Embeddings(nothing, nothing, nothing, nothing), TableScorer(score))


def full_batch(graph: BipartiteGraph) -> Batch:
    """Make the batch of every pair of a graph, weighing alike."""
    p = graph.pattern
    weight = torch.full((p.entries,), 1 / p.entries)
    return Batch(p.row, p.column, weight, pattern=p, social=graph.social, homophily=graph.homophily)


def train_quickly(
    encoder: Encoder,
    head: Head,
    objective: Objective,
    graph: BipartiteGraph,
    features: Features | None = None,
    steps: int = 60,
) -> Any:
    """Train by a few full batches of Adam, and return the scorer."""
    given = features or Features()
    with torch.no_grad():
        head.reset(encoder(graph, given), graph, Rng(0))
    optimizer = torch.optim.Adam([*encoder.parameters(), *head.parameters()], lr=0.05)
    for _ in range(steps):
        optimizer.zero_grad()
        e = encoder(graph, given)
        objective(Step(e, head(e)), full_batch(graph), Rng(0)).backward()
        optimizer.step()
    with torch.no_grad():
        return head(encoder(graph, given))


def agreement(found: Tensor, label: Tensor) -> float:
    """Compute the adjusted Rand index of two assignments, (U,) each."""
    from sklearn.metrics import adjusted_rand_score

    return float(adjusted_rand_score(label.numpy(), found.numpy()))


def on_disk(pattern: Csr, folder: Path) -> Csr:
    """Return the same pattern over memory-mapped files, which are written to ``folder``."""

    def stored(name: str, values: Tensor) -> Tensor:
        np.save(folder / f"{name}.npy", values.numpy())
        return torch.from_numpy(np.load(folder / f"{name}.npy", mmap_mode="c"))

    start, row, column = (stored(n, getattr(pattern, n)) for n in ("start", "row", "column"))
    back, order = pattern.T, stored("t_order", pattern.t_order)
    parts = {n: stored(f"t_{n}", getattr(back, n)) for n in ("start", "row", "column")}
    turned = Transpose(row, column, pattern.shape[1], order=order, **parts)
    return Csr(pattern.shape, start, row, column, turned=turned)
