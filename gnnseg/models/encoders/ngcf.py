"""NGCF (Wang et al. 2019): messages that also say how alike sender and receiver are.

Shape legend: U users, I items, R rows, B new users, D width of a layer, L layers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gnnseg.graph import BipartiteGraph
from gnnseg.models.encoders.layers import perturbed
from gnnseg.models.encoders.nodes import Attributes, NodeEncoder
from gnnseg.models.encoders.sage import blend
from gnnseg.models.encoders.tables import Init, check_dropout, weights
from gnnseg.models.vectors import pick, unit
from gnnseg.rng import Rng
from gnnseg.types import Embeddings, Features, InputError, Shape

SLOPE = 0.2  # of LeakyReLU below 0, as in the authors' code


class NGCF(NodeEncoder):
    """x_u^(l+1) = LeakyReLU( W_1 (x_u + s_u) + W_2 (s_u * x_u) ), s_u = sum_i x_i / sqrt(d_u d_i).

    So of items; the sum is that of the messages W_1 x_i + W_2 (x_i * x_u), * by element, and of
    W_1 x_u, one's own. Users and items share W_1 and W_2, a pair a layer. The embedding is layer 0
    beside the layers at length 1, (L+1) D wide. ``dropout``: share of the entries of each layer
    that a training step sets to 0, the rest scaled up (the paper's message dropout). ``noise`` in
    forward adds sign(x) * unit(uniform) * noise at each layer (SimGCL, Yu et al. 2022). First
    weights under ``init`` 'normal': Glorot & Bengio (2010), as the authors'; 'spectral': W_1
    identity / 2, plus noise of ``scale``, and W_2 that noise, so that training begins at averages
    of the neighbourhood. The equation is the paper's (its 7 and 8); the authors' code has biases,
    divides by the receiver's degree alone, and takes LeakyReLU of both terms apart.
    """

    def __init__(
        self,
        shape: Shape,
        rng: Rng,
        *,
        dim: int = 64,
        layers: int = 2,
        init: Init = "spectral",
        scale: float = 0.1,
        dropout: float = 0.1,
        attributes: Attributes | None = None,
    ) -> None:
        super().__init__(shape, rng, dim=dim, init=init, scale=scale, attributes=attributes)
        check_dropout(dropout)
        if layers < 0:
            raise InputError(f"encoder.layers is {layers}: it must be 0 or more.")
        self.layers, self.dropout, self.width = layers, dropout, (layers + 1) * dim
        self.own, self.cross = nn.ModuleList(), nn.ModuleList()
        for layer in range(layers):
            own, cross = rng.torch(f"own-{layer}"), rng.torch(f"cross-{layer}")
            self.own.append(blend(dim, scale, own, bias=False))
            self.cross.append(weights(dim, dim, scale, cross))
            if init == "normal":
                for part, drawn in ((self.own[-1], own), (self.cross[-1], cross)):
                    nn.init.xavier_uniform_(part.get_parameter("weight"), generator=drawn)

    @classmethod
    def provides(cls, **settings: Any) -> frozenset[str]:
        """Return 'view' where there is a layer; none is as wide as the embedding."""
        return super().provides(**settings) - {"layers"}

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
        """Return the rows asked for: the layers side by side, and each layer."""
        user, item = self.start("user", features), self.start("item", features)
        to_user, to_item = graph.messages()
        layers = [(pick(user, users), pick(item, items))]
        for number in range(self.layers):
            last = number == self.layers - 1
            u, i = (users, items) if last else (None, None)  # rows this layer is computed of
            of_users, of_items = to_user.at(u) @ item, to_item.at(i) @ user
            user = self._layer(number, pick(user, u), of_users, "user", rng, noise)
            item = self._layer(number, pick(item, i), of_items, "item", rng, noise)
            layers.append((user, item) if last else (pick(user, users), pick(item, items)))
        user_UD, item_ID = (_beside(rows) for rows in zip(*layers, strict=True))
        return Embeddings(user_UD, item_ID, *layers[0], users, items, layers=tuple(layers))

    def embed_new_users(
        self, graph: BipartiteGraph, embeddings: Embeddings, features: Features
    ) -> Callable[[Tensor], Tensor]:
        """Return new users layer by layer from what the trained items send."""
        assert embeddings.layers is not None
        to_user, _ = graph.messages()
        received = [to_user @ item for _, item in embeddings.layers[:-1]]

        def embedded(start_BD: Tensor) -> Tensor:
            layers = [start_BD]
            for number, of_items in enumerate(received):
                layers.append(self._layer(number, layers[-1], of_items, "user", None, 0.0))
            return _beside(layers)

        return embedded

    def _layer(
        self, number: int, x: Tensor, received: Tensor, kind: str, rng: Rng | None, noise: float
    ) -> Tensor:
        """The next layer of some rows, (R,D), from their own and what they receive."""
        h: Tensor = self.own[number](x + received) + self.cross[number](x * received)
        h = F.leaky_relu(h, SLOPE)
        if rng is not None and self.dropout > 0:
            drawn = rng.stream(f"dropout-{kind}-{number}", h.device).uniform(h.shape)
            h = h * ((drawn >= self.dropout).to(h.dtype) / (1 - self.dropout))
        return perturbed(h, noise, rng, f"noise-{kind}-{number}")


def _beside(layers: Sequence[Tensor]) -> Tensor:
    """Layer 0 as it is and the others' rows at length 1, side by side."""
    return torch.cat([layers[0], *(unit(rows) for rows in layers[1:])], dim=-1)
