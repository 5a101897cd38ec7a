"""What an item shown would earn: the reward model of the direct method.

Shape legend: N rows of a log, U users, I items, K segments, B users at once.
"""

from __future__ import annotations

import numpy as np

from gnnseg.types import Floats, Ints, Log

PRIOR = 10.0  # showings at which an item's mean in a segment weighs as much as its mean over all


class SegmentMeans:
    """q(i,j) = sum_k alpha_ik m_kj, m_kj the mean reward of item j in segment k.

    Rewards are weighed by alpha/p (a logger shows items to those who like them, which a plain mean
    takes for the taste of all), drawn to the item's own mean, and that to the mean of all, by
    ``PRIOR`` effective showings (Kish 1965) each.
    """

    def __init__(self, alpha_UK: Floats, log: Log, items: int) -> None:
        self.alpha_UK = alpha_UK
        assert log.propensity is not None
        inverse = 1 / log.propensity
        sums_IK = np.zeros((3, items, alpha_UK.shape[1]))  # of alpha/p, alpha/p^2, alpha r/p
        for kept, factor in zip(sums_IK, (inverse, inverse**2, inverse * log.reward), strict=True):
            np.add.at(kept, log.item, alpha_UK[log.user] * factor[:, None])
        size, _, earned = sums_IK.sum((1, 2))
        item_I = _drawn_to(earned / size if size > 0 else 0.0, sums_IK.sum(2))
        self.mean_KI: Floats = _drawn_to(item_I[:, None], sums_IK).T

    def at(self, user: Ints, item: Ints) -> Floats:
        """Return (N,) q of users and items."""
        found: Floats = (self.alpha_UK[user] * self.mean_KI.T[item]).sum(1)
        return found

    def under(self, pi_BI: Floats, user: Ints) -> Floats:
        """Return (B,) sum_j pi(j|i) q(i,j)."""
        found: Floats = ((pi_BI @ self.mean_KI.T) * self.alpha_UK[user]).sum(1)
        return found


def _drawn_to(usual: Floats | float, sums: Floats) -> Floats:
    """Return means of (3,...) sums of weight, squared weight and reward, drawn to the usual."""
    size, square, earned = sums
    showings = np.divide(size**2, square, out=np.zeros_like(size), where=square > 0)
    mean = np.divide(earned, size, out=np.zeros_like(size), where=size > 0)
    found: Floats = (showings * mean + PRIOR * usual) / (showings + PRIOR)
    return found
