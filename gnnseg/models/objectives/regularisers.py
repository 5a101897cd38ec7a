"""Terms beside the objective: each an ``Objective`` of its own, weighed in
``regularisers.NAME.weight``.

Shape legend: B users in a batch, K segments.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from gnnseg.models.objectives.base import Objective
from gnnseg.rng import Rng
from gnnseg.types import Batch, Segmentation, Step

TIES = 1 << 16  # looked at in one step


class L2(Objective):
    """Weight decay of the rows a batch touches (as in LightGCN, He et al. 2020).

    (|x_u|^2 + |x_i|^2 + |x_j|^2)/2 of their layer 0, per pair.
    """

    def portion(self, part: Batch) -> Tensor | float | None:
        """Return the part's share of the pairs; None where negatives are everybody's."""
        assert part.spread is not None
        shared = part.negatives is not None and part.negatives.dim() == 1
        if shared or part.spread.users is None:
            return None
        return len(part.users) / part.spread.pairs

    def forward(self, step: Step, batch: Batch, rng: Rng) -> Tensor:
        """Compute half the squared length of the rows the batch touches, per pair."""
        e = step.embeddings
        if batch.pattern is not None:  # every row, once an edge
            users, items = (degree.to(e.user0_UD.dtype) for degree in batch.pattern.degrees())
            total = (users * e.user0_UD.square().sum(-1)).sum() + (
                items * e.item0_ID.square().sum(-1)
            ).sum()
        else:
            users, items = (
                F.embedding(batch.users, e.user0_UD),
                F.embedding(batch.items, e.item0_ID),
            )
            total = users.square().sum() + items.square().sum()
        if batch.negatives is not None:
            total = total + F.embedding(batch.negatives.reshape(-1), e.item0_ID).square().sum()
        return total / 2 / max(len(batch.users), 1)


class Balance(Objective):
    """log K - H(mean alpha), which is 0 where users are spread evenly over the segments.

    log K where one holds everybody.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"segments"})

    def portion(self, part: Batch) -> Tensor | float | None:
        """Return that each process has the mean of all, and counts for as much."""
        assert part.spread is not None
        return None if part.spread.users is None else 1 / part.spread.ranks.count

    def forward(self, step: Step, batch: Batch, rng: Rng) -> Tensor:
        """Compute log K - H(mean alpha) over the batch's users."""
        mean_K = batch.mean(_memberships(step, batch))
        count = torch.tensor(float(len(mean_K)), device=mean_K.device)
        imbalance: Tensor = count.log() - torch.special.entr(mean_K).sum()
        return imbalance


class Entropy(Objective):
    """mean_i H(alpha_i), which is 0 where every user is in one segment.

    A weight above 0 sharpens, below 0 softens.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"segments"})

    def portion(self, part: Batch) -> Tensor | float | None:
        """Return the part's share of the users looked at."""
        assert part.spread is not None
        mine = len(part.users) if part.pattern is None else part.pattern.shape[0]
        return None if part.spread.users is None else mine / part.spread.users

    def forward(self, step: Step, batch: Batch, rng: Rng) -> Tensor:
        """Compute the mean entropy of alpha over the batch's users."""
        entropy: Tensor = torch.special.entr(_memberships(step, batch)).sum(-1).mean()
        return entropy


class SocialLaplacian(Objective):
    """Friends share their segments: the ties' Laplacian on alpha (Belkin & Niyogi 2003).

    homophily * mean over ties of w_uv |alpha_u - alpha_v|^2 / 2. All ties of all users, whatever
    the batch; above ``TIES`` of them, so many drawn anew for each step.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"segments", "social"})

    def forward(self, step: Step, batch: Batch, rng: Rng) -> Tensor:
        """Compute how far friends' alpha are apart, over all ties."""
        ties = batch.social
        assert isinstance(step.scorer, Segmentation)
        assert ties is not None
        assert ties.value is not None
        row, column, weight = ties.row, ties.column, ties.value
        if ties.entries > TIES:
            some = rng.stream("ties", row.device).integers(ties.entries, (TIES,))
            row, column, weight = row[some], column[some], weight[some]
        alpha_UK = step.scorer.memberships(None)
        apart_S = (F.embedding(row, alpha_UK) - F.embedding(column, alpha_UK)).square().sum(-1) / 2
        pulled: Tensor = batch.homophily * (weight * apart_S).sum() / weight.sum().clamp(min=1e-12)
        return pulled


def _memberships(step: Step, batch: Batch) -> Tensor:
    """Return alpha of the users looked at.

    Full batch: each user once; mini-batch: the batch's users, as often as they stand in it.
    """
    assert isinstance(step.scorer, Segmentation)
    return step.scorer.memberships(None if batch.pattern is not None else batch.users)
