"""A multilayer perceptron over a user's and an item's embedding side by side: a score that is no
product.

Shape legend: U user rows, I item rows, B users in a batch, N items asked for, D width, G width of
the product part, F width of what a side brings to every pair, H width of a hidden layer.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from gnnseg.graph import BipartiteGraph
from gnnseg.models.heads.base import Head, facing, memberships, temperature
from gnnseg.models.heads.kmeans import prototypes
from gnnseg.models.heads.rates import RateScorer, hidden_means, rates
from gnnseg.models.vectors import pick
from gnnseg.rng import Rng
from gnnseg.sparse import Csr
from gnnseg.types import Embeddings, InputError, Shape

# The widest hidden layer of the pairs scored at once takes at most so much: a CPU keeps 8 MB in its
# cache and is three times
# as fast as with 64 MB; a device has more room.
PART_BYTES = 8 << 20
ELSEWHERE = 32  # times as much on a device


class MLP(Head):
    """logit_ij = w^T z_L + b, z_l = relu(W_l z_{l-1} + b_l), z_0 = [user_i, item_j] (the tower of
    He et al. 2017).

    ``layers``: widths of the hidden layers z_1..z_L. ``segments``: null, or K soft segments of the
    trained network's users, made once after the last step: v_i = mean of z_L over the user's
    training pairs, prototypes c by k-means++ on v at length 1, alpha_ik = softmax_k(cos(v_i,
    c_k)/``tau_alpha``), beta_kj = alpha-weighted mean over users of sigmoid(logit_ij). The ranking
    stays the network's.
    """

    fitted: Tensor
    vector_UD: Tensor
    average_D: Tensor
    centres_KD: Tensor
    beta_KI: Tensor

    def __init__(
        self, shape: Shape, rng: Rng, *, layers: list[int], segments: int | None, tau_alpha: float
    ) -> None:
        super().__init__()
        if segments is not None and segments < 1:
            raise InputError(
                f"head.segments is {segments}: there must be at least 1, or null for none."
            )
        self.tower = Tower(shape.width, layers, rng)
        self.segments, self.tau_alpha = segments, temperature(tau_alpha, "head.tau_alpha")
        if segments is not None:
            self.register_buffer("fitted", torch.tensor(False))
            self.register_buffer("vector_UD", torch.zeros(shape.users, layers[-1]))
            self.register_buffer("average_D", torch.zeros(layers[-1]))
            self.register_buffer("centres_KD", torch.zeros(segments, layers[-1]))
            self.register_buffer("beta_KI", torch.zeros(segments, shape.items))

    def renumber(self, order: Tensor) -> None:
        if self.segments is not None:
            self.centres_KD, self.beta_KI = self.centres_KD[order], self.beta_KI[order]

    def forward(self, embeddings: Embeddings) -> TowerScorer | RateScorer:
        tower = TowerScorer(embeddings, self.tower)
        if self.segments is None or not bool(self.fitted):
            return tower
        return RateScorer(
            tower, self.vector_UD, self.average_D, self.centres_KD, self.beta_KI, self.tau_alpha
        )

    def fitting_scorer(self, embeddings: Embeddings) -> TowerScorer:
        return TowerScorer(embeddings, self.tower)

    def finish(self, embeddings: Embeddings, graph: BipartiteGraph, rng: Rng) -> None:
        if self.segments is None:
            return
        tower, known_U = TowerScorer(embeddings, self.tower), graph.pattern.degrees()[0] > 0
        self.vector_UD = hidden_means(tower, graph.pattern)
        known_UD = self.vector_UD[known_U] if bool(known_U.any()) else self.vector_UD
        self.average_D = known_UD.mean(0)
        self.centres_KD = prototypes(known_UD, self.segments, rng, rounds=300)
        alpha_UK = memberships(self.vector_UD, self.centres_KD, self.tau_alpha)
        self.beta_KI = rates(tower, alpha_UK, graph.items)
        self.fitted = torch.ones_like(self.fitted)


class Tower(nn.Module):
    """The hidden layers over [user, item], each of ``width``, and the last one's logit.

    The first layer is W_1 [user, item] + b_1 = W_u user + W_i item + b_1: each side is multiplied
    once a row, so that B users against N items cost B N H_1 there, not B N D H_1. First values by
    He et al. 2015.
    """

    def __init__(self, width: int, layers: list[int], rng: Rng) -> None:
        super().__init__()
        if not layers or min(layers) < 1:
            raise InputError(f"head.layers is {layers}: give at least one width, each 1 or more.")
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
        """W_u user + b_1, (...,D) -> (...,H_1)."""
        return F.linear(rows, self.first.weight[:, : rows.shape[-1]], self.first.bias)

    def item(self, rows: Tensor) -> Tensor:
        """W_i item, (...,D) -> (...,H_1)."""
        return F.linear(rows, self.first.weight[:, rows.shape[-1] :])

    def hidden(self, first: Tensor) -> Tensor:
        """z_L from the sum of both sides, (...,H_1) -> (...,H_L); the sum is written over."""
        z = first.relu_()
        for layer in self.rest:
            z = layer(z).relu_()
        return z

    def logit(self, first: Tensor) -> Tensor:
        """w^T z_L + b, (...,H_1) -> (...)."""
        logit: Tensor = self.out(self.hidden(first)).squeeze(-1)
        return logit


class TowerScorer:
    """logit_ij = tower(user_i, item_j), or, where ``mix`` (G,) is given, sum_g mix_g user_ig
    item_jg + tower(the rest of both).

    Memory stays bounded whatever is asked: what would take more than ``PART_BYTES`` is scored part
    by part, and, where a gradient is wanted, computed again for it.
    """

    def __init__(self, embeddings: Embeddings, tower: Tower, mix: Tensor | None = None) -> None:
        self._e, self._tower, self._mix = embeddings, tower, mix
        self._split = 0 if mix is None else len(mix)

    def with_users(self, user_UD: Tensor) -> TowerScorer:
        return TowerScorer(facing(self._e, user_UD), self._tower, self._mix)

    def pairs(self, users: Tensor, items: Tensor) -> Tensor:
        items_BN = items[:, None] if items.dim() == 1 else items

        def part(at: slice) -> Tensor:
            product_BN, first_BNH = self._meet(users[at], items_BN[at])
            logit_BN = self._tower.logit(first_BNH)
            return logit_BN if product_BN is None else logit_BN + product_BN

        return torch.cat(self._parts(part, len(users), items_BN.shape[1])).view(items.shape)

    def block(self, users: Tensor, items: Tensor | None = None) -> Tensor:
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
        return self.pairs(pattern.row, pattern.column)

    def hidden(self, users: Tensor, items: Tensor) -> Tensor:
        """The tower's last hidden layer z_L: (B,),(B,) -> (B,H_L); (B,),(B,N) -> (B,N,H_L)."""
        items_BN = items[:, None] if items.dim() == 1 else items
        found = self._parts(
            lambda at: self._hidden(users[at], items_BN[at]), len(users), items_BN.shape[1]
        )
        last = found[0].shape[-1]
        return torch.cat(found).view(*items.shape, last)

    def _hidden(self, users: Tensor, items_BN: Tensor) -> Tensor:
        return self._tower.hidden(self._meet(users, items_BN)[1])

    def _meet(self, users: Tensor, items_BN: Tensor) -> tuple[Tensor | None, Tensor]:
        """The product part (B,N), where there is one, and the sum that enters the tower, (B,N,H_1)."""
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
        """What users bring to every pair, (B,F): mix times their product part, then W_u of the
        rest."""
        rows, g = pick(self._e.user_UD, users), self._split
        first = self._tower.user(rows[:, g:])
        return first if self._mix is None else torch.cat([rows[:, :g] * self._mix, first], -1)

    def _right(self, rows: Tensor) -> Tensor:
        """What items bring to every pair, (...,F): their product part, then W_i of the rest."""
        g = self._split
        first = self._tower.item(rows[..., g:])
        return first if self._mix is None else torch.cat([rows[..., :g], first], -1)

    def _most(self) -> int:
        """Pairs scored at once."""
        room = PART_BYTES if self._e.item_ID.device.type == "cpu" else ELSEWHERE * PART_BYTES
        return max(1, room // (4 * (self._split + self._tower.widest)))

    def _parts(self, part: Callable[[slice], Tensor], users: int, items: int) -> list[Tensor]:
        """``part`` of so many users at a time that their pairs with ``items`` items each stay
        within bounds."""
        step = max(1, self._most() // max(items, 1))
        if users <= step:
            return [part(slice(0, users))]
        slices = [slice(at, min(at + step, users)) for at in range(0, users, step)]
        if not torch.is_grad_enabled():
            return [part(at) for at in slices]
        return [
            checkpoint(part, at, use_reentrant=False, preserve_rng_state=False) for at in slices
        ]
