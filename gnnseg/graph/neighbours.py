"""Who sends messages to whom, for a whole graph or for the few nodes a step asks about: neighbour
sampling.

A ``Block`` is one layer of messages: rows of senders, rows of receivers, and the edges between them
by relation. A graph encoder sees blocks only, so that full-graph, sampled and folded-in passes are
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

from gnnseg.rng import Rng
from gnnseg.sparse import Csr

CHUNK = 1 << 18  # nodes sampled for at once: bounds the memory


@dataclass(frozen=True)
class Flow:
    """Messages of one relation: ``pattern`` (R,C) from rows of kind ``source`` to rows of kind
    ``target``.

    weight (E,): of each message, or None (alike); ``worth``: of the relation, beside others.
    """

    name: str
    source: str
    target: str
    pattern: Csr
    weight: Tensor | None = None
    worth: float = 1.0

    @cached_property
    def mean(self) -> Tensor:
        """(E,) weights by which messages are averaged; those of a row sum to ``worth``."""
        weight = self.weight
        if weight is None:
            weight = torch.ones(self.pattern.entries, device=self.pattern.column.device)
        total = weight.new_zeros(self.pattern.shape[0]).index_add(0, self.pattern.row, weight)
        return self.worth * weight / total.clamp(min=1e-12)[self.pattern.row]

    @cached_property
    def heard(self) -> tuple[Tensor | None, Csr]:
        """Which rows hear anything (r,), and the pattern of these alone, (r,C), its edges in their
        order; None: most rows do."""
        rows, place = torch.unique(self.pattern.row, return_inverse=True)
        if 2 * len(rows) > self.pattern.shape[0]:
            return None, self.pattern
        return rows, Csr.by_rows(place, self.pattern.column, (len(rows), self.pattern.shape[1]))

    def on(self, device: torch.device | str) -> Flow:
        weight = None if self.weight is None else self.weight.to(device)
        return replace(self, pattern=self.pattern.to(device), weight=weight)


@dataclass(frozen=True)
class Block:
    """One layer of messages. ``own``: of each kind that receives, its rows among those that send,
    None: the same rows."""

    flows: tuple[Flow, ...]
    own: Mapping[str, Tensor | None] = field(default_factory=dict)

    def to(self, kind: str) -> tuple[Flow, ...]:
        """The relations that end in a kind."""
        return tuple(flow for flow in self.flows if flow.target == kind)


@dataclass(frozen=True)
class Blocks:
    """``layers`` blocks, the first to be passed first; ``nodes``: ids of the rows that send in it,
    by kind; None: all."""

    layers: tuple[Block, ...]
    nodes: Mapping[str, Tensor | None]


def whole(flows: tuple[Flow, ...], kinds: Sequence[str], layers: int) -> Blocks:
    """Every node, every message, in every layer."""
    block = Block(flows, dict.fromkeys(kinds))
    return Blocks((block,) * layers, dict.fromkeys(kinds))


def whole_but_last(
    flows: tuple[Flow, ...], wanted: Mapping[str, Tensor | None], kinds: Sequence[str], layers: int
) -> Blocks:
    """Every message of every layer but the last, which ends in the ``wanted`` ids of each kind,
    None: all of it."""
    if layers == 0:
        return Blocks((), wanted)
    last = [_ending(flow, wanted[flow.target]) for flow in flows if flow.target in wanted]
    before = whole(flows, kinds, layers - 1)
    return Blocks((*before.layers, Block(tuple(last), wanted)), before.nodes)


def _ending(flow: Flow, rows: Tensor | None) -> Flow:
    """The messages to some rows alone, None: to all."""
    if rows is None:
        return flow
    pattern, edge = flow.pattern.only(rows)
    return replace(flow, pattern=pattern, weight=None if flow.weight is None else flow.weight[edge])


def share(flows: tuple[Flow, ...], wanted: Mapping[str, Tensor | None]) -> float:
    """Of the messages to the kinds that are ``wanted``, the part that ends in the ids asked for,
    None: all."""
    ends = [(flow.pattern, wanted[flow.target]) for flow in flows if flow.target in wanted]
    asked = [p.entries if rows is None else p.held_by(rows) for p, rows in ends]
    return sum(asked) / max(sum(p.entries for p, _ in ends), 1)


Drawn = tuple[
    Tensor, Tensor, Tensor | None
]  # (S,) place in the nodes asked for, ascending; (S,) sender; weights (S,)
Draw = Callable[[Flow, Tensor, int], Drawn]  # of a relation, the ids that receive, and the layer


def by_neighbours(fanout: Sequence[int | None], rng: Rng | None) -> Draw:
    """At most ``fanout[l]`` neighbours by each relation, drawn without replacement; None: all.
    ``rng`` None: all, whatever is set."""

    def draw(flow: Flow, nodes: Tensor, layer: int) -> Drawn:
        inner = None if rng is None else rng.child(f"{layer}/{flow.name}")
        row, edge = neighbours(flow.pattern, nodes, None if rng is None else fanout[layer], inner)
        return row, flow.pattern.column[edge], None if flow.weight is None else flow.weight[edge]

    return draw


def sampled(
    flows: tuple[Flow, ...], wanted: Mapping[str, Tensor], layers: int, draw: Draw
) -> Blocks:
    """Blocks that end in the ``wanted`` ids of each kind, each of them once, drawn backwards from
    the last layer."""
    blocks: list[Block] = []
    receive = dict(wanted)
    for layer in reversed(range(layers)):
        drawn = {
            flow.name: draw(flow, receive[flow.target], layer)
            for flow in flows
            if flow.target in receive
        }
        send = dict(receive)
        for flow in flows:
            if flow.name in drawn:
                ids = drawn[flow.name][1]
                send[flow.source] = torch.cat([send.get(flow.source, ids[:0]), ids])
        send = {kind: torch.unique(ids) for kind, ids in send.items()}
        blocks.insert(0, _block(flows, receive, send, drawn))
        receive = send
    return Blocks(tuple(blocks), receive)


def _block(
    flows: tuple[Flow, ...],
    receive: Mapping[str, Tensor],
    send: Mapping[str, Tensor],
    drawn: Mapping[str, Drawn],
) -> Block:
    small = []
    for flow in flows:
        if flow.name not in drawn:
            continue
        row, sender, weight = drawn[flow.name]
        column = torch.searchsorted(send[flow.source], sender)
        shape = (len(receive[flow.target]), len(send[flow.source]))
        small.append(replace(flow, pattern=Csr.by_rows(row, column, shape), weight=weight))
    return Block(
        tuple(small), {kind: torch.searchsorted(send[kind], ids) for kind, ids in receive.items()}
    )


def neighbours(
    pattern: Csr, nodes: Tensor, count: int | None, rng: Rng | None
) -> tuple[Tensor, Tensor]:
    """At most ``count`` of each node's edges, uniformly without replacement (Floyd's algorithm,
    Bentley & Floyd 1987, for all nodes at once): for (N,) rows of the pattern, (S,) the place in
    ``nodes`` and (S,) the edge, both ascending. ``count`` None: all.

    Reads no more of ``pattern.start`` than the nodes' entries: a pattern over memory-mapped arrays
    stays on disk.
    """
    if count is None:
        return pattern.entries_of(nodes)
    assert rng is not None
    generator = rng.torch("neighbours")
    parts = [
        _some(pattern, nodes[at : at + CHUNK], count, generator, at)
        for at in range(0, max(len(nodes), 1), CHUNK)
    ]
    return torch.cat([row for row, _ in parts]), torch.cat([edge for _, edge in parts])


def _some(
    pattern: Csr, nodes: Tensor, count: int, generator: torch.Generator, first: int
) -> tuple[Tensor, Tensor]:
    begin = pattern.start[nodes]
    degree = pattern.start[nodes + 1] - begin
    few, many = (degree <= count).nonzero().squeeze(1), (degree > count).nonzero().squeeze(1)
    where, edge = pattern.entries_of(nodes[few])
    if not len(many):
        return few[where] + first, edge
    picked = _floyd(degree[many], count, generator)
    row = torch.cat([few[where], many.repeat_interleave(count)])
    edge = torch.cat([edge, (begin[many][:, None] + picked).reshape(-1)])
    order = torch.argsort(
        edge + row * max(pattern.entries, 1)
    )  # rows ascending, each row's edges ascending
    return row[order] + first, edge[order]


def _floyd(degree: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """(M,count) different numbers below each ``degree`` (M,) > count, every subset as likely as any
    other."""
    drawn = torch.rand(count, len(degree), dtype=torch.float64, generator=generator).to(
        degree.device
    )
    picked = degree.new_empty(count, len(degree))
    for step in range(count):
        last = degree - count + step
        number = (drawn[step] * (last + 1)).long().clamp(max=last)
        taken = (picked[:step] == number).any(0)
        picked[step] = torch.where(taken, last, number)
    return picked.T
