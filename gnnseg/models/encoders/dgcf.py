"""DGCF (Wang et al. 2020): each interaction is shared out among intents, chunks of the vectors.

Shape legend: U users, I items, R rows that receive, C rows that send, B new users, E edges, K
intents, D width, d = D/K width of an intent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from gnnseg.graph import BipartiteGraph
from gnnseg.models.encoders.layers import perturbed
from gnnseg.models.encoders.nodes import Attributes, NodeEncoder
from gnnseg.models.encoders.tables import Init
from gnnseg.models.vectors import pick, unit
from gnnseg.rng import Rng
from gnnseg.sparse import Csr, sddmm, spmm
from gnnseg.types import Embeddings, Features, InputError, Shape

Chunks = Sequence[Tensor]  # a row's intents, K times (R,d)


class DGCF(NodeEncoder):
    """h_u,k = sum_i s_ui,k x_i,k / sqrt(d_u,k d_i,k), s_ui = softmax_k(r_ui); so of items.

    x_k: the k-th of ``intents`` chunks of equal width; d_u,k = sum_i s_ui,k. A layer repeats this
    ``iterations`` times (neighbour routing): each adds to the logits of an edge how near what its
    head received is to its tail, r_ui,k += <h_u,k/|h_u,k|, tanh(x_i,k/|x_i,k|)>; the last h is the
    next layer, and the logits, which begin at 0, go on into it. Each direction of an edge has
    logits of its own. The embedding is the mean of layers 0..L. ``noise`` in forward adds sign(x) *
    unit(uniform) * noise at each layer (SimGCL, Yu et al. 2022). Every edge is taken alike,
    whatever its weight. Memory: K numbers an edge and direction for each iteration, whatever D.
    """

    def __init__(
        self,
        shape: Shape,
        rng: Rng,
        *,
        dim: int = 64,
        layers: int = 1,
        intents: int = 4,
        iterations: int = 2,
        init: Init = "spectral",
        scale: float = 0.1,
        attributes: Attributes | None = None,
    ) -> None:
        super().__init__(shape, rng, dim=dim, init=init, scale=scale, attributes=attributes)
        if layers < 0:
            raise InputError(f"encoder.layers is {layers}: it must be 0 or more.")
        if iterations < 1:
            raise InputError(f"encoder.iterations is {iterations}: it must be 1 or more.")
        if intents < 1 or dim % intents:
            raise InputError(
                f"encoder.intents is {intents}: it must be 1 or more and divide encoder.dim={dim}."
            )
        self.layers, self.intents, self.iterations = layers, intents, iterations

    @classmethod
    def provides(cls, **settings: Any) -> frozenset[str]:
        """Return 'intents' too, where there are several."""
        several = settings.get("intents") != 1
        return super().provides(**settings) | ({"intents"} if several else frozenset())

    @classmethod
    def weighs_messages(cls, **settings: Any) -> bool:
        """Return that routing takes every edge alike."""
        return False

    def forward(
        self,
        graph: BipartiteGraph,
        features: Features,
        users: Tensor | None = None,
        items: Tensor | None = None,
        *,
        rng: Rng | None = None,
        noise: float = 0.0,
    ) -> Embeddings:
        """Return the rows asked for: the layers' mean, and each layer; all are computed."""
        user, item = self.start("user", features), self.start("item", features)
        to_user, to_item = self._routings(graph.pattern, user)
        layers = [(user, item)]
        for number in range(self.layers):
            user, item = self._layer(to_user, to_item, user, item, ends=number == self.layers - 1)
            user = perturbed(user, noise, rng, f"noise-user-{number}")
            item = perturbed(item, noise, rng, f"noise-item-{number}")
            layers.append((user, item))
        asked = tuple((pick(user, users), pick(item, items)) for user, item in layers)
        user_UD, item_ID = (torch.stack(rows).mean(0) for rows in zip(*asked, strict=True))
        return Embeddings(
            user_UD, item_ID, *asked[0], users, items, layers=asked, intents=self.intents
        )

    def embed_new_users(
        self, graph: BipartiteGraph, embeddings: Embeddings, features: Features
    ) -> Callable[[Tensor], Tensor]:
        """Return new users by routing from the trained items, whose own edges stay as they were."""
        assert graph.joins is not None
        assert embeddings.layers is not None
        to_user, to_item = self._routings(graph.joins.pattern, embeddings.user_UD)
        to_new = Routing(graph.pattern, self.intents, embeddings.user_UD)
        received_BD = embeddings.user_UD.new_zeros(graph.users, self.width)
        for user, item in embeddings.layers[:-1]:
            received_BD = received_BD + self._layer(to_user, to_item, user, item, to_new=to_new)[2]
        count = len(embeddings.layers)
        return lambda start_BD: (start_BD + received_BD) / count

    def _routings(self, pattern: Csr, like: Tensor) -> tuple[Routing, Routing]:
        """Of the messages to users and to items, before the first iteration."""
        return Routing(pattern, self.intents, like), Routing(pattern.T, self.intents, like)

    def _layer(
        self,
        to_user: Routing,
        to_item: Routing,
        user: Tensor,
        item: Tensor,
        *,
        ends: bool = False,
        to_new: Routing | None = None,
    ) -> tuple[Tensor, ...]:
        """The next layer of users, items and new users; ``ends``: nobody asks for logits after."""
        users, items = user.chunk(self.intents, -1), item.chunk(self.intents, -1)
        for iteration in range(self.iterations):
            for routing in (to_user, to_item):
                routing.share_out()
            ways = [(to_user, items, to_item), (to_item, users, to_user)]
            if to_new is not None:
                to_new.share_out()
                ways.append((to_new, items, to_item))
            found = [way.received(sent, back) for way, sent, back in ways]
            if not (ends and iteration == self.iterations - 1):
                for (way, sent, _), h in zip(ways, found, strict=True):
                    way.learn(h, sent)
        return tuple(torch.cat(list(h), dim=-1) for h in found)


class Routing:
    """Messages one way, (R,C): how much of each edge is of each intent.

    ``share_KE``: softmax of the logits over the intents; ``degree_KR``: their sums by who receives,
    K times (R,1).
    """

    def __init__(self, pattern: Csr, intents: int, like: Tensor) -> None:
        self.pattern = pattern
        self.logit_KE = like.new_zeros(intents, pattern.entries)
        self.one = like.new_ones(pattern.shape[1], 1)
        self.share_out()

    def share_out(self) -> None:
        """Share the edges out among the intents, by the logits of now."""
        self.share_KE = self.logit_KE.softmax(0)
        self.degree_KR = [spmm(self.pattern, share_E, self.one) for share_E in self.share_KE]

    def received(self, sent: Chunks, back: Routing) -> Chunks:
        """Return h, K times (R,d), of x, K times (C,d), who send; ``back``: of their own degrees.

        Who met nobody weighs as if one edge had been shared out evenly.
        """
        least = 1 / len(self.share_KE)

        def root(degree: Tensor) -> Tensor:
            return torch.where(degree > 0, degree, least).rsqrt()

        by_intent = zip(self.share_KE, sent, self.degree_KR, back.degree_KR, strict=True)
        return [
            root(mine) * spmm(self.pattern, share_E, root(theirs) * x)
            for share_E, x, mine, theirs in by_intent
        ]

    def learn(self, received: Chunks, sent: Chunks) -> None:
        """Add to each edge's logits how near what its head received is to its tail."""
        near = [
            sddmm(self.pattern, unit(h), unit(x).tanh())
            for h, x in zip(received, sent, strict=True)
        ]
        self.logit_KE = self.logit_KE + torch.stack(near)
