"""Alignment and uniformity of the embeddings themselves, without negatives (Wang et al. 2022).

Shape legend: B pairs of a batch, D width.
"""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from gnnseg.models.objectives.base import PairObjective, Weights, weighted_mean
from gnnseg.models.vectors import pick, unit
from gnnseg.rng import Rng
from gnnseg.types import Batch, InputError, Step

ROWS = 4096  # pairs of a batch whose rows are kept apart: bounds the matrix between them
SHARPNESS = 2.0  # t of the Gaussian potential


class DirectAU(PairObjective):
    """Alignment plus ``gamma`` times uniformity (DirectAU, Wang et al. 2022), x at length 1.

    mean_e |x_u - x_i|^2 + gamma (l(x_u) + l(x_i))/2, l(x) = log mean_(e != f) e^(-2 |x_e - x_f|^2)
    over the pairs e, f of the batch (Wang & Isola 2020): a taken item lies at its user, users are
    spread over the sphere, and so are items. Users and items count as often as they stand in the
    batch; of more than ``ROWS`` pairs so many are drawn for l. The mean over e, f is by w_e w_f.

    Args:
        weights: What a pair counts for: None, each alike, 'value', 'log' or 'spend'.
        degree_power: Times (user's degree)^degree_power: below 0, heavy users count for less.
        gamma: Weight of the uniformity; more on sparse sets.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"embeddings"})

    def __init__(
        self,
        *,
        weights: Weights | None = None,
        degree_power: float = 0.0,
        gamma: float = 1.0,
    ) -> None:
        super().__init__(weights=weights, degree_power=degree_power)
        if gamma < 0:
            raise InputError(f"objective.gamma is {gamma}: it must be 0 or more.")
        self.gamma = gamma

    def forward(self, step: Step, batch: Batch, rng: Rng) -> Tensor:
        """Compute alignment and uniformity of the batch's users and items."""
        user_BD = unit(pick(step.embeddings.user_UD, batch.users))
        item_BD = unit(pick(step.embeddings.item_ID, batch.items))
        aligned = weighted_mean((user_BD - item_BD).square().sum(-1), batch.weight)
        weight_B = batch.weight
        if len(weight_B) > ROWS:
            some = rng.stream("rows", weight_B.device).permutation(len(weight_B))[:ROWS]
            user_BD, item_BD = pick(user_BD, some), pick(item_BD, some)
            weight_B = weight_B[some]
        spread = uniformity(user_BD, weight_B) + uniformity(item_BD, weight_B)
        return aligned + self.gamma * spread / 2


def uniformity(x_BD: Tensor, weight_B: Tensor) -> Tensor:
    """Compute log of the mean of e^(-2 |x_e - x_f|^2) over e != f by w_e w_f; 0 of a single row."""
    pair_BB = weight_B[:, None] * weight_B
    pair_BB.fill_diagonal_(0.0)
    total = pair_BB.sum()
    if not bool(total > 0):
        return x_BD.sum() * 0.0
    square_B = x_BD.square().sum(-1)
    apart_BB = square_B[:, None] + square_B - 2 * x_BD @ x_BD.T
    mean: Tensor = (pair_BB * (-SHARPNESS * apart_BB).exp()).sum() / total
    return mean.log()
