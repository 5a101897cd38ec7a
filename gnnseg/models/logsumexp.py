"""The softmax's normaliser over items that a batch shares, and its gradient, in blocks.

A batch of 4,096 pairs against 1,024 items is 16 MB; passed over a dozen times, as score, mask,
maximum, exponent and their gradients one by one, it is most of a step. In blocks of rows all of
that happens in a processor's cache, and one matrix, of probabilities, is kept for the gradient.

Shape legend: B rows, N items, F width of the factors.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

BLOCK = 1 << 18  # numbers of a block on a CPU: products of this size are fast, and caches hold it
SEARCHED = (
    "cpu",
)  # where a row's own item is searched for among the others, not compared with all


def shared_logsumexp(
    left_BF: Tensor, right_NF: Tensor, offset_N: Tensor, items_B: Tensor, others_N: Tensor
) -> Tensor:
    """Compute log sum_n exp( <left_b, right_n> + offset_n ), (B,), without a row's own item.

    The same as ``logsumexp`` of the masked scores, gradients included.

    Args:
        left_BF: the rows' factors.
        right_NF: the items' factors.
        offset_N: what is added to each item's scores.
        items_B: each row's own item, which is left out wherever it stands among the others.
        others_N: the items.

    Returns:
        (B,); -inf where nothing is left.
    """
    found: Tensor = _SharedLogSumExp.apply(left_BF, right_NF, offset_N, items_B, others_N)  # type: ignore[no-untyped-call]
    return found


class _Own:
    """Where rows' own items stand among the others, found by sorting: few of them do."""

    def __init__(self, items: Tensor, others: Tensor) -> None:
        order = others.argsort()
        ascending = others[order]
        first = torch.searchsorted(ascending, items)
        count = torch.searchsorted(ascending, items, right=True) - first
        self._upto = torch.cat([count.new_zeros(1), count.cumsum(0)])
        self._row = torch.arange(len(items), device=items.device).repeat_interleave(count)
        place = torch.arange(len(self._row), device=items.device) - self._upto[self._row]
        self._column = order[first[self._row] + place]

    def leave_out(self, score: Tensor, part: slice) -> None:
        """Write -inf where rows of a part meet their own item."""
        begin, end, _ = part.indices(len(self._upto) - 1)
        some = slice(int(self._upto[begin]), int(self._upto[end]))
        score[self._row[some] - begin, self._column[some]] = -torch.inf


def _blocks(rows: int, columns: int, device: torch.device) -> Iterator[slice]:
    """Yield rows to be done at once: on a CPU what its cache holds, elsewhere all of them."""
    size = rows if device.type != "cpu" else max(1, BLOCK // max(columns, 1))
    for at in range(0, rows, max(size, 1)):
        yield slice(at, at + size)


class _SharedLogSumExp(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, left: Tensor, right: Tensor, offset: Tensor, items: Tensor, others: Tensor
    ) -> Tensor:
        chance = left.new_empty(len(left), len(right))
        result = left.new_empty(len(left))
        own = _Own(items, others) if left.device.type in SEARCHED else None
        for part in _blocks(len(left), len(right), left.device):
            score = torch.addmm(offset, left[part], right.T, out=chance[part])
            if own is not None:
                own.leave_out(score, part)
            else:
                score.masked_fill_(items[part, None] == others, -torch.inf)
            top = score.amax(1).clamp_(min=torch.finfo(score.dtype).min)  # -inf - -inf is nan
            score.sub_(top[:, None]).exp_()
            total = score.sum(1)
            torch.add(total.log(), top, out=result[part])
            score.div_(total.clamp_(min=torch.finfo(score.dtype).tiny)[:, None])
        ctx.save_for_backward(chance, left, right)
        return result

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(
        ctx: Any, grad: Tensor
    ) -> tuple[Tensor | None, Tensor | None, Tensor | None, None, None]:
        chance, left, right = ctx.saved_tensors
        d_left, d_right = torch.empty_like(left), torch.zeros_like(right)
        d_offset = right.new_zeros(len(right))
        for part in _blocks(len(left), len(right), left.device):
            weighed = chance[part] * grad[part, None]
            torch.mm(weighed, right, out=d_left[part])
            d_right.addmm_(weighed.T, left[part])
            d_offset += weighed.sum(0)
        return d_left, d_right, d_offset, None, None
