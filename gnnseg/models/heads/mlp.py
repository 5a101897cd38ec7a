"""A multilayer perceptron over a user's and an item's embedding side by side: a score that is no
product.

Shape legend: U users, I items, D width, K segments, H width of the last hidden layer.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from gnnseg.graph import BipartiteGraph
from gnnseg.models.heads.base import FinishedHead, NumberedHead, memberships, temperature
from gnnseg.models.heads.rates import RateScorer, hidden_means, rates
from gnnseg.models.heads.tower import Tower, TowerScorer
from gnnseg.models.kmeans import prototypes
from gnnseg.rng import Rng
from gnnseg.types import Embeddings, InputError, Shape


class MLP(NumberedHead, FinishedHead):
    """A perceptron over user and item side by side (the tower of He et al. 2017).

    logit_ij = w^T z_L + b, z_l = relu(W_l z_{l-1} + b_l), z_0 = [user_i, item_j].

    Args:
        layers: Widths of the hidden layers z_1..z_L.
        segments: None, or K soft segments of the trained network's users, made once after the last
            step: v_i = mean of z_L over the user's training pairs, prototypes c by k-means++ on v
            at length 1, alpha_ik = softmax_k(cos(v_i, c_k)/tau_alpha), beta_kj = alpha-weighted
            mean over users of sigmoid(logit_ij). The ranking stays the network's.
        tau_alpha: Temperature of the users' memberships; smaller is harder.
    """

    fitted: Tensor
    vector_UD: Tensor
    average_D: Tensor
    centres_KD: Tensor
    beta_KI: Tensor

    def __init__(
        self,
        shape: Shape,
        rng: Rng,
        *,
        layers: Sequence[int] = (64, 32),
        segments: int | None = None,
        tau_alpha: float = 0.15,
    ) -> None:
        super().__init__()
        if segments is not None and segments < 1:
            raise InputError(
                f"head.segments is {segments}: there must be at least 1, or null for none."
            )
        self.tower = Tower(shape.width, layers, rng)
        self.segments, self.tau_alpha = segments, temperature(tau_alpha, "head.tau_alpha")
        if segments is not None:
            self.register_buffer("fitted", torch.tensor(False))
            self.register_buffer("vector_UD", torch.zeros(shape.users, layers[-1]))
            self.register_buffer("average_D", torch.zeros(layers[-1]))
            self.register_buffer("centres_KD", torch.zeros(segments, layers[-1]))
            self.register_buffer("beta_KI", torch.zeros(segments, shape.items))

    def renumber(self, order: Tensor) -> None:
        """Make segment k what was segment order[k], (K,)."""
        if self.segments is not None:
            self.centres_KD, self.beta_KI = self.centres_KD[order], self.beta_KI[order]

    def forward(self, embeddings: Embeddings) -> TowerScorer | RateScorer:
        """Return the network's scores, once finished with its users' segments beside them."""
        tower = TowerScorer(embeddings, self.tower)
        if self.segments is None or not bool(self.fitted):
            return tower
        return RateScorer(
            tower,
            vector_UH=self.vector_UD,
            unknown_H=self.average_D,
            centres_KH=self.centres_KD,
            beta_KI=self.beta_KI,
            tau=self.tau_alpha,
        )

    def fitting_scorer(self, embeddings: Embeddings) -> TowerScorer:
        """Return the network's scores alone."""
        return TowerScorer(embeddings, self.tower)

    def finish(self, embeddings: Embeddings, graph: BipartiteGraph, rng: Rng) -> None:
        """Make the segments of the trained network's users, where any are asked for."""
        if self.segments is None:
            return
        tower, known_U = TowerScorer(embeddings, self.tower), graph.pattern.degrees()[0] > 0
        self.vector_UD = hidden_means(tower, graph.pattern)
        known_UD = self.vector_UD[known_U] if bool(known_U.any()) else self.vector_UD
        self.average_D = known_UD.mean(0)
        self.centres_KD = prototypes(known_UD, self.segments, rng, rounds=300)
        alpha_UK = memberships(self.vector_UD, self.centres_KD, self.tau_alpha)
        self.beta_KI = rates(tower, alpha_UK, graph.items)
        self.fitted = torch.ones_like(self.fitted)
