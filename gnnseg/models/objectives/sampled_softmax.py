"""Softmax over the taken item and sampled others (Bengio & Senecal 2008; Wu et al. 2024 on why it
suits recommendation)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from gnnseg.models.objectives.base import PairMean, Sampling, Weights, weighted_mean
from gnnseg.rng import Rng
from gnnseg.types import Batch, InputError, Step


class SampledSoftmax(PairMean):
    """Sampled softmax: -log( e^{s_ui} / (e^{s_ui} + sum_j e^{s_uj}) ), N negatives a batch.

    A negative that is the row's own item is left out.

    Args:
        weights: What a pair counts for: None, each alike, 'value', 'log' or 'spend'.
        degree_power: Times (user's degree)^degree_power: below 0, heavy users count for less.
        sampling: 'uniform' over the catalogue, or 'in_batch', items of the batch's own pairs.
        negatives: N, shared by the batch.
        correct: Each logit less log q_j, q_j the chance to draw j (the logQ correction, Yi et al.
            2019); for uniform draws it cancels.
    """

    def __init__(
        self,
        *,
        weights: Weights | None = None,
        degree_power: float = 0.0,
        sampling: Literal["uniform", "in_batch"] = "uniform",
        negatives: int = 1024,
        correct: bool = True,
    ) -> None:
        super().__init__(weights=weights, degree_power=degree_power)
        if negatives < 1:
            raise InputError(
                f"objective.negatives is {negatives}: sampled_softmax needs at least 1."
            )
        self.sampling = Sampling("shared" if sampling == "uniform" else "in_batch", negatives)
        self.correct = correct

    def forward(self, step: Step, batch: Batch, rng: Rng) -> Tensor:
        """Compute the mean of -log softmax of the batch's pairs among their negatives."""
        negatives = batch.negatives
        assert negatives is not None
        assert negatives.dim() == 1
        positive_B = step.scorer.pairs(batch.users, batch.items)
        offset_N = None
        if self.correct and batch.log_q is not None:
            positive_B = positive_B - batch.log_q[batch.items]
            offset_N = -batch.log_q[negatives]
        negative_B = step.scorer.normaliser(batch.users, batch.items, negatives, offset_N)
        everything_B = torch.logaddexp(positive_B, negative_B)
        return weighted_mean(everything_B - positive_B, batch.weight)
