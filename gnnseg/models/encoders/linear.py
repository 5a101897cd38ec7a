"""Weighted sums of attributes: the published form of attribute-based segmentation, whose weights
can be read.

Shape legend: U users, I items, D width, F attribute columns.
"""

from __future__ import annotations

from torch import Tensor, nn

from gnnseg.models.encoders.base import ReadableEncoder, check_first_values, weights
from gnnseg.rng import Rng
from gnnseg.types import Shape


class Linear(ReadableEncoder):
    """user_i = sum_f x_if w_f + w_0 and item_j = sum_f y_jf v_f + v_0, with a D-wide weight for
    every attribute.

    ``dim``: width D; ``scale``: standard deviation of a first embedding's entries.
    """

    def __init__(self, shape: Shape, rng: Rng, *, dim: int, scale: float) -> None:
        super().__init__(shape)
        check_first_values(dim, scale)
        self.width = dim
        self.user = weights(shape.user_features, dim, scale, rng.torch("user"), bias=True)
        self.item = weights(shape.item_features, dim, scale, rng.torch("item"), bias=True)

    def embed(self, kind: str, features_BF: Tensor, rng: Rng | None) -> Tensor:
        layer: nn.Linear = self.user if kind == "user" else self.item
        out: Tensor = layer(features_BF)
        return out

    def attribute_weights(self) -> dict[str, Tensor]:
        """Return what one unit of an attribute adds to an embedding, (F,D), by kind."""
        return {"user": self.user.weight.T, "item": self.item.weight.T}
