"""Social ties beside the interactions: their normalisation, and how much they say about taste.

Shape legend: U users, I items, S ties in both directions.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from gnnseg.rng import Rng
from gnnseg.sparse import Csr
from gnnseg.types import Edges, Floats, Ints

STRANGERS = 20  # pairs of strangers drawn for each tie
CERTAIN = 3.0  # standard errors by which friends must be more alike than strangers


def both_ways(ties: Edges, users: int) -> Csr:
    """Return the ties in both directions, (U,U) with values float32, none to oneself.

    A tie named twice, or from both ends, weighs as the heaviest of these.
    """
    apart = ties.source != ties.target
    source, target, weight = ties.source[apart], ties.target[apart], ties.weight[apart]
    key = np.concatenate([source * users + target, target * users + source])
    pair, place = np.unique(key, return_inverse=True)
    value = np.zeros(len(pair))
    np.maximum.at(value, place, np.concatenate([weight, weight]))
    return Csr.of(pair // users, pair % users, (users, users), torch.from_numpy(value).float())


def degrees(ties: Csr) -> Tensor:
    """Return weighted degrees, (U,): the sum of a user's ties."""
    assert ties.value is not None
    return ties.value.new_zeros(ties.shape[0]).index_add(0, ties.row, ties.value)


def normalised(ties: Csr, of_friends: Tensor | None = None) -> Tensor:
    """Return w_uv / sqrt(d_u d_v), (S,), d the weighted degrees of both ends.

    ``of_friends``: the columns' degrees, where they are other people than the rows.
    """
    assert ties.value is not None
    own = degrees(ties)
    other = own if of_friends is None else of_friends
    degree = own.clamp(min=1e-12)[ties.row] * other.clamp(min=1e-12)[ties.column]
    value: Tensor = ties.value * degree.rsqrt()
    return value


def homophily(pattern: Csr, ties: Csr, rng: Rng) -> float:
    """Return how much of friends' likeness is the tie's doing: max(0, 1 - strangers / friends).

    friends: mean cosine of the two ends' rows of ``pattern`` (U,I) over the ties; strangers: the
    same where one end of each tie is somebody drawn among the tied users. 0 where friends are not
    more alike by ``CERTAIN`` standard errors: ties that say nothing of taste weigh nothing
    (McPherson et al. 2001 on homophily).
    """
    from scipy.sparse import csr_array

    known = pattern.degrees()[0].numpy() > 0
    source, target = ties.row.numpy(), ties.column.numpy()
    kept = (source < target) & known[source] & known[target]
    source, target = source[kept], target[kept]
    if len(source) < 2:
        return 0.0
    norm = 1 / np.sqrt(np.maximum(pattern.degrees()[0].numpy(), 1))[pattern.row.numpy()]
    rows = csr_array((norm, pattern.column.numpy(), pattern.start.numpy()), shape=pattern.shape)

    def likeness(a: Ints, b: Ints) -> Floats:
        return np.asarray(rows[a].multiply(rows[b]).sum(1)).ravel()

    tied = np.unique(np.concatenate([source, target]))
    drawn = rng.numpy("strangers").choice(tied, (STRANGERS, len(source)))
    apart = drawn != source
    friends = likeness(source, target)
    strangers = np.concatenate(
        [likeness(source[ok], other[ok]) for other, ok in zip(drawn, apart, strict=True)]
    )
    error = (friends.var() / len(friends) + strangers.var() / max(len(strangers), 1)) ** 0.5
    if friends.mean() - strangers.mean() <= CERTAIN * error:
        return 0.0
    return float(max(0.0, 1 - strangers.mean() / friends.mean()))
