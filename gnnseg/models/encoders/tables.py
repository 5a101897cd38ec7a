"""Embedding tables and weighted sums of attributes, with their first values.

Shape legend: U users, I items, F attribute columns, D width.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from gnnseg.graph import BipartiteGraph
from gnnseg.rng import Rng
from gnnseg.types import InputError, Shape

Init = Literal["normal", "spectral"]


def weights(
    features: int, dim: int, scale: float, generator: torch.Generator, bias: bool = False
) -> nn.Linear:
    """Return a weighted sum of attributes, (F,) -> (D,).

    The entries of its first results have standard deviation ``scale``.
    """
    layer = nn.Linear(features, dim, bias=bias)
    with torch.no_grad():
        layer.weight.normal_(0, scale / max(features, 1) ** 0.5, generator=generator)
        if bias:
            layer.bias.zero_()
    return layer


def check_first_values(dim: int, scale: float) -> None:
    """Refuse, with an InputError, a width or first values that cannot be."""
    if dim < 1:
        raise InputError(f"encoder.dim is {dim}: the width of an embedding must be at least 1.")
    if scale <= 0:
        raise InputError(
            f"encoder.scale is {scale}: the first values' standard deviation must be above 0."
        )


def check_dropout(dropout: float) -> None:
    """Refuse, with an InputError, a share that cannot be left out."""
    if not 0 <= dropout < 1:
        raise InputError(f"encoder.dropout is {dropout}: it must be at least 0 and below 1.")


class EmbeddingTables(nn.Module):
    """One embedding a user and one an item, U x D and I x D, with their first values.

    ``init``: 'normal', N(0, scale^2); 'spectral', the D leading singular vectors of the
    degree-normalised matrix D_u^-1/2 A D_i^-1/2 (randomised SVD, Halko et al. 2011), times the root
    of singular value and degree; on large sparse sets it puts training near its end before it
    starts.
    """

    def __init__(self, shape: Shape, rng: Rng, *, dim: int, init: Init, scale: float) -> None:
        super().__init__()
        check_first_values(dim, scale)
        self.init, self.scale = init, scale
        self.user = nn.Parameter(
            torch.empty(shape.users, dim).normal_(0, scale, generator=rng.torch("user"))
        )
        self.item = nn.Parameter(
            torch.empty(shape.items, dim).normal_(0, scale, generator=rng.torch("item"))
        )

    @torch.no_grad()
    def reset(self, graph: BipartiteGraph) -> None:
        """Set first values; who has no edge has no vector of their own: zero."""
        if self.init == "spectral":
            user, item = spectral(graph, self.user.shape[1])
            found = user.shape[1]
            self.user[:, :found] = user.to(self.user.device)
            self.item[:, :found] = item.to(self.item.device)
        for table, degree in zip((self.user, self.item), graph.pattern.degrees(), strict=True):
            table[degree == 0] = 0.0


def spectral(graph: BipartiteGraph, dim: int) -> tuple[Tensor, Tensor]:
    """Return left and right singular vectors of the normalised matrix, (U,d) and (I,d), d <= dim.

    Times sqrt(s) sqrt(degree). A function of the graph alone: what the randomised SVD draws is the
    same for every seed, and it runs on one thread.
    """
    from scipy.sparse import csr_array
    from sklearn.utils.extmath import randomized_svd
    from threadpoolctl import threadpool_limits

    p = graph.pattern
    value = graph.normalised(0.5, 0.5)[0].cpu().numpy()
    matrix = csr_array((value, p.column.cpu().numpy(), p.start.cpu().numpy()), shape=p.shape)
    rank = min(dim, min(p.shape))
    with threadpool_limits(1):
        left, s, right = randomized_svd(matrix, rank, n_iter=4, random_state=0)
    users, items = graph.degrees()
    root = torch.from_numpy(np.sqrt(s)).float()
    user = torch.from_numpy(np.ascontiguousarray(left)).float() * root * users.cpu().sqrt()[:, None]
    item = (
        torch.from_numpy(np.ascontiguousarray(right.T)).float() * root * items.cpu().sqrt()[:, None]
    )
    return user, item
