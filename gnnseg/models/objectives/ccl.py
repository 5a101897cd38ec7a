"""Cosine contrastive loss (Mao et al. 2021): many negatives, of which the easy ones count nothing.

Shape legend: B pairs of a batch, N negatives, D width.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from gnnseg.models.objectives.base import (
    PairMean,
    Sampling,
    Weights,
    mean_of_others,
    weighted_mean,
)
from gnnseg.models.vectors import pick, unit
from gnnseg.rng import Rng
from gnnseg.types import Batch, InputError, Step


class CCL(PairMean):
    """Cosine contrastive loss of SimpleX (Mao et al. 2021).

    1 - cos(u, i) + negative_weight * mean_j max(0, cos(u, j) - margin), over N negatives j: those
    below the margin are told apart already and count nothing. It is of the embeddings' cosines
    themselves, so that the head has neither temperature nor bias to learn. A negative that is the
    row's own item is left out.

    Args:
        weights: What a pair counts for: None, each alike, 'value', 'log' or 'spend'.
        degree_power: Times (user's degree)^degree_power: below 0, heavy users count for less.
        sampling: 'uniform' over the catalogue, shared by the batch, or 'own', each pair's own, of
            the items that the user did not take in training (the paper draws each pair's own from
            the whole catalogue).
        negatives: N.
        negative_weight: Weight of the negatives' mean beside the taken item.
        margin: Cosine below which a negative counts nothing, -1 to below 1.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"cosine"})

    def __init__(
        self,
        *,
        weights: Weights | None = None,
        degree_power: float = 0.0,
        sampling: Literal["uniform", "own"] = "uniform",
        negatives: int = 1024,
        negative_weight: float = 10.0,
        margin: float = 0.4,
    ) -> None:
        super().__init__(weights=weights, degree_power=degree_power)
        if negatives < 1 or negative_weight < 0 or not -1 <= margin < 1:
            raise InputError(
                f"objective.negatives is {negatives}, negative_weight is {negative_weight}, margin "
                f"is {margin}: ccl needs at least 1, 0 or more, and -1 to below 1."
            )
        self.sampling = Sampling("shared" if sampling == "uniform" else "own", negatives)
        self.negative_weight, self.margin = negative_weight, margin

    def forward(self, step: Step, batch: Batch, rng: Rng) -> Tensor:
        """Compute the mean over the batch's pairs."""
        negatives = batch.negatives
        assert negatives is not None
        user_BD = unit(pick(step.embeddings.user_UD, batch.users))
        item_BD = unit(pick(step.embeddings.item_ID, batch.items))
        other = unit(pick(step.embeddings.item_ID, negatives))
        if negatives.dim() == 1:
            cosine_BN = user_BD @ other.T
        else:
            cosine_BN = torch.einsum("bd,bnd->bn", user_BD, other)
        apart_B = mean_of_others(F.relu(cosine_BN - self.margin), batch)
        near_B = 1 - (user_BD * item_BD).sum(-1)
        return weighted_mean(near_B + self.negative_weight * apart_B, batch.weight)
