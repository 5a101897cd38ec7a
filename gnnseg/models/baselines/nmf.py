"""A factorisation without negative numbers.

Shape legend: U users, I items, D width.
"""

from __future__ import annotations

import warnings

import numpy as np
from scipy import sparse
from torch import Tensor

from gnnseg.models.baselines.factors import FactorBaseline, of_factors
from gnnseg.models.baselines.settings import at_least
from gnnseg.rng import Rng


class NMF(FactorBaseline):
    """Non-negative matrix factorisation (Lee and Seung 2001), by scikit-learn's coordinate descent.

    Minimises |X - W H|^2/2 + l2 (I |W|^2 + U |H|^2)/2, W and H not negative, what was not taken
    counting as 0.

    Args:
        factors: D; at most as many as the smaller side has rows.
        l2: Weight of the penalty, a share of the other side's size.
        epochs: Rounds at most.
    """

    def __init__(self, *, factors: int = 64, l2: float = 0.0, epochs: int = 100) -> None:
        self.factors = int(at_least("factors", factors, 1))
        self.epochs, self.l2 = int(at_least("epochs", epochs, 1)), at_least("l2", l2, 0)

    def learn(self, taken: sparse.csr_matrix, rng: Rng) -> dict[str, Tensor]:
        """Return W and H^T; drawn are first values and the order of the coordinates."""
        from sklearn import decomposition
        from sklearn.exceptions import ConvergenceWarning

        width = min(self.factors, *taken.shape)
        if not taken.nnz:
            return of_factors(*(np.zeros((rows, width)) for rows in taken.shape))
        model = decomposition.NMF(
            width, init="random", alpha_W=self.l2, l1_ratio=0.0, max_iter=self.epochs,
            random_state=rng.number("nmf") % 2**32,
        )  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            user_UD = model.fit_transform(taken)
        return of_factors(user_UD, model.components_.T)
