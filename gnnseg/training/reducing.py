"""A step's losses and gradients, summed over the processes that share it."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import torch
from torch import Tensor, nn

from gnnseg.distributed.ranks import Ranks


def reduced(
    model: nn.Module, losses: Mapping[str, Tensor], ranks: Ranks, own: Collection[str]
) -> dict[str, Tensor]:
    """Return the sums of all processes' losses, and leave in each the sums of all gradients.

    Two messages: one of a number a loss and a parameter, one of the gradients, end to end. What no
    process has a gradient of keeps none.

    Args:
        model: After the backward pass.
        losses: By name, of this process.
        ranks: The processes.
        own: Names of parameters that this process alone has, whose gradients are whole.
    """
    if ranks.alone:
        return {name: value.detach() for name, value in losses.items()}
    shared = [p for name, p in model.named_parameters() if name not in own and p.requires_grad]
    device = shared[0].device if shared else torch.device("cpu")
    there = torch.tensor([float(p.grad is not None) for p in shared], device=device)
    first = torch.stack([value.detach().double() for value in losses.values()])
    said = ranks.total(torch.cat([first.to(device), there.double()]))
    values, counted = said[: len(first)], said[len(first) :].tolist()
    moved = [p for p, count in zip(shared, counted, strict=True) if count]
    for p in moved:
        if p.grad is None:
            p.grad = torch.zeros_like(p)
    for kind in dict.fromkeys(p.dtype for p in moved):
        _sum([p for p in moved if p.dtype == kind], ranks)
    return dict(zip(losses, values.unbind(), strict=True))


def _sum(parameters: list[nn.Parameter], ranks: Ranks) -> None:
    """Sum the gradients of parameters of one type over the processes, in place."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    whole = ranks.total(torch.cat([gradient.reshape(-1) for gradient in gradients]))
    sizes = [gradient.numel() for gradient in gradients]
    for gradient, part in zip(gradients, torch.split(whole, sizes), strict=True):
        gradient.copy_(part.view_as(gradient))


def clip(model: nn.Module, limit: float, ranks: Ranks, own: Collection[str]) -> None:
    """Scale the gradients so that their norm, over all processes, is at most ``limit``."""
    if not own:
        torch.nn.utils.clip_grad_norm_(model.parameters(), limit)
        return
    moved = [(name in own, p) for name, p in model.named_parameters() if p.grad is not None]
    device = moved[0][1].device
    squares = torch.zeros(2, dtype=torch.float64, device=device)
    for mine, p in moved:
        assert p.grad is not None
        squares[int(mine)] += p.grad.double().square().sum()
    norm = (squares[0] + ranks.total(squares[1])).sqrt()
    torch.nn.utils.clip_grads_with_norm_(model.parameters(), limit, norm)
