"""The user-item graph of the training interactions, with the normalisations encoders ask for.

Shape legend: U users, I items, E training edges.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from gnnseg.distributed.ranks import ALONE, Ranks
from gnnseg.graph import relations as relations_
from gnnseg.graph import social as social_
from gnnseg.graph.neighbours import EdgeType
from gnnseg.mapped import kept
from gnnseg.rng import Rng
from gnnseg.sparse import Csr, Fixed
from gnnseg.types import Edges, InputError, Pairs, Past, Relation, Setting

Normalisation = Literal["symmetric", "left", "right", "none"]
Weights = Literal["value", "log", "spend"]
Worth = Literal["measured", "full"]
EXPONENTS: dict[str, tuple[float, float]] = {
    "symmetric": (0.5, 0.5),
    "left": (1.0, 0.0),
    "right": (0.0, 1.0),
    "none": (0.0, 0.0),
}


@dataclass(frozen=True)
class BipartiteGraph:
    """Users meet items: ``pattern`` (U,I), ``weight`` (E,) float32 or None (every edge weighs 1).

    ``social``: user-user ties (U,U) in both directions, with weights, or None; of new users, (B,
    users of old). ``homophily``: what a tie is worth beside an interaction, 0 to 1
    (``graph.social.homophily``). ``relations``: edges of the typed relations, both directions;
    ``entities``: nodes of each kind beside users and items. ``past``: what users have taken, for
    heads with habits.
    """

    pattern: Csr
    weight: Tensor | None = None
    social: Csr | None = None
    homophily: float = 1.0
    # (I,) and (users of old,), where the edges here do not say them: new users of an old graph
    item_degree: Tensor | None = None
    friend_degree: Tensor | None = None
    relations: tuple[EdgeType, ...] = ()
    entities: Mapping[str, int] = field(default_factory=dict)
    past: Past | None = None
    joins: BipartiteGraph | None = None  # the graph of old, where these are new users of it
    ranks: Ranks = ALONE  # of several processes each has some of the users, and items have all
    # what was once computed of this graph
    memo: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def users(self) -> int:
        """Return U."""
        return self.pattern.shape[0]

    @property
    def items(self) -> int:
        """Return I."""
        return self.pattern.shape[1]

    def degrees(self) -> tuple[Tensor, Tensor]:
        """Return degrees of users (U,) and items (I,), float32, weighted where the graph is."""
        if self.weight is None:
            users, items = (degree.float() for degree in self.pattern.degrees())
        else:
            nothing = self.weight.new_zeros
            users = nothing(self.users).index_add(0, self.pattern.row, self.weight)
            items = nothing(self.items).index_add(0, self.pattern.column, self.weight)
        return users, items if self.item_degree is None else self.item_degree

    @cached_property
    def edge_types(self) -> tuple[EdgeType, ...]:
        """Return the interactions both ways: to users from what they met, to items from whom."""
        back = None if self.weight is None else self.weight[self.pattern.t_order]
        return (
            EdgeType("to_user", "item", "user", self.pattern, self.weight),
            EdgeType("to_item", "user", "item", self.pattern.T, back),
        )

    @cached_property
    def merged(self) -> tuple[EdgeType, ...]:
        """Return the typed relations, distinguished by the kinds of nodes they join alone."""
        return relations_.merged(self.relations)

    def with_users(
        self, histories: Pairs, count: int, weights: Weights | None, social: Csr | None = None
    ) -> BipartiteGraph:
        """Return the graph of new users and what they have met, (B,I).

        They receive from items, and items keep the degrees they have here, so that nobody else's
        messages change. An item nobody met in training weighs as if one had. Spend that is not
        given is an edge's mean here.

        Args:
            histories: ``user`` is the new user's number, ``item`` an item's index here.
            count: B.
            weights: As in ``build``.
            social: Their ties to users here, (B,U).
        """
        if weights == "spend" and histories.spend is None:
            usual = 1.0 if self.weight is None else float(self.weight.mean())
            histories = replace(histories, spend=np.full(len(histories), usual))
        new = build(histories, count, self.items, weights=weights)
        friends = None if self.social is None else social_.degrees(self.social)
        degree = self.degrees()[1]
        return replace(
            new,
            item_degree=torch.where(degree > 0, degree, 1.0),
            social=social,
            friend_degree=friends,
            homophily=self.homophily,
            joins=self,
        )

    def hiding(self, users: Tensor, items: Tensor, rng: Rng) -> BipartiteGraph:
        """Return the graph where the pairs (B,),(B,) asked for weigh nothing.

        Of more than half of all pairs, half by chance. For encoders that read a user's history:
        what a step asks for must not stand in it.
        """
        weight = torch.ones(self.pattern.entries, device=self.pattern.column.device)
        if len(users) > self.pattern.entries // 2:
            weight = (rng.stream("hidden", weight.device).uniform(weight.shape) < 0.5).to(weight)
        else:
            weight[self.pattern.entry(users, items)] = 0.0
        return replace(
            self, weight=weight if self.weight is None else weight * self.weight, memo={}
        )

    def normalised(self, target: float = 0.5, source: float = 0.5) -> tuple[Tensor, Tensor]:
        """Return d_target^-target d_source^-source in both directions, (E,) in the pattern's order.

        First the weights of messages to users (target = user), then of messages to items (target =
        item). (.5, .5) is the symmetric normalisation of LightGCN (He et al. 2020), (1, 0) the left
        (mean over neighbours), (0, 1) the right; LightGCN++ (Lee et al. 2024) takes other
        exponents. A node without edges has no weights to normalise.
        """
        key = (float(target), float(source))
        if key not in self.memo:
            users, items = (d.clamp(min=1e-12) for d in self.degrees())
            u, i = users[self.pattern.row], items[self.pattern.column]
            base = 1.0 if self.weight is None else self.weight
            lasting = self.pattern.lasting
            to_user = to_item = kept(base * u ** -key[0] * i ** -key[1], lasting)
            if key[0] != key[1] or self.weight is not None:
                to_item = kept(base * i ** -key[0] * u ** -key[1], lasting)
            self.memo[key] = (to_user, to_item)
        found: tuple[Tensor, Tensor] = self.memo[key]
        return found

    def messages(self, target: float = 0.5, source: float = 0.5) -> tuple[Fixed, Fixed]:
        """Return the weights of ``normalised`` as matrices: to users (U,I), to items (I,U)."""
        key = ("messages", float(target), float(source))
        if key not in self.memo:
            to_user, to_item = self.normalised(target, source)
            there = Fixed.of(self.pattern, to_user)
            back = there if to_item is to_user else Fixed.of(self.pattern, to_item)
            self.memo[key] = (there, replace(back.T, ranks=self.ranks))
        found: tuple[Fixed, Fixed] = self.memo[key]
        return found

    def of_users(self, part: slice, ranks: Ranks) -> BipartiteGraph:
        """Return some users' part of the graph, whose other users are other processes'.

        Items keep their degrees, and ``messages`` to them are summed over all processes.
        """
        p = self.pattern
        edges = slice(int(p.start[part.start]), int(p.start[part.stop]))
        return BipartiteGraph(
            p.rows(part).to(p.column.device),
            None if self.weight is None else self.weight[edges],
            item_degree=self.degrees()[1],
            ranks=ranks,
        )

    def to(self, device: torch.device | str) -> BipartiteGraph:
        """Return the graph on a device."""
        return replace(
            self,
            pattern=self.pattern.to(device),
            weight=None if self.weight is None else self.weight.to(device),
            social=None if self.social is None else self.social.to(device),
            item_degree=None if self.item_degree is None else self.item_degree.to(device),
            friend_degree=None if self.friend_degree is None else self.friend_degree.to(device),
            relations=tuple(edges.to(device) for edges in self.relations),
            past=None if self.past is None else self.past.to(device),
            joins=None if self.joins is None else self.joins.to(device),
            memo={},
        )

    def to_hetero(self) -> Any:
        """Return the graph as PyG's HeteroData.

        ('user','to','item') with ``edge_index`` (2,E), and the reverse ('item','rev_to','user').
        """
        from torch_geometric.data import HeteroData

        data = HeteroData()
        data["user"].num_nodes = self.users
        data["item"].num_nodes = self.items
        index = torch.stack([self.pattern.row, self.pattern.column])
        data["user", "to", "item"].edge_index = index
        data["item", "rev_to", "user"].edge_index = index.flip(0)
        if self.weight is not None:
            data["user", "to", "item"].edge_weight = self.weight
            data["item", "rev_to", "user"].edge_weight = self.weight
        return data

    @staticmethod
    def from_hetero(data: Any) -> BipartiteGraph:
        """Return the graph of PyG's HeteroData, of which only ('user','to','item') is read.

        Raises:
            ValueError: A pair stands twice.
        """
        store = data["user", "to", "item"]
        row, column = store.edge_index
        weight = store.edge_weight if "edge_weight" in store else None
        pattern = Csr.of(
            row, column, (int(data["user"].num_nodes), int(data["item"].num_nodes)), weight
        )
        return BipartiteGraph(pattern.with_value(None), pattern.value)


def build(
    train: Pairs,
    users: int,
    items: int,
    ties: Edges | None = None,
    typed: tuple[Relation, ...] = (),
    entities: Mapping[str, int] | None = None,
    *,
    weights: Weights | None = None,
    homophily: Worth = "measured",
    relations: list[str] | None = None,
) -> BipartiteGraph:
    """Return the graph of the training pairs, with ties and typed relations where they are given.

    Args:
        train: The training pairs.
        users: U.
        items: I.
        ties: Social ties of users.
        typed: Typed relations of the set.
        entities: Nodes of each kind beside users and items.
        weights: None (every edge weighs 1), 'value' (as counted or rated), 'log' (log(1 + value)),
            'spend' (money).
        homophily: What a social tie is worth: 'measured', by how much more alike friends are than
            strangers in train; 'full': 1.
        relations: Names of the typed relations to be read; None: all.

    Raises:
        InputError: The set has no spend, or no relation of a name.
    """
    value = None if weights is None else _values(train, weights)
    pattern = Csr.of(train.user, train.item, (users, items), value, lasting=True)
    graph = BipartiteGraph(pattern.with_value(None), pattern.value)
    if typed:
        read = relations_.chosen(typed, relations)
        joined = {kind for one in read for kind in (one.source_kind, one.target_kind)}
        known = {kind: count for kind, count in (entities or {}).items() if kind in joined}
        sizes = {"user": users, "item": items, **known}
        graph = replace(graph, relations=relations_.edge_types(read, sizes), entities=known)
    if ties is None:
        return graph
    social = social_.both_ways(ties, users)
    worth = 1.0 if homophily == "full" else social_.homophily(graph.pattern, social, Rng(0))
    return replace(graph, social=social, homophily=worth)


def _values(train: Pairs, weights: Weights) -> Tensor:
    """What each training pair weighs, (E,)."""
    found = train.spend if weights == "spend" else train.weight
    if found is None:
        raise InputError(
            where="graph.weights=spend",
            problem="this set has no spend",
            advice=("name its column in ", Setting("data.spend"), ", or set it to value"),
        )
    raw = torch.from_numpy(found).float().clamp(min=0.0)
    return raw.log1p() if weights == "log" else raw
