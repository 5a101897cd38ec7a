"""The graph's spectrum: leading singular vectors of its normalised matrix.

Shape legend: U users, I items, d singular values.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from gnnseg.graph.bipartite import BipartiteGraph


def leading(graph: BipartiteGraph, rank: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the leading singular triplets of D_u^-1/2 A D_i^-1/2: (U,d), (d,), (I,d), d <= rank.

    Randomised SVD (Halko et al. 2011), a function of the graph alone: what it draws is the same for
    every seed, and it runs on one thread.
    """
    from scipy.sparse import csr_array
    from sklearn.utils.extmath import randomized_svd
    from threadpoolctl import threadpool_limits

    p = graph.pattern
    value = graph.normalised(0.5, 0.5)[0].cpu().numpy()
    matrix = csr_array((value, p.column.cpu().numpy(), p.start.cpu().numpy()), shape=p.shape)
    with threadpool_limits(1):
        left, s, right = randomized_svd(matrix, min(rank, min(p.shape)), n_iter=4, random_state=0)
    user, item = (
        torch.from_numpy(np.ascontiguousarray(vectors)).float() for vectors in (left, right.T)
    )
    return user, torch.from_numpy(s), item
