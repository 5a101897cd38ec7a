"""Embedding tables and weighted sums of attributes, with their first values.

Shape legend: U users, I items, F attribute columns, D width.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from gnnseg.graph import BipartiteGraph
from gnnseg.graph.spectrum import leading
from gnnseg.rng import Rng
from gnnseg.types import InputError, Shape

Init = Literal["normal", "spectral"]
RIDGE = 0.01  # of a regression on attributes, of the mean square of one
NOTHING = 1e-6  # of the target's size: below it attributes tell nothing of it


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


@torch.no_grad()
def fit(layer: nn.Linear, x_NF: Tensor, target_ND: Tensor, degree_N: Tensor, scale: float) -> None:
    """Set a layer's first weights to those that come nearest to a target: ridge regression.

    W = (X'QX + r I)^-1 X'QY, b = -W'm: X the rows less their mean m, Y the targets less theirs, Q
    the degrees, of sum 1, and r a hundredth of the mean of diag(X'QX). The targets' mean stays
    out: what everybody shares makes nobody differ, and their cosines alike. Then all is scaled so
    that an entry of the results has standard deviation ``scale``; where x tells nothing of the
    target the layer stays as it was. In float64: nothing is drawn.

    Args:
        layer: F to D.
        x_NF: What it is given of each row.
        target_ND: What it should make of it, (N,d), d <= D; further columns are zero.
        degree_N: How much each row counts.
        scale: As above.
    """
    x, y, degree = (each.detach().double().cpu() for each in (x_NF, target_ND, degree_N))
    weight = (degree / degree.sum().clamp(min=1e-12))[:, None]
    mean = (weight * x).sum(0)
    x, y = x - mean, y - (weight * y).sum(0)
    gram = x.T @ (weight * x)
    ridge = RIDGE * gram.diagonal().mean().clamp(min=1e-12)
    solved = torch.linalg.solve(gram + ridge * torch.eye(len(gram), dtype=gram.dtype),
                                x.T @ (weight * y))  # fmt: skip
    size = (x @ solved).square().mean().sqrt()
    if not float(size) > NOTHING * float(y.square().mean().sqrt()):
        return
    solved *= scale / size
    layer.weight.zero_()
    layer.weight[: solved.shape[1]] = solved.T.to(layer.weight)
    layer.bias.zero_()
    layer.bias[: solved.shape[1]] = -(mean @ solved).to(layer.bias)


def spectral(graph: BipartiteGraph, dim: int) -> tuple[Tensor, Tensor]:
    """Return left and right singular vectors of the normalised matrix, (U,d) and (I,d), d <= dim.

    Times sqrt(s) sqrt(degree): a function of the graph alone.
    """
    user, s, item = leading(graph, dim)
    users, items = (degree.cpu().sqrt()[:, None] for degree in graph.degrees())
    root = s.sqrt().float()
    return user * root * users, item * root * items
