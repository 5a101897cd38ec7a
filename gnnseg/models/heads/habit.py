"""Habits: the part of a recommendation that is the user's own past, beside the segments' part.

Shape legend: U user rows, I items, B users in a batch, E training events, K segments, M half-lives,
F traits.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gnnseg.data.visits import HALF_LIVES, TRAITS
from gnnseg.models.heads.base import FLOOR, pick_bias
from gnnseg.models.heads.readings import Distribution, HabitParameters
from gnnseg.sparse import Csr
from gnnseg.types import Earlier, Explanation, HabitScorer, Past


class Habits(nn.Module):
    """What is learned of habits: how fast a past fades, and how much of a user it is.

    The weights of the half-lives are softmax(``decay``); h = sigmoid(``level`` + <``trait``,
    traits>). All alike and h = 1/2 at first; while no event with an earlier visit has changed
    ``level`` and ``trait``, nothing is known of habits, and h = 0 in what is recommended.
    """

    def __init__(self) -> None:
        super().__init__()
        self.decay = nn.Parameter(torch.zeros(HALF_LIVES))
        self.level = nn.Parameter(torch.zeros(()))
        self.trait = nn.Parameter(torch.zeros(TRAITS))

    def forward(self) -> HabitParameters:
        """Return what the scorer needs."""
        return HabitParameters(decay_M=self.decay.softmax(0), level=self.level, trait_F=self.trait)


class HabitDistribution(Distribution, HabitScorer):
    """``Distribution`` mixed with the user's own past: new things and habits.

    rec_ij = (1 - h_i) sum_k alpha_ik beta_kj + h_i p_i(j), p_i(j) = sum_m w_m p_i^(m)(j), each
    p^(m) a user's earlier items by the number of visits, faded by one half-life; rows sum to 1 as
    before. A mixture of an individual and a shared distribution (Kotzias, Lichman & Smyth 2018),
    with recency (Anderson et al. 2014). Where nothing is known of a user's past, or nothing was
    learned of anybody's, h_i = 0.
    """

    def with_past(self, past: Past) -> Self:
        """Return a scorer of the same users, given their past."""
        scorer = type(self)(replace(self._e, past=past), self._p)
        scorer.beta = self.beta
        return scorer

    def after(self, users: Tensor, items: Tensor, earlier: Earlier, whole: Csr | None) -> Tensor:
        """Return log rec of training events, (E,),(E,) -> (E,), each after its earlier visits."""
        if whole is None:
            segments_E = super()._product_of_pairs(users, items)
        else:
            segments_E = pick_bias(super()._product_of_edges(whole), earlier.pair)
        own_E = earlier.share @ self._learned.decay_M
        return self.logit(_mix(segments_E, own_E, self._habit(earlier)), items)

    @property
    def habits(self) -> Tensor:
        """Return h_i, (U,); 0 where a user has no past, and where nothing was learned."""
        past, e = self._e.past, self._e
        if past is None:
            return e.user_UD.new_zeros(len(e.user_UD))
        learned = (self._learned.level != 0) | (self._learned.trait_F != 0).any()
        return pick_bias(self._habit(past) * learned, e.users)

    def stored(self) -> dict[str, Tensor]:
        """Return alpha, beta and h."""
        return {**super().stored(), "habit": self.habits}

    def explain(self, users: Tensor, items: Tensor) -> Explanation:
        """Return the shares of rec_ij by segment and of the user's own past, which sum to 1."""
        habit_B = pick_bias(self.habits, users)
        parts_BK = self.memberships(users) * self.right(items) * (1 - habit_B)[:, None]
        own_B = habit_B * self._own(users, items)
        whole_B = (parts_BK.sum(-1) + own_B).clamp(min=FLOOR)
        return Explanation(
            shares=True,
            segments=parts_BK / whole_B[:, None],
            bias=pick_bias(self._p.bias_I, items),
            habit=own_B / whole_B,
        )

    @property
    def _learned(self) -> HabitParameters:
        assert self._p.habit is not None, "the head learns no habits"
        return self._p.habit

    def _habit(self, of: Past | Earlier) -> Tensor:
        """Compute h by traits; 0 where there is no past."""
        logit = self._learned.level + of.traits @ self._learned.trait_F
        return torch.where(of.any, logit.sigmoid(), 0.0)

    def _own(self, users: Tensor, items: Tensor) -> Tensor:
        """Compute p_i(j), (B,),(B,) -> (B,) or (B,),(B,N) -> (B,N); 0 of what was never taken."""
        past = self._e.past
        if past is None or past.taken.entries == 0:
            return self._e.user_UD.new_zeros(items.shape)
        ids = users if self._e.users is None else self._e.users[users]
        rows = ids if items.dim() == 1 else ids[:, None].expand_as(items)
        there = past.taken.contains(rows, items)
        entry = past.taken.entry(rows, items).clamp(max=past.taken.entries - 1)
        own = F.embedding(entry, past.share) @ self._learned.decay_M
        return torch.where(there, own, 0.0)

    def _mixed(self, product: Tensor, users: Tensor, own: Tensor) -> Tensor:
        habit_B = pick_bias(self.habits, users)
        return _mix(product, own, habit_B if product.dim() == 1 else habit_B[:, None])

    def _product_of_pairs(self, users: Tensor, items: Tensor) -> Tensor:
        product = super()._product_of_pairs(users, items)
        return self._mixed(product, users, self._own(users, items))

    def _product_of_block(self, users: Tensor, items: Tensor | None) -> Tensor:
        product_BN, past = super()._product_of_block(users, items), self._e.past
        if past is None:
            return product_BN
        ids = users if self._e.users is None else self._e.users[users]
        where, entry = past.taken.entries_of(ids)
        own_e = F.embedding(entry, past.share) @ self._learned.decay_M
        own_BI = own_e.new_zeros(len(users), past.taken.shape[1])
        own_BI = own_BI.index_put((where, past.taken.column[entry]), own_e)
        return self._mixed(product_BN, users, own_BI if items is None else own_BI[:, items])

    def _product_of_edges(self, pattern: Csr) -> Tensor:
        product = super()._product_of_edges(pattern)
        return self._mixed(product, pattern.row, self._own(pattern.row, pattern.column))

    def _rec(self, users: Tensor, alpha: Tensor, place: Tensor, items: Tensor) -> Tensor:
        who = users[place]
        return self._mixed(super()._rec(users, alpha, place, items), who, self._own(who, items))


def _mix(segments: Tensor, own: Tensor, habit: Tensor) -> Tensor:
    """Compute (1 - h) of the segments' part and h of the own past."""
    return (1 - habit) * segments + habit * own
