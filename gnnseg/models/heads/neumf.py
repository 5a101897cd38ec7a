"""Neural matrix factorisation (He et al. 2017): a weighted product beside a multilayer perceptron.

Shape legend: D width of an embedding, G width of its product part.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from gnnseg.models.heads.base import Head
from gnnseg.models.heads.tower import Tower, TowerScorer
from gnnseg.rng import Rng
from gnnseg.types import Embeddings, InputError, Shape


class NeuMF(Head):
    """A weighted product beside a perceptron (NeuMF, He et al. 2017).

    logit_ij = h^T [p_i^G * q_j^G ; MLP([p_i^M ; q_j^M])] + b, where p = [p^G ; p^M] is the user's
    embedding, q the item's. h is 1 on the product at first, so that this part starts as plain
    matrix factorisation.

    Args:
        gmf: How many entries of an embedding, its first, are p^G, the rest p^M; None: half of them.
            With encoder ``mf`` these are the paper's two tables.
        layers: Widths of the perceptron's hidden layers.
    """

    def __init__(
        self,
        shape: Shape,
        rng: Rng,
        *,
        gmf: int | None = None,
        layers: Sequence[int] = (64, 32, 16),
    ) -> None:
        super().__init__()
        width = shape.width // 2 if gmf is None else gmf
        if not 1 <= width < shape.width:
            raise InputError(
                f"head.gmf={'null' if gmf is None else gmf}: both parts need at least 1 of the "
                "embedding's "
                f"{shape.width} entries; choose a wider embedding or another head.gmf."
            )
        self.mix = nn.Parameter(torch.ones(width))
        self.tower = Tower(shape.width - width, layers, rng)

    def forward(self, embeddings: Embeddings) -> TowerScorer:
        """Return the scores of the product and the perceptron together."""
        return TowerScorer(embeddings, self.tower, self.mix)
