"""The products spmm and sddmm of sparse matrices with dense ones, with their gradients.

Kernels: on a CPU, spmm is a bag of embeddings, each row of the result the weighed sum of the rows
its entries name, which takes a third to a tenth of the time of torch's CSR product there and does
not depend on the number of threads; else the CSR product, and for sddmm ``sampled_addmm``, where
the device has them for the type; else a gather that gives the same numbers.

Shape legend: R rows, C columns, E entries, D width.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from gnnseg.distributed.ranks import ALONE, Ranks
from gnnseg.mapped import kept
from gnnseg.sparse.csr import Csr

with warnings.catch_warnings():  # torch says once a process that CSR is in beta: here, unseen
    warnings.simplefilter("ignore")
    torch.sparse_csr_tensor(
        torch.tensor([0, 1]), torch.tensor([0]), torch.ones(1), size=(1, 1), check_invariants=False
    )

GATHER_ENTRIES = 1 << 20  # entries gathered at once by the fallback: bounds its memory


@dataclass(frozen=True)
class Fixed:
    """A sparse (R,C) matrix whose values learn nothing; ``fixed @ dense``: (C,D) -> (R,D).

    They are kept in both orders, (E,) each, so that the gradient gathers none of them anew.
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
        product = _Spmm.apply(self.pattern, self.value, dense, self.back)  # type: ignore[no-untyped-call]
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
    return _Spmm.apply(pattern, value, dense, None)  # type: ignore[no-any-return, no-untyped-call]


def sddmm(pattern: Csr, left: Tensor, right: Tensor) -> Tensor:
    """Return <left_r, right_c> at the entries: (R,D),(C,D) -> (E,). Gradients reach both."""
    return _Sddmm.apply(pattern, left, right)  # type: ignore[no-any-return, no-untyped-call]


class _Spmm(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, pattern: Csr, value: Tensor, dense: Tensor, back: Tensor | None
    ) -> Tensor:
        ctx.pattern, ctx.back = pattern, back
        ctx.save_for_backward(value, dense)
        return _product(pattern, value, dense)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[None, Tensor | None, Tensor | None, None]:
        value, dense = ctx.saved_tensors
        p: Csr = ctx.pattern
        d_value = _sampled(p, grad, dense) if ctx.needs_input_grad[1] else None
        d_dense = None
        if ctx.needs_input_grad[2]:
            d_dense = _product(
                p.T.with_value(None), value[p.t_order] if ctx.back is None else ctx.back, grad
            )
        return None, d_value, d_dense, None


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


def _matrix(pattern: Csr, value: Tensor) -> Tensor:
    return torch.sparse_csr_tensor(
        pattern.start, pattern.column, value, size=pattern.shape, check_invariants=False
    )


def _product(pattern: Csr, value: Tensor, dense: Tensor) -> Tensor:
    value, dense = value.detach().to(dense.dtype), dense.detach().contiguous()
    kernel = kernel_of(dense.device.type, dense.dtype, "spmm")
    if kernel == "bag" and len(dense):
        return F.embedding_bag(
            pattern.column, dense, pattern.start, mode="sum", per_sample_weights=value,
            include_last_offset=True,
        )  # fmt: skip
    if pattern.entries and kernel == "CSR":
        product: Tensor = _matrix(pattern, value) @ dense
        return product
    return gathered_spmm(pattern, value, dense)


def _sampled(pattern: Csr, left: Tensor, right: Tensor) -> Tensor:
    left, right = left.detach().contiguous(), right.detach().contiguous()
    if pattern.entries and kernel_of(left.device.type, left.dtype, "sddmm") == "CSR":
        zeros = _matrix(pattern, torch.zeros(pattern.entries, dtype=left.dtype, device=left.device))
        sampled: Tensor = torch.sparse.sampled_addmm(zeros, left, right.T, beta=0.0).values()
        return sampled
    return gathered_sddmm(pattern, left, right)


def gathered_spmm(pattern: Csr, value: Tensor, dense: Tensor) -> Tensor:
    """Return ``spmm`` by gathering, bounded in memory: the columns' rows, weighed, added up."""
    out = torch.zeros(pattern.shape[0], dense.shape[1], dtype=dense.dtype, device=dense.device)
    for at in range(0, pattern.entries, GATHER_ENTRIES):
        part = slice(at, at + GATHER_ENTRIES)
        sent = F.embedding(pattern.column[part], dense) * value[part, None].to(dense.dtype)
        out.index_add_(0, pattern.row[part], sent)
    return out


def gathered_sddmm(pattern: Csr, left: Tensor, right: Tensor) -> Tensor:
    """Return ``sddmm`` by gathering, bounded in memory."""
    out = torch.empty(pattern.entries, dtype=left.dtype, device=left.device)
    for at in range(0, pattern.entries, GATHER_ENTRIES):
        part = slice(at, at + GATHER_ENTRIES)
        rows, columns = pattern.row[part], pattern.column[part]
        out[part] = (F.embedding(rows, left) * F.embedding(columns, right)).sum(-1)
    return out


@cache
def kernel_of(device: str, dtype: torch.dtype, product: str) -> str:
    """Return what computes 'spmm' or 'sddmm' of a type on a device: 'bag', 'CSR' or 'gather'.

    Whether torch has its sparse kernel there is asked once, of 1 x 1.
    """
    if device == "cpu" and product == "spmm":
        return "bag"
    one = torch.ones(1, 1, dtype=dtype, device=device)
    index = torch.tensor([0, 1], device=device), torch.tensor([0], device=device)
    try:
        csr = torch.sparse_csr_tensor(*index, one[0], size=(1, 1), check_invariants=False)
        (csr @ one) if product == "spmm" else torch.sparse.sampled_addmm(csr, one, one, beta=0.0)
    except (RuntimeError, NotImplementedError):
        return "gather"
    return "CSR"
