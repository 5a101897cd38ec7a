"""Blurring and sharpening: what users took is spread over the graph of items, then told apart.

Shape legend: U users, I items, D width, B users in a block.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from gnnseg.models.baselines.gfcf import Filters, GraphFilter
from gnnseg.models.baselines.settings import at_least


class BSPM(GraphFilter):
    """Blurring-sharpening process models (Choi et al. 2023), on GF-CF's filters P~ and L.

    Blurring: dB/dt = B (P~ - 1) from B(0) = X to ``blur_time``, by Euler steps (one of time 1 is
    X P~); beside it the ideal low pass X L. Sharpening: dS/dt = -S P~ to ``sharpen_time``, by steps
    of Runge and Kutta. ``merge=early`` (BSPM-EM) sharpens B + ideal X L; ``late`` (BSPM-LM)
    sharpens B, and adds ideal X L.

    Args:
        factors: How many frequencies the ideal low pass lets through.
        ideal: Its weight.
        blur_time: How far it is blurred.
        blur_steps: In how many steps.
        sharpen_time: How far it is sharpened; 0: not, which is GF-CF.
        sharpen_steps: In how many steps.
        merge: When the ideal low pass is added: 'early' or 'late'.
    """

    def __init__(
        self,
        *,
        factors: int = 256,
        ideal: float = 0.3,
        blur_time: float = 1.0,
        blur_steps: int = 1,
        sharpen_time: float = 1.0,
        sharpen_steps: int = 1,
        merge: Literal["early", "late"] = "early",
    ) -> None:
        self.factors = int(at_least("factors", factors, 1))
        self.blur_steps = int(at_least("blur_steps", blur_steps, 1))
        self.sharpen_steps = int(at_least("sharpen_steps", sharpen_steps, 1))
        self.ideal, self.merge = at_least("ideal", ideal, 0), merge
        self.blur_time = at_least("blur_time", blur_time, 0)
        self.sharpen_time = at_least("sharpen_time", sharpen_time, 0)

    def filtered(self, filters: Filters, signal_BI: Tensor) -> Tensor:
        """Return the ends of both processes."""
        low_BI, blurred_BI = self.ideal * filters.ideal(signal_BI), signal_BI
        step = self.blur_time / self.blur_steps
        for _ in range(self.blur_steps):
            blurred_BI = (1 - step) * blurred_BI + step * filters.linear(blurred_BI)
        if self.merge == "early":
            return self._sharpened(filters, blurred_BI + low_BI)
        return self._sharpened(filters, blurred_BI) + low_BI

    def _sharpened(self, filters: Filters, signal_BI: Tensor) -> Tensor:
        """Return S at ``sharpen_time``; of a linear equation a step's four slopes are a series."""
        step = self.sharpen_time / self.sharpen_steps
        for _ in range(self.sharpen_steps if step else 0):
            term_BI, sum_BI = signal_BI, signal_BI
            for order in (1, 2, 3, 4):  # 1 - hP + (hP)^2/2 - (hP)^3/6 + (hP)^4/24
                term_BI = filters.linear(term_BI) * (-step / order)
                sum_BI = sum_BI + term_BI
            signal_BI = sum_BI
        return signal_BI
