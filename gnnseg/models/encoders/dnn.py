"""A feature network: two multilayer perceptrons, one of users' attributes, one of items'.

Shape legend: B rows, F attribute columns, D width.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gnnseg.graph import BipartiteGraph
from gnnseg.models.encoders.base import AttributeEncoder
from gnnseg.models.encoders.capabilities import StartsAtSpectrum
from gnnseg.models.encoders.tables import Init, check_dropout, fit, spectral
from gnnseg.rng import Rng
from gnnseg.types import Features, InputError, Shape


class DNN(AttributeEncoder, StartsAtSpectrum):
    """x -> ReLU layers -> linear layer, of a user's attributes and of an item's.

    ``layers``: widths, the last is D; ``init``: of the last layer, normal (He et al. 2015) or
    spectral, by which what stands before it comes nearest to the graph's leading singular vectors
    (``tables.fit``); ``dropout``: of the hidden layers, in training.
    """

    def __init__(
        self,
        shape: Shape,
        rng: Rng,
        *,
        layers: Sequence[int] = (64, 32),
        init: Init = "spectral",
        dropout: float = 0.0,
    ) -> None:
        super().__init__(shape)
        check_widths(layers)
        check_dropout(dropout)
        self.width, self.init, self.dropout = layers[-1], init, dropout
        self.user = perceptron([shape.user_features, *layers], rng.torch("user"))
        self.item = perceptron([shape.item_features, *layers], rng.torch("item"))

    def reset(self, graph: BipartiteGraph, features: Features, rng: Rng) -> None:
        """Set the first weights of the last layers."""
        if self.init == "spectral":
            assert features.user is not None
            assert features.item is not None
            fit_last((self.user, self.item), (features.user, features.item), graph, self.width)

    def embed(self, kind: str, features_BF: Tensor, rng: Rng | None) -> Tensor:
        """Return what the kind's network makes of attributes."""
        return run(
            self.user if kind == "user" else self.item,
            features_BF,
            self.dropout,
            None if rng is None else rng.child(kind),
        )


def check_widths(layers: Sequence[int]) -> None:
    """Refuse, with an InputError, widths that cannot be."""
    if not layers or min(layers) < 1:
        raise InputError(
            f"encoder.layers is {list(layers)}: give at least one width, each 1 or more."
        )


def perceptron(widths: Sequence[int], generator: torch.Generator) -> nn.ModuleList:
    """Return linear layers from width to width, their first values by He et al. 2015."""
    layers = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(widths))
    with torch.no_grad():
        for layer in layers:
            assert isinstance(layer, nn.Linear)
            layer.weight.normal_(0, (2 / max(layer.in_features, 1)) ** 0.5, generator=generator)
            layer.bias.zero_()
    return layers


@torch.no_grad()
def fit_last(
    networks: Sequence[nn.ModuleList], given: Sequence[Tensor], graph: BipartiteGraph, width: int
) -> None:
    """Fit the last layers of users' and items' networks to the graph's spectrum (``tables.fit``).

    Their results stay as large as they were. ``given``: what each network reads, (N,F); ``width``:
    D of both.
    """
    targets = spectral(graph, width)
    for layers, x, y, degree in zip(networks, given, targets, graph.degrees(), strict=True):
        last = layers[-1]
        assert isinstance(last, nn.Linear)
        before = run(layers[:-1], x, 0.0, None).relu() if len(layers) > 1 else x
        size = float(last(before).std(0, correction=0).square().mean().sqrt())
        fit(last, before, y, degree, size)


def run(layers: nn.ModuleList, x: Tensor, dropout: float, rng: Rng | None) -> Tensor:
    """Return what the layers make of x, ReLU between them; the step draws dropout's mask."""
    for number, layer in enumerate(layers):
        if number:
            x = F.relu(x)
            if rng is not None and dropout > 0:
                kept = rng.stream(f"dropout-{number}", x.device).uniform(x.shape) >= dropout
                x = x * kept.to(x.dtype) / (1 - dropout)
        x = layer(x)
    return x
