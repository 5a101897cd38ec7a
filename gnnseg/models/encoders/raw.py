"""Attributes as they stand, for a network over a user's and an item's attributes side by side.

Shape legend: B rows, F attribute columns, D width.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from gnnseg.models.encoders.base import AttributeEncoder
from gnnseg.rng import Rng
from gnnseg.types import Shape


class RawAttributes(AttributeEncoder):
    """user_i = [x_i, 0 …], item_j = [y_j, 0 …]: the attributes themselves.

    The shorter side is filled with zeros to D, the number of columns of the longer. No parameters:
    all learning is the head's (``mlp``: a network over both sides).
    """

    def __init__(self, shape: Shape, rng: Rng) -> None:
        super().__init__(shape)
        self.width = max(shape.user_features, shape.item_features)

    def embed(self, kind: str, features_BF: Tensor, rng: Rng | None) -> Tensor:
        """Return the attributes, filled up with zeros."""
        lacking = self.width - features_BF.shape[-1]
        return F.pad(features_BF, (0, lacking)) if lacking else features_BF
