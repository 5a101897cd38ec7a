"""Rows of vectors."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

SHORTEST = 1e-12  # below this a row counts as 0, which has no direction
TILE = 2048  # columns of a product computed at once on a CPU: what they need stays in its caches


def unit(rows: Tensor) -> Tensor:
    """Return (...,D) rows at length 1; a row of zeros stays one.

    There the derivative is taken as the identity's: that of x/|x| has no bound near 0, and one node
    without a vector or messages would drown what everybody else says of the weights they share.
    """
    length = rows.norm(dim=-1, keepdim=True)
    return rows / torch.where(length > SHORTEST, length, 1.0)


def pick(table: Tensor, rows: Tensor | None) -> Tensor:
    """Return some rows of a table; None: all.

    By ``F.embedding``: the backward of ``table[rows]`` is not deterministic on two threads.
    """
    return table if rows is None else F.embedding(rows, table)


def products(left_BF: Tensor, right_IF: Tensor) -> Tensor:
    """Compute the product of each row with each other one, (B,F),(I,F) -> (B,I).

    On a CPU, where no gradient is asked for, by tiles: of a wide result twice as fast.
    """
    if left_BF.device.type != "cpu" or torch.is_grad_enabled():
        return left_BF @ right_IF.T
    found = left_BF.new_empty(len(left_BF), len(right_IF))
    for at in range(0, len(right_IF), TILE):
        part = right_IF[at : at + TILE]
        torch.mm(left_BF, part.T, out=found[:, at : at + TILE])
    return found
