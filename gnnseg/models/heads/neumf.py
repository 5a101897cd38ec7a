"""Neural matrix factorisation (He et al. 2017): a weighted product beside a multilayer perceptron.

Shape legend: D width of an embedding, G width of its product part.
"""

from __future__ import annotations

import torch
from torch import nn

from gnnseg.models.heads.base import Head
from gnnseg.models.heads.mlp import Tower, TowerScorer
from gnnseg.rng import Rng
from gnnseg.types import Embeddings, InputError, Shape


class NeuMF(Head):
    """logit_ij = h^T [p_i^G * q_j^G ; MLP([p_i^M ; q_j^M])] + b, where p = [p^G ; p^M] is the
    user's embedding, q the item's.

    An embedding of width D is split: its first ``gmf`` entries (null: half of them) are p^G, the
    rest p^M; with encoder ``mf`` these are the paper's two tables. ``layers``: widths of the MLP's
    hidden layers. h is 1 on the product at first, so that this part starts as plain matrix
    factorisation.
    """

    def __init__(self, shape: Shape, rng: Rng, *, gmf: int | None, layers: list[int]) -> None:
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
        return TowerScorer(embeddings, self.tower, self.mix)
