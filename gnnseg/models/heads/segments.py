"""The head the project is named for: every recommendation passes through soft segments.

Shape legend: U user rows, I item rows, K segments, D width.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gnnseg.graph import BipartiteGraph
from gnnseg.models import kmeans
from gnnseg.models.heads import dictionary, varimax
from gnnseg.models.heads.base import ItemBias, NumberedHead, WarmedHead, temperature
from gnnseg.models.heads.habit import HabitDistribution, Habits
from gnnseg.models.heads.readings import (
    Affinity,
    Distribution,
    Membership,
    SegmentParameters,
    SegmentScorer,
    WarmAffinity,
)
from gnnseg.rng import Rng
from gnnseg.types import Embeddings, InputError, Shape

Beta = Literal["distribution", "membership", "affinity"]
Start = Literal["varimax", "k-means"]
READINGS: Mapping[str, type[SegmentScorer]] = {
    "distribution": Distribution,
    "membership": Membership,
    "affinity": Affinity,
}


class Segments(NumberedHead, WarmedHead):
    """Soft segments that every recommendation passes through.

    alpha_ik = softmax_k(cos(user_i, c_k)/tau_alpha), and one of three readings of 'item j in
    segment k':

    - ``distribution``: beta_kj = softmax_j(cos(c'_k, item_j)/tau_beta + b_j); logit log sum_k
      alpha_ik beta_kj (PLSA's form, Hofmann 1999);
    - ``membership``: beta_kj = softmax_k(cos(c'_k, item_j)/tau_beta); logit log(sum_k alpha_ik
      beta_kj)/tau + b_j;
    - ``affinity``: beta_kj = <t_k, item_j/|item_j|>/tau with t_k = c'_k - mean c' (``centre``; else
      c'_k); logit cos(m_i, item_j)/tau + b_j with m_i = sum_k alpha_ik t_k, which is sum_k alpha_ik
      (beta_kj/|m_i| + b_j).

    Prototypes start at the first embeddings' centres of the graph's varimax factors (Rohe & Zeng
    2023), a function of the graph alone: refits on other draws and on other samples of the events
    then end in the same segments for most people (experiments/segments); or at k-means++ centres
    (Arthur & Vassilvitskii 2007), which depend on the seed.

    ``warmup``, of ``affinity``: for that share of the epochs the users' own embeddings rank, as in
    ``Dot``, and train the encoder; then prototypes and tastes start anew from embeddings that are
    worth starting from, fitted so that they make up the users (``dictionary.fit``), and from there
    on every score passes through them. A user who may use few segments (``top``) is moved by the
    scores of these few alone, so that without it which ones they are stays as it started.

    Args:
        segments: K, how many.
        beta: The reading: 'distribution', 'membership' or 'affinity'.
        tied: c' = c, one prototype a segment for users and items alike.
        top: None, or keep the m largest alpha of a user, renormalised, in the forward pass.
        centre: affinity: tastes less their mean.
        tau_alpha: Temperature of the users' memberships; smaller is harder.
        tau_beta: distribution and membership: temperature of beta; smaller is sharper.
        tau: membership and affinity: temperature of the score.
        start: Of the prototypes: 'varimax', the same for every seed, or 'k-means'.
        starts: k-means: how many starts, the tightest kept; one alone may merge two groups of users
            and cut a third, which training seldom mends.
        habit: distribution: rec_ij = (1 - h_i) sum_k alpha_ik beta_kj + h_i p_i(j), p_i the user's
            own past, for things that are taken again (``HabitDistribution``).
        warmup: affinity: share of the epochs before segments start, before the last at the latest;
            0: none.

    Raises:
        InputError: A setting that cannot be, or K = 1 of centred affinities.
    """

    by_user = True
    started: Tensor

    def __init__(
        self,
        shape: Shape,
        rng: Rng,
        *,
        segments: int = 16,
        beta: Beta = "distribution",
        tied: bool = False,
        top: int | None = None,
        centre: bool = True,
        tau_alpha: float = 0.12,
        tau_beta: float = 0.2,
        tau: float = 0.12,
        start: Start = "varimax",
        starts: int = 1,
        habit: bool = False,
        warmup: float = 0.0,
    ) -> None:
        super().__init__()
        _check(
            segments, top, start, starts, nothing=beta == "affinity" and centre and segments == 1
        )
        if habit and beta != "distribution":
            raise InputError(
                f"head.habit=true: a past mixes with probabilities, not with head.beta={beta}; set "
                "head.beta=distribution, or head.habit=false."
            )
        self.segments, self.kind, self.top, self.centre = segments, beta, top, centre
        self.start, self.starts = start, starts
        self.catalogue = beta == "distribution"
        self.tau_alpha = temperature(tau_alpha, "head.tau_alpha")
        self.tau_beta = temperature(tau_beta, "head.tau_beta")
        self.tau = temperature(tau, "head.tau")
        self.bias = ItemBias(shape)
        first = torch.empty(segments, shape.width).normal_(generator=rng.torch("prototypes"))
        self.user_KD = nn.Parameter(first)
        self.item_KD = None if tied else nn.Parameter(first.clone())
        self.habits = Habits() if habit else None
        _check_warmup(warmup, beta)
        self.warmup = warmup
        if warmup > 0:
            self.register_buffer("started", torch.tensor(False))

    @classmethod
    def provides(cls, **node: Any) -> frozenset[str]:
        """Say what an objective may need: segments, and which scores by the reading.

        Raises:
            InputError: A warm-up that cannot be, before data are read.
        """
        _check_warmup(node.get("warmup", 0.0), node.get("beta", "distribution"))
        offered = {"segments", "probabilities" if node.get("beta") == "distribution" else "logits"}
        return frozenset(offered | (set() if node.get("tied") else {"untied"}))

    @torch.no_grad()
    def reset(self, embeddings: Embeddings, graph: BipartiteGraph, rng: Rng) -> None:
        """Set the first prototypes among the first user embeddings, as ``start`` says."""
        self._put(*[self._centres(embeddings, graph, rng)] * 2)

    def start_at(self, centres_KD: Tensor) -> None:
        """Start users' and items' prototypes at these centres, (K,D); no warm-up is left."""
        self._put(centres_KD, centres_KD)
        self.skip()

    @property
    def waiting(self) -> bool:
        """Return whether a warm-up is on."""
        return self.warmup > 0 and not bool(self.started)

    def skip(self) -> None:
        """Have no warm-up, or no more of it."""
        if self.warmup > 0:
            self.started.fill_(True)

    def due(self, progress: float) -> bool:
        """Return whether the warm-up is over and segments have not started."""
        return self.waiting and progress >= self.warmup

    @torch.no_grad()
    def restart(self, embeddings: Embeddings, graph: BipartiteGraph, rng: Rng) -> None:
        """Start prototypes and tastes that make up the users, from ``start`` among them."""
        centres = self._centres(embeddings, graph, rng)
        self._put(
            *dictionary.fit(
                embeddings.user_UD, centres, rng, tau=self.tau_alpha, top=self.top,
                centre=self.centre, tied=self.item_KD is None,
            )
        )  # fmt: skip
        self.skip()

    def _centres(self, embeddings: Embeddings, graph: BipartiteGraph, rng: Rng) -> Tensor:
        """Compute centres of the users' embeddings, (K,D), as ``start`` says."""
        if self.start == "varimax":
            return varimax.prototypes(embeddings.user_UD, graph, self.segments)
        return kmeans.prototypes(embeddings.user_UD, self.segments, rng, starts=self.starts)

    @torch.no_grad()
    def _put(self, user_KD: Tensor, item_KD: Tensor) -> None:
        self.user_KD.copy_(user_KD)
        if self.item_KD is not None:
            self.item_KD.copy_(item_KD)

    @torch.no_grad()
    def renumber(self, order: Tensor) -> None:
        """Make segment k what was segment order[k], (K,)."""
        for prototypes_KD in (self.user_KD, self.item_KD):
            if prototypes_KD is not None:
                prototypes_KD.copy_(F.embedding(order, prototypes_KD))

    def forward(self, embeddings: Embeddings) -> SegmentScorer:
        """Return the scores of these embeddings, by the reading."""
        reading = READINGS[self.kind] if self.habits is None else HabitDistribution
        if self.training and self.waiting:
            reading = WarmAffinity
        return reading(embeddings, self.segment_parameters(embeddings))

    def segment_parameters(self, embeddings: Embeddings) -> SegmentParameters:
        """Return what the reading needs of this head."""
        return SegmentParameters(
            user_KD=self.user_KD,
            item_KD=self.user_KD if self.item_KD is None else self.item_KD,
            bias_I=self.bias(embeddings),
            top=self.top,
            centre=self.centre,
            tau_alpha=self.tau_alpha,
            tau_beta=self.tau_beta,
            tau=self.tau,
            habit=None if self.habits is None else self.habits(),
        )

    def stored(self) -> dict[str, Tensor]:
        """Return the items' bias."""
        return {"bias": self.bias.value}


def _check(segments: int, top: int | None, start: str, starts: int, *, nothing: bool) -> None:
    """InputError for settings that cannot be; ``nothing``: centring would leave none."""
    if segments < 1:
        raise InputError(f"head.segments is {segments}: there must be at least 1.")
    if starts < 1:
        raise InputError(f"head.starts is {starts}: there must be at least 1.")
    if starts > 1 and start != "k-means":
        raise InputError(
            f"head.starts={starts}: head.start={start} starts once, without a seed; set "
            "head.start=k-means, or leave head.starts out."
        )
    if top is not None and not 1 <= top <= segments:
        raise InputError(
            f"head.top is {top}: it must lie between 1 and head.segments={segments}, or be null."
        )
    if nothing:
        raise InputError(
            "head.segments=1 with head.beta=affinity leaves nothing once centred: set "
            "head.centre=false."
        )


def _check_warmup(warmup: float, beta: Beta) -> None:
    """InputError for a warm-up that cannot be."""
    if not 0 <= warmup < 1:
        raise InputError(f"head.warmup={warmup}: must be at least 0 and below 1.")
    if warmup > 0 and beta != "affinity":
        raise InputError(
            f"head.warmup={warmup}: only tastes that are vectors can make up users, not "
            f"head.beta={beta}; set head.beta=affinity, or head.warmup=0."
        )
