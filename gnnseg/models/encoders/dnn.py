"""A feature network: two multilayer perceptrons, one of users' attributes, one of items'.

Shape legend: B rows, F attribute columns, D width.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gnnseg.models.encoders.base import AttributeEncoder
from gnnseg.rng import Rng
from gnnseg.types import InputError, Shape


class DNN(AttributeEncoder):
    """x -> ReLU layers -> linear layer. ``layers``: widths, the last is D; ``dropout``: of the
    hidden layers, in training."""

    def __init__(self, shape: Shape, rng: Rng, *, layers: list[int], dropout: float) -> None:
        super().__init__(shape)
        if not layers or min(layers) < 1:
            raise InputError(
                f"encoder.layers is {layers}: give at least one width, each 1 or more."
            )
        if not 0 <= dropout < 1:
            raise InputError(f"encoder.dropout is {dropout}: it must be at least 0 and below 1.")
        self.width, self.dropout = layers[-1], dropout
        self.user = perceptron([shape.user_features, *layers], rng.torch("user"))
        self.item = perceptron([shape.item_features, *layers], rng.torch("item"))

    def embed(self, kind: str, features_BF: Tensor, rng: Rng | None) -> Tensor:
        return run(
            self.user if kind == "user" else self.item,
            features_BF,
            self.dropout,
            None if rng is None else rng.child(kind),
        )


def perceptron(widths: list[int], generator: torch.Generator) -> nn.ModuleList:
    """Linear layers from width to width, their first values by He et al. 2015."""
    layers = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(widths))
    with torch.no_grad():
        for layer in layers:
            assert isinstance(layer, nn.Linear)
            layer.weight.normal_(0, (2 / max(layer.in_features, 1)) ** 0.5, generator=generator)
            layer.bias.zero_()
    return layers


def run(layers: nn.ModuleList, x: Tensor, dropout: float, rng: Rng | None) -> Tensor:
    """ReLU between the layers; dropout's mask is the step's own draw."""
    for number, layer in enumerate(layers):
        if number:
            x = F.relu(x)
            if rng is not None and dropout > 0:
                kept = torch.rand(x.shape, generator=rng.torch(f"dropout-{number}")) >= dropout
                x = x * kept.to(x.device, x.dtype) / (1 - dropout)
        x = layer(x)
    return x
