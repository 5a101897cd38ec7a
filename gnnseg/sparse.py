"""Sparse matrices in both directions, and the products spmm and sddmm with their gradients.

A ``Csr`` is a pattern (which row meets which column) with optional values; it carries its
transpose's pattern and the permutation of the entries between them, so that gradients need no
sorting. Values are separate from the pattern wherever they take part in a gradient. Kernels:
torch's CSR product and ``sampled_addmm`` where the device has them for the type, else a gather that
gives the same numbers.

Shape legend: R rows, C columns, E entries, D width.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, fields, replace
from functools import cache, cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

with warnings.catch_warnings():  # torch says once a process that CSR is in beta: here, unseen
    warnings.simplefilter("ignore")
    torch.sparse_csr_tensor(
        torch.tensor([0, 1]), torch.tensor([0]), torch.ones(1), size=(1, 1), check_invariants=False
    )

GATHER_ENTRIES = 1 << 20  # entries gathered at once by the fallback: bounds its memory


@dataclass(frozen=True)
class Csr:
    """A sparse (R,C) matrix by rows, columns ascending and each once.

    Entries of row r are ``start[r]:start[r+1]``. start (R+1,), column (E,), row (E,) int64; t_start
    (C+1,), t_column (E,): the transpose's; t_order (E,): entry e of the transpose is entry
    ``t_order[e]`` of this, ``t_back`` its inverse; value (E,) or None (all ones).
    """

    shape: tuple[int, int]
    start: Tensor
    row: Tensor
    column: Tensor
    t_start: Tensor
    t_row: Tensor
    t_column: Tensor
    t_order: Tensor
    t_back: Tensor
    value: Tensor | None = None

    @staticmethod
    def of(rows: Any, columns: Any, shape: tuple[int, int], value: Any = None) -> Csr:
        """Return a matrix from (E,) coordinates in any order, on the CPU.

        Raises:
            ValueError: A pair that stands twice, or outside the shape.
        """
        r = np.ascontiguousarray(rows.cpu() if isinstance(rows, Tensor) else rows, dtype=np.int64)
        c = np.ascontiguousarray(
            columns.cpu() if isinstance(columns, Tensor) else columns, dtype=np.int64
        )
        if len(r) and (r.min() < 0 or c.min() < 0 or r.max() >= shape[0] or c.max() >= shape[1]):
            raise ValueError(f"coordinates outside the shape {shape}")
        order = np.lexsort((c, r))
        r, c = r[order], c[order]
        if len(r) and bool(((np.diff(r) == 0) & (np.diff(c) == 0)).any()):
            raise ValueError("a pair stands twice")
        t_order = np.lexsort((r, c))
        back = np.empty_like(t_order)
        back[t_order] = np.arange(len(r))
        v = None
        if value is not None:
            v = torch.as_tensor(value).cpu()[torch.from_numpy(order)]

        def start(index: np.ndarray[Any, Any], n: int) -> Tensor:
            return torch.from_numpy(
                np.concatenate([[0], np.cumsum(np.bincount(index, minlength=n))]).astype(np.int64)
            )

        return Csr(
            shape, start(r, shape[0]), torch.from_numpy(r), torch.from_numpy(c), start(c, shape[1]),
            torch.from_numpy(c[t_order]), torch.from_numpy(r[t_order]), torch.from_numpy(t_order),
            torch.from_numpy(back), v,
        )  # fmt: skip

    @staticmethod
    def by_rows(row: Tensor, column: Tensor, shape: tuple[int, int]) -> Csr:
        """Return a matrix from (E,) coordinates whose rows ascend, on their own device.

        A row's columns stand in any order, a pair at most once.
        """
        start, t_start = (
            torch.cat([index.new_zeros(1), torch.bincount(index, minlength=size).cumsum(0)])
            for index, size in zip((row, column), shape, strict=True)
        )
        t_order = torch.argsort(column, stable=True)
        back = torch.empty_like(t_order)
        back[t_order] = torch.arange(len(row), device=row.device)
        return Csr(shape, start, row, column, t_start, column[t_order], row[t_order], t_order, back)

    @property
    def entries(self) -> int:
        """Return E."""
        return len(self.column)

    @property
    def T(self) -> Csr:
        """Return the transpose, sharing memory; values are permuted."""
        value = None if self.value is None else self.value[self.t_order]
        return Csr(
            (self.shape[1], self.shape[0]), self.t_start, self.t_row, self.t_column,
            self.start, self.row, self.column, self.t_back, self.t_order, value,
        )  # fmt: skip

    def with_value(self, value: Tensor | None) -> Csr:
        """Return the same pattern with other values; None: all ones."""
        return replace(self, value=value)

    def degrees(self) -> tuple[Tensor, Tensor]:
        """Return the number of entries of each row (R,) and each column (C,), int64."""
        return self.start.diff(), self.t_start.diff()

    def to(self, device: torch.device | str) -> Csr:
        """Return the matrix on a device."""
        moved: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        moved = {k: v.to(device) if isinstance(v, Tensor) else v for k, v in moved.items()}
        return Csr(**moved)

    def entries_of(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return the entries of some rows, as (position in ``rows``, entry), both (e,)."""
        begin, count = self.start[rows], self.start[rows + 1] - self.start[rows]
        where = torch.repeat_interleave(torch.arange(len(rows), device=rows.device), count)
        offset = torch.arange(len(where), device=rows.device) - (count.cumsum(0) - count)[where]
        return where, begin[where] + offset

    def rows(self, part: slice) -> Csr:
        """Return some rows in their order, (r,C); ``part`` without a step."""
        begin, end, _ = part.indices(self.shape[0])
        inside = slice(int(self.start[begin]), int(self.start[end]))
        value = None if self.value is None else self.value[inside]
        return Csr.of(
            self.row[inside] - begin, self.column[inside], (end - begin, self.shape[1]), value
        )

    def held_by(self, rows: Tensor) -> int:
        """Return how many entries some rows (r,) hold."""
        return int((self.start[rows + 1] - self.start[rows]).sum())

    def only(self, rows: Tensor) -> tuple[Csr, Tensor]:
        """Return some rows as a pattern (r,C), in the order of ``rows``, and its entries, (e,)."""
        where, entry = self.entries_of(rows)
        return Csr.by_rows(where, self.column[entry], (len(rows), self.shape[1])), entry

    def step(self, rows: Tensor, drawn: Tensor) -> Tensor:
        """Return a column of each row, (N,), every entry as likely as any other.

        ``drawn`` (N,) float64 from [0, 1); a row without entries is an error of the caller.
        """
        begin = self.start[rows]
        degree = self.start[rows + 1] - begin
        return self.column[begin + (drawn * degree).long().clamp(max=degree - 1)]

    def contains(self, rows: Tensor, columns: Tensor) -> Tensor:
        """Return which (row, column) pairs are entries; both of one shape, so is the result."""
        if self.entries == 0:
            return torch.zeros_like(rows, dtype=torch.bool)
        key = self._key
        wanted = rows * self.shape[1] + columns
        at = torch.searchsorted(key, wanted).clamp_(max=len(key) - 1)
        return key[at] == wanted

    def entry(self, rows: Tensor, columns: Tensor) -> Tensor:
        """Return where (B,),(B,) pairs that are entries stand, (B,)."""
        return torch.searchsorted(self._key, rows * self.shape[1] + columns)

    @cached_property
    def _key(self) -> Tensor:
        return self.row * self.shape[1] + self.column

    def dense(self) -> Tensor:
        """Return (R,C), for oracles and small matrices."""
        value = self.value
        if value is None:
            value = torch.ones(self.entries, device=self.column.device)
        return torch.zeros(self.shape, dtype=value.dtype, device=value.device).index_put(
            (self.row, self.column), value
        )


@dataclass(frozen=True)
class Fixed:
    """A sparse (R,C) matrix whose values learn nothing; ``fixed @ dense``: (C,D) -> (R,D).

    They are kept in both orders, (E,) each, so that the gradient gathers none of them anew.
    """

    pattern: Csr
    value: Tensor
    back: Tensor  # in the order of the transpose

    @staticmethod
    def of(pattern: Csr, value: Tensor) -> Fixed:
        """Return the pattern with these values, (E,)."""
        return Fixed(pattern, value, value[pattern.t_order])

    @property
    def T(self) -> Fixed:
        """Return the transpose."""
        return Fixed(self.pattern.T, self.back, self.value)

    def __matmul__(self, dense: Tensor) -> Tensor:
        return _Spmm.apply(self.pattern, self.value, dense, self.back)  # type: ignore[no-any-return, no-untyped-call]

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
        if 2 * pattern.held_by(self.rows) > pattern.entries:
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
    value, dense = value.detach(), dense.detach().contiguous()
    if pattern.entries and _has_kernel(dense.device.type, dense.dtype, "spmm"):
        product: Tensor = _matrix(pattern, value.to(dense.dtype)) @ dense
        return product
    return gathered_spmm(pattern, value, dense)


def _sampled(pattern: Csr, left: Tensor, right: Tensor) -> Tensor:
    left, right = left.detach().contiguous(), right.detach().contiguous()
    if pattern.entries and _has_kernel(left.device.type, left.dtype, "sddmm"):
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
def _has_kernel(device: str, dtype: torch.dtype, kernel: str) -> bool:
    """Does this device have torch's sparse kernel for this type? Asked once, of 1 x 1."""
    one = torch.ones(1, 1, dtype=dtype, device=device)
    index = torch.tensor([0, 1], device=device), torch.tensor([0], device=device)
    try:
        csr = torch.sparse_csr_tensor(*index, one[0], size=(1, 1), check_invariants=False)
        (csr @ one) if kernel == "spmm" else torch.sparse.sampled_addmm(csr, one, one, beta=0.0)
    except (RuntimeError, NotImplementedError):
        return False
    return True
