"""Intra-list diversity: how unlike each other the items of one list are. Shape legend: B users, T
length of a list."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from gnnseg.sparse import Csr
from gnnseg.types import Pairs

SAMPLE = 500  # users whose lists are looked at


def intra_list(
    items_BT: Tensor, train: Pairs, users: int, items: int, ks: Sequence[int]
) -> dict[str, float]:
    """``ild@k``: mean over lists of 1 - mean cosine of the pairs of items in it (Ziegler et al.
    2005).

    An item is the set of its training users: cos(a, b) = |users(a) and users(b)| / sqrt(n_a n_b);
    an item nobody took has cosine 0 with every other. Lists shorter than two items (padding is -1)
    are left out; NaN where none is left.
    """
    from scipy.sparse import csr_array

    matrix = csr_array((np.ones(len(train)), (train.item, train.user)), shape=(items, users))
    norm = np.sqrt(np.maximum(matrix.sum(1), 1.0))
    found: dict[int, list[float]] = {k: [] for k in ks}
    for row in items_BT.cpu().numpy():
        shown = row[row >= 0]
        taken = matrix[shown]
        cosine = (taken @ taken.T).toarray() / np.outer(norm[shown], norm[shown])
        for k in ks:
            length = min(k, len(shown))
            if length >= 2:
                part = cosine[:length, :length]
                pairs = (part.sum() - np.trace(part)) / (length * (length - 1))
                found[k].append(1 - float(pairs))
    return {
        f"ild@{k}": float(np.mean(values)) if values else float("nan")
        for k, values in found.items()
    }


def sample(relevant: Csr) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """At most ``SAMPLE`` of the users asked about, evenly spaced by number."""
    asked = relevant.degrees()[0].cpu().numpy().nonzero()[0]
    return asked[
        np.unique(np.linspace(0, len(asked) - 1, min(SAMPLE, len(asked))).astype(np.int64))
    ]
