"""Bayesian personalised ranking (Rendle et al. 2009)."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from gnnseg.models.objectives.base import PairMean, Sampling, Weights, weighted_mean
from gnnseg.rng import Rng
from gnnseg.types import Batch, InputError, Step


class BPR(PairMean):
    """Bayesian personalised ranking: -log sigmoid(s_ui - s_uj), the mean over ``negatives`` j.

    Args:
        weights: What a pair counts for: None, each alike, 'value', 'log' or 'spend'.
        degree_power: Times (user's degree)^degree_power: below 0, heavy users count for less.
        negatives: How many j, uniform among the items the user did not take in training.
    """

    def __init__(
        self,
        *,
        weights: Weights | None = None,
        degree_power: float = 0.0,
        negatives: int = 1,
    ) -> None:
        super().__init__(weights=weights, degree_power=degree_power)
        if negatives < 1:
            raise InputError(f"objective.negatives is {negatives}: bpr needs at least 1.")
        self.sampling = Sampling("own", negatives)

    def forward(self, step: Step, batch: Batch, rng: Rng) -> Tensor:
        """Compute the mean of -log sigmoid(s_ui - s_uj) over pairs and their negatives."""
        assert batch.negatives is not None
        positive_B = step.scorer.pairs(batch.users, batch.items)
        negative_BN = step.scorer.pairs(batch.users, batch.negatives)
        return weighted_mean(
            -F.logsigmoid(positive_B[:, None] - negative_BN).mean(-1), batch.weight
        )
