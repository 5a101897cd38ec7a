"""The three readings of 'item j in segment k', each a scorer whose scores are sums over segments.

Shape legend: U user rows, I item rows, B users in a batch, K segments, D width.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import torch
from torch import Tensor

from gnnseg.models.heads.base import FLOOR, FactorScorer, facing, memberships, pick_bias, wide
from gnnseg.models.vectors import pick, unit
from gnnseg.rng import Rng
from gnnseg.sparse import Csr
from gnnseg.types import Embeddings, EmbeddingScorer, Explanation, Policy, Segmentation

LITTLE = 0.01  # of a user's policy left by what was seen, below which it is summed itself
CELLS = 1 << 22  # of (users, items) summed at once


@dataclass(frozen=True, kw_only=True)
class SegmentParameters:
    """What a reading needs of its head.

    Prototypes c (users') and c' (items'), the bias of the items' rows, and the head's settings;
    ``habit``: of a head with habits.
    """

    user_KD: Tensor
    item_KD: Tensor
    bias_I: Tensor
    top: int | None
    centre: bool
    tau_alpha: float
    tau_beta: float
    tau: float
    habit: HabitParameters | None = None


@dataclass(frozen=True, kw_only=True)
class HabitParameters:
    """What the habits of a head have learned.

    decay_M: the weight of each half-life, whose sum is 1; h = sigmoid(level + <trait_F, traits>).
    """

    decay_M: Tensor
    level: Tensor
    trait_F: Tensor


class SegmentScorer(FactorScorer, EmbeddingScorer, Segmentation):
    """What the readings share: alpha, its truncation, and the score as a sum over segments."""

    def __init__(self, embeddings: Embeddings, parameters: SegmentParameters) -> None:
        self._e, self._p = embeddings, parameters

    def truncated(self, top: int) -> Self:
        """Return the scores through each user's ``top`` largest segments, alpha renormalised."""
        most = self._p.top
        fewer = replace(self._p, top=top if most is None else min(top, most))
        return type(self)(self._e, fewer)

    def with_users(self, user_UD: Tensor) -> Self:
        """Return a scorer of the same items, whose user row r is user_UD[r]."""
        scorer = type(self)(facing(self._e, user_UD), self._p)
        scorer.beta = self.beta  # of the items alone
        return scorer

    def memberships(self, users: Tensor | None) -> Tensor:
        """Return alpha of some user rows, (B,K); None: of all, (U,K)."""
        g = self._p
        alpha_BK = memberships(pick(self._e.user_UD, users), g.user_KD, g.tau_alpha)
        return alpha_BK if g.top is None else keep_top(alpha_BK, g.top)

    @property
    def prototypes(self) -> Tensor:
        """Return c_k, (K,D), against which a user's alpha is read."""
        return self._p.user_KD

    def directions(self) -> dict[str, Tensor]:
        """Return c_k and c'_k, (K,D), against which users and items are read."""
        return {"user": self._p.user_KD, "item": self._p.item_KD}

    @cached_property
    def alpha(self) -> Tensor:
        """Return P(segment k | user i), (U,K)."""
        return self.memberships(None)

    @cached_property
    def beta(self) -> Tensor:
        """Return item j in segment k, (K,I), by the reading."""
        return self._beta()

    @abstractmethod
    def _beta(self) -> Tensor:
        """Compute beta, (K,I)."""

    @cached_property
    def _cos_KI(self) -> Tensor:
        return unit(self._p.item_KD) @ unit(self._e.item_ID).T

    def left(self, users: Tensor | None) -> Tensor:
        """Return alpha of some rows, (B,K); None: of all."""
        return self.memberships(users)

    def right(self, items: Tensor | None) -> Tensor:
        """Return beta of some items, (N,K); None: of all."""
        return pick(self.beta.T, items)

    def explain(self, users: Tensor, items: Tensor) -> Explanation:
        """Return the shares of rec_ij = sum_k alpha_ik beta_kj by segment, which sum to 1.

        The item bias stands apart.
        """
        parts_BK = self.memberships(users) * self.right(items)
        return Explanation(
            shares=True,
            segments=parts_BK / parts_BK.sum(-1, keepdim=True).clamp(min=FLOOR),
            bias=pick_bias(self._p.bias_I, items),
        )


class Distribution(SegmentScorer, Policy):
    """beta_kj = P(item j given segment k): rec_ij is a probability, the logit its logarithm."""

    kind = "distribution"
    increasing = True

    def _beta(self) -> Tensor:
        assert self._e.items is None, "the catalogue's softmax needs every item"
        return (self._cos_KI / self._p.tau_beta + self._p.bias_I).softmax(-1)

    def logit(self, product: Tensor, items: Tensor | None) -> Tensor:
        """Turn a probability into its logarithm."""
        return wide(product).clamp(min=FLOOR).log()

    def shared_rows(self, users: Tensor) -> tuple[Tensor, Tensor] | None:
        """Return each user's segment and beta, where one segment is left to everybody."""
        return (self.memberships(users).argmax(-1), self.beta) if self._p.top == 1 else None

    def log_prob(self, users: Tensor, items: Tensor, seen: Csr | None = None) -> Tensor:
        """Return log pi(j|i) of pairs, (B,),(B,) -> (B,).

        With ``seen`` (rows,I) that of the served policy rec_ij / (1 - sum over S_i of rec_ij),
        whose seen items have probability 0 (-inf).
        """
        some, place = torch.unique(users, return_inverse=True)
        alpha = self.memberships(some)
        log_rec_B = self.logit(self._rec(some, alpha, place, items), items)
        if seen is None:
            return log_rec_B
        left_B = pick_bias(self._left(some, alpha, seen).log(), place)
        return (log_rec_B - left_B).masked_fill(seen.contains(users, items), -torch.inf)

    def _rec(self, users: Tensor, alpha: Tensor, place: Tensor, items: Tensor) -> Tensor:
        """Compute rec of pairs (users[place], items), (B,), from these users' memberships."""
        rec_B: Tensor = (pick(alpha, place) * self.right(items)).sum(-1)
        return rec_B

    def _left(self, users: Tensor, alpha: Tensor, seen: Csr) -> Tensor:
        """Compute 1 - sum over S_i of rec_ij of some users, whose memberships are ``alpha``; (B,).

        Where little is left, the difference of two numbers near 1 would be rounding alone: what is
        left is summed itself.
        """
        where, entry = seen.entries_of(users)
        rec_e = self._rec(users, alpha, where, seen.column[entry])
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
        """Sum rec_ij over j not in S_i, of some of the users."""
        rec_SI = self.block(users[some]).exp()
        where, entry = seen.entries_of(users[some])
        zero = torch.zeros((), dtype=rec_SI.dtype, device=rec_SI.device)
        return rec_SI.index_put((where, seen.column[entry]), zero).sum(-1).clamp(min=FLOOR)

    def slate_log_prob(self, users: Tensor, slates: Tensor, seen: Csr | None = None) -> Tensor:
        """Return the log of the Plackett-Luce probability of items in their order, (B,n) -> (B,).

        Each by pi(j|i) among those neither seen nor above it (Plackett 1975). An item that stands
        twice, or was seen, makes it -inf.
        """
        logit_BI = self.block(users)
        rec_BI = logit_BI.double().exp()
        if seen is not None:
            where, entry = seen.entries_of(users)
            rec_BI = rec_BI.index_put((where, seen.column[entry]), rec_BI.new_zeros(()))
        chosen_BN = rec_BI.gather(1, slates)
        others_B1 = rec_BI.scatter(1, slates, 0.0).sum(1, keepdim=True)
        below_BN = chosen_BN.flip(1).cumsum(1).flip(1)  # from the slate's end: nothing cancels
        left_BN = others_B1 + below_BN
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
        """Draw items without replacement from the (masked) policy, (B,) -> (B,n).

        Gumbel top-n: the Plackett-Luce order (Luce 1959).
        """
        logits_BI = self.block(users)
        if seen is not None:
            where, entry = seen.entries_of(users)
            logits_BI = logits_BI.index_put(
                (where, seen.column[entry]), torch.tensor(-torch.inf, device=logits_BI.device)
            )
        stream = rng.stream("policy", logits_BI.device)
        uniform = stream.uniform(logits_BI.shape).clamp(min=1e-20)
        return (logits_BI - (-uniform.log()).log()).topk(n, dim=-1).indices


class Membership(SegmentScorer):
    """beta_kj = P(segment k given item j): soft co-clustering of users and items."""

    kind = "membership"

    def _beta(self) -> Tensor:
        return (self._cos_KI / self._p.tau_beta).softmax(0)

    def logit(self, product: Tensor, items: Tensor | None) -> Tensor:
        """Turn a product into log(product)/tau + b_j."""
        bias = pick_bias(self._p.bias_I, items)
        return wide(product).clamp(min=FLOOR).log() / self._p.tau + bias


class Affinity(SegmentScorer):
    """beta_kj a real-valued taste: users are convex mixes of prototypes, ranked by their cosine."""

    adds = True

    kind = "affinity"

    @cached_property
    def _taste_KD(self) -> Tensor:
        item_KD = self._p.item_KD
        return item_KD - item_KD.mean(0) if self._p.centre else item_KD

    def _beta(self) -> Tensor:
        return self._taste_KD @ unit(self._e.item_ID).T / self._p.tau

    @cached_property
    def inverse_norm(self) -> Tensor:
        """Return 1/|m_i|, (U,)."""
        norm_U: Tensor = (self.alpha @ self._taste_KD).norm(dim=-1)
        return norm_U.clamp(min=FLOOR).reciprocal()

    def left(self, users: Tensor | None) -> Tensor:
        """Return m_i at length 1 over tau of some rows, (B,D); None: of all."""
        return unit(self.memberships(users) @ self._taste_KD) / self._p.tau

    def right(self, items: Tensor | None) -> Tensor:
        """Return unit item rows, (N,D); None: all."""
        return unit(pick(self._e.item_ID, items))

    def logit(self, product: Tensor, items: Tensor | None) -> Tensor:
        """Add the items' bias."""
        return product + pick_bias(self._p.bias_I, items)

    def stored(self) -> dict[str, Tensor]:
        """Return alpha, beta and 1/|m_i|, which makes their sum the cosine."""
        return {**super().stored(), "inverse_norm": self.inverse_norm}

    def explain(self, users: Tensor, items: Tensor) -> Explanation:
        """Return signed parts, alpha_ik beta_kj/|m_i|; with the bias they sum to the logit."""
        alpha_BK = self.memberships(users)
        norm_B = (alpha_BK @ self._taste_KD).norm(dim=-1, keepdim=True).clamp(min=FLOOR)
        parts_BK = alpha_BK * pick(self.beta.T, items) / norm_B
        bias_B = pick_bias(self._p.bias_I, items)
        return Explanation(shares=False, segments=parts_BK, bias=bias_B)


class WarmAffinity(Affinity):
    """What a step sees while the embeddings are trained first: cos(user_i, item_j)/tau + b_j.

    alpha and beta are those of the prototypes, which wait.
    """

    def left(self, users: Tensor | None) -> Tensor:
        """Return the users' own unit rows over tau, (B,D); None: of all."""
        return unit(pick(self._e.user_UD, users)) / self._p.tau


def keep_top(alpha_BK: Tensor, top: int) -> Tensor:
    """Keep the ``top`` largest of each row, renormalised; the lowest number wins a tie."""
    if top >= alpha_BK.shape[-1]:
        return alpha_BK / alpha_BK.sum(-1, keepdim=True)
    least_B1 = alpha_BK.detach().topk(top, dim=-1).values[:, -1:]
    kept_BK = alpha_BK.detach() >= least_B1
    (tied,) = (kept_BK.sum(-1) > top).nonzero(as_tuple=True)
    if len(tied):  # only there does it take a stable sort, which is slow
        order = alpha_BK.detach()[tied].argsort(dim=-1, descending=True, stable=True)[:, :top]
        kept_BK[tied] = torch.zeros_like(kept_BK[tied]).scatter(1, order, True)
    alpha_BK = alpha_BK * kept_BK
    return alpha_BK / alpha_BK.sum(-1, keepdim=True)
