"""Who sends messages to whom, in a whole graph or to the few nodes a step asks for, by sampling.

A ``Block`` is one layer of messages: rows of senders, rows of receivers, and the edges between them
by type. A graph encoder sees blocks only, so that full-graph, sampled and folded-in passes are
one code.

Shape legend: N nodes asked for, S their sampled edges, F fan-out, R rows that receive, C rows that
send, E edges.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import torch
from torch import Tensor

from gnnseg.mapped import kept
from gnnseg.rng import Rng, Stream
from gnnseg.sparse import Csr

CHUNK = 1 << 18  # nodes sampled for at once: bounds the memory


@dataclass(frozen=True)
class EdgeType:
    """Edges of one type, which pass messages from nodes of kind ``source`` to kind ``target``.

    ``pattern`` (R,C): rows that receive, columns that send. ``weight`` (E,): of each message, or
    None (alike); ``worth``: of the type, beside others.
    """

    name: str
    source: str
    target: str
    pattern: Csr
    weight: Tensor | None = None
    worth: float = 1.0

    @cached_property
    def mean(self) -> Tensor:
        """Return weights by which messages are averaged, (E,); those of a row sum to ``worth``."""
        weight = self.weight
        if weight is None:
            weight = torch.ones(self.pattern.entries, device=self.pattern.column.device)
        total = weight.new_zeros(self.pattern.shape[0]).index_add(0, self.pattern.row, weight)
        mean = self.worth * weight / total.clamp(min=1e-12)[self.pattern.row]
        return kept(mean, self.pattern.lasting)

    @cached_property
    def receiving(self) -> tuple[Tensor | None, Csr]:
        """Return which rows receive anything, (r,), and the pattern of these alone, (r,C).

        Its edges stand in their order; None: most rows do.
        """
        rows, place = torch.unique(self.pattern.row, return_inverse=True)
        if 2 * len(rows) > self.pattern.shape[0]:
            return None, self.pattern
        return rows, Csr.by_rows(place, self.pattern.column, (len(rows), self.pattern.shape[1]))

    def to(self, device: torch.device | str) -> EdgeType:
        """Return the same edges on a device."""
        weight = None if self.weight is None else self.weight.to(device)
        return replace(self, pattern=self.pattern.to(device), weight=weight)


@dataclass(frozen=True)
class Block:
    """One layer of messages.

    ``own``: of each kind that receives, its rows among those that send, None: the same rows.
    """

    edge_types: tuple[EdgeType, ...]
    own: Mapping[str, Tensor | None] = field(default_factory=dict)

    def to(self, kind: str) -> tuple[EdgeType, ...]:
        """Return the edges that end in a kind."""
        return tuple(edges for edges in self.edge_types if edges.target == kind)


@dataclass(frozen=True)
class Blocks:
    """The layers of a pass, the first to be passed first.

    ``nodes``: ids of the rows that send in the first, by kind; None: all.
    """

    layers: tuple[Block, ...]
    nodes: Mapping[str, Tensor | None]


def whole(edge_types: tuple[EdgeType, ...], kinds: Sequence[str], layers: int) -> Blocks:
    """Return every node and every message, in every layer."""
    block = Block(edge_types, dict.fromkeys(kinds))
    return Blocks((block,) * layers, dict.fromkeys(kinds))


def whole_but_last(
    edge_types: tuple[EdgeType, ...],
    asked: Mapping[str, Tensor | None],
    kinds: Sequence[str],
    layers: int,
) -> Blocks:
    """Return every message of every layer but the last, which ends in the ids ``asked`` for.

    By kind; None: all of it.
    """
    if layers == 0:
        return Blocks((), asked)
    last = [_ending(edges, asked[edges.target]) for edges in edge_types if edges.target in asked]
    before = whole(edge_types, kinds, layers - 1)
    return Blocks((*before.layers, Block(tuple(last), asked)), before.nodes)


def _ending(edges: EdgeType, rows: Tensor | None) -> EdgeType:
    """The edges to some rows alone, None: to all."""
    if rows is None:
        return edges
    pattern, entry = edges.pattern.only(rows)
    weight = None if edges.weight is None else edges.weight[entry]
    return replace(edges, pattern=pattern, weight=weight)


def share(edge_types: tuple[EdgeType, ...], asked: Mapping[str, Tensor | None]) -> float:
    """Return the part that ends in the ids ``asked`` for, of the messages to these kinds.

    By kind; None: all.
    """
    ends = [(edges.pattern, asked[edges.target]) for edges in edge_types if edges.target in asked]
    passed = [p.entries if rows is None else p.held_by(rows) for p, rows in ends]
    return sum(passed) / max(sum(p.entries for p, _ in ends), 1)


# (S,) place in the nodes asked for, ascending; (S,) sender; weights (S,)
Drawn = tuple[Tensor, Tensor, Tensor | None]
# the neighbours by an edge type of the ids that receive, in a layer
Draw = Callable[[EdgeType, Tensor, int], Drawn]


def by_neighbours(fanout: Sequence[int | None], rng: Rng | None) -> Draw:
    """Return a draw of at most ``fanout[l]`` neighbours by each edge type, without replacement.

    None: all; ``rng`` None: all, whatever is set.
    """

    def draw(edges: EdgeType, nodes: Tensor, layer: int) -> Drawn:
        inner = None if rng is None else rng.child(f"{layer}/{edges.name}")
        row, edge = neighbours(edges.pattern, nodes, None if rng is None else fanout[layer], inner)
        return row, edges.pattern.column[edge], None if edges.weight is None else edges.weight[edge]

    return draw


def sampled(
    edge_types: tuple[EdgeType, ...], asked: Mapping[str, Tensor], layers: int, draw: Draw
) -> Blocks:
    """Return blocks that end in the ids ``asked`` for, each once, drawn backwards from the last."""
    blocks: list[Block] = []
    receive = dict(asked)
    for layer in reversed(range(layers)):
        drawn = {
            edges.name: draw(edges, receive[edges.target], layer)
            for edges in edge_types
            if edges.target in receive
        }
        send = dict(receive)
        for edges in edge_types:
            if edges.name in drawn:
                ids = drawn[edges.name][1]
                send[edges.source] = torch.cat([send.get(edges.source, ids[:0]), ids])
        send = {kind: torch.unique(ids) for kind, ids in send.items()}
        blocks.insert(0, _block(edge_types, receive, send, drawn))
        receive = send
    return Blocks(tuple(blocks), receive)


def _block(
    edge_types: tuple[EdgeType, ...],
    receive: Mapping[str, Tensor],
    send: Mapping[str, Tensor],
    drawn: Mapping[str, Drawn],
) -> Block:
    small = []
    for edges in edge_types:
        if edges.name not in drawn:
            continue
        row, sender, weight = drawn[edges.name]
        column = torch.searchsorted(send[edges.source], sender)
        shape = (len(receive[edges.target]), len(send[edges.source]))
        small.append(replace(edges, pattern=Csr.by_rows(row, column, shape), weight=weight))
    own = {kind: torch.searchsorted(send[kind], ids) for kind, ids in receive.items()}
    return Block(tuple(small), own)


def neighbours(
    pattern: Csr, nodes: Tensor, count: int | None, rng: Rng | None
) -> tuple[Tensor, Tensor]:
    """Return at most ``count`` of each node's edges, uniformly without replacement; None: all.

    Floyd's algorithm (Bentley & Floyd 1987) for all nodes at once: for (N,) rows of the pattern,
    (S,) the place in ``nodes`` and (S,) the edge, both ascending. Reads no more of
    ``pattern.start`` than the nodes' entries: a pattern over memory-mapped arrays stays on disk.
    """
    if count is None:
        return pattern.entries_of(nodes)
    assert rng is not None
    stream = rng.stream("neighbours", nodes.device)
    parts = [
        _some(pattern, nodes[at : at + CHUNK], count, stream, at)
        for at in range(0, max(len(nodes), 1), CHUNK)
    ]
    return torch.cat([row for row, _ in parts]), torch.cat([edge for _, edge in parts])


def _some(
    pattern: Csr, nodes: Tensor, count: int, stream: Stream, first: int
) -> tuple[Tensor, Tensor]:
    begin = pattern.start[nodes]
    degree = pattern.start[nodes + 1] - begin
    few, many = (degree <= count).nonzero().squeeze(1), (degree > count).nonzero().squeeze(1)
    where, edge = pattern.entries_of(nodes[few])
    if not len(many):
        return few[where] + first, edge
    picked = _floyd(degree[many], count, stream)
    row = torch.cat([few[where], many.repeat_interleave(count)])
    edge = torch.cat([edge, (begin[many][:, None] + picked).reshape(-1)])
    order = torch.argsort(
        edge + row * max(pattern.entries, 1)
    )  # rows ascending, each row's edges ascending
    return row[order] + first, edge[order]


def _floyd(degree: Tensor, count: int, stream: Stream) -> Tensor:
    """(M,count) different numbers below each ``degree`` (M,) > count, every subset as likely as any
    other."""
    drawn = stream.uniform((count, len(degree)), torch.float64)
    picked = degree.new_empty(count, len(degree))
    for step in range(count):
        last = degree - count + step
        number = (drawn[step] * (last + 1)).long().clamp(max=last)
        taken = (picked[:step] == number).any(0)
        picked[step] = torch.where(taken, last, number)
    return picked.T
