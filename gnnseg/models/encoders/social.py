"""Users from their friends alone: segmentation by social network.

Shape legend: U users, I items, D width, S ties, B new users.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from gnnseg.graph import BipartiteGraph
from gnnseg.graph.social import normalised
from gnnseg.graph.spectrum import randomized_svd
from gnnseg.models.encoders.base import Encoder
from gnnseg.models.encoders.capabilities import EmbedsNewUsers
from gnnseg.models.encoders.tables import check_first_values, weights
from gnnseg.models.vectors import unit
from gnnseg.rng import Rng
from gnnseg.sparse import Csr, Fixed, messages
from gnnseg.types import Embeddings, Features, InputError, Shape


class SocialSpectral(Encoder, EmbedsNewUsers):
    """user_i = W z_i + w_0, z the ties' leading eigenvectors, averaged over friends; item_j free.

    z: rows of unit length (Ng et al. 2002) of the ``dim`` leading eigenvectors of D^-1/2 A D^-1/2,
    of the friends of friends up to ``layers`` steps away, never one's own: so somebody new is known
    by their friends like anybody else. Whoever has no friend is w_0. W, w_0 and the items are
    learned. With ``objective=network`` segments come without a single interaction.
    """

    free_users = False
    reads_ties_alone = True
    ties: Tensor

    def __init__(
        self,
        shape: Shape,
        rng: Rng,
        *,
        dim: int = 64,
        layers: int = 2,
        scale: float = 0.1,
    ) -> None:
        super().__init__()
        check_first_values(dim, scale)
        if layers < 1:
            raise InputError(f"encoder.layers is {layers}: it must be at least 1.")
        self.width, self.layers = dim, layers
        self.register_buffer("ties", torch.zeros(shape.users, dim))
        self.read = weights(dim, dim, dim**0.5, rng.torch("read"), bias=True)
        self.item = nn.Parameter(
            torch.empty(shape.items, dim).normal_(0, scale, generator=rng.torch("item"))
        )

    @classmethod
    def requires(cls, **settings: Any) -> frozenset[str]:
        """Return that it reads social ties."""
        return frozenset({"social"})

    @torch.no_grad()
    def reset(self, graph: BipartiteGraph, features: Features, rng: Rng) -> None:
        """Set z; an item nobody met has no vector of its own: zero."""
        assert graph.social is not None
        found = leading(graph.social, self.width, rng)
        self.ties[:, : found.shape[1]] = found.to(self.ties.device)
        self.item[graph.pattern.degrees()[1] == 0] = 0.0

    def forward(
        self,
        graph: BipartiteGraph,
        features: Features,
        users: Tensor | None = None,
        items: Tensor | None = None,
        *,
        rng: Rng | None = None,
        noise: float = 0.0,
    ) -> Embeddings:
        """Return all users and items; the layers are z after each step along the ties."""
        assert graph.social is not None
        steps = self._steps(graph.social)
        user: Tensor = self.read(unit(torch.stack(steps[1:]).mean(0)))
        return Embeddings(
            user, self.item, user, self.item, layers=tuple((step, self.item) for step in steps)
        )

    def embed_new_users(
        self, graph: BipartiteGraph, embeddings: Embeddings, features: Features
    ) -> Callable[[Tensor], Tensor]:
        """Return new users from their friends; without any, like anybody without friends."""
        met_BD = self.ties.new_zeros(graph.users, self.width)
        if graph.social is not None:
            assert embeddings.layers is not None
            sent = torch.stack([step for step, _ in embeddings.layers[:-1]]).mean(0)
            met_BD = messages(graph.social, normalised(graph.social, graph.friend_degree), sent)
        user_BD: Tensor = self.read(unit(met_BD))
        return lambda start_BD: user_BD

    def _steps(self, ties: Csr) -> list[Tensor]:
        """z, and what arrives after 1..L steps along the ties."""
        weight, steps = normalised(ties), [self.ties]
        for _ in range(self.layers):
            steps.append(messages(ties, weight, steps[-1]))
        return steps


def leading(ties: Csr, dim: int, rng: Rng) -> Tensor:
    """Return the d <= dim leading eigenvectors of (I + D^-1/2 A D^-1/2)/2, (U,d).

    Rows of unit length, zero for users without ties.
    """
    own = torch.arange(users := ties.shape[0])
    rows = torch.cat([ties.row.cpu(), own])
    columns = torch.cat([ties.column.cpu(), own])
    half = torch.cat([normalised(ties).cpu(), torch.ones(users)]) / 2
    pattern = Csr.of(rows, columns, (users, users), half)
    assert pattern.value is not None
    left, s, _ = randomized_svd(
        Fixed.of(pattern, pattern.value), dim, rounds=6, seed=rng.number("leading") % 2**32
    )
    found = unit(torch.from_numpy(left * s).float())
    return found * (ties.degrees()[0].cpu() > 0)[:, None]
