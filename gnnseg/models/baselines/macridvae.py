"""A variational autoencoder of what users took, concept by concept.

Shape legend: U users, I items, K concepts, H hidden width, D width of a concept's code, B users in
a batch.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse
from torch import Tensor
from torch.nn import functional as F

from gnnseg.graph import BipartiteGraph
from gnnseg.models.baselines.autoencoding import Weights, descend, glorot, parts_of
from gnnseg.models.baselines.base import FittedBaseline
from gnnseg.models.baselines.scores import BlockScorer
from gnnseg.models.baselines.settings import above, at_least, below
from gnnseg.rng import Rng
from gnnseg.types import Features

STANDING = 6  # arrays of a batch's users, items and concepts that stand at once in a step


class MacridVAE(FittedBaseline):
    """MacridVAE (Ma et al. 2019): items in concepts, and of each user a code a concept.

    c_jk = softmax_k(cos(item_j, concept_k)/tau) says which concept an item is of. Of a user's items
    in a concept, x_uj c_jk at length 1, one encoder for all concepts makes z_uk: its mean, at
    length 1, by a hidden layer of tanh, and its variance. x_u is drawn from p_j ~ sum_k c_jk
    exp(cos(z_uk, item_j)/tau). Maximises E_q sum_j x_uj log p_j - beta sum_k KL, beta growing to
    ``anneal`` over the first ``warmup`` of the steps, against N(0, ``std``^2), whose part in the
    mean is constant. The score is log p_j, up to a constant of the user, at the mean.

    Args:
        concepts: K.
        hidden: H.
        latent: D, of an item too.
        tau: Temperature of the cosines.
        std: Standard deviation of the prior.
        gumbel: While training c is drawn about its logits (Gumbel-softmax, Jang et al. 2017).
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
        concepts: int = 7,
        hidden: int = 100,
        latent: int = 100,
        tau: float = 0.1,
        std: float = 0.075,
        gumbel: bool = True,
        dropout: float = 0.5,
        anneal: float = 0.2,
        warmup: float = 0.05,
        lr: float = 0.001,
        batch_size: int = 100,
        epochs: int = 100,
    ) -> None:
        self.concepts = int(at_least("concepts", concepts, 1))
        self.hidden = int(at_least("hidden", hidden, 1))
        self.latent = int(at_least("latent", latent, 1))
        self.epochs = int(at_least("epochs", epochs, 1))
        self.batch_size = int(at_least("batch_size", batch_size, 1))
        self.tau, self.std, self.gumbel = above("tau", tau), above("std", std), gumbel
        self.anneal, self.lr = at_least("anneal", anneal, 0), above("lr", lr)
        self.dropout = below("dropout", at_least("dropout", dropout, 0), 1)
        self.warmup = at_least("warmup", warmup, 0)

    def memory(self, users: int, items: int) -> tuple[float, str]:
        """Return the bytes of a step's scores and of everybody's codes."""
        step = STANDING * self.concepts * min(self.batch_size, users) * items
        return 4.0 * (step + users * self.concepts * self.latent), "a step over all concepts"

    def learn(self, taken: sparse.csr_matrix, rng: Rng) -> dict[str, Tensor]:
        """Return everybody's codes (U,K,D), the items (I,D), both at length 1, and c (I,K)."""
        taken = taken.astype(np.float32)
        weights = self._first(taken.shape[1], rng)

        def loss(rows_BI: Tensor, grown: float, draws: torch.Generator) -> Tensor:
            return self.loss(weights, rows_BI, self.anneal * grown, draws)

        found = descend(
            weights, taken, loss, rng, lr=self.lr, epochs=self.epochs,
            batch_size=self.batch_size, warmup=self.warmup,
        )  # fmt: skip
        with torch.no_grad():
            share_IK = self._logits(found).softmax(1)
            codes = [
                torch.stack([self._encoded(found, part_BI * c_I)[0] for c_I in share_IK.T], 1)
                for part_BI in parts_of(taken, self.batch_size)
            ]
            item_ID = F.normalize(found["items"], dim=1)
        return {"user": torch.cat(codes), "item": item_ID, "share": share_IK}

    def scorer(self, graph: BipartiteGraph, features: Features) -> MacridScorer:
        """Return log sum_k c_jk exp(cos(z_uk, item_j)/tau)."""
        state = {name: value.to(graph.pattern.column.device) for name, value in self.state.items()}
        return MacridScorer(state["user"], state["item"], state["share"], self.tau)

    def loss(self, w: Weights, rows_BI: Tensor, beta: float, draws: torch.Generator) -> Tensor:
        """Return the negative evidence bound of some users, a mean over them."""
        logits_IK = self._logits(w)
        if self.gumbel:
            uniform = torch.rand(logits_IK.shape, generator=draws).clamp(min=1e-20)
            logits_IK = logits_IK - (-uniform.log()).log()
        log_share_IK = logits_IK.log_softmax(1)
        item_ID = F.normalize(w["items"], dim=1)
        scores, divergence = [], rows_BI.new_zeros(())
        for log_I in log_share_IK.T:
            kept = torch.rand(rows_BI.shape, generator=draws) >= self.dropout
            hide_BI = kept / (1 - self.dropout)
            mean_BD, log_variance_BD = self._encoded(w, rows_BI * log_I.exp(), hide_BI)
            noise_BD = torch.randn(mean_BD.shape, generator=draws)
            z_BD = mean_BD + self.std * noise_BD * (log_variance_BD / 2).exp()
            scores.append(F.normalize(z_BD, dim=1) @ item_ID.T / self.tau + log_I)
            each_BD = log_variance_BD.exp() - 1 - log_variance_BD
            divergence = divergence + each_BD.sum(1).mean() / 2
        log_p_BI = torch.stack(scores).logsumexp(0).log_softmax(1)
        return beta * divergence - (rows_BI * log_p_BI).sum(1).mean()

    def _first(self, items: int, rng: Rng) -> Weights:
        """Draw first weights; biases are 0."""
        sizes = {
            "items": (items, self.latent), "concepts": (self.concepts, self.latent),
            "in": (self.hidden, items), "code": (2 * self.latent, self.hidden),
        }  # fmt: skip
        found = {name: glorot(*size, rng.torch(name)) for name, size in sizes.items()}
        for name in ("in", "code"):
            found[f"{name}_bias"] = torch.zeros(sizes[name][0], requires_grad=True)
        return found

    def _logits(self, w: Weights) -> Tensor:
        """Return cos(item_j, concept_k)/tau, (I,K)."""
        return F.normalize(w["items"], dim=1) @ F.normalize(w["concepts"], dim=1).T / self.tau

    def _encoded(
        self, w: Weights, rows_BI: Tensor, hide_BI: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return mean at length 1 and log variance of z, (B,D) each, by rows of one concept."""
        read_BI = F.normalize(rows_BI, dim=1)
        read_BI = read_BI if hide_BI is None else read_BI * hide_BI
        hidden_BH = torch.tanh(F.linear(read_BI, w["in"], w["in_bias"]))
        mean_BD, log_variance_BD = F.linear(hidden_BH, w["code"], w["code_bias"]).chunk(2, dim=1)
        return F.normalize(mean_BD, dim=1), log_variance_BD


class MacridScorer(BlockScorer):
    """s_uj = log sum_k c_jk exp(<z_uk, item_j>/tau)."""

    def __init__(self, user_UKD: Tensor, item_ID: Tensor, share_IK: Tensor, tau: float) -> None:
        super().__init__(len(item_ID))
        self._user, self._item, self._tau = user_UKD, item_ID, tau
        self._log_share = share_IK.clamp(min=torch.finfo(share_IK.dtype).tiny).log()

    def rows(self, users: Tensor) -> Tensor:
        """Return (B,I) the users' scores of all items."""
        found: Tensor | None = None
        for z_BD, log_I in zip(self._user[users].unbind(1), self._log_share.T, strict=True):
            score_BI = z_BD @ self._item.T / self._tau + log_I
            found = score_BI if found is None else torch.logaddexp(found, score_BI)
        assert found is not None
        return found
