"""The perceptron over a user's and an item's embedding side by side, and its scores.

Shape legend: U user rows, I item rows, B users in a batch, N items asked for, D width, G width of
the product part, F width of what a side brings to every pair, H width of a hidden layer.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from gnnseg.models.heads.base import facing
from gnnseg.models.vectors import pick
from gnnseg.rng import Rng
from gnnseg.sparse import Csr
from gnnseg.types import Embeddings, EmbeddingScorer, InputError

# The widest hidden layer of the pairs scored at once takes at most so much: a CPU keeps 8 MB in its
# cache and is three times as fast as with 64 MB; a device has more room.
PART_BYTES = 8 << 20
ELSEWHERE = 32  # times as much on a device


class Tower(nn.Module):
    """The hidden layers over [user, item], each side of ``width``, and the last one's logit.

    The first layer is W_1 [user, item] + b_1 = W_u user + W_i item + b_1: each side is multiplied
    once a row, so that B users against N items cost B N H_1 there, not B N D H_1. First values by
    He et al. 2015.
    """

    def __init__(self, width: int, layers: Sequence[int], rng: Rng) -> None:
        super().__init__()
        if not layers or min(layers) < 1:
            raise InputError(
                f"head.layers is {list(layers)}: give at least one width, each 1 or more."
            )
        self.first = nn.Linear(2 * width, layers[0])
        self.rest = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(layers))
        self.out = nn.Linear(layers[-1], 1)
        self.widest = max(layers)
        with torch.no_grad():
            for number, layer in enumerate([self.first, *self.rest, self.out]):
                assert isinstance(layer, nn.Linear)
                gain = 1.0 if layer is self.out else 2.0  # no relu follows the last
                generator = rng.torch(f"layer-{number}")
                layer.weight.normal_(0, (gain / layer.in_features) ** 0.5, generator=generator)
                layer.bias.zero_()

    def user(self, rows: Tensor) -> Tensor:
        """Compute W_u user + b_1, (...,D) -> (...,H_1)."""
        return F.linear(rows, self.first.weight[:, : rows.shape[-1]], self.first.bias)

    def item(self, rows: Tensor) -> Tensor:
        """Compute W_i item, (...,D) -> (...,H_1)."""
        return F.linear(rows, self.first.weight[:, rows.shape[-1] :])

    def hidden(self, first: Tensor) -> Tensor:
        """Compute z_L of both sides' sum, (...,H_1) -> (...,H_L), which is written over."""
        z = first.relu_()
        for layer in self.rest:
            z = layer(z).relu_()
        return z

    def logit(self, first: Tensor) -> Tensor:
        """Compute w^T z_L + b, (...,H_1) -> (...)."""
        logit: Tensor = self.out(self.hidden(first)).squeeze(-1)
        return logit


class TowerScorer(EmbeddingScorer):
    """The tower's scores: logit_ij = tower(user_i, item_j).

    Where ``mix`` (G,) is given, sum_g mix_g user_ig item_jg + tower(the rest of both).

    Memory stays bounded whatever is asked: what would take more than ``PART_BYTES`` is scored part
    by part, and, where a gradient is wanted, computed again for it.
    """

    def __init__(self, embeddings: Embeddings, tower: Tower, mix: Tensor | None = None) -> None:
        self._e, self._tower, self._mix = embeddings, tower, mix
        self._split = 0 if mix is None else len(mix)

    def with_users(self, user_UD: Tensor) -> TowerScorer:
        """Return a scorer of the same items, whose user row r is user_UD[r]."""
        return TowerScorer(facing(self._e, user_UD), self._tower, self._mix)

    def pairs(self, users: Tensor, items: Tensor) -> Tensor:
        """Score pairs, (B,),(B,) -> (B,), or each user's own negatives, (B,),(B,N) -> (B,N)."""
        items_BN = items[:, None] if items.dim() == 1 else items

        def part(at: slice) -> Tensor:
            product_BN, first_BNH = self._meet(users[at], items_BN[at])
            logit_BN = self._tower.logit(first_BNH)
            return logit_BN if product_BN is None else logit_BN + product_BN

        return torch.cat(self._parts(part, len(users), items_BN.shape[1])).view(items.shape)

    def block(self, users: Tensor, items: Tensor | None = None) -> Tensor:
        """Score users against shared items, (B,),(N,) -> (B,N); None: the whole catalogue."""
        left_BF = self._left(users)
        count = len(self._e.item_ID) if items is None else len(items)
        most = self._most()
        columns = []
        for start in range(0, max(count, 1), most):
            stop = min(start + most, count)
            inside = slice(start, stop)
            right_NF = self._right(
                self._e.item_ID[inside] if items is None else pick(self._e.item_ID, items[inside])
            )

            def part(at: slice, right_NF: Tensor = right_NF) -> Tensor:
                left, g = left_BF[at], self._split
                logit_BN = self._tower.logit(left[:, None, g:] + right_NF[:, g:])
                return logit_BN if self._mix is None else logit_BN + left[:, :g] @ right_NF[:, :g].T

            columns.append(torch.cat(self._parts(part, len(users), stop - start)))
        return torch.cat(columns, 1) if len(columns) != 1 else columns[0]

    def edges(self, pattern: Csr) -> Tensor:
        """Score the pattern's entries, (E,), in its order, pair by pair."""
        return self.pairs(pattern.row, pattern.column)

    def hidden(self, users: Tensor, items: Tensor) -> Tensor:
        """Compute the last hidden layer z_L: (B,),(B,) -> (B,H_L); (B,),(B,N) -> (B,N,H_L)."""
        items_BN = items[:, None] if items.dim() == 1 else items
        found = self._parts(
            lambda at: self._hidden(users[at], items_BN[at]), len(users), items_BN.shape[1]
        )
        last = found[0].shape[-1]
        return torch.cat(found).view(*items.shape, last)

    def _hidden(self, users: Tensor, items_BN: Tensor) -> Tensor:
        return self._tower.hidden(self._meet(users, items_BN)[1])

    def _meet(self, users: Tensor, items_BN: Tensor) -> tuple[Tensor | None, Tensor]:
        """Compute the product part (B,N), if any, and what enters the tower, (B,N,H_1)."""
        left_BF, table, g = self._left(users), self._e.item_ID, self._split
        if items_BN.numel() > len(table):  # some items stand there twice: each is multiplied once
            right_BNF = F.embedding(items_BN, self._right(table))
        else:
            right_BNF = self._right(F.embedding(items_BN, table))
        first_BNH = left_BF[:, None, g:] + right_BNF[..., g:]
        if self._mix is None:
            return None, first_BNH
        return torch.einsum("bg,bng->bn", left_BF[:, :g], right_BNF[..., :g]), first_BNH

    def _left(self, users: Tensor) -> Tensor:
        """Compute what users bring to every pair, (B,F): mix times product part, W_u of rest."""
        rows, g = pick(self._e.user_UD, users), self._split
        first = self._tower.user(rows[:, g:])
        return first if self._mix is None else torch.cat([rows[:, :g] * self._mix, first], -1)

    def _right(self, rows: Tensor) -> Tensor:
        """Compute what items bring to every pair, (...,F): product part, W_i of the rest."""
        g = self._split
        first = self._tower.item(rows[..., g:])
        return first if self._mix is None else torch.cat([rows[..., :g], first], -1)

    def _most(self) -> int:
        """Return how many pairs are scored at once."""
        room = PART_BYTES if self._e.item_ID.device.type == "cpu" else ELSEWHERE * PART_BYTES
        return max(1, room // (4 * (self._split + self._tower.widest)))

    def _parts(self, part: Callable[[slice], Tensor], users: int, items: int) -> list[Tensor]:
        """Compute ``part`` of a few users at a time.

        So many that their pairs with ``items`` items each stay within bounds.
        """
        step = max(1, self._most() // max(items, 1))
        if users <= step:
            return [part(slice(0, users))]
        slices = [slice(at, min(at + step, users)) for at in range(0, users, step)]
        if not torch.is_grad_enabled():
            return [part(at) for at in slices]
        return [
            checkpoint(part, at, use_reentrant=False, preserve_rng_state=False) for at in slices
        ]
