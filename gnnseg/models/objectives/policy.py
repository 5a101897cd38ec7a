"""The recommender as a policy pi(j|i) = rec_ij, made better by what its showings earned.

Shape legend: B events in a batch, U users, I items, K segments, D width, M parts of the behaviour
head.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gnnseg.models.objectives.base import (
    LOGGED,
    Reward,
    RewardObjective,
    Weights,
    weighted_mean,
)
from gnnseg.models.objectives.rewards import FLOOR, PRIOR, SegmentRewards, some_of, without
from gnnseg.rng import Rng
from gnnseg.sparse import Csr, sddmm, spmm
from gnnseg.types import Batch, Embeddings, InputError, Policy, Shape, Step

PARTS = 32  # of the behaviour head's mixture
Importance = Literal["none", "logged", "learned"]
Baseline = Literal["none", "mean", "user", "learned", "segments"]


@dataclass(frozen=True)
class Corrected:
    """What an event counts for beside w_e, none of it with a gradient, (B,) each.

    Its importance, the top-K correction, and the reward less the baseline.
    """

    importance: Tensor
    correction: Tensor
    advantage: Tensor


class PolicyGradient(RewardObjective):
    """REINFORCE (Williams 1992) on logged events, with off-policy and top-K correction.

    -sum_e w_e omega_e lambda_e (r_e - b_e) log pi(j_e|i_e) - ``entropy`` mean_i H(pi_i), sum of w =
    1, pi exact (Chen et al. 2019).

    On a log pi is the served policy: in omega and in the logarithm rec_ij among what could be shown
    when the row was made (``Logged.seen`` not), so that the gradient is that of the policy's value
    there; in q's value and in the entropy, which look ahead, rec_ij without all that is
    ``Logged.taken`` by now. The two differ where a log's clicks have become interactions. On pairs,
    each of which is among what its user has taken, it is rec_ij. With reward 'one' and nothing else
    of this, value and gradient are the likelihood's.

    Args:
        weights: What a pair counts for: None, each alike, 'value', 'log' or 'spend'.
        degree_power: Times (user's degree)^degree_power: below 0, heavy users count for less.
        reward: 'one', 'value' (rating, plays) or 'spend' of the training pairs; of the log's
            training part its 'logged' column, or 'clicked': 1 where that is above 0.
        importance: omega = min(pi/p, cap) with p the 'logged' propensity, or 'learned': a behaviour
            head on the embeddings, whose gradient goes no further, fitted to the same events by
            likelihood; 'none': omega = 1.
        cap: Largest importance weight; None: none.
        top: K of lambda = K (1 - pi)^(K - 1), for lists of K; None: 1.
        baseline: b: 'none', 'mean' of the training rewards, 'user' (a user's own, drawn to the mean
            by 10 events), 'learned' (linear in the embedding) or, on a log, 'segments': q_ij, the
            mean reward of the item in the user's segment (``SegmentRewards``); as it depends on the
            item, the policy's value under q is added to the loss (doubly robust, Dudik et al. 2011;
            with cap, its weights shrink as in Su et al. 2020), and log pi answers only for what q
            does not say.
        entropy: Weight of the served policy's mean entropy, of at most 1024 users drawn a step, in
            the reward's units.
        history: On a log, weight of -mean log sum_k alpha_ik t_kj over what users have taken, and
            clicked of what they were shown, t the segments' shares of it: users stay where what
            they like puts them, as in supervised and reinforced learning side by side (Xin et al.
            2020). Without it users run after single lucky clicks, and the policy learns the log by
            heart.
        pessimism: Standard errors that q stays below the mean; below 0, optimism, which explores
            where a policy is trained again and again on what it shows.

    Raises:
        InputError: Settings that make no sense together.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"probabilities"})

    def __init__(
        self,
        *,
        weights: Weights | None = None,
        degree_power: float = 0.0,
        reward: Reward = "one",
        importance: Importance = "none",
        cap: float | None = None,
        top: int | None = None,
        baseline: Baseline = "none",
        entropy: float = 0.0,
        history: float = 1.0,
        pessimism: float = 1.0,
    ) -> None:
        super().__init__(weights=weights, degree_power=degree_power)
        self.reward, self.importance, self.cap = reward, importance, cap
        self.top, self.baseline, self.pessimism = top, baseline, pessimism
        self.entropy, self.history = entropy, history if self.reads_log else 0.0
        self._check_log()
        if cap is not None and cap <= 0:
            raise InputError(f"objective.cap={cap}: must be above 0, or null for no cap.")
        if top is not None and top < 1:
            raise InputError(
                f"objective.top={top}: the length of a list is at least 1; null leaves the "
                "correction out."
            )
        for key, value in (("entropy", entropy), ("history", history)):
            if value < 0:
                raise InputError(f"objective.{key}={value}: must be 0 or more.")

    def _check_log(self) -> None:
        """InputError for what only a log has, or cannot have."""
        if self.importance == "logged" and not self.reads_log:
            raise InputError(
                f"objective.importance=logged with objective.reward={self.reward}: propensities "
                "stand in the log; set objective.reward=logged, or objective.importance=learned or "
                "none."
            )
        if self.reads_log and self.weights is not None:
            raise InputError(
                f"objective.weights={self.weights}: a log's rows weigh alike; set "
                "objective.weights=null."
            )
        if self.baseline == "segments" and not self.reads_log:
            raise InputError(
                f"objective.baseline=segments with objective.reward={self.reward}: the segments' "
                "mean rewards are read off a log; set objective.reward=logged, or another baseline."
            )

    @classmethod
    def requires(cls, **node: Any) -> frozenset[str]:
        """Say that it requires probabilities, and a log where its rewards stand in one."""
        more = {"log"} if node.get("reward") in LOGGED else set()
        more |= {"propensity"} if node.get("importance") == "logged" else set()
        return cls.needs | more

    def prepare(self, shape: Shape, rng: Rng) -> None:
        """Make what the baseline and the importance learn."""
        self.by_user: Tensor
        if self.baseline in ("mean", "user"):
            self.register_buffer("by_user", torch.zeros(shape.users))
        if self.baseline == "learned":
            self.worth = nn.Linear(shape.width, 1)
            nn.init.zeros_(self.worth.weight)
            nn.init.zeros_(self.worth.bias)
        if self.baseline == "segments":
            self.model = SegmentRewards(shape, self.pessimism)
        if self.importance == "learned":
            self.behaviour = Behaviour(shape, rng.child("behaviour"))

    def learn(self, users: Tensor, rewards: Tensor, weight: Tensor) -> None:
        """Take in the mean rewards, and how many rows the log has.

        Raises:
            InputError: A baseline of rewards that are all alike.
        """
        if self.baseline == "segments":
            self.model.rows = len(users)
        if self.baseline not in ("mean", "user"):
            return
        if len(rewards) and bool((rewards == rewards[0]).all()):
            raise InputError(
                f"objective.baseline={self.baseline}: every reward is {float(rewards[0]):g}, and "
                "nothing is left of it less its mean; "
                "set objective.baseline=none, or choose another reward."
            )
        mean = (rewards * weight).sum() / weight.sum()
        if self.baseline == "mean":
            self.by_user.fill_(float(mean))
            return
        count = torch.zeros_like(self.by_user).index_add(0, users, torch.ones_like(rewards))
        total = torch.zeros_like(self.by_user).index_add(0, users, rewards)
        self.by_user.copy_((total + PRIOR * mean) / (count + PRIOR))

    def forward(self, step: Step, batch: Batch, rng: Rng) -> Tensor:
        """Compute the loss of one batch of events."""
        scorer, logged, users = step.scorer, batch.logged, step.embeddings.users
        assert isinstance(scorer, Policy)
        assert logged is not None
        # before the scores: gradients add up in the order of what made them, to the last bit
        alpha_RK = scorer.alpha if self.history and logged.history is not None else None
        seen = None if logged.seen is None else rows_of(logged.seen, users)
        taken = None if logged.taken is None else rows_of(logged.taken, users)
        now = taken if seen is not None else None  # what will not be shown from now on
        whole = batch.pattern
        log_pi_B = (
            scorer.log_prob(batch.users, batch.items, seen)
            if whole is None
            else scorer.edges(whole)
        )
        possible_B = log_pi_B.isfinite()  # what is masked is never shown: it counts for nothing
        log_pi_B = log_pi_B.masked_fill(~possible_B, 0.0)
        if self.baseline == "segments" and self.training:
            self.model.watch(scorer, batch, self._inverse(step.embeddings, batch), seen)
        c = self.corrected(step.embeddings, batch, log_pi_B.detach(), scorer)
        factor_B = c.importance * c.correction * c.advantage * possible_B
        loss = -weighted_mean(factor_B * log_pi_B, batch.weight)
        if self.baseline == "segments":
            loss = loss - self.model.value(scorer, batch, now, self.top, rng)
        if self.importance == "learned":
            loss = loss - weighted_mean(self.behaviour(step.embeddings, batch), batch.weight)
        if self.baseline == "learned":
            error_B = self._worth(step.embeddings, batch.users) - logged.reward
            loss = loss + weighted_mean(c.importance * error_B.square(), batch.weight)
        if alpha_RK is not None and logged.history is not None:
            loss = loss + self.history * history_loss(alpha_RK, rows_of(logged.history, users))
        if self.entropy:
            loss = loss - self.entropy * mean_entropy(scorer, batch.users, now, rng)
        return loss

    @torch.no_grad()
    def corrected(
        self, embeddings: Embeddings, batch: Batch, log_pi_B: Tensor, scorer: Policy
    ) -> Corrected:
        """Compute what the events count for, from their log pi, (B,)."""
        assert batch.logged is not None
        pi_B = log_pi_B.exp()
        importance_B, correction_B = torch.ones_like(pi_B), torch.ones_like(pi_B)
        inverse_B = self._inverse(embeddings, batch)
        if inverse_B is not None:
            importance_B = pi_B * inverse_B
        if self.cap is not None:
            importance_B = importance_B.clamp(max=self.cap)
        if self.top is not None:
            correction_B = self.top * (1 - pi_B).clamp(min=0) ** (self.top - 1)
        usual_B = torch.zeros_like(pi_B)
        if self.baseline == "learned":
            usual_B = self._worth(embeddings, batch.users)
        elif self.baseline == "segments":
            usual_B = self.model.at(scorer, batch)
        elif self.baseline != "none":
            usual_B = self.by_user[
                batch.users if embeddings.users is None else embeddings.users[batch.users]
            ]
        return Corrected(
            importance=importance_B,
            correction=correction_B,
            advantage=batch.logged.reward - usual_B,
        )

    @torch.no_grad()
    def _inverse(self, embeddings: Embeddings, batch: Batch) -> Tensor | None:
        """Return 1/p of a batch's events, (B,); None: not asked for."""
        if self.importance == "logged":
            assert batch.logged is not None
            assert batch.logged.propensity is not None
            return batch.logged.propensity.reciprocal()
        if self.importance == "learned":
            inverse_B: Tensor = (-self.behaviour(embeddings, batch)).exp()
            return inverse_B
        return None

    def _worth(self, embeddings: Embeddings, users: Tensor) -> Tensor:
        """Return the learned baseline, (B,); nothing of it reaches the encoder."""
        value: Tensor = self.worth(F.embedding(users, embeddings.user_UD.detach())).squeeze(-1)
        return value


class Behaviour(nn.Module):
    """Who showed the training's events, fitted by likelihood.

    b(j|i) = sum_m softmax_m(<user_i, c_m>) softmax_j(t_m). Chen et al. (2019) learn the logging
    policy by a softmax on the same user state, through which no gradient flows; the mixture keeps
    the catalogue's softmax at M I.
    """

    def __init__(self, shape: Shape, rng: Rng) -> None:
        super().__init__()
        first = torch.empty(PARTS, shape.width).normal_(
            0, shape.width**-0.5, generator=rng.torch("centres")
        )
        self.centre_MD = nn.Parameter(first)
        start = shape.item_counts.double().clamp(min=1).log().float()
        noise = torch.empty(PARTS, shape.items).normal_(0, 0.1, generator=rng.torch("tastes"))
        self.taste_MI = nn.Parameter(start.cpu() + noise)

    def forward(self, embeddings: Embeddings, batch: Batch) -> Tensor:
        """Compute log b(j|i) of the batch's events, (B,)."""
        user_UD = embeddings.user_UD.detach()
        part_BM = F.embedding(batch.users, F.softmax(user_UD @ self.centre_MD.T, dim=-1))
        item_BM = F.embedding(batch.items, F.softmax(self.taste_MI, dim=-1).T)
        return (part_BM * item_BM).sum(-1).clamp(min=FLOOR).log()


def history_loss(alpha_RK: Tensor, liked: Csr) -> Tensor:
    """Compute -mean log sum_k alpha_ik t_kj over what users have taken or clicked.

    t_kj: each segment's share of it by the alpha of now, which is likelihood's answer for t (the M
    step of PLSA, Hofmann 1999): the segments' gradient alone, whatever beta shows.
    """
    if liked.entries == 0:
        return alpha_RK.sum() * 0.0
    one = torch.ones(liked.entries, dtype=alpha_RK.dtype, device=alpha_RK.device)
    count_IK = spmm(liked.T, one, alpha_RK.detach())
    usual_I1 = liked.degrees()[1].to(one.dtype)[:, None] / liked.entries
    share_IK = (count_IK + PRIOR * usual_I1) / (count_IK.sum(0) + PRIOR)
    return -sddmm(liked, alpha_RK, share_IK).clamp(min=FLOOR).log().mean()


def mean_entropy(scorer: Policy, users: Tensor, taken: Csr | None, rng: Rng) -> Tensor:
    """Compute mean_i H(pi_i), pi without what is ``taken``.

    Over the distinct users, of at most 1024 of them, drawn anew each step.
    """
    some = torch.unique(users)
    some = some[some_of(len(some), rng, "entropy", some.device)]
    pi_BI = without(scorer.block(some).exp(), some, taken)
    return -(pi_BI * pi_BI.clamp(min=FLOOR).log()).sum(-1).mean()


def rows_of(seen: Csr, users: Tensor | None) -> Csr:
    """Return what some users have taken, a row each in their order; None: all of them."""
    return seen if users is None else seen.only(users)[0]
