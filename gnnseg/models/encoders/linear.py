"""Weighted sums of attributes: attribute-based segmentation as published, with readable weights.

Shape legend: U users, I items, D width, F attribute columns.
"""

from __future__ import annotations

from torch import Tensor, nn

from gnnseg.graph import BipartiteGraph
from gnnseg.models.encoders.base import ReadableEncoder
from gnnseg.models.encoders.capabilities import StartsAtSpectrum
from gnnseg.models.encoders.tables import Init, check_first_values, fit, spectral, weights
from gnnseg.rng import Rng
from gnnseg.types import Features, Shape


class Linear(ReadableEncoder, StartsAtSpectrum):
    """user_i = sum_f x_if w_f + w_0, item_j = sum_f y_jf v_f + v_0; a D-wide weight an attribute.

    ``dim``: width D; ``init``: first weights, normal (N(0, scale^2/F)) or spectral, those by which
    attributes come nearest to the graph's leading singular vectors (``tables.fit``), the same for
    every seed; ``scale``: standard deviation of a first embedding's entries.
    """

    def __init__(
        self,
        shape: Shape,
        rng: Rng,
        *,
        dim: int = 64,
        init: Init = "spectral",
        scale: float = 0.1,
    ) -> None:
        super().__init__(shape)
        check_first_values(dim, scale)
        self.width, self.init, self.scale = dim, init, scale
        self.user = weights(shape.user_features, dim, scale, rng.torch("user"), bias=True)
        self.item = weights(shape.item_features, dim, scale, rng.torch("item"), bias=True)

    def reset(self, graph: BipartiteGraph, features: Features, rng: Rng) -> None:
        """Set the first weights."""
        if self.init == "spectral":
            targets = spectral(graph, self.width)
            layers, given = (self.user, self.item), (features.user, features.item)
            for layer, x, y, degree in zip(layers, given, targets, graph.degrees(), strict=True):
                assert x is not None
                fit(layer, x, y, degree, self.scale)

    def embed(self, kind: str, features_BF: Tensor, rng: Rng | None) -> Tensor:
        """Return the kind's weighted sums."""
        layer: nn.Linear = self.user if kind == "user" else self.item
        out: Tensor = layer(features_BF)
        return out

    def attribute_weights(self) -> dict[str, Tensor]:
        """Return what one unit of an attribute adds to an embedding, (F,D), by kind."""
        return {"user": self.user.weight.T, "item": self.item.weight.T}
