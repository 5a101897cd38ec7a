"""The products spmm and sddmm of sparse matrices with dense ones, with their gradients.

Shape legend: R rows, C columns, E entries, D width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from gnnseg.distributed.ranks import ALONE, Ranks
from gnnseg.mapped import kept
from gnnseg.sparse import kernels
from gnnseg.sparse.csr import Csr
from gnnseg.sparse.precision import message_type


@dataclass(frozen=True)
class Fixed:
    """A sparse (R,C) matrix whose values learn nothing; ``fixed @ dense``: (C,D) -> (R,D).

    They are kept in both orders, (E,) each, so that the gradient gathers none of them anew. The
    product passes messages, in the type that ``mixed_precision`` says.
    ``ranks``: of several processes each has some of the columns, and the products are summed.
    """

    pattern: Csr
    value: Tensor
    back: Tensor  # in the order of the transpose
    ranks: Ranks = ALONE

    @staticmethod
    def of(pattern: Csr, value: Tensor) -> Fixed:
        """Return the pattern with these values, (E,)."""
        return Fixed(pattern, value, kept(value[pattern.t_order], pattern.lasting))

    @property
    def T(self) -> Fixed:
        """Return the transpose."""
        return Fixed(self.pattern.T, self.back, self.value)

    def __matmul__(self, dense: Tensor) -> Tensor:
        product = _Spmm.apply(  # type: ignore[no-untyped-call]
            self.pattern, self.value, dense, self.back, message_type()
        )  # fmt: skip
        return self.ranks.sum(product)

    def at(self, rows: Tensor | None) -> Fixed | SomeRows:
        """Return some rows (r,) of the matrix; None: all."""
        return self if rows is None else SomeRows(self, rows)


@dataclass(frozen=True)
class SomeRows:
    """Some ``rows`` (r,) of a fixed matrix: ``matrix.at(rows) @ dense``, (C,D) -> (r,D).

    Where they hold the smaller half of the entries, no other is read.
    """

    matrix: Fixed
    rows: Tensor

    def __matmul__(self, dense: Tensor) -> Tensor:
        pattern = self.matrix.pattern
        all_sum = not self.matrix.ranks.alone  # then every process must sum the same rows
        if all_sum or 2 * pattern.held_by(self.rows) > pattern.entries:
            return F.embedding(self.rows, self.matrix @ dense)
        few, entry = pattern.only(self.rows)
        return Fixed.of(few, self.matrix.value[entry]) @ dense


def spmm(pattern: Csr, value: Tensor, dense: Tensor) -> Tensor:
    """Return sum_c value_rc dense_c: (E,),(C,D) -> (R,D). Gradients reach value and dense."""
    return _Spmm.apply(pattern, value, dense, None, None)  # type: ignore[no-any-return, no-untyped-call]


def messages(pattern: Csr, value: Tensor, dense: Tensor) -> Tensor:
    """Return ``spmm`` of weights (E,) that learn nothing, in the type of ``mixed_precision``."""
    return _Spmm.apply(  # type: ignore[no-any-return, no-untyped-call]
        pattern, value, dense, None, message_type()
    )


def sddmm(pattern: Csr, left: Tensor, right: Tensor) -> Tensor:
    """Return <left_r, right_c> at the entries: (R,D),(C,D) -> (E,). Gradients reach both."""
    return _Sddmm.apply(pattern, left, right)  # type: ignore[no-any-return, no-untyped-call]


class _Spmm(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, pattern: Csr, value: Tensor, dense: Tensor, back: Tensor | None,
        read_as: torch.dtype | None,
    ) -> Tensor:  # fmt: skip
        ctx.pattern, ctx.back, ctx.read_as = pattern, back, read_as
        ctx.save_for_backward(value, dense)
        return _product(pattern, value, dense, read_as)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        value, dense = ctx.saved_tensors
        p: Csr = ctx.pattern
        d_value = _sampled(p, grad, dense) if ctx.needs_input_grad[1] else None
        d_dense = None
        if ctx.needs_input_grad[2]:
            d_dense = _product(
                p.T.with_value(None), value[p.t_order] if ctx.back is None else ctx.back, grad,
                ctx.read_as,
            )  # fmt: skip
        return None, d_value, d_dense, None, None


class _Sddmm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, pattern: Csr, left: Tensor, right: Tensor) -> Tensor:
        ctx.pattern = pattern
        ctx.save_for_backward(left, right)
        return _sampled(pattern, left, right)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[None, Tensor | None, Tensor | None]:
        left, right = ctx.saved_tensors
        p: Csr = ctx.pattern
        d_left = _product(p, grad, right) if ctx.needs_input_grad[1] else None
        d_right = (
            _product(p.T.with_value(None), grad[p.t_order], left)
            if ctx.needs_input_grad[2]
            else None
        )
        return None, d_left, d_right


def _product(
    pattern: Csr, value: Tensor, dense: Tensor, read_as: torch.dtype | None = None
) -> Tensor:
    rows = dense.detach().to(read_as or dense.dtype).contiguous()
    found = kernels.compute("spmm", pattern, value.detach().to(rows.dtype), rows)
    return found.to(dense.dtype)


def _sampled(pattern: Csr, left: Tensor, right: Tensor) -> Tensor:
    left, right = left.detach().contiguous(), right.detach().contiguous()
    return kernels.compute("sddmm", pattern, left, right)
