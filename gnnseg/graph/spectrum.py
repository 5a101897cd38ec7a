"""Leading singular vectors of sparse matrices, such as the graph's normalised one.

Shape legend: U users, I items, R rows, C columns, d singular values, s = d + OVERSAMPLES.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from gnnseg.graph.bipartite import BipartiteGraph
from gnnseg.mapped import kept
from gnnseg.sparse import Fixed
from gnnseg.types import Floats

OVERSAMPLES = 10  # directions beyond those asked for
ROWS = 1 << 16  # of a tall matrix, taken in float64 at once
NOTHING = 1e-14  # of the largest eigenvalue: what rounding may have left of nothing


def leading(graph: BipartiteGraph, rank: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the leading singular triplets of D_u^-1/2 A D_i^-1/2: (U,d), (d,), (I,d), d <= rank.

    A function of the graph alone: what it draws is the same for every seed (``randomized_svd``).
    """
    pattern, value = graph.pattern.to("cpu"), graph.normalised(0.5, 0.5)[0].cpu()
    left, s, right = randomized_svd(Fixed.of(pattern, value), rank, rounds=4)
    user, item = (torch.from_numpy(each).float() for each in (left, right))
    return user, torch.from_numpy(s), item


def randomized_svd(
    matrix: Fixed, rank: int, *, rounds: int, seed: int = 0
) -> tuple[Floats, Floats, Floats]:
    """Compute the leading singular triplets of a sparse matrix on a CPU.

    By powers of the matrix times normal draws (Halko et al. 2011). The powers, of which the span
    alone counts, are in float32, and the last two products in the matrix's own type. What is dense
    is computed by one thread, so that the result does not depend on how many there are.

    Args:
        matrix: (R,C).
        rank: How many triplets, or as many as there are.
        rounds: How often the draws are multiplied by the matrix and its transpose.
        seed: Of the draws.

    Returns:
        Left vectors (R,d), singular values (d,), right vectors (C,d), d <= rank; the largest entry
        of a left vector is positive.
    """
    from scipy.linalg import svd
    from threadpoolctl import threadpool_limits

    shape = matrix.pattern.shape
    tall = matrix if shape[0] >= shape[1] else matrix.T
    rank = min(rank, *shape)
    draws = np.random.RandomState(seed).normal(size=(min(shape), rank + OVERSAMPLES))
    q = torch.from_numpy(draws)
    lasting = tall.pattern.lasting
    single = Fixed(
        tall.pattern, kept(tall.value.float(), lasting), kept(tall.back.float(), lasting)
    )
    with threadpool_limits(1, user_api="blas"), torch.no_grad():
        for _ in range(rounds):
            q = _orthonormal(single @ q.float())
            q = _orthonormal(single.T @ q)
        own = _orthonormal(_orthonormal(tall @ q.to(tall.value.dtype)))  # twice: to all digits
        turn, s, other = svd((tall.T @ own).numpy().T, full_matrices=False)
        found = own.numpy() @ turn[:, :rank], other[:rank].T
    left, right = found if tall is matrix else found[::-1]
    largest = left[np.abs(left).argmax(0), np.arange(left.shape[1])]
    sign = np.where(largest < 0, -1, 1).astype(left.dtype)
    return left * sign, s[:rank], right * sign


def _orthonormal(rows_Rs: Tensor) -> Tensor:
    """Turn columns, (R,s), into an orthonormal basis of their span, in place.

    By the eigenvectors of their products; a direction that they do not have becomes zeros.
    """
    rows: np.ndarray[Any, Any] = rows_Rs.numpy()
    parts = [slice(at, at + ROWS) for at in range(0, len(rows), ROWS)]
    gram = np.zeros((rows.shape[1],) * 2)
    for part in parts:
        wide = rows[part].astype(np.float64)
        gram += wide.T @ wide
    size, turn = np.linalg.eigh(gram)
    there = size > NOTHING * size[-1]
    turn = turn[:, there] * size[there] ** -0.5
    turn = np.pad(turn, ((0, 0), (0, len(there) - turn.shape[1])))
    for part in parts:
        rows[part] = rows[part].astype(np.float64) @ turn
    return rows_Rs
