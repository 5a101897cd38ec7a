"""A feature network: two multilayer perceptrons, one of users' attributes, one of items'.

Shape legend: B rows, F attribute columns, D width.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gnnseg.models.encoders.base import AttributeEncoder
from gnnseg.models.encoders.tables import check_dropout
from gnnseg.rng import Rng
from gnnseg.types import InputError, Shape


class DNN(AttributeEncoder):
    """x -> ReLU layers -> linear layer, of a user's attributes and of an item's.

    ``layers``: widths, the last is D; ``dropout``: of the hidden layers, in training.
    """

    def __init__(
        self,
        shape: Shape,
        rng: Rng,
        *,
        layers: Sequence[int] = (64, 32),
        dropout: float = 0.0,
    ) -> None:
        super().__init__(shape)
        check_widths(layers)
        check_dropout(dropout)
        self.width, self.dropout = layers[-1], dropout
        self.user = perceptron([shape.user_features, *layers], rng.torch("user"))
        self.item = perceptron([shape.item_features, *layers], rng.torch("item"))

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


def run(layers: nn.ModuleList, x: Tensor, dropout: float, rng: Rng | None) -> Tensor:
    """Return what the layers make of x, ReLU between them; the step draws dropout's mask."""
    for number, layer in enumerate(layers):
        if number:
            x = F.relu(x)
            if rng is not None and dropout > 0:
                kept = torch.rand(x.shape, generator=rng.torch(f"dropout-{number}")) >= dropout
                x = x * kept.to(x.device, x.dtype) / (1 - dropout)
        x = layer(x)
    return x
