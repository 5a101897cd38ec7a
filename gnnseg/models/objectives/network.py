"""Segments from social ties alone; interactions only say what the segments then like.

Shape legend: U users, S ties in both directions, E training pairs, K segments.
"""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor
from torch.nn import functional as F

from gnnseg.models.objectives.base import PairObjective, Weights, weighted_mean
from gnnseg.rng import Rng
from gnnseg.sparse import sddmm
from gnnseg.types import Batch, InputError, Segmentation, Step

FLOOR = 1e-12


class Network(PairObjective):
    """Segments from social ties alone, and what they like from interactions.

    -Q(alpha) + collapse C(alpha) - sum_e w_e log( sum_k [alpha_u_e,k] beta_k,i_e ), where [.] lets
    no gradient through. Q = sum_uv (A_uv - d_u d_v / S) <alpha_u, alpha_v> / S, the soft modularity
    of the ties (Newman 2006; Tsitsulin et al. 2023), and C = sqrt(K) |mean_u alpha_u| - 1 over tied
    users, which keeps them from falling into one segment. Users' memberships follow from ties
    alone; what a segment likes is fitted to its users' interactions.

    Args:
        weights: What a pair counts for: None, each alike, 'value', 'log' or 'spend'.
        degree_power: Times (user's degree)^degree_power: below 0, heavy users count for less.
        collapse: Weight of C.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"probabilities", "untied", "social"})

    def __init__(
        self,
        *,
        weights: Weights | None = None,
        degree_power: float = -0.3,
        collapse: float = 1.0,
    ) -> None:
        super().__init__(weights=weights, degree_power=degree_power)
        if collapse < 0:
            raise InputError(f"objective.collapse is {collapse}: it must be 0 or more.")
        self.collapse = collapse

    def forward(self, step: Step, batch: Batch, rng: Rng) -> Tensor:
        """Compute the ties' loss over all users, and the likelihood over the batch's pairs."""
        ties, scorer = batch.social, step.scorer
        assert isinstance(scorer, Segmentation)
        assert ties is not None
        assert ties.value is not None
        beta_KI, alpha_UK = scorer.beta, scorer.memberships(None)
        inside = ties.value * (
            F.embedding(ties.row, alpha_UK) * F.embedding(ties.column, alpha_UK)
        ).sum(-1)
        degree_U = ties.value.new_zeros(ties.shape[0]).index_add(0, ties.row, ties.value)
        total = degree_U.sum()
        modularity = inside.sum() / total - (degree_U @ alpha_UK / total).square().sum()
        tied_UK = alpha_UK[degree_U > 0]
        collapse = tied_UK.shape[1] ** 0.5 * tied_UK.mean(0).norm() - 1
        still_UK, whole = alpha_UK.detach(), batch.pattern
        if whole is not None:
            rec_E = sddmm(whole, still_UK, beta_KI.T)
        else:
            rec_E = (F.embedding(batch.users, still_UK) * F.embedding(batch.items, beta_KI.T)).sum(
                -1
            )
        likelihood = weighted_mean(rec_E.clamp(min=FLOOR).log(), batch.weight)
        loss: Tensor = self.collapse * collapse - modularity - likelihood
        return loss
