"""A variational autoencoder of what users took, with a multinomial likelihood.

Shape legend: U users, I items, H hidden width, D latent width, B users in a batch.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse
from torch import Tensor
from torch.nn import functional as F

from gnnseg.models.baselines.autoencoding import Weights, descend, glorot, parts_of
from gnnseg.models.baselines.factors import FactorBaseline
from gnnseg.models.baselines.settings import above, at_least, below
from gnnseg.rng import Rng


class MultVAE(FactorBaseline):
    """Mult-VAE (Liang et al. 2018): x_u is drawn from softmax(f(z_u)), z_u ~ N(0, 1).

    Maximises E_q sum_j x_uj log softmax(f(z))_j - beta KL(q(z|x_u), N(0, 1)), beta growing from 0
    to ``anneal`` over the first ``warmup`` of the steps; q's mean and variance are of one hidden
    layer of tanh on x_u/|x_u|, so is f. The score is f at the mean; its last layer is linear, so
    that the hidden layer stands as the user's vector and its weights as the item's.

    Args:
        hidden: H.
        latent: D.
        dropout: Share of what users took that is hidden from the encoder at a step.
        anneal: Largest weight of the divergence.
        warmup: Share of the steps until it is reached.
        lr: Step size of Adam.
        batch_size: Users a step.
        epochs: Passes over the users.
    """

    def __init__(
        self,
        *,
        hidden: int = 600,
        latent: int = 200,
        dropout: float = 0.5,
        anneal: float = 0.2,
        warmup: float = 0.5,
        lr: float = 0.001,
        batch_size: int = 500,
        epochs: int = 100,
    ) -> None:
        self.hidden, self.latent = int(at_least("hidden", hidden, 1)), int(latent)
        at_least("latent", latent, 1)
        self.epochs = int(at_least("epochs", epochs, 1))
        self.batch_size = int(at_least("batch_size", batch_size, 1))
        self.anneal, self.lr = at_least("anneal", anneal, 0), above("lr", lr)
        self.dropout = below("dropout", at_least("dropout", dropout, 0), 1)
        self.warmup = at_least("warmup", warmup, 0)

    def learn(self, taken: sparse.csr_matrix, rng: Rng) -> dict[str, Tensor]:
        """Return everybody's hidden layer, the last weights and biases."""
        taken = taken.astype(np.float32)
        weights = self._first(taken.shape[1], rng)

        def loss(rows_BI: Tensor, grown: float, draws: torch.Generator) -> Tensor:
            return self._loss(weights, rows_BI, self.anneal * grown, draws)

        found = descend(
            weights, taken, loss, rng, lr=self.lr, epochs=self.epochs,
            batch_size=self.batch_size, warmup=self.warmup,
        )  # fmt: skip
        with torch.no_grad():
            user = [
                self._decoded(found, self._encoded(found, F.normalize(part_BI, dim=1))[0])
                for part_BI in parts_of(taken, self.batch_size)
            ]
        return {"user": torch.cat(user), "item": found["out"], "bias": found["out_bias"]}

    def _first(self, items: int, rng: Rng) -> Weights:
        """Draw first weights (Glorot and Bengio 2010); biases are 0."""
        sizes = {
            "in": (self.hidden, items), "code": (2 * self.latent, self.hidden),
            "back": (self.hidden, self.latent), "out": (items, self.hidden),
        }  # fmt: skip
        found: Weights = {}
        for name, (rows, columns) in sizes.items():
            found[name] = glorot(rows, columns, rng.torch(name))
            found[f"{name}_bias"] = torch.zeros(rows, requires_grad=True)
        return found

    def _encoded(self, w: Weights, unit_BI: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log variance of z, (B,D) each, by rows of length 1."""
        hidden_BH = torch.tanh(F.linear(unit_BI, w["in"], w["in_bias"]))
        mean_BD, log_variance_BD = F.linear(hidden_BH, w["code"], w["code_bias"]).chunk(2, dim=1)
        return mean_BD, log_variance_BD

    def _decoded(self, w: Weights, z_BD: Tensor) -> Tensor:
        """Return the hidden layer before the last, (B,H)."""
        return torch.tanh(F.linear(z_BD, w["back"], w["back_bias"]))

    def _loss(self, w: Weights, rows_BI: Tensor, beta: float, draws: torch.Generator) -> Tensor:
        """Return the negative evidence bound, a mean over users."""
        kept = torch.rand(rows_BI.shape, generator=draws) >= self.dropout
        read_BI = F.normalize(rows_BI, dim=1) * kept / (1 - self.dropout)
        mean_BD, log_variance_BD = self._encoded(w, read_BI)
        noise_BD = torch.randn(mean_BD.shape, generator=draws)
        z_BD = mean_BD + noise_BD * (log_variance_BD / 2).exp()
        logits_BI = F.linear(self._decoded(w, z_BD), w["out"], w["out_bias"])
        likelihood = (rows_BI * logits_BI.log_softmax(1)).sum(1).mean()
        return beta * divergence(mean_BD, log_variance_BD) - likelihood


def divergence(mean_BD: Tensor, log_variance_BD: Tensor) -> Tensor:
    """Return KL(N(mean, variance), N(0, 1)), a mean over users."""
    each = log_variance_BD.exp() + mean_BD.square() - 1 - log_variance_BD
    return each.sum(1).mean() / 2
