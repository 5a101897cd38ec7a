"""Ridge regression of several targets, its penalty and its residuals by leaving one out.

Shape legend: N rows fitted to, B rows asked about, P inputs, T targets.
"""

from __future__ import annotations

import torch
from torch import Tensor

PENALTIES = tuple(10.0**power for power in range(-1, 6))  # tried, times 1 a standardised input
TINY = 1e-9
FULL = 0.999  # leverage above which a row's own residual would be a division by nothing


class Regression:
    """Ridge regression (Hoerl & Kennard 1970) on standardised inputs, computed in float64.

    The penalty is that of the least mean squared leave-one-out residual, of the rows' leverages
    (Allen 1974). ``residual_NT``: those residuals.
    """

    def __init__(self, inputs_NP: Tensor, targets_NT: Tensor) -> None:
        x, y = inputs_NP.double(), targets_NT.double()
        self._middle_P, self._usual_T = x.mean(0), y.mean(0)
        self._scale_P = x.std(0, correction=0).clamp(min=TINY)
        self._low_T, self._high_T = targets_NT.min(0).values, targets_NT.max(0).values
        x, y = (x - self._middle_P) / self._scale_P, y - self._usual_T
        value_P, vector_PP = torch.linalg.eigh(x.T @ x)
        turned_NP = x @ vector_PP
        hit_PT, squared_NP = turned_NP.T @ y, turned_NP.square()
        least = float("inf")
        for penalty in PENALTIES:
            shrunk_P = (value_P.clamp(min=0) + penalty).reciprocal()
            slope_PT = shrunk_P[:, None] * hit_PT
            leverage_N = squared_NP @ shrunk_P + 1 / len(x)
            residual_NT = (y - turned_NP @ slope_PT) / (1 - leverage_N.clamp(max=FULL))[:, None]
            error = float(residual_NT.square().mean())
            if error < least:
                least, self.residual_NT = error, residual_NT
                self._slope_PT = vector_PP @ slope_PT

    def predict(self, inputs_BP: Tensor) -> Tensor:
        """Return (B,T), in the targets' type, no target beyond those that were fitted to."""
        x = (inputs_BP.double() - self._middle_P) / self._scale_P
        found_BT: Tensor = (self._usual_T + x @ self._slope_PT).to(self._low_T)
        return found_BT.clamp(self._low_T, self._high_T)
