"""Bayesian personalised ranking (Rendle et al. 2009)."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from gnnseg.models.objectives.base import PairObjective, Sampling, Weights, weighted_mean
from gnnseg.rng import Rng
from gnnseg.types import Batch, InputError, Step


class BPR(PairObjective):
    """-log sigmoid(s_ui - s_uj), j drawn uniformly among the items the user did not take in
    training; mean over ``negatives``."""

    def __init__(self, *, weights: Weights | None, degree_power: float, negatives: int) -> None:
        super().__init__(weights=weights, degree_power=degree_power)
        if negatives < 1:
            raise InputError(f"objective.negatives is {negatives}: bpr needs at least 1.")
        self.sampling = Sampling("own", negatives)

    def forward(self, step: Step, batch: Batch, rng: Rng) -> Tensor:
        assert batch.negatives is not None
        positive_B = step.scorer.pairs(batch.users, batch.items)
        negative_BN = step.scorer.pairs(batch.users, batch.negatives)
        return weighted_mean(
            -F.logsigmoid(positive_B[:, None] - negative_BN).mean(-1), batch.weight
        )
