"""What metrics read: some users' lists with their hits, and what is known of users and items.

Shape legend: B users, k length of a list, U users, I items, E relevant pairs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar

import torch
from torch import Tensor

from gnnseg.sparse import Csr
from gnnseg.types import Pairs

T = TypeVar("T")


@dataclass(frozen=True)
class Background:
    """What is the same for all lists of one evaluation.

    Args:
        relevant: (U,I) the items asked for.
        item_counts: (I,) each item's training interactions.
        spend: (E,) at ``relevant``'s entries, or None.
        train_pairs: the training pairs, or None.
    """

    relevant: Csr
    item_counts: Tensor
    spend: Tensor | None = None
    train_pairs: Pairs | None = None

    @property
    def provides(self) -> frozenset[str]:
        """Return what a metric may require of it."""
        there = {"spend": self.spend, "train_pairs": self.train_pairs}
        return frozenset(name for name, value in there.items() if value is not None)

    @cached_property
    def information_I(self) -> Tensor:
        """Return -log2 of the share of users who took an item, (I,); of one nobody took, of 1."""
        users = max(1, self.relevant.shape[0])
        return -(self.item_counts.double().clamp(min=1) / users).clamp(max=1).log2()


@dataclass(frozen=True)
class Lists:
    """Some users' lists, all cut at k.

    Args:
        k: the length they are cut at; the catalogue may be shorter, and then they are.
        users_B: the users, row numbers.
        items_Bk: their items in rank order; 0 where a list is shorter.
        listed_Bk: bool, where a list has an item.
        hits_Bk: float64, 1 where the item is relevant, else 0.
        relevant_B: int64, how many items are relevant for each user, at least 1.
        background: what is the same for all lists.
    """

    k: int
    users_B: Tensor
    items_Bk: Tensor
    listed_Bk: Tensor
    hits_Bk: Tensor
    relevant_B: Tensor
    background: Background
    _longest: Lists | None = field(default=None, repr=False)
    _memo: dict[str, Any] = field(default_factory=dict, repr=False)

    @staticmethod
    def of(users_B: Tensor, items_BT: Tensor, background: Background, degree_U: Tensor) -> Lists:
        """Find the hits of lists (B,T) that end in -1 where they are short."""
        listed = items_BT >= 0
        items = items_BT.clamp(min=0)
        hits = background.relevant.contains(users_B[:, None].expand_as(items), items) & listed
        width = items_BT.shape[1]
        return Lists(width, users_B, items, listed, hits.double(), degree_U[users_B], background)

    def cut(self, k: int) -> Lists:
        """Return the same lists, no longer than k."""
        items, listed, hits = (x[:, :k] for x in (self.items_Bk, self.listed_Bk, self.hits_Bk))
        return replace(
            self, k=k, items_Bk=items, listed_Bk=listed, hits_Bk=hits, _longest=self, _memo={}
        )

    def once(self, name: str, make: Callable[[Lists], T]) -> T:
        """Return what ``make`` finds of the longest lists, found once for all lengths."""
        whole = self if self._longest is None else self._longest
        if name not in whole._memo:
            whole._memo[name] = make(whole)
        found: T = whole._memo[name]
        return found

    @cached_property
    def found_B(self) -> Tensor:
        """Return how many items of each list are relevant, (B,) float64."""
        return self.hits_Bk.sum(1)

    @cached_property
    def rank_k(self) -> Tensor:
        """Return the lists' ranks from 1, (k,) float64."""
        width = self.hits_Bk.shape[1]
        return torch.arange(1, width + 1, device=self.hits_Bk.device, dtype=torch.float64)
