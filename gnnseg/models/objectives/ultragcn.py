"""UltraGCN (Mao et al. 2021): constraints on the embeddings in place of messages between them.

Shape legend: B pairs of a batch, N negatives, U users, I items, M neighbours of an item.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from gnnseg.graph import BipartiteGraph
from gnnseg.graph.cooccurrence import nearest_items
from gnnseg.models.objectives.base import (
    GraphObjective,
    PairMean,
    Sampling,
    Weights,
    mean_of_others,
    weighted_mean,
)
from gnnseg.models.vectors import pick
from gnnseg.rng import Rng
from gnnseg.types import Batch, InputError, Shape, Step


class UltraGCN(PairMean, GraphObjective):
    """What infinitely many layers of messages would end at, as a loss (UltraGCN, Mao et al. 2021).

    -(w1 + w2 beta_ui) log sigmoid(s_ui) - negative_weight mean_j (w3 + w4 beta_uj) log
    sigmoid(-s_uj) - gamma sum_(m in S(i)) omega_im log sigmoid(s_um): beta_ui = sqrt((d_u + 1)/(d_i
    + 1))/d_u, d the degrees in training, and S(i) the items of largest omega_im, by the users whom
    they have in common with i (``nearest_items``, found once, in blocks). A negative that is the
    row's own item is left out. The authors' code, unlike the paper, counts i among S(i).

    Args:
        weights: What a pair counts for: None, each alike, 'value', 'log' or 'spend'.
        degree_power: Times (user's degree)^degree_power: below 0, heavy users count for less.
        sampling: 'uniform' over the catalogue, shared by the batch, or 'own', each pair's own, of
            the items that the user did not take in training (the authors draw each pair's own from
            the whole catalogue).
        negatives: N.
        negative_weight: Weight of the negatives' mean beside the taken item.
        w1: Of a taken item, whatever its beta.
        w2: Of a taken item, by its beta.
        w3: Of a negative, whatever its beta.
        w4: Of a negative, by its beta.
        gamma: Weight of the items beside the taken one (the paper's gamma, the code's lambda).
        neighbours: M, how many of them.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"logits", "tables"})
    by_user_U: Tensor
    by_item_I: Tensor
    near_IM: Tensor
    omega_IM: Tensor

    def __init__(
        self,
        *,
        weights: Weights | None = None,
        degree_power: float = 0.0,
        sampling: Literal["uniform", "own"] = "uniform",
        negatives: int = 1024,
        negative_weight: float = 300.0,
        w1: float = 1e-6,
        w2: float = 1.0,
        w3: float = 1e-6,
        w4: float = 1.0,
        gamma: float = 5e-4,
        neighbours: int = 10,
    ) -> None:
        super().__init__(weights=weights, degree_power=degree_power)
        if min(negatives, neighbours) < 1:
            raise InputError(
                f"objective.negatives is {negatives}, neighbours is {neighbours}: ultragcn needs "
                "at least 1 of each."
            )
        if min(negative_weight, w1, w2, w3, w4, gamma) < 0:
            raise InputError(
                f"objective.negative_weight is {negative_weight}, w1 to w4 are {w1}, {w2}, {w3}, "
                f"{w4}, gamma is {gamma}: ultragcn's weights are 0 or more."
            )
        self.sampling = Sampling("shared" if sampling == "uniform" else "own", negatives)
        self.negative_weight, self.w = negative_weight, (w1, w2, w3, w4)
        self.gamma, self.neighbours = gamma, neighbours

    def prepare(self, shape: Shape, rng: Rng) -> None:
        """Make room for beta's two factors and the items' neighbours."""
        self.register_buffer("by_user_U", torch.zeros(shape.users))
        self.register_buffer("by_item_I", torch.zeros(shape.items))
        size = (shape.items, max(1, min(self.neighbours, shape.items - 1)))
        self.register_buffer("near_IM", torch.zeros(size, dtype=torch.long))
        self.register_buffer("omega_IM", torch.zeros(size))

    def reset(self, graph: BipartiteGraph, rng: Rng) -> None:
        """Compute beta's two factors and the items' neighbours; nothing of it is drawn."""
        users, items = (degree.float() for degree in graph.pattern.degrees())
        self.by_user_U.copy_((users + 1).sqrt() / users.clamp(min=1))
        self.by_item_I.copy_((items + 1).rsqrt())
        if self.gamma:
            near = nearest_items(graph.pattern, self.neighbours)
            self.near_IM.copy_(near.item)
            self.omega_IM.copy_(near.weight)

    def forward(self, step: Step, batch: Batch, rng: Rng) -> Tensor:
        """Compute the mean over the batch's pairs."""
        negatives, (w1, w2, w3, w4) = batch.negatives, self.w
        assert negatives is not None
        shared = negatives.dim() == 1
        score = step.scorer.block if shared else step.scorer.pairs
        user_B1 = self.by_user_U[batch.users, None]
        beta_B = user_B1.squeeze(1) * self.by_item_I[batch.items]
        beta_BN = user_B1 * self.by_item_I[negatives]
        positive_B = step.scorer.pairs(batch.users, batch.items)
        taken_B = -(w1 + w2 * beta_B) * F.logsigmoid(positive_B)
        other_BN = -(w3 + w4 * beta_BN) * F.logsigmoid(-score(batch.users, negatives))
        loss_B = taken_B + self.negative_weight * mean_of_others(other_BN, batch)
        if self.gamma:
            near_BM = step.scorer.pairs(batch.users, self.near_IM[batch.items])
            omega_BM = pick(self.omega_IM, batch.items)
            loss_B = loss_B - self.gamma * (omega_BM * F.logsigmoid(near_BM)).sum(-1)
        return weighted_mean(loss_B, batch.weight)
