"""What every head is, and the scorers made of two factors that most heads return.

Shape legend: U user rows, I item rows, B users in a batch, N items asked for, F width of the
factors, K segments.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gnnseg.graph import BipartiteGraph
from gnnseg.models.vectors import unit
from gnnseg.rng import Rng
from gnnseg.sparse import Csr, sddmm
from gnnseg.types import Embeddings, InputError, Scorer, Shape

FLOOR = 1e-12  # below this a probability is not told from 0 in float32's logarithm


class Head(nn.Module):
    """Scores are logits; temperature and item bias belong here, objectives add none.

    ``catalogue``: its scores need every item's embedding (a softmax over the catalogue).
    """

    catalogue: bool = False

    @classmethod
    def provides(cls, **node: Any) -> frozenset[str]:
        """What an objective may need of this head with these settings: 'segments', 'probabilities'
        (scores are log rec_ij), 'logits' (scores of any sign, whose sigmoid may be any chance),
        'untied' (items' prototypes are their own)."""
        return frozenset({"logits"})

    def reset(self, embeddings: Embeddings, rng: Rng) -> None:
        """First values from the first embeddings, once (prototypes)."""

    def renumber(self, order: Tensor) -> None:
        """From now on segment k is what was segment order[k], (K,); called before the first step,
        if at all."""

    @abstractmethod
    def forward(self, embeddings: Embeddings) -> Scorer: ...

    def fitting_scorer(self, embeddings: Embeddings) -> Scorer:
        """What training sees, smooth in the users: the scorer itself, where ``finish`` has put
        nothing in its place."""
        scorer: Scorer = self(embeddings)
        return scorer

    def finish(self, embeddings: Embeddings, graph: BipartiteGraph, rng: Rng) -> None:
        """Once, after the last step (posthoc fits here)."""


class FactorScorer(ABC):
    """logit_ij = f(<left_i, right_j>) with f elementwise, possibly with an item bias: pairs, blocks
    and edges in one place."""

    @abstractmethod
    def left(self, users: Tensor | None) -> Tensor:
        """(B,F) of some rows, or (U,F) of all."""

    @abstractmethod
    def right(self, items: Tensor | None) -> Tensor:
        """(N,F) of some rows, or (I,F) of all."""

    @abstractmethod
    def logit(self, product: Tensor, items: Tensor | None) -> Tensor:
        """From products to logits; ``items`` broadcast against ``product``, None: all items along
        its last dimension."""

    def pairs(self, users: Tensor, items: Tensor) -> Tensor:
        left_BF = self.left(users)
        if items.dim() == 1:
            return self.logit((left_BF * self.right(items)).sum(-1), items)
        right_BNF = self.right(items.reshape(-1)).view(*items.shape, left_BF.shape[-1])
        return self.logit(torch.einsum("bf,bnf->bn", left_BF, right_BNF), items)

    def block(self, users: Tensor, items: Tensor | None = None) -> Tensor:
        return self.logit(self.left(users) @ self.right(items).T, items)

    def edges(self, pattern: Csr) -> Tensor:
        return self.logit(sddmm(pattern, self.left(None), self.right(None)), pattern.column)


def facing(embeddings: Embeddings, user_UD: Tensor) -> Embeddings:
    """The same items, other users."""
    return replace(embeddings, user_UD=user_UD, user0_UD=user_UD, users=None, layers=None)


def pick_bias(bias: Tensor, rows: Tensor | None) -> Tensor:
    return bias if rows is None else F.embedding(rows, bias[:, None]).squeeze(-1)


class ItemBias(nn.Module):
    """b_j, learned, started at log(max(n_j, 1) / E), n_j the item's training count."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        counts = shape.item_counts.double()
        start = (counts.clamp(min=1) / counts.sum().clamp(min=1)).log()
        self.value = nn.Parameter(start.float())

    def forward(self, embeddings: Embeddings) -> Tensor:
        """(rows of the items,)."""
        return pick_bias(self.value, embeddings.items)


def memberships(user_BD: Tensor, centres_KD: Tensor, tau: float) -> Tensor:
    """alpha_ik = softmax_k(cos(user_i, c_k)/tau), (B,K)."""
    return (unit(user_BD) @ unit(centres_KD).T / tau).softmax(-1)


def temperature(value: float, key: str) -> float:
    if not value > 0:
        raise InputError(f"{key} is {value}: a temperature must be above 0.")
    return value
