"""Binary cross-entropy: was this pair taken or not? (He et al. 2017)"""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor
from torch.nn import functional as F

from gnnseg.models.objectives.base import PairClassifier, PairMean, Sampling, Weights, weighted_mean
from gnnseg.rng import Rng
from gnnseg.types import Batch, InputError, Step


class BCE(PairClassifier, PairMean):
    """Binary cross-entropy: the mean log loss of a taken pair and its N others.

    -( log sigmoid(s_ui) + sum_j log sigmoid(-s_uj) ) / (1 + N). sigmoid(s) is then the chance that
    a pair was taken where N in N + 1 were not: ``evaluation.pairs`` evaluates at these odds. A
    sigmoid of log rec_ij would never pass 1/2: scores must be logits.

    Args:
        weights: What a pair counts for: None, each alike, 'value', 'log' or 'spend'.
        degree_power: Times (user's degree)^degree_power: below 0, heavy users count for less.
        negatives: N, drawn uniformly among the items the user did not take in training.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"logits"})

    def __init__(
        self,
        *,
        weights: Weights | None = None,
        degree_power: float = 0.0,
        negatives: int = 4,
    ) -> None:
        super().__init__(weights=weights, degree_power=degree_power)
        if negatives < 1:
            raise InputError(f"objective.negatives is {negatives}: bce needs at least 1.")
        self.negatives = negatives
        self.sampling = Sampling("own", negatives)

    def forward(self, step: Step, batch: Batch, rng: Rng) -> Tensor:
        """Compute the mean log loss of the batch's pairs and their negatives."""
        assert batch.negatives is not None
        positive_B = step.scorer.pairs(batch.users, batch.items)
        negative_BN = step.scorer.pairs(batch.users, batch.negatives)
        loss_B = F.softplus(-positive_B) + F.softplus(negative_BN).sum(-1)
        return weighted_mean(loss_B / (1 + negative_BN.shape[1]), batch.weight)
