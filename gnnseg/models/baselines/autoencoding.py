"""Training of autoencoders of what users took, by batches of users.

Shape legend: I items, B users in a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from gnnseg.rng import Rng

Weights = dict[str, Tensor]
Loss = Callable[[Tensor, float, torch.Generator], Tensor]


def descend(
    weights: Weights,
    taken: sparse.csr_matrix,
    loss: Loss,
    rng: Rng,
    *,
    lr: float,
    epochs: int,
    batch_size: int,
    warmup: float,
) -> Weights:
    """Return weights trained by Adam (Kingma & Ba 2015); users who took nothing teach nothing.

    Args:
        weights: First values, which are changed.
        taken: Who took what, (U,I) float32.
        loss: Of some users' rows (B,I), how far the warm-up is (0 to 1), and draws of its own.
        rng: Orders the users and draws, each epoch anew.
        lr: Step size.
        epochs: Passes over the users.
        batch_size: B, users a step.
        warmup: Share of the steps until a warm-up is over.
    """
    people = np.flatnonzero(np.diff(taken.indptr))
    optimizer = torch.optim.Adam(weights.values(), lr=lr)
    steps = epochs * max(1, -(-len(people) // batch_size))
    done = 0
    with torch.enable_grad():
        for epoch in range(epochs if len(people) else 0):
            at = rng.child("epoch").at(epoch)
            order = at.numpy("order").permutation(people)
            draws = at.torch("draws")
            for begin in range(0, len(order), batch_size):
                rows = torch.from_numpy(taken[order[begin : begin + batch_size]].toarray())
                done += 1
                value = loss(rows, min(1.0, done / max(1.0, warmup * steps)), draws)
                optimizer.zero_grad()
                value.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
    return {name: value.detach() for name, value in weights.items()}


def glorot(rows: int, columns: int, generator: torch.Generator) -> Tensor:
    """Draw a matrix of first weights, (rows, columns) (Glorot and Bengio 2010)."""
    spread: float = (2 / (rows + columns)) ** 0.5
    return (spread * torch.randn(rows, columns, generator=generator)).requires_grad_()


def parts_of(taken: sparse.csr_matrix, size: int) -> Iterator[Tensor]:
    """Yield all users' rows by parts of ``size`` users, dense (B,I) each."""
    for begin in range(0, taken.shape[0], size):
        yield torch.from_numpy(taken[begin : begin + size].toarray())
