"""A start without a seed: varimax factors of the graph, read as first memberships.

Shape legend: U users, I items, K segments, D width.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from gnnseg.graph import BipartiteGraph
from gnnseg.graph.spectrum import randomized_svd
from gnnseg.mapped import kept
from gnnseg.sparse import Fixed
from gnnseg.types import Floats

ROUNDS = 500  # of varimax, at most
TOLERANCE = 1e-8  # relative gain of a round below which the rotation stands
SAME = 1e-6  # distance below which two unit rows are one
NOTHING = 1e-9  # of the largest singular value: what a direction has that the graph does not
ROWS = 1 << 12  # turned at once: what they need stays in the caches
POWER_ITERATIONS = 8  # of the randomised SVD, so that its draws leave no trace in what is kept


def varimax(x_NK: Floats) -> Floats:
    """Return the orthogonal rotation (K,K) that makes columns as sparse as they can be.

    It maximises the sum over columns of the variance of their squares (Kaiser 1958), by fixed-point
    rounds from the identity: nothing is drawn.
    """
    rotation: Floats = np.eye(x_NK.shape[1])
    gram, reached = x_NK.T @ x_NK, 0.0
    for _ in range(ROUNDS):
        cubes, squares = np.zeros_like(gram), np.zeros(len(gram))
        for at in range(0, len(x_NK), ROWS):
            x = x_NK[at : at + ROWS]
            y = x @ rotation
            square = y * y
            squares += square.sum(0)
            cubes += x.T @ (y * square)
        left, s, right = np.linalg.svd(cubes - gram @ rotation * (squares / len(x_NK)))
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
    it; the factor that most users lean towards stands first. A function of the graph alone. Users
    without interactions are zero.
    """
    from threadpoolctl import threadpool_limits

    p = graph.pattern.to("cpu")
    users, items = (_damped(degree.double().cpu()) for degree in graph.degrees())
    value = users[p.row] * items[p.column]
    if graph.weight is not None:
        value *= graph.weight.double().cpu()
    matrix = Fixed.of(p, kept(value, p.lasting))
    left, s, _ = randomized_svd(matrix, segments, rounds=POWER_ITERATIONS)
    x = (left * (len(left) * s) ** 0.5)[:, s > NOTHING * s[0]]
    with threadpool_limits(1, user_api="blas"):
        z: Floats = x @ varimax(x)
    z *= np.where((z**3).sum(0) < 0, -1.0, 1.0)
    taken = graph.degrees()[0].cpu().numpy() > 0
    size = np.bincount(z.argmax(1)[taken], minlength=z.shape[1])
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


def _damped(degree: Tensor) -> Tensor:
    """Return (d + mean d)^-1/2."""
    return (degree + degree.mean().clamp(min=1e-12)).rsqrt()
