"""Maximum likelihood over the whole catalogue, exactly, without negative samples.

Shape legend: E training pairs, B pairs in a batch.
"""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from gnnseg.models.objectives.base import PairMean, Weights, weighted_mean
from gnnseg.rng import Rng
from gnnseg.types import Batch, HabitScorer, Step


class Likelihood(PairMean):
    """Exact maximum likelihood: -sum_e w_e log( sum_k alpha[u_e,k] beta[k,i_e] ), sum of w = 1.

    PLSA's likelihood (Hofmann 1999). Full batch: one SDDMM over the edges, its gradient two SpMMs.
    Mini-batch: the same over the batch's pairs, divided by their own sum of weights. The normaliser
    costs K I, not B I. With habits (``head.habit``) the events are items of visits, and each is
    asked of what its user took before: -sum_e w_e log( (1 - h_e) sum_k … + h_e p_e(i_e) ).

    Args:
        weights: What a pair counts for: None, each alike, 'value', 'log' or 'spend'.
        degree_power: Times (user's degree)^degree_power: below 0, heavy users count for less.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"probabilities"})
    keeps_visits = True

    def __init__(self, *, weights: Weights | None = None, degree_power: float = -0.3) -> None:
        super().__init__(weights=weights, degree_power=degree_power)

    def forward(self, step: Step, batch: Batch, rng: Rng) -> Tensor:
        """Compute the mean of -log rec_ij over the batch's pairs, by w_e."""
        whole = batch.pattern
        if batch.earlier is not None:
            assert isinstance(step.scorer, HabitScorer)
            log_rec_E = step.scorer.after(batch.users, batch.items, batch.earlier, whole)
            return -weighted_mean(log_rec_E, batch.weight)
        log_rec_E = (
            step.scorer.pairs(batch.users, batch.items)
            if whole is None
            else step.scorer.edges(whole)
        )
        return -weighted_mean(log_rec_E, batch.weight)
