"""What is said more of one segment than of the others: log-odds with an informative prior.

Shape legend: K segments, W words (categories, items), I items, U users.
"""

from __future__ import annotations

import numpy as np

from gnnseg.types import Floats, Ints

PRIOR = 500.0  # pairs that the prior is worth, shared out as the words are among everybody
SHARE = 0.1  # of all pairs, at most: of few pairs it would outweigh what they say


def z_scores(count_KW: Floats, prior: float | None = None) -> tuple[Floats, Floats]:
    """Return how much more a segment has of each word than the others have, in its error's units.

    Monroe, Colaresi & Quinn (2008), eq. 16, 20 and 22: y_kw counts, n_k their sum, y', n' those of
    all other segments, a_w = prior y_w/n:

        d = log (y_kw + a_w)/(n_k + a_0 - y_kw - a_w) - log (y'_w + a_w)/(n' + a_0 - y'_w - a_w)
        variance = 1/(y_kw + a_w) + 1/(y'_w + a_w)

    ``prior``: a_0; None: ``PRIOR``, of few pairs their ``SHARE``.

    Returns:
        d / its standard deviation, and d, (K,W) each; 0 where there is nothing to compare.
    """
    total_W = count_KW.sum(0)
    prior = min(PRIOR, SHARE * float(total_W.sum())) if prior is None else prior
    prior_W = prior * total_W / max(float(total_W.sum()), 1e-300)
    mine_KW, others_KW = count_KW + prior_W, total_W - count_KW + prior_W

    def odds(y: Floats) -> Floats:
        left = y.sum(1, keepdims=True) - y
        fine = (y > 0) & (left > 1e-9)
        found: Floats = np.log(np.where(fine, y, 1.0) / np.where(fine, left, 1.0))
        return found

    delta = odds(mine_KW) - odds(others_KW)
    known = (mine_KW > 0) & (others_KW > 0)
    variance = 1 / np.where(known, mine_KW, 1.0) + 1 / np.where(known, others_KW, 1.0)
    delta = np.where(known, delta, 0.0)
    return delta / np.sqrt(variance), delta


def taken(alpha_UK: Floats, user: Ints, item: Ints, items: int) -> Floats:
    """Return the alpha-weighted number of pairs of each segment and item, (K,I).

    Args:
        alpha_UK: (U,K).
        user: (E,) ascending.
        item: (E,).
        items: I.
    """
    from scipy import sparse

    start = np.searchsorted(user, np.arange(len(alpha_UK) + 1))
    pairs_UI = sparse.csr_matrix((np.ones(len(user)), item, start), (len(alpha_UK), items))
    found: Floats = np.asarray(pairs_UI.T @ alpha_UK.astype(np.float64)).T
    return found
