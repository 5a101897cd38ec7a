"""The truncated singular value decomposition of who took what.

Shape legend: U users, I items, D width.
"""

from __future__ import annotations

from scipy import sparse
from torch import Tensor

from gnnseg.models.baselines.factors import FactorBaseline, of_factors, right_singular
from gnnseg.models.baselines.settings import at_least
from gnnseg.rng import Rng


class PureSVD(FactorBaseline):
    """PureSVD (Cremonesi et al. 2010): S = X V V^T.

    V (I,D): right singular vectors of X, what was not taken counting as 0.

    Args:
        factors: D; at most as many as the smaller side has rows.
    """

    def __init__(self, *, factors: int = 64) -> None:
        self.factors = int(at_least("factors", factors, 1))

    def learn(self, taken: sparse.csr_matrix, rng: Rng) -> dict[str, Tensor]:
        """Return X V and V; drawn is the start of the decomposition."""
        right_ID = right_singular(taken, self.factors, rng)
        return of_factors(taken @ right_ID, right_ID)
