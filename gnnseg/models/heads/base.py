"""What every head is, and the scorers made of two factors that most heads return.

Shape legend: U user rows, I item rows, B users in a batch, N items asked for, F width of the
factors, K segments.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gnnseg.graph import BipartiteGraph
from gnnseg.models.hooks import refuse_signature, refuse_unasked
from gnnseg.models.logsumexp import shared_logsumexp
from gnnseg.models.vectors import products, unit
from gnnseg.rng import Rng
from gnnseg.sparse import Csr, sddmm
from gnnseg.types import Embeddings, InputError, Scorer, Shape

FORMER = {"offers": "provides"}  # a hook's name of before: its name of today
OWNERS = {  # a hook that not every head has: the class that has it
    "renumber": "NumberedHead",
    "start_at": "NumberedHead",
    "fitting_scorer": "FinishedHead",
    "finish": "FinishedHead",
    "due": "WarmedHead",
    "restart": "WarmedHead",
    "waiting": "WarmedHead",
    "skip": "WarmedHead",
}
FLOOR = 1e-12  # below this a probability is not distinct from 0 in float32's logarithm


class Head(nn.Module, ABC):
    """What turns embeddings into scores: ``Head(shape, rng, *, settings…)``.

    Scores are logits; temperature and item bias belong here, objectives add none. ``catalogue``:
    its scores need every item's embedding (a softmax over the catalogue). ``by_user``: what it says
    of a user is of that user's row alone, so that others' may be other processes'.
    ``reads_histories``: its embeddings come with the training pairs. What only some heads do they
    say by what they inherit beside: ``NumberedHead``, ``FinishedHead``, ``WarmedHead``.
    """

    catalogue: bool = False
    by_user: bool = False
    reads_histories: bool = False

    def __init_subclass__(cls, **options: Any) -> None:
        """Refuse, with an InputError, a hook that nobody would ask for."""
        super().__init_subclass__(**options)
        refuse_unasked(cls, FORMER, OWNERS)
        refuse_signature(cls, "reset", Head)

    @classmethod
    def provides(cls, **node: Any) -> frozenset[str]:
        """Say what an objective may need of this head with these settings.

        Returns:
            Some of 'segments'; 'probabilities' (scores are log rec_ij); 'logits' (scores of any
            sign, whose sigmoid may be any chance); 'untied' (items' prototypes are their own);
            'embeddings' (the embeddings alone make the score), 'cosine' (by their cosine);
            'prototypes' (its scorer is a ``PrototypeScorer``).
        """
        return frozenset({"logits"})

    def reset(self, embeddings: Embeddings, graph: BipartiteGraph, rng: Rng) -> None:
        """Set first values from the first embeddings and the graph, once (prototypes)."""

    @abstractmethod
    def forward(self, embeddings: Embeddings) -> Scorer:
        """Return the scores of these embeddings.

        Args:
            embeddings: user_UD, item_ID and what stands behind them, of all rows or of some.

        Returns:
            A ``Scorer``; a ``Segmentation`` where the recommendations pass through segments, a
            ``Policy`` where they are probabilities.
        """

    def stored(self) -> dict[str, Tensor]:
        """Return which of its parameters a run folder keeps (scores.safetensors), by name."""
        return {}


class NumberedHead(Head):
    """A head whose segments can be put into another order, as known classes ask for it."""

    @abstractmethod
    def renumber(self, order: Tensor) -> None:
        """Make segment k what was segment order[k], (K,), before the first step or after the last.

        Before: as known classes ask for it; after: as an earlier run had them.
        """

    def start_at(self, centres_KD: Tensor) -> None:
        """Start the prototypes at centres that are known; one that cannot starts as usual."""


class FinishedHead(Head):
    """A head that makes something once, after the last step, of the finished embeddings.

    Its segments (``Posthoc``), or what it adds to the scores (``Filtered``).
    """

    @abstractmethod
    def fitting_scorer(self, embeddings: Embeddings) -> Scorer:
        """Return what training sees, smooth in the users, finished or not."""

    @abstractmethod
    def finish(self, embeddings: Embeddings, graph: BipartiteGraph, rng: Rng) -> None:
        """Make them, once, after the last step."""


class WarmedHead(Head):
    """A head that lets the embeddings be trained for a while before it starts from them."""

    @abstractmethod
    def due(self, progress: float) -> bool:
        """Return whether to start now, ``progress`` of the epochs (0 to 1) being over.

        Once started never again, also of a run that goes on.
        """

    @property
    @abstractmethod
    def waiting(self) -> bool:
        """Return whether it has not started: what is validated then is not what is trained."""

    @abstractmethod
    def skip(self) -> None:
        """Wait for nothing: what it starts from is known."""

    @abstractmethod
    def restart(self, embeddings: Embeddings, graph: BipartiteGraph, rng: Rng) -> None:
        """Set the prototypes anew from embeddings that were trained, before an epoch."""


class FactorScorer(Scorer):
    """Scores of two factors: logit_ij = f(<left_i, right_j>), f elementwise.

    f may add an item bias; pairs, blocks and edges follow in one place. ``adds``: f does no more
    than that, so that the normaliser over shared items is computed in blocks. ``increasing``: f is
    one increasing function for all items, so that the products rank them.
    """

    adds: ClassVar[bool] = False
    increasing: ClassVar[bool] = False
    _right_IF: Tensor | None = None

    @abstractmethod
    def left(self, users: Tensor | None) -> Tensor:
        """Return the users' factors, (B,F) of some rows; None: (U,F) of all."""

    @abstractmethod
    def right(self, items: Tensor | None) -> Tensor:
        """Return the items' factors, (N,F) of some rows; None: (I,F) of all."""

    @abstractmethod
    def logit(self, product: Tensor, items: Tensor | None) -> Tensor:
        """Turn products into logits.

        ``items`` broadcast against ``product``; None: all items along its last dimension.
        """

    def pairs(self, users: Tensor, items: Tensor) -> Tensor:
        """Score pairs, (B,),(B,) -> (B,), or each user's own negatives, (B,),(B,N) -> (B,N)."""
        return self.logit(self._product_of_pairs(users, items), items)

    def block(self, users: Tensor, items: Tensor | None = None) -> Tensor:
        """Score users against shared items, (B,),(N,) -> (B,N); None: the whole catalogue."""
        return self.logit(self._product_of_block(users, items), items)

    def edges(self, pattern: Csr) -> Tensor:
        """Score the pattern's entries, (E,), in its order, by one sampled dense-dense product."""
        return self.logit(self._product_of_edges(pattern), pattern.column)

    def sort_keys(self, users: Tensor) -> Tensor:
        """Return (B,I) what the catalogue is ranked by, as every ``Scorer`` does."""
        return self._product_of_block(users, None) if self.increasing else self.block(users)

    def logits_of(self, sort_keys: Tensor, items: Tensor) -> Tensor:
        """Turn the sort keys of some items into their logits, (B,N)."""
        return self.logit(sort_keys, items) if self.increasing else sort_keys

    def normaliser(
        self, users: Tensor, items: Tensor, others: Tensor, offset: Tensor | None = None
    ) -> Tensor:
        """Compute log sum_n exp( score_bn + offset_n ), as every ``Scorer`` does."""
        if not self.adds:
            return super().normaliser(users, items, others, offset)
        left_BF, right_NF = self.left(users), self.right(others)
        bias_N = self.logit(right_NF.new_zeros(len(right_NF)), others)
        if offset is not None:
            bias_N = bias_N + offset
        return shared_logsumexp(left_BF, right_NF, bias_N, items, others)

    def _product_of_pairs(self, users: Tensor, items: Tensor) -> Tensor:
        left_BF = self.left(users)
        if items.dim() == 1:
            return (left_BF * self.right(items)).sum(-1)
        right_BNF = self.right(items.reshape(-1)).view(*items.shape, left_BF.shape[-1])
        return torch.einsum("bf,bnf->bn", left_BF, right_BNF)

    def _product_of_block(self, users: Tensor, items: Tensor | None) -> Tensor:
        return products(
            self.left(users), self._item_factors() if items is None else self.right(items)
        )

    def _item_factors(self) -> Tensor:
        """Return all items' factors, made once where no gradient is asked for: by ranking."""
        if torch.is_grad_enabled():
            return self.right(None)
        if self._right_IF is None:
            self._right_IF = self.right(None)
        return self._right_IF

    def _product_of_edges(self, pattern: Csr) -> Tensor:
        return sddmm(pattern, self.left(None), self.right(None))


def facing(embeddings: Embeddings, user_UD: Tensor) -> Embeddings:
    """Return the same items before other users, of whose past nothing is known."""
    return replace(
        embeddings, user_UD=user_UD, user0_UD=user_UD, users=None, layers=None, past=None
    )


def pick_bias(bias: Tensor, rows: Tensor | None) -> Tensor:
    """Return the biases of some rows, (I,) -> rows' shape; None: all of them."""
    return bias if rows is None else F.embedding(rows, bias[:, None]).squeeze(-1)


def wide(product: Tensor) -> Tensor:
    """Return float32 of what is less, for a logarithm."""
    return product if product.dtype == torch.float64 else product.float()


class ItemBias(nn.Module):
    """b_j, learned, started at log(max(n_j, 1) / E), n_j the item's training count."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        counts = shape.item_counts.double()
        start = (counts.clamp(min=1) / counts.sum().clamp(min=1)).log()
        self.value = nn.Parameter(start.float())

    def forward(self, embeddings: Embeddings) -> Tensor:
        """Return b_j of the items' rows, (I,)."""
        return pick_bias(self.value, embeddings.items)


def memberships(user_BD: Tensor, centres_KD: Tensor, tau: float) -> Tensor:
    """Compute alpha_ik = softmax_k(cos(user_i, c_k)/tau), (B,K)."""
    return (unit(user_BD) @ unit(centres_KD).T / tau).softmax(-1)


def temperature_by_size(shape: Shape) -> float:
    """Return the temperature of the cosine for a graph of this size.

    .2 - .1 log10((U + I)/10^4), at most .2 and at least .08: a cosine that must tell an item from
    more others needs a sharper softmax, and on small sets a sharp one learns chance. Chosen by
    validation: .2 on ml-100k and ml-1m, .17 on lastfm and lastfm-2k, .12 on gowalla.
    """
    nodes = max(shape.users + shape.items, 1)
    return min(max(0.2 - 0.1 * math.log10(nodes / 1e4), 0.08), 0.2)


def temperature(value: float, key: str) -> float:
    """Return a temperature as it is; InputError where it is not above 0."""
    if not value > 0:
        raise InputError(f"{key} is {value}: a temperature must be above 0.")
    return value
