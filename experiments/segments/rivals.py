"""The rivals of the proof grid by name: fit(name, pairs, K, seed) -> Fit.

Those that need K get the true one and ``STARTS`` starts, of which their own objective chooses.
Shape legend: U users, I items, E pairs, K segments, D dimensions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import communities
import latent
import numpy as np
from fits import Array, Fit, matrix
from scipy.sparse import csr_matrix, diags
from scipy.sparse.linalg import svds
from sklearn.cluster import KMeans, kmeans_plusplus

from gnnseg.types import Pairs

STARTS = 20
WIDE = 64
EXTRA = ("classes",)  # beyond the list that the default is judged against
LOUVAIN = 5  # starts of the one that chooses its own K


@dataclass(frozen=True)
class Problem:
    """What a rival is given: pairs (U,I) of 0 and 1, K, a seed, and the pairs' columns."""

    pairs: csr_matrix
    segments: int
    seed: int
    columns: Pairs
    starts: int = STARTS


def normalised(pairs: csr_matrix) -> csr_matrix:
    """Return A_ij / sqrt((d_i + mean d)(d_j + mean d)): the regularised degree normalisation.

    Qin & Rohe (2013); without the means, vectors of sparse graphs sit on a few corners.
    """
    scales = [np.asarray(pairs.sum(axis)).ravel() for axis in (1, 0)]
    left, right = (diags(1 / np.sqrt(d + d.mean())) for d in scales)
    return (left @ pairs @ right).tocsr()


def spectral(pairs: csr_matrix, width: int, seed: int) -> Array:
    """Return users' leading left singular vectors by singular value, (U,D), of ``normalised``."""
    width = min(width, min(pairs.shape) - 1)
    start = np.random.default_rng([seed, 3]).normal(size=min(pairs.shape))
    left, value, _ = svds(normalised(pairs), k=width, v0=start)
    found: Array = left * value
    return found


def k_means(rows: Array, problem: Problem) -> Fit:
    """k-means++ (Arthur & Vassilvitskii 2007)."""
    model = KMeans(problem.segments, n_init=problem.starts, random_state=problem.seed).fit(rows)
    return Fit(model.labels_.astype(np.int64), -float(model.inertia_))


def spherical(rows: Array, problem: Problem) -> Fit:
    """Spherical k-means (Dhillon & Modha 2001): unit rows, unit centres, largest sum of cosines."""
    unit = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    runs = [_lloyd(unit, problem.segments, 1000 * problem.seed + n) for n in range(problem.starts)]
    return max(runs, key=lambda run: run.objective)


def _lloyd(unit: Array, segments: int, seed: int) -> Fit:
    centres, _ = kmeans_plusplus(unit, segments, random_state=seed)
    label = np.full(len(unit), -1)
    value = 0.0
    for _ in range(300):
        likeness = unit @ (centres / np.maximum(np.linalg.norm(centres, axis=1), 1e-12)[:, None]).T
        new, value = likeness.argmax(1), float(likeness.max(1).sum())
        if (new == label).all():
            break
        label = new
        sums = np.eye(segments)[label].T @ unit
        empty = ~np.isin(np.arange(segments), label)
        centres = np.where(empty[:, None], centres, sums)
    return Fit(label, value)


def rfm(pairs: Pairs, users: int) -> Array:
    """Return users' recency, frequency and money, as far as known, and breadth, (U,F).

    Standardised: logarithm of events and of distinct items, time of the last event, logarithm of
    spend, and mean log popularity of what they take.
    """
    events = np.bincount(pairs.user, pairs.count, minlength=users)
    breadth = np.bincount(pairs.user, minlength=users)
    popularity = np.log1p(np.bincount(pairs.item))[pairs.item]
    mean = np.bincount(pairs.user, popularity, minlength=users) / np.maximum(breadth, 1)
    found = [np.log1p(events), np.log1p(breadth), mean]
    if pairs.last is not None:
        last = np.full(users, pairs.last.min())
        np.maximum.at(last, pairs.user, pairs.last)
        found.append(last)
    if pairs.spend is not None:
        spend = np.bincount(pairs.user, pairs.spend, minlength=users)
        found.append(np.log1p(spend.clip(min=0)))
    columns = np.stack(found, axis=1)
    scaled: Array = (columns - columns.mean(0)) / np.maximum(columns.std(0), 1e-12)
    return scaled


def _svd(way: Callable[[Array, Problem], Fit], width: int | None) -> Callable[[Problem], Fit]:
    def fit(problem: Problem) -> Fit:
        return way(spectral(problem.pairs, width or problem.segments, problem.seed), problem)

    return fit


def _of_pairs(
    way: Callable[[csr_matrix, int, int, int], Fit],
) -> Callable[[Problem], Fit]:
    return lambda p: way(p.pairs, p.segments, p.seed, p.starts)


def _brim(problem: Problem) -> Fit:
    first = communities.cocluster(problem.pairs, problem.segments, problem.seed, problem.starts)[1]
    return communities.brim(problem.pairs, problem.segments, problem.seed, problem.starts, first)


def _classes(problem: Problem) -> Fit:
    rows = spectral(problem.pairs, WIDE, problem.seed)
    unit = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    first = [spherical(rows, problem).label]
    first += [
        _lloyd(unit, problem.segments, 5000 + 1000 * problem.seed + n).label
        for n in range(1, problem.starts)
    ]
    return latent.classes(problem.pairs, first, problem.segments)


RIVALS: dict[str, Callable[[Problem], Fit]] = {
    "rfm-kmeans": lambda p: k_means(rfm(p.columns, p.pairs.shape[0]), p),
    "svd-kmeans": _svd(k_means, None),
    "svd64-kmeans": _svd(k_means, WIDE),
    "spherical": _svd(spherical, None),
    "spherical64": _svd(spherical, WIDE),
    "nmf": _of_pairs(latent.nmf),
    "lda": _of_pairs(latent.lda),
    "plsa": _of_pairs(latent.plsa),
    "cocluster": lambda p: communities.cocluster(p.pairs, p.segments, p.seed, p.starts)[0],
    "louvain": lambda p: communities.louvain(p.pairs, p.seed, min(p.starts, LOUVAIN)),
    "brim": _brim,
    "classes": _classes,
}


def fit(name: str, pairs: Pairs, users: int, items: int, segments: int, seed: int) -> Fit:
    """Fit a rival to training pairs; the seed is of its draws alone."""
    return RIVALS[name](Problem(matrix(pairs, users, items), segments, seed, pairs))
