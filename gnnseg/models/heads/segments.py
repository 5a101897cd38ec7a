"""The head the project is named for: every recommendation passes through soft segments.

Shape legend: U user rows, I item rows, B users in a batch, K segments, D width.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gnnseg.models.heads.base import (
    FLOOR,
    FactorScorer,
    Head,
    ItemBias,
    facing,
    memberships,
    pick_bias,
    temperature,
)
from gnnseg.models.heads.kmeans import prototypes
from gnnseg.models.vectors import pick, unit
from gnnseg.rng import Rng
from gnnseg.sparse import Csr
from gnnseg.types import Embeddings, Explanation, InputError, Shape

Beta = Literal["distribution", "membership", "affinity"]
LITTLE = 0.01  # of a user's policy left by what was seen, below which it is summed itself
CELLS = 1 << 22  # of (users, items) summed at once


class Segments(Head):
    """alpha_ik = softmax_k(cos(user_i, c_k)/tau_alpha) and one of three readings of 'item j in
    segment k':

    - ``distribution``: beta_kj = softmax_j(cos(c'_k, item_j)/tau_beta + b_j); logit log sum_k
      alpha_ik beta_kj (PLSA's form, Hofmann 1999);
    - ``membership``: beta_kj = softmax_k(cos(c'_k, item_j)/tau_beta); logit log(sum_k alpha_ik
      beta_kj)/tau + b_j;
    - ``affinity``: beta_kj = <t_k, item_j/|item_j|>/tau with t_k = c'_k - mean c' (``centre``; else
      c'_k); logit cos(m_i, item_j)/tau + b_j with m_i = sum_k alpha_ik t_k, which is sum_k alpha_ik
      (beta_kj/|m_i| + b_j).

    ``segments``: K, how many; ``tied``: c' = c, one prototype a segment for users and items alike;
    ``top``: null, or keep the m largest alpha of a user, renormalised, in the forward pass.
    Prototypes start at k-means++ centres (Arthur & Vassilvitskii 2007) of the first user
    embeddings, the tightest of ``starts``: one alone may merge two groups of users and cut a third,
    which training seldom mends.
    """

    def __init__(
        self,
        shape: Shape,
        rng: Rng,
        *,
        segments: int,
        beta: Beta,
        tied: bool,
        top: int | None,
        centre: bool,
        tau_alpha: float,
        tau_beta: float,
        tau: float,
        starts: int = 1,
    ) -> None:
        super().__init__()
        if segments < 1:
            raise InputError(f"head.segments is {segments}: there must be at least 1.")
        if starts < 1:
            raise InputError(f"head.starts is {starts}: there must be at least 1.")
        if top is not None and not 1 <= top <= segments:
            raise InputError(
                f"head.top is {top}: it must lie between 1 and head.segments={segments}, or be "
                "null."
            )
        if beta == "affinity" and centre and segments == 1:
            raise InputError(
                "head.segments=1 with head.beta=affinity leaves nothing once centred: set "
                "head.centre=false."
            )
        self.segments, self.kind, self.top, self.centre = segments, beta, top, centre
        self.starts = starts
        self.catalogue = beta == "distribution"
        self.tau_alpha = temperature(tau_alpha, "head.tau_alpha")
        self.tau_beta = temperature(tau_beta, "head.tau_beta")
        self.tau = temperature(tau, "head.tau")
        self.bias = ItemBias(shape)
        first = torch.empty(segments, shape.width).normal_(generator=rng.torch("prototypes"))
        self.user_KD = nn.Parameter(first)
        self.item_KD = None if tied else nn.Parameter(first.clone())

    @classmethod
    def provides(cls, **node: Any) -> frozenset[str]:
        offered = {"segments", "probabilities" if node.get("beta") == "distribution" else "logits"}
        return frozenset(offered | (set() if node.get("tied") else {"untied"}))

    @torch.no_grad()
    def reset(self, embeddings: Embeddings, rng: Rng) -> None:
        centres = prototypes(embeddings.user_UD, self.segments, rng, starts=self.starts)
        self.user_KD.copy_(centres)
        if self.item_KD is not None:
            self.item_KD.copy_(centres)

    @torch.no_grad()
    def renumber(self, order: Tensor) -> None:
        for prototypes_KD in (self.user_KD, self.item_KD):
            if prototypes_KD is not None:
                prototypes_KD.copy_(F.embedding(order, prototypes_KD))

    def forward(self, embeddings: Embeddings) -> SegmentScorer:
        item_KD = self.user_KD if self.item_KD is None else self.item_KD
        bias_I = self.bias(embeddings)
        if self.kind == "distribution":
            return Distribution(self, embeddings, item_KD, bias_I)
        if self.kind == "membership":
            return Membership(self, embeddings, item_KD, bias_I)
        return Affinity(self, embeddings, item_KD, bias_I)


class SegmentScorer(FactorScorer):
    """What the three readings share: alpha, its truncation, and the score as a sum over segments."""

    kind: str

    def __init__(
        self, head: Segments, embeddings: Embeddings, item_KD: Tensor, bias_I: Tensor
    ) -> None:
        self._head, self._e, self._item_KD, self._bias_I = head, embeddings, item_KD, bias_I
        self._top = head.top

    def truncated(self, top: int) -> SegmentScorer:
        """The same scores reached through each user's ``top`` largest segments only, alpha
        renormalised."""
        scorer = type(self)(self._head, self._e, self._item_KD, self._bias_I)
        scorer._top = top if self._top is None else min(top, self._top)
        return scorer

    def with_users(self, user_UD: Tensor) -> SegmentScorer:
        scorer = type(self)(self._head, facing(self._e, user_UD), self._item_KD, self._bias_I)
        scorer._top = self._top
        scorer.beta = self.beta  # of the items alone
        return scorer

    def memberships(self, users: Tensor | None) -> Tensor:
        """alpha of some user rows, (B,K), or of all, (U,K)."""
        alpha_BK = memberships(
            pick(self._e.user_UD, users), self._head.user_KD, self._head.tau_alpha
        )
        return alpha_BK if self._top is None else keep_top(alpha_BK, self._top)

    @property
    def prototypes(self) -> Tensor:
        """c_k, (K,D): a user's alpha is read against them."""
        return self._head.user_KD

    @property
    def item_prototypes(self) -> Tensor:
        """c'_k, (K,D): a segment's items are read against them."""
        return self._item_KD

    @cached_property
    def alpha(self) -> Tensor:
        return self.memberships(None)

    @cached_property
    def beta(self) -> Tensor:
        return self._beta()

    def _beta(self) -> Tensor:
        raise AssertionError("abstract")

    @cached_property
    def _cos_KI(self) -> Tensor:
        return unit(self._item_KD) @ unit(self._e.item_ID).T

    def left(self, users: Tensor | None) -> Tensor:
        return self.memberships(users)

    def right(self, items: Tensor | None) -> Tensor:
        return pick(self.beta.T, items)

    def explain(self, users: Tensor, items: Tensor) -> Explanation:
        """Shares of rec_ij = sum_k alpha_ik beta_kj by segment; they sum to 1. The item bias stands
        apart."""
        parts_BK = self.memberships(users) * self.right(items)
        return Explanation(
            True,
            parts_BK / parts_BK.sum(-1, keepdim=True).clamp(min=FLOOR),
            pick_bias(self._bias_I, items),
        )


class Distribution(SegmentScorer):
    """beta_kj = P(item j given segment k): rec_ij is a probability, the logit its logarithm."""

    kind = "distribution"

    def _beta(self) -> Tensor:
        assert self._e.items is None, "the catalogue's softmax needs every item"
        return (self._cos_KI / self._head.tau_beta + self._bias_I).softmax(-1)

    def logit(self, product: Tensor, items: Tensor | None) -> Tensor:
        return product.float().clamp(min=FLOOR).log()

    def log_prob(self, users: Tensor, items: Tensor, seen: Csr | None = None) -> Tensor:
        """log pi(j|i) of (B,),(B,) pairs; with ``seen`` (rows, I) the served policy rec_ij / (1 -
        sum over S_i of rec_ij), whose seen items have probability 0 (-inf)."""
        some, place = torch.unique(users, return_inverse=True)
        alpha = self.memberships(some)
        log_rec_B = self.logit((pick(alpha, place) * self.right(items)).sum(-1), items)
        if seen is None:
            return log_rec_B
        left_B = pick_bias(self._left(some, alpha, seen).log(), place)
        return (log_rec_B - left_B).masked_fill(seen.contains(users, items), -torch.inf)

    def _left(self, users: Tensor, alpha: Tensor, seen: Csr) -> Tensor:
        """1 - sum over S_i of rec_ij of some users, whose memberships are ``alpha``; (B,). Where
        little is left, the difference of two numbers near 1 would be rounding alone: what is left
        is summed itself."""
        where, entry = seen.entries_of(users)
        rec_e = (pick(alpha, where) * self.right(seen.column[entry])).sum(-1)
        gone = torch.zeros(len(users), dtype=rec_e.dtype, device=rec_e.device).index_add(
            0, where, rec_e
        )
        left = 1 - gone
        (little,) = (left.detach() < LITTLE).nonzero(as_tuple=True)
        if len(little) == 0:
            return left
        step = max(1, CELLS // self.beta.shape[1])
        summed = [self._summed(some, users, seen) for some in torch.split(little, step)]
        return left.index_put((little,), torch.cat(summed))

    def _summed(self, some: Tensor, users: Tensor, seen: Csr) -> Tensor:
        """sum over j not in S_i of rec_ij, of some of the users."""
        rec_SI = self.block(users[some]).exp()
        where, entry = seen.entries_of(users[some])
        zero = torch.zeros((), dtype=rec_SI.dtype, device=rec_SI.device)
        return rec_SI.index_put((where, seen.column[entry]), zero).sum(-1).clamp(min=FLOOR)

    def slate_log_prob(self, users: Tensor, slates: Tensor, seen: Csr | None = None) -> Tensor:
        """log of the Plackett-Luce probability (Plackett 1975) of (B,n) items in their order: each
        by pi(j|i) among those neither seen nor above it. An item that stands twice, or was seen,
        makes it -inf. (B,)."""
        logit_BI = self.block(users)
        rec_BI = logit_BI.double().exp()
        if seen is not None:
            where, entry = seen.entries_of(users)
            rec_BI = rec_BI.index_put((where, seen.column[entry]), rec_BI.new_zeros(()))
        chosen_BN = rec_BI.gather(1, slates)
        others_B1 = rec_BI.scatter(1, slates, 0.0).sum(1, keepdim=True)
        left_BN = others_B1 + chosen_BN.flip(1).cumsum(1).flip(
            1
        )  # summed from the slate's end: nothing cancels
        same_BNN = (slates[:, :, None] == slates[:, None, :]).tril(-1)
        impossible_BN = same_BNN.any(-1) | (chosen_BN == 0)
        log_BN = (
            (chosen_BN / left_BN.clamp(min=FLOOR))
            .clamp(min=FLOOR)
            .log()
            .masked_fill(impossible_BN, -torch.inf)
        )
        return log_BN.sum(1).to(logit_BI.dtype)

    def sample(self, users: Tensor, n: int, rng: Rng, seen: Csr | None = None) -> Tensor:
        """(B,n) items drawn without replacement from the (masked) policy: Gumbel top-n, the
        Plackett-Luce order (Luce 1959)."""
        logits_BI = self.block(users)
        if seen is not None:
            where, entry = seen.entries_of(users)
            logits_BI = logits_BI.index_put(
                (where, seen.column[entry]), torch.tensor(-torch.inf, device=logits_BI.device)
            )
        uniform = (
            torch.rand(logits_BI.shape, generator=rng.torch("policy"))
            .to(logits_BI.device)
            .clamp(min=1e-20)
        )
        return (logits_BI - (-uniform.log()).log()).topk(n, dim=-1).indices


class Membership(SegmentScorer):
    """beta_kj = P(segment k given item j): soft co-clustering of users and items."""

    kind = "membership"

    def _beta(self) -> Tensor:
        return (self._cos_KI / self._head.tau_beta).softmax(0)

    def logit(self, product: Tensor, items: Tensor | None) -> Tensor:
        return product.float().clamp(min=FLOOR).log() / self._head.tau + pick_bias(
            self._bias_I, items
        )


class Affinity(SegmentScorer):
    """beta_kj real-valued segment taste: each user a convex mix of prototypes, ranked by its cosine
    with the items."""

    kind = "affinity"

    @cached_property
    def _taste_KD(self) -> Tensor:
        return self._item_KD - self._item_KD.mean(0) if self._head.centre else self._item_KD

    def _beta(self) -> Tensor:
        return self._taste_KD @ unit(self._e.item_ID).T / self._head.tau

    @cached_property
    def inverse_norm(self) -> Tensor:
        """1/|m_i|, (U,)."""
        norm_U: Tensor = (self.alpha @ self._taste_KD).norm(dim=-1)
        return norm_U.clamp(min=FLOOR).reciprocal()

    def left(self, users: Tensor | None) -> Tensor:
        return unit(self.memberships(users) @ self._taste_KD) / self._head.tau

    def right(self, items: Tensor | None) -> Tensor:
        return unit(pick(self._e.item_ID, items))

    def logit(self, product: Tensor, items: Tensor | None) -> Tensor:
        return product + pick_bias(self._bias_I, items)

    def explain(self, users: Tensor, items: Tensor) -> Explanation:
        """Signed parts of the logit, alpha_ik beta_kj/|m_i|; with the item bias they sum to the
        logit."""
        alpha_BK = self.memberships(users)
        norm_B = (alpha_BK @ self._taste_KD).norm(dim=-1, keepdim=True).clamp(min=FLOOR)
        parts_BK = alpha_BK * pick(self.beta.T, items) / norm_B
        return Explanation(False, parts_BK, pick_bias(self._bias_I, items))


def keep_top(alpha_BK: Tensor, top: int) -> Tensor:
    """The ``top`` largest of each row, renormalised; the lowest number wins a tie."""
    order = alpha_BK.argsort(dim=-1, descending=True, stable=True)[:, :top]
    kept = torch.zeros_like(alpha_BK).scatter(1, order, 1.0)
    alpha_BK = alpha_BK * kept
    return alpha_BK / alpha_BK.sum(-1, keepdim=True)
