"""Segments back into the model: negatives by segment, weights by segment, item bias by segment.
Components of an experiment.

Used by run.py through ``allow=[parts]`` and the YAML files under conf/. Each is, at the neutral
value of its setting, exactly what gnnseg has (test_parts.py).

Shape legend: U users, I items, D width, K segments, B pairs in a batch, N negatives.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gnnseg.graph import BipartiteGraph
from gnnseg.models.heads.base import (
    FactorScorer,
    ItemBias,
    NumberedHead,
    facing,
    pick_bias,
    temperature,
)
from gnnseg.models.heads.readings import Distribution, SegmentParameters
from gnnseg.models.heads.segments import Beta, Segments
from gnnseg.models.kmeans import prototypes
from gnnseg.models.objectives.base import PairObjective, Sampling, Weights, weighted_mean
from gnnseg.models.vectors import pick
from gnnseg.rng import Rng
from gnnseg.types import (
    Batch,
    Embeddings,
    EmbeddingScorer,
    InputError,
    Segmentation,
    Shape,
    Step,
)

# --- which segments
# --------------------------------------------------------------------------------------------------


class Memberships(nn.Module):
    """alpha of users and P(segment | item) of items, without gradients: the head's own, or soft
    clusters of the embeddings.

    A head without segments gets K centres that start at k-means++ of the first embeddings and take
    one round of soft spherical k-means (Dhillon & Modha 2001) a training step, all users in it: c_k
    <- sum_u alpha_uk user_u/|user_u|, at length 1, with alpha_uk = softmax_k(cos(user_u, c_k)/tau).
    """

    centres_KD: Tensor
    started: Tensor

    def __init__(self, segments: int, width: int, tau: float) -> None:
        super().__init__()
        self.tau = temperature(tau, "objective.tau_alpha")
        self.register_buffer("centres_KD", torch.zeros(segments, width))
        self.register_buffer("started", torch.tensor(False))

    def forward(self, step: Step, rng: Rng) -> tuple[Tensor, Tensor]:
        """(U,K) alpha and (K,I) P(segment | item), columns sum to 1."""
        scorer = step.scorer
        if isinstance(scorer, Segmentation):
            beta_KI = (
                scorer.beta
            )  # which the scorer keeps for its scores: so never without gradients
            told_KI = (
                beta_KI.softmax(0)
                if scorer.kind == "affinity"
                else beta_KI / beta_KI.sum(0).clamp(min=1e-30)
            )
            return scorer.memberships(None).detach(), told_KI.detach()
        return self._clusters(step.embeddings, rng)

    @torch.no_grad()
    def _clusters(self, e: Embeddings, rng: Rng) -> tuple[Tensor, Tensor]:
        unit_UD = F.normalize(e.user_UD, dim=-1)
        if self.training:
            if not bool(self.started):
                self.centres_KD.copy_(prototypes(e.user_UD, len(self.centres_KD), rng))
                self.started.fill_(True)
            alpha_UK = (unit_UD @ F.normalize(self.centres_KD, dim=-1).T / self.tau).softmax(-1)
            self.centres_KD.copy_(F.normalize(alpha_UK.T @ unit_UD, dim=-1))
        centres_KD = F.normalize(self.centres_KD, dim=-1)
        told_IK = (F.normalize(e.item_ID, dim=-1) @ centres_KD.T / self.tau).softmax(-1)
        return (unit_UD @ centres_KD.T / self.tau).softmax(-1), told_IK.T


class Worst(nn.Module):
    """Group DRO (Sagawa et al. 2020), groups = soft segments: sum_k q_k L_k, q_k ~ share_k exp(eta
    sum over steps of L_k).

    L_k = sum_e w_e alpha_uk loss_e / sum_e w_e alpha_uk, share_k its denominator: at eta = 0 the
    plain weighted mean.
    """

    summed_K: Tensor

    def __init__(self, segments: int, eta: float) -> None:
        super().__init__()
        if eta < 0:
            raise InputError(f"objective.eta is {eta}: it must be 0 or more.")
        self.eta = eta
        self.register_buffer("summed_K", torch.zeros(segments))

    def forward(self, loss_B: Tensor, weight_B: Tensor, alpha_BK: Tensor) -> Tensor:
        mass_BK = alpha_BK * weight_B[:, None]
        share_K = mass_BK.sum(0)
        loss_K = (loss_B @ mass_BK) / share_K.clamp(min=1e-12)
        if self.training:
            self.summed_K += self.eta * loss_K.detach()
        q_K = ((share_K / share_K.sum()).clamp(min=1e-12).log() + self.summed_K).softmax(0)
        return (q_K * loss_K).sum()


# --- objectives -----------------------------------------------------------------------------------
# -------------------


class SegmentSoftmax(PairObjective):
    """Sampled softmax whose shared uniform negatives weigh by segment, and whose pairs may weigh by
    segment.

    loss_e = log( e^{s_ui} + sum_j w_uj e^{s_uj} ) - s_ui, a_uj = sum_k alpha_uk P(k|j) (how far j
    is of u's own segments) and w_uj = 1 - |own| + |own| a_uj / mean_j a_uj for own > 0, the same of
    1 - a_uj for own < 0: importance weights of drawing negatives from one's own segments (own = 1),
    from others' (-1), or uniformly (0). ``eta``: see ``Worst``; 0: none. ``segments``,
    ``tau_alpha``: of the soft clusters that a head without segments gets (``Memberships``).
    """

    def __init__(
        self, *, weights: Weights | None, degree_power: float, negatives: int, own: float,
        eta: float, segments: int,
        tau_alpha: float,
    ) -> None:  # fmt: skip
        super().__init__(weights=weights, degree_power=degree_power)
        if not -1 <= own <= 1:
            raise InputError(
                f"objective.own is {own}: it must lie between -1 (others' items) and 1 (one's own "
                "segments')."
            )
        self.sampling = Sampling("shared", negatives)
        self.own, self.segments, self.tau_alpha = own, segments, tau_alpha
        self.worst = Worst(segments, eta)

    def prepare(self, shape: Shape, rng: Rng) -> None:
        self.memberships = Memberships(self.segments, shape.width, self.tau_alpha)

    def forward(self, step: Step, batch: Batch, rng: Rng) -> Tensor:
        negatives = batch.negatives
        assert negatives is not None
        alpha_UK, told_KI = self.memberships(step, rng)
        alpha_BK = F.embedding(batch.users, alpha_UK)
        positive_B = step.scorer.pairs(batch.users, batch.items)
        negative_BN = step.scorer.block(batch.users, negatives)
        if self.own:
            near_BN = alpha_BK @ told_KI[:, negatives]
            near_BN = near_BN if self.own > 0 else 1 - near_BN
            tilt_BN = (
                1
                - abs(self.own)
                + abs(self.own) * near_BN / near_BN.mean(-1, keepdim=True).clamp(min=1e-12)
            )
            negative_BN = negative_BN + tilt_BN.clamp(min=1e-12).log()
        negative_BN = negative_BN.masked_fill(batch.items[:, None] == negatives, -torch.inf)
        loss_B = torch.logaddexp(positive_B, negative_BN.logsumexp(-1)) - positive_B
        if self.worst.eta == 0:
            return weighted_mean(loss_B, batch.weight)
        loss: Tensor = self.worst(loss_B, batch.weight, alpha_BK)
        return loss


class SegmentLikelihood(PairObjective):
    """The exact likelihood with segments' losses weighed by ``Worst``: sum_k q_k L_k; eta = 0: the
    likelihood itself."""

    needs: ClassVar[frozenset[str]] = frozenset({"probabilities"})

    def __init__(
        self, *, weights: Weights | None, degree_power: float, eta: float, segments: int
    ) -> None:
        super().__init__(weights=weights, degree_power=degree_power)
        self.worst = Worst(segments, eta)

    def forward(self, step: Step, batch: Batch, rng: Rng) -> Tensor:
        assert isinstance(step.scorer, Segmentation)
        whole = batch.pattern
        loss_B = -(
            step.scorer.pairs(batch.users, batch.items)
            if whole is None
            else step.scorer.edges(whole)
        )
        alpha_BK = F.embedding(batch.users, step.scorer.memberships(None).detach())
        loss: Tensor = self.worst(loss_B, batch.weight, alpha_BK)
        return loss


# --- item bias by segment
# --------------------------------------------------------------------------------------------


class BiasedDot(NumberedHead):
    """cos(user_i, item_j)/tau + b_j + pace sum_k alpha_ik v_kj, v (K,I) started at 0, alpha_ik =
    softmax_k(cos(user_i, c_k)/tau_alpha).

    c starts at k-means++ of the first user embeddings and is learned. ``pace``: how fast the bias
    learns beside the rest (Adam's steps are of one size); 0: ``dot``.
    """

    def __init__(
        self, shape: Shape, rng: Rng, *, segments: int, tau: float, tau_alpha: float, pace: float
    ) -> None:
        super().__init__()
        self.tau, self.pace = temperature(tau, "head.tau"), pace
        self.tau_alpha = temperature(tau_alpha, "head.tau_alpha")
        self.bias = ItemBias(shape)
        self.user_KD = nn.Parameter(
            torch.empty(segments, shape.width).normal_(generator=rng.torch("prototypes"))
        )
        self.by_segment_KI = nn.Parameter(torch.zeros(segments, shape.items))

    @torch.no_grad()
    def reset(self, embeddings: Embeddings, graph: BipartiteGraph, rng: Rng) -> None:
        self.user_KD.copy_(prototypes(embeddings.user_UD, len(self.user_KD), rng))

    @torch.no_grad()
    def renumber(self, order: Tensor) -> None:
        for rows in (self.user_KD, self.by_segment_KI):
            rows.copy_(F.embedding(order, rows))

    def forward(self, embeddings: Embeddings) -> BiasedDotScorer:
        return BiasedDotScorer(self, embeddings, self.bias(embeddings))

    def stored(self) -> dict[str, Tensor]:
        return {"bias": self.bias.value}


class BiasedDotScorer(FactorScorer, EmbeddingScorer):
    """The bias by segment as further factors: <[user/|user|/tau, alpha], [item/|item|, pace v]> +
    b_j."""

    def __init__(self, head: BiasedDot, embeddings: Embeddings, bias_I: Tensor) -> None:
        self._head, self._e, self._bias_I = head, embeddings, bias_I

    def with_users(self, user_UD: Tensor) -> BiasedDotScorer:
        return BiasedDotScorer(self._head, facing(self._e, user_UD), self._bias_I)

    def left(self, users: Tensor | None) -> Tensor:
        unit_BD = F.normalize(pick(self._e.user_UD, users), dim=-1)
        alpha_BK = (
            unit_BD @ F.normalize(self._head.user_KD, dim=-1).T / self._head.tau_alpha
        ).softmax(-1)
        return torch.cat([unit_BD / self._head.tau, alpha_BK], dim=-1)

    def right(self, items: Tensor | None) -> Tensor:
        unit_ND = F.normalize(pick(self._e.item_ID, items), dim=-1)
        return torch.cat(
            [unit_ND, self._head.pace * pick(self._head.by_segment_KI.T, items)], dim=-1
        )

    def logit(self, product: Tensor, items: Tensor | None) -> Tensor:
        return product + pick_bias(self._bias_I, items)


class BiasedSegments(Segments):
    """``segments`` with beta_kj = softmax_j(cos(c'_k, item_j)/tau_beta + b_j + pace v_kj), v (K,I)
    started at 0."""

    def __init__(
        self, shape: Shape, rng: Rng, *, segments: int, beta: Beta, tied: bool, top: int | None,
        centre: bool, tau_alpha: float,
        tau_beta: float, tau: float, pace: float,
    ) -> None:  # fmt: skip
        super().__init__(
            shape, rng, segments=segments, beta=beta, tied=tied, top=top, centre=centre,
            tau_alpha=tau_alpha,
            tau_beta=tau_beta, tau=tau,
        )  # fmt: skip
        if beta != "distribution":
            raise InputError(
                f"head.beta={beta}: an item bias by segment is tried with distribution only."
            )
        self.pace = pace
        self.by_segment_KI = nn.Parameter(torch.zeros(segments, shape.items))

    @torch.no_grad()
    def renumber(self, order: Tensor) -> None:
        super().renumber(order)
        self.by_segment_KI.copy_(F.embedding(order, self.by_segment_KI))

    def forward(self, embeddings: Embeddings) -> BiasedDistribution:
        own = self.segment_parameters(embeddings)
        by_segment_KI = self.pace * self.by_segment_KI
        return BiasedDistribution(
            embeddings, BiasedParameters(**vars(own), by_segment_KI=by_segment_KI)
        )


@dataclass(frozen=True, kw_only=True)
class BiasedParameters(SegmentParameters):
    """With an item bias by segment beside the items' own."""

    by_segment_KI: Tensor


class BiasedDistribution(Distribution):
    """Distribution whose item bias differs by segment."""

    _p: BiasedParameters

    def _beta(self) -> Tensor:
        bias_KI = self._p.bias_I + self._p.by_segment_KI
        return (self._cos_KI / self._p.tau_beta + bias_KI).softmax(-1)
