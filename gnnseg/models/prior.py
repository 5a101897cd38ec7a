"""What the trained users say of a new one's layer 0 before the likelihood is looked at.

Shape legend: N trained users with a history, B new users, P numbers a history is read as, D width.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gnnseg.models.regression import Regression

RIDGE = 1e-3  # of the mean variance, added to each direction's
TINY = 1e-3
SHARPNESS = 4  # how fast a history counts as whole, about those that are short


class TrainedPrior:
    """Normal about what the trained users of such a history have (empirical Bayes, Robbins 1956).

    Of a history that is whole, s = 1, the mean is a regression of the trained users' layer 0 on
    theirs and the covariance R that of its leave-one-out residuals; of none, s = 0, the mean is 0
    and the covariance S the trained users' own. Between, s of the regression, and s R + (1 - s) S.
    x = mean + A (sqrt(s + (1 - s) g) z), z standard normal; A A^T = R, A diag(g) A^T = S.

    Args:
        own_ND: The trained users' layer 0, less what the encoder expects of each.
        histories_NP: Theirs.
    """

    def __init__(self, own_ND: Tensor, histories_NP: Tensor) -> None:
        self._regression = Regression(histories_NP, own_ND)
        own, left = own_ND.double(), self._regression.residual_NT
        spread_DD, rest_DD = (_padded(each.T @ each / len(each)) for each in (own, left))
        value_D, vector_DD = torch.linalg.eigh(rest_DD)
        root_DD = vector_DD * value_D.sqrt()
        inner_DD = torch.linalg.solve(root_DD, torch.linalg.solve(root_DD, spread_DD).T)
        gain_D, turned_DD = torch.linalg.eigh((inner_DD + inner_DD.T) / 2)
        self._basis_DD = (root_DD @ turned_DD).to(own_ND)
        self._gain_D = gain_D.clamp(min=0).to(own_ND)

    def mean(self, histories_BP: Tensor, whole_B: Tensor) -> Tensor:
        """Return the mean, (B,D), for histories that are whole by ``whole_B``, 0 to 1."""
        return whole_B[:, None] * self._regression.predict(histories_BP)

    def moved(self, z_BD: Tensor, whole_B: Tensor) -> Tensor:
        """Return how far from the mean standard normal z_BD are, (B,D)."""
        part_B1 = whole_B[:, None]
        scale_BD: Tensor = (part_B1 + (1 - part_B1) * self._gain_D).sqrt()
        moved_BD: Tensor = (z_BD * scale_BD) @ self._basis_DD.T
        return moved_BD


def wholeness(met_B: Tensor, short: float) -> Tensor:
    """Return 1/(1 + (short/n)^``SHARPNESS``) of histories of n items, near 1 well beyond short."""
    found_B: Tensor = 1 / (1 + (short / met_B.clamp(min=TINY)) ** SHARPNESS)
    return found_B


def _padded(cov_DD: Tensor) -> Tensor:
    mean = cov_DD.diagonal().mean().clamp(min=1e-12)
    return cov_DD + RIDGE * mean * torch.eye(len(cov_DD), dtype=cov_DD.dtype, device=cov_DD.device)
