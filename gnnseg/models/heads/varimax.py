"""A start without a seed: varimax factors of the graph, read as first memberships.

Shape legend: U users, I items, K segments, D width.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from gnnseg.graph import BipartiteGraph
from gnnseg.types import Floats

ROUNDS = 500  # of varimax, at most
TOLERANCE = 1e-8  # relative gain of a round below which the rotation stands
SAME = 1e-6  # distance below which two unit rows are one
NOTHING = 1e-9  # of the largest singular value: what a direction has that the graph does not
POWER_ITERATIONS = 8  # of the randomised SVD, so that its draws leave no trace in what is kept


def varimax(x_NK: Floats) -> Floats:
    """Return the orthogonal rotation (K,K) that makes columns as sparse as they can be.

    It maximises the sum over columns of the variance of their squares (Kaiser 1958), by fixed-point
    rounds from the identity: nothing is drawn.
    """
    rotation: Floats = np.eye(x_NK.shape[1])
    reached = 0.0
    for _ in range(ROUNDS):
        y = x_NK @ rotation
        square = y * y
        left, s, right = np.linalg.svd(x_NK.T @ (y * square - y * square.mean(0)))
        rotation = left @ right
        if s.sum() <= reached * (1 + TOLERANCE):
            break
        reached = float(s.sum())
    return rotation


def factors(graph: BipartiteGraph, segments: int) -> Floats:
    """Compute how much each user leans towards each of K factors, (U,k), k <= K.

    The leading singular vectors of (D_u + m_u)^-1/2 A (D_i + m_i)^-1/2, m the mean degrees, which
    keep users and items of few interactions from making up directions of their own (regularised
    spectral clustering, Qin & Rohe 2013), turned by varimax:
    under block models and topic models alike the turned vectors estimate the memberships
    (Rohe & Zeng 2023). Each vector is first weighed by the root of its singular value, as factor
    loadings are, so that the last ones, hardly above noise and other ones in every sample of the
    events, turn the rest but little. Signs are such that a factor is skewed towards those who have
    it; the factor that most users lean towards stands first. A function of the graph alone, on one
    thread. Users without interactions are zero.
    """
    from scipy.sparse import csr_array
    from sklearn.utils.extmath import randomized_svd
    from threadpoolctl import threadpool_limits

    p = graph.pattern
    rank = min(segments, *p.shape)
    users, items = (degree.double().cpu().numpy() for degree in graph.degrees())
    weight = np.ones(p.entries) if graph.weight is None else graph.weight.double().cpu().numpy()
    row, column, start = (part.cpu().numpy() for part in (p.row, p.column, p.start))
    value = weight * _damped(users)[row] * _damped(items)[column]
    matrix = csr_array((value, column, start), shape=p.shape)
    with threadpool_limits(1):
        left, s, _ = randomized_svd(matrix, rank, n_iter=POWER_ITERATIONS, random_state=0)
        x = (left * (len(left) * s) ** 0.5)[:, s > NOTHING * s[0]]
        z: Floats = x @ varimax(x)
    z *= np.where((z**3).sum(0) < 0, -1.0, 1.0)
    size = np.bincount(z.argmax(1)[users > 0], minlength=z.shape[1])
    return z[:, np.argsort(-size, kind="stable")]


def prototypes(user_UD: Tensor, graph: BipartiteGraph, segments: int) -> Tensor:
    """Compute the factors' centres among the users' embeddings at length 1, (K,D).

    c_k = sum_i max(z_ik, 0) x_i / sum_i max(z_ik, 0), x_i user i's row at length 1, z the factors.
    Where the graph has fewer factors than K, the rest are the users' rows furthest from the centres
    so far, in turn, or where all rows are taken, rows with a little noise.
    """
    x_UD = F.normalize(user_UD.detach().double().cpu(), dim=-1)
    lean_UK = torch.from_numpy(np.maximum(factors(graph, segments), 0.0))
    mass_K = lean_UK.sum(0)
    centres = lean_UK.T @ x_UD / mass_K.clamp(min=1e-12)[:, None]
    noise = torch.Generator().manual_seed(0)
    while len(centres) < segments:
        distance = torch.cdist(x_UD, centres).min(1).values
        distance[x_UD.norm(dim=-1) == 0] = -1.0
        furthest = x_UD[distance.argmax()]
        if distance.max() < SAME:  # nobody else is there: apart enough to part
            furthest = (
                furthest
                + 0.1
                * torch.randn(len(furthest), generator=noise, dtype=furthest.dtype)
                / len(furthest) ** 0.5
            )
        centres = torch.cat([centres, furthest[None]])
    return centres.to(user_UD)


def _damped(degree: np.ndarray[Any, Any]) -> Floats:
    """Return (d + mean d)^-1/2."""
    total: Floats = degree + max(float(degree.mean()), 1e-12)
    return total**-0.5
