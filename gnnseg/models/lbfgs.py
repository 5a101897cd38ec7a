"""Many small problems minimised at once, each by L-BFGS of its own.

Shape legend: B problems, D unknowns of each, M remembered steps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

MEMORY = 8  # M
DECREASE = 1e-4  # of the value that the slope promises, at which a step is taken (Armijo 1966)
SHORTER = 0.3  # times the step that was too long
TINY = 1e-10  # curvature below this, in parts of the gradient's change, says nothing


@dataclass(frozen=True)
class Memory:
    """The last M steps (M,B,D), what they did to the gradient (M,B,D), and 1/<step, change> (M,B).

    0 of the last: no such step yet.
    """

    step_MBD: Tensor
    change_MBD: Tensor
    inverse_MB: Tensor

    @staticmethod
    def empty(start_BD: Tensor) -> Memory:
        """Return a memory of no steps."""
        none_MBD = start_BD.new_zeros(MEMORY, *start_BD.shape)
        return Memory(none_MBD, none_MBD, start_BD.new_zeros(MEMORY, len(start_BD)))

    def with_step(self, step_BD: Tensor, change_BD: Tensor, taken_B: Tensor) -> Memory:
        """Return the memory with one more step, of the problems that took one and curve upwards."""
        along_B = (step_BD * change_BD).sum(1)
        kept_B = taken_B & (along_B > TINY * change_BD.square().sum(1))
        inverse_B = torch.where(kept_B, along_B, 1.0).reciprocal()

        def pushed(before: Tensor, new: Tensor) -> Tensor:
            kept = kept_B if new.dim() == 1 else kept_B[:, None]
            return torch.where(kept, torch.cat([before[1:], new[None]]), before)

        return Memory(
            pushed(self.step_MBD, step_BD),
            pushed(self.change_MBD, change_BD),
            pushed(self.inverse_MB, inverse_B),
        )

    def direction(self, slope_BD: Tensor) -> Tensor:
        """Return minus the inverse Hessian, as the steps say it, times the gradient, (B,D).

        By the two loops of Nocedal (1980); along the gradient, at length 1, where no step is
        remembered.
        """
        q_BD, shares = slope_BD, []
        for m in reversed(range(MEMORY)):
            share_B = self.inverse_MB[m] * (self.step_MBD[m] * q_BD).sum(1)
            q_BD = q_BD - share_B[:, None] * self.change_MBD[m]
            shares.append(share_B)
        known_B = self.inverse_MB[-1] > 0
        curve_B = self.inverse_MB[-1] * self.change_MBD[-1].square().sum(1)
        length_B = slope_BD.norm(dim=1).clamp(min=torch.finfo(slope_BD.dtype).tiny)
        q_BD = q_BD / torch.where(known_B, curve_B, length_B)[:, None]
        for m in range(MEMORY):
            back_B = self.inverse_MB[m] * (self.change_MBD[m] * q_BD).sum(1)
            q_BD = q_BD + (shares[MEMORY - 1 - m] - back_B)[:, None] * self.step_MBD[m]
        return -q_BD


def minimise(value: Callable[[Tensor], Tensor], start_BD: Tensor, steps: int) -> Tensor:
    """Return where each problem's value is least after ``steps`` evaluations, (B,D).

    L-BFGS (Liu & Nocedal 1989) with a backtracking line search; what does not lessen a problem's
    value is not taken. No problem's steps depend on another's.

    Args:
        value: Each problem's value, (B,D) -> (B,), with a gradient.
        start_BD: Where they begin.
        steps: How often value and gradient are computed after the first time.
    """

    def at(x_BD: Tensor) -> tuple[Tensor, Tensor]:
        with torch.enable_grad():
            x_BD = x_BD.detach().requires_grad_(True)
            value_B = value(x_BD)
            (slope_BD,) = torch.autograd.grad(value_B.sum(), x_BD)
        return value_B.detach(), slope_BD

    x_BD, memory = start_BD.detach(), Memory.empty(start_BD.detach())
    value_B, slope_BD = at(x_BD)
    direction_BD, length_B = memory.direction(slope_BD), torch.ones_like(value_B)
    for _ in range(steps):
        tried_BD = x_BD + length_B[:, None] * direction_BD
        new_B, new_slope_BD = at(tried_BD)
        promised_B = length_B * (slope_BD * direction_BD).sum(1)
        taken_B = new_B <= value_B + DECREASE * promised_B
        memory = memory.with_step(tried_BD - x_BD, new_slope_BD - slope_BD, taken_B)
        x_BD = torch.where(taken_B[:, None], tried_BD, x_BD)
        slope_BD = torch.where(taken_B[:, None], new_slope_BD, slope_BD)
        value_B = torch.where(taken_B, new_B, value_B)
        direction_BD = torch.where(taken_B[:, None], memory.direction(slope_BD), direction_BD)
        length_B = torch.where(taken_B, 1.0, length_B * SHORTER)
    return x_BD
