"""How far segments come back when the model is fitted again, and what may be said of each.

Segments have no names of their own, so a refit's are matched to the run's first (Kuhn 1955). People
with a row of NaN were not in a refit and are left out of what is said of it. Shape legend: U users,
K segments, L segments of a refit, R refits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal

import numpy as np

from gnnseg.rng import Rng
from gnnseg.types import Floats, Ints

SURE = 0.6  # the largest alpha of somebody who is sure of a segment
STABLE = 0.75  # the mean Jaccard of a segment that comes back (Hennig 2007)
PERMUTATIONS = 10  # of the users, for what agreement chance gives
REWIRED = 19  # graphs of chance, so that one in 20 orders puts the run's own first (5 %)

Bools = np.ndarray[Any, np.dtype[np.bool_]]
Verdict = Literal["natural", "reproducible", "constructive"]


@dataclass(frozen=True)
class Comparison:
    """How far one refit agrees with the run, both over the people who are in both.

    ``soft``, ``ari``, ``sure_ari``, ``sure_share`` as in ``compare``; ``jaccard`` (K,) of each
    segment's members with those of its match; ``same`` (U,) 1 where a person's segment is the
    match of the run's, 0 where not, NaN where they were not in the refit.
    """

    soft: float
    ari: float
    sure_ari: float
    sure_share: float
    jaccard: Floats
    same: Floats


@dataclass(frozen=True)
class Stability:
    """What refits say of a run's segments.

    ``metrics`` by name; ``jaccard`` (R,K); ``sure`` (U,) share of refits that leave a person in
    their segment, NaN where they are in none.
    """

    metrics: dict[str, float]
    jaccard: Floats
    sure: Floats


def distances(alpha_UK: Floats, other_UL: Floats) -> Floats:
    """Return c_kl = mean_i |alpha_ik - alpha'_il| / 2, (N,N) with N = max(K, L).

    Segments that only one side has stand against empty ones. The mean total variation of the two
    memberships under a matching is the sum of its c_kl.
    """
    from scipy.spatial.distance import cdist

    size = max(alpha_UK.shape[1], other_UL.shape[1])
    a, b = (_padded(each, size) for each in (alpha_UK, other_UL))
    return np.asarray(cdist(a.T, b.T, "cityblock")) / (2 * max(len(a), 1))


def match(alpha_UK: Floats, other_UL: Floats) -> Ints:
    """Return (N,) the refit's segment that stands for each of the run's, N = max(K, L).

    Of all one-to-one matchings the one of least mean total variation, which is the one that
    maximises ``soft`` (Hungarian method, Kuhn 1955); hard figures are taken under the same.
    """
    from scipy.optimize import linear_sum_assignment

    return np.asarray(linear_sum_assignment(distances(alpha_UK, other_UL))[1], dtype=np.int64)


def overlap(alpha_UK: Floats, other_UL: Floats) -> float:
    """Return 1 - mean total variation of the memberships under the best matching.

    1 - sum_i |alpha_i - alpha'_i|_1 / (2 U): 1 where they are equal.
    """
    from scipy.optimize import linear_sum_assignment

    cost = distances(alpha_UK, other_UL)
    return float(1 - cost[linear_sum_assignment(cost)].sum())


def soft(alpha_UK: Floats, other_UL: Floats, rng: Rng) -> float:
    """Return (s - s0)/(1 - s0): s the ``overlap``, s0 its mean under permuted users.

    1 where memberships are equal, about 0 where they agree as strangers' would; NaN where chance
    alone makes them equal (one segment, or everybody's alpha the same).
    """
    draw = rng.numpy("permuted users")
    by_chance = [
        overlap(alpha_UK, other_UL[draw.permutation(len(other_UL))]) for _ in range(PERMUTATIONS)
    ]
    chance = float(np.mean(by_chance)) if len(alpha_UK) else 1.0
    if 1 - chance < 1e-6:
        return math.nan
    return (overlap(alpha_UK, other_UL) - chance) / (1 - chance)


def ari(a_U: Ints, b_U: Ints) -> float:
    """Return the adjusted Rand index (Hubert & Arabie 1985) of two partitions.

    NaN where both put everybody in one segment: there is nothing to agree on.
    """
    from sklearn.metrics import adjusted_rand_score

    if not len(a_U) or (np.ptp(a_U) == 0 and np.ptp(b_U) == 0):
        return math.nan
    return float(adjusted_rand_score(a_U, b_U))


def jaccard(a_U: Ints, b_U: Ints, segments: int) -> Floats:
    """Return (K,) |A_k and B_k| / |A_k or B_k| of the members of each segment.

    0 where nobody is in either: what nobody is in does not come back (as in Hennig 2007).
    """
    both = np.bincount(a_U[a_U == b_U], minlength=segments)[:segments]
    in_a, in_b = (np.bincount(each, minlength=segments)[:segments] for each in (a_U, b_U))
    return np.asarray(both / np.maximum(in_a + in_b - both, 1))


def compare(alpha_UK: Floats, other_UL: Floats, rng: Rng) -> Comparison:
    """Return how far a refit's memberships agree with the run's.

    ``soft`` and ``ari`` are of all people in both; ``sure_ari`` of those whose largest alpha is at
    least ``SURE`` in both, who are ``sure_share`` of them.

    Args:
        alpha_UK: the run's; a row of NaN where a person is left out.
        other_UL: the refit's; so too.
        rng: of the permutations.
    """
    there = _there(alpha_UK) & _there(other_UL)
    a, b = alpha_UK[there], other_UL[there]
    size = alpha_UK.shape[1]
    mine = a.argmax(1)
    theirs = np.argsort(match(a, b))[b.argmax(1)]  # by the run's numbers
    sure = (a.max(1) >= SURE) & (b.max(1) >= SURE)
    same = np.full(len(there), math.nan)
    same[there] = mine == theirs
    return Comparison(
        soft=soft(a, b, rng),
        ari=ari(mine, theirs),
        sure_ari=ari(mine[sure], theirs[sure]),
        sure_share=float(sure.mean()) if len(sure) else math.nan,
        jaccard=jaccard(mine, theirs, size),
        same=same,
    )


def members(alpha_UK: Floats) -> Ints:
    """Return (U,) each person's segment from 0, -1 of those with a row of NaN."""
    there = _there(alpha_UK)
    return np.where(there, np.where(there[:, None], alpha_UK, 0.0).argmax(1), -1)


def pairwise_ari(members_RU: Sequence[Ints]) -> list[float]:
    """Return the ARI of every two of some refits, over the people who are in both."""
    found = []
    for a, b in combinations(members_RU, 2):
        both = (a >= 0) & (b >= 0)
        found.append(ari(a[both], b[both]))
    return found


def evaluate(
    refits: Sequence[Comparison],
    *,
    seeds: Sequence[Comparison] = (),
    bootstrap: Sequence[Ints] = (),
) -> Stability:
    """Return what refits say of a run's segments.

    Args:
        refits: of most events and another seed: what stability is.
        seeds: refits where the seed alone differs.
        bootstrap: ``members`` of refits of resampled people.
    """
    metrics = {
        **summary("stability_soft", [each.soft for each in refits]),
        **summary("stability_ari", [each.ari for each in refits]),
        **summary("stability_sure_ari", [each.sure_ari for each in refits]),
        **summary("sure_share", [each.sure_share for each in refits]),
        **summary("stability_jaccard", [float(each.jaccard.mean()) for each in refits]),
        **summary("seed_ari", [each.ari for each in seeds]),
        **summary("seed_soft", [each.soft for each in seeds]),
        **summary("stability_bootstrap_ari", pairwise_ari(bootstrap)),
    }
    jaccard_RK = np.array([each.jaccard for each in refits])
    return Stability(metrics, jaccard_RK, _mean(np.array([each.same for each in refits])))


def beyond_chance(modularity: float, by_chance: Sequence[float]) -> bool:
    """Return whether a run's segments fit its graph better than those of any graph of chance do.

    Of ``REWIRED`` graphs at least: then chance alone says so once in 20 times.
    """
    return len(by_chance) >= REWIRED and all(modularity > each for each in by_chance)


def verdicts(jaccard_K: Floats, *, beyond: bool) -> list[Verdict]:
    """Return what each segment is (Dolnicar & Leisch 2009), by the mean Jaccard of its members.

    'natural': it comes back (``STABLE``) and the run's segments fit the graph better than those of
    any graph of chance do (``beyond``); 'reproducible': it comes back; 'constructive': it is one
    way of many to cut people up.
    """
    stable: Verdict = "natural" if beyond else "reproducible"
    return [stable if each >= STABLE else "constructive" for each in jaccard_K.tolist()]


def summary(name: str, values: Sequence[float]) -> dict[str, float]:
    """Return mean and, of two or more, standard deviation under names; nothing of none."""
    if not len(values):
        return {}
    known = np.array([each for each in values if not math.isnan(each)])
    mean = float(known.mean()) if len(known) else math.nan
    spread = {f"segment/{name}/sd": float(known.std(ddof=1))} if len(known) > 1 else {}
    return {f"segment/{name}": mean, **spread}


def _mean(values_RU: Floats) -> Floats:
    """Return the mean of what is known by column; NaN where nothing is."""
    known = ~np.isnan(values_RU)
    total = np.where(known, values_RU, 0.0).sum(0)
    count = known.sum(0)
    return np.where(count > 0, total / np.maximum(count, 1), math.nan)


def _there(alpha_UK: Floats) -> Bools:
    return np.asarray(~np.isnan(alpha_UK).any(1))


def _padded(alpha_UK: Floats, size: int) -> Floats:
    """Return the memberships with empty segments behind, up to so many."""
    missing = size - alpha_UK.shape[1]
    return np.pad(np.asarray(alpha_UK, dtype=np.float64), ((0, 0), (0, missing)))
