"""Sparse matrices in both directions.

A ``Csr`` is a pattern (which row meets which column) with optional values; it carries its
transpose's pattern and the permutation of the entries between them, so that gradients need no
sorting. Values are separate from the pattern wherever they take part in a gradient.

Shape legend: R rows, C columns, E entries, D width.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gnnseg.sparse.order import argsort_on_device


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
        """Return a matrix from (E,) coordinates in any order, where these are.

        Raises:
            ValueError: A pair that stands twice, or outside the shape.
        """
        r, c = _numbers(rows), _numbers(columns)
        if len(r) and not bool(_inside(r, shape[0]) & _inside(c, shape[1])):
            raise ValueError(f"coordinates outside the shape {shape}")
        order = argsort_on_device(c)
        order = order[argsort_on_device(r[order])]
        r, c = r[order], c[order]
        if bool(((r[1:] == r[:-1]) & (c[1:] == c[:-1])).any()):
            raise ValueError("a pair stands twice")
        found = Csr.by_rows(r, c, shape)
        return (
            found if value is None else found.with_value(torch.as_tensor(value).to(r.device)[order])
        )

    @staticmethod
    def by_rows(row: Tensor, column: Tensor, shape: tuple[int, int]) -> Csr:
        """Return a matrix from (E,) coordinates whose rows ascend, on their own device.

        A row's columns stand in any order, a pair at most once.
        """
        start, t_start = (
            torch.cat([index.new_zeros(1), torch.bincount(index, minlength=size).cumsum(0)])
            for index, size in zip((row, column), shape, strict=True)
        )
        t_order = argsort_on_device(column)
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

    @cached_property
    def gaps(self) -> Tensor:
        """Return (E,) row * C + the row's columns that are no entries and stand before this entry.

        They ascend, so that the r-th such column of a row is found by searching.
        """
        place = torch.arange(self.entries, device=self.column.device) - self.start[self.row]
        return self._key - place

    def dense(self) -> Tensor:
        """Return (R,C), for oracles and small matrices."""
        value = self.value
        if value is None:
            value = torch.ones(self.entries, device=self.column.device)
        return torch.zeros(self.shape, dtype=value.dtype, device=value.device).index_put(
            (self.row, self.column), value
        )


def _numbers(index: Any) -> Tensor:
    """Return (E,) int64, on their own device; of an array, which may be read-only, a copy."""
    if isinstance(index, Tensor):
        return index.long()
    return torch.from_numpy(np.array(index, dtype=np.int64))


def _inside(index: Tensor, size: int) -> Tensor:
    return (index.min() >= 0) & (index.max() < size)
