"""Weighted sums of attributes: attribute-based segmentation as published, with readable weights.

Shape legend: U users, I items, D width, F attribute columns.
"""

from __future__ import annotations

from torch import Tensor, nn

from gnnseg.models.encoders.base import ReadableEncoder
from gnnseg.models.encoders.tables import check_first_values, weights
from gnnseg.rng import Rng
from gnnseg.types import Shape


class Linear(ReadableEncoder):
    """user_i = sum_f x_if w_f + w_0, item_j = sum_f y_jf v_f + v_0; a D-wide weight an attribute.

    ``dim``: width D; ``scale``: standard deviation of a first embedding's entries.
    """

    def __init__(self, shape: Shape, rng: Rng, *, dim: int = 64, scale: float = 0.1) -> None:
        super().__init__(shape)
        check_first_values(dim, scale)
        self.width = dim
        self.user = weights(shape.user_features, dim, scale, rng.torch("user"), bias=True)
        self.item = weights(shape.item_features, dim, scale, rng.torch("item"), bias=True)

    def embed(self, kind: str, features_BF: Tensor, rng: Rng | None) -> Tensor:
        """Return the kind's weighted sums."""
        layer: nn.Linear = self.user if kind == "user" else self.item
        out: Tensor = layer(features_BF)
        return out

    def attribute_weights(self) -> dict[str, Tensor]:
        """Return what one unit of an attribute adds to an embedding, (F,D), by kind."""
        return {"user": self.user.weight.T, "item": self.item.weight.T}
