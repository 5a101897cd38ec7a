"""Rows of vectors."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

SHORTEST = 1e-12  # below this a row counts as 0, which has no direction


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
