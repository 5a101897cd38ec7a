"""Max-margin ranking with hard negatives by a curriculum (Ying et al. 2018)."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from gnnseg.models.objectives.base import PairMean, Sampling, Weights, weighted_mean
from gnnseg.rng import Rng
from gnnseg.types import Batch, InputError, Step


class Margin(PairMean):
    """Max-margin ranking: max(0, s_uj - s_ui + margin), the mean over ``negatives`` items j.

    Args:
        weights: What a pair counts for: None, each alike, 'value', 'log' or 'spend'.
        degree_power: Times (user's degree)^degree_power: below 0, heavy users count for less.
        negatives: How many j, of the items that the user did not take in training.
        hard: As many of them, at most, lie near the taken item: where walks from it end. Epoch 1
            has none, each later epoch one more (the paper's curriculum); the others are uniform.
        hops: Steps of these walks, each to a user and on to an item.
        margin: By which the taken item is to lead, in the scores' own units: with
            head.similarity=cosine those of cos/tau.
    """

    def __init__(
        self,
        *,
        weights: Weights | None = None,
        degree_power: float = 0.0,
        negatives: int = 8,
        hard: int = 4,
        hops: int = 1,
        margin: float = 1.0,
    ) -> None:
        super().__init__(weights=weights, degree_power=degree_power)
        if negatives < 1 or not 0 <= hard <= negatives or hops < 1:
            raise InputError(
                f"objective.negatives is {negatives}, hard is {hard}, hops is {hops}: margin needs "
                "1 or more, at most as many hard ones, and 1 or more."
            )
        if margin <= 0:
            raise InputError(f"objective.margin is {margin}: it must be above 0.")
        self.sampling = Sampling("own", negatives, hard=hard, hops=hops)
        self.margin = margin

    def forward(self, step: Step, batch: Batch, rng: Rng) -> Tensor:
        """Compute the mean of max(0, s_uj - s_ui + margin) over pairs and their negatives."""
        assert batch.negatives is not None
        positive_B = step.scorer.pairs(batch.users, batch.items)
        negative_BN = step.scorer.pairs(batch.users, batch.negatives)
        return weighted_mean(
            F.relu(negative_BN - positive_B[:, None] + self.margin).mean(-1), batch.weight
        )
