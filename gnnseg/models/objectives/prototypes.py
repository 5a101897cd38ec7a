"""ProtoMF's terms (Melchiorre et al. 2022): prototypes lie where users and items are.

Shape legend: B rows looked at, K prototypes.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

from gnnseg.models.objectives.base import Objective
from gnnseg.rng import Rng
from gnnseg.types import Batch, InputError, PrototypeScorer, Step


class PrototypeTerm(Objective):
    """A term of rows' similarities to prototypes, of users plus ``items`` times that of items.

    Of the batch's users and items, negatives among them, as often as they stand there; of a full
    batch each once.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"prototypes"})

    def __init__(self, *, items: float = 1.0) -> None:
        super().__init__()
        if items < 0:
            raise InputError(f"items is {items}: the weight of the items' side is 0 or more.")
        self.items = items

    @abstractmethod
    def of_rows(self, near_BK: Tensor) -> Tensor:
        """Compute the term of some rows' similarities, a number."""

    def forward(self, step: Step, batch: Batch, rng: Rng) -> Tensor:
        """Compute the term of the batch's users and items."""
        scorer, full = step.scorer, batch.pattern is not None
        assert isinstance(scorer, PrototypeScorer)
        loss = self.of_rows(scorer.user_similarities(None if full else batch.users))
        drawn = batch.items[:0] if batch.negatives is None else batch.negatives.reshape(-1)
        items = None if full else torch.cat([batch.items, drawn])
        near_NL = scorer.item_similarities(items)
        return loss if near_NL is None else loss + self.items * self.of_rows(near_NL)


class SimProto(PrototypeTerm):
    """-mean_k max_b sim_bk: each prototype is near somebody (ProtoMF, Melchiorre et al. 2022).

    Args:
        items: Weight of the items' side beside the users'.
    """

    def of_rows(self, near_BK: Tensor) -> Tensor:
        """Compute less the mean over prototypes of their largest similarity."""
        return -near_BK.amax(0).mean()


class SimBatch(PrototypeTerm):
    """-mean_b max_k sim_bk: everybody is near a prototype (ProtoMF, Melchiorre et al. 2022).

    Args:
        items: Weight of the items' side beside the users'.
    """

    def of_rows(self, near_BK: Tensor) -> Tensor:
        """Compute less the mean over rows of their largest similarity."""
        return -near_BK.amax(1).mean()
