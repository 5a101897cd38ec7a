"""Bilateral softmax loss (Wu et al. 2024): the positive side is as robust to noise as the softmax
makes the negative side.

Shape legend: B pairs of a batch, N negatives, P users in it.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from gnnseg.models.objectives.base import PairMean, Sampling, Weights, weighted_mean
from gnnseg.rng import Rng
from gnnseg.types import Batch, InputError, Step


class BSL(PairMean):
    """Bilateral softmax: -log mean_{i in P_u} e^{s_ui} + power * log mean_j e^{s_uj}.

    j: N negatives shared by the batch; one that is the row's own item is left out, and a row that
    has no other counts 0. 'pair' with power 1 is the softmax over the negatives alone.

    Args:
        weights: What a pair counts for: None, each alike, 'value', 'log' or 'spend'.
        degree_power: Times (user's degree)^degree_power: below 0, heavy users count for less.
        sampling: 'uniform' over the catalogue, or 'in_batch', items of the batch's own pairs.
        negatives: N, shared by the batch.
        positives: P_u: 'user', the user's own pairs in the batch, or 'pair', the pair alone.
        power: The second temperature of the authors' code, the negatives' part against the
            positives': above 1 it pushes harder.
    """

    def __init__(
        self,
        *,
        weights: Weights | None = None,
        degree_power: float = 0.0,
        sampling: Literal["uniform", "in_batch"] = "uniform",
        negatives: int = 1024,
        positives: Literal["pair", "user"] = "pair",
        power: float = 1.0,
    ) -> None:
        super().__init__(weights=weights, degree_power=degree_power)
        if negatives < 1 or power <= 0:
            raise InputError(
                f"objective.negatives is {negatives}, objective.power is {power}: bsl needs at "
                "least 1, and more than 0."
            )
        self.sampling = Sampling("shared" if sampling == "uniform" else "in_batch", negatives)
        self.positives, self.power = positives, power

    def portion(self, part: Batch) -> Tensor | float | None:
        """Return the part's weight; None where a user's pairs stand together, in whichever part."""
        return super().portion(part) if self.positives == "pair" else None

    def forward(self, step: Step, batch: Batch, rng: Rng) -> Tensor:
        """Compute the mean over the batch's pairs, but those without a negative of their own."""
        negatives = batch.negatives
        assert negatives is not None
        positive_B = step.scorer.pairs(batch.users, batch.items)
        if self.positives == "user":
            positive_B = mean_exp(positive_B, batch.users)
        count_B = (batch.items[:, None] != negatives).sum(-1)
        some_B = count_B > 0
        negative_B = step.scorer.normaliser(batch.users, batch.items, negatives)
        negative_B = negative_B.where(some_B, 0.0) - count_B.clamp(min=1).to(positive_B).log()
        return weighted_mean(
            (self.power * negative_B - positive_B).where(some_B, 0.0), batch.weight
        )


def mean_exp(score_B: Tensor, users: Tensor) -> Tensor:
    """Compute log of the mean of e^s over the rows of the same user, (B,)."""
    _, row = torch.unique(users, return_inverse=True)
    groups = int(row.max()) + 1 if len(row) else 0
    top = (
        score_B.detach()
        .new_full((groups,), -torch.inf)
        .scatter_reduce(0, row, score_B.detach(), "amax")
    )
    total = score_B.new_zeros(groups).index_add(0, row, (score_B - top[row]).exp())
    count = torch.bincount(row, minlength=groups).to(score_B.dtype)
    pooled: Tensor = ((total / count).log() + top)[row]
    return pooled
