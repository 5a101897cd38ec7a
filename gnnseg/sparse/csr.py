"""Sparse matrices in both directions.

A ``Csr`` is a pattern (which row meets which column) with optional values; its transpose's pattern
and the permutation of the entries between them are made once, when they are first asked for, so
that gradients need no sorting. Values are separate from the pattern wherever they take part in a
gradient.

Shape legend: R rows, C columns, E entries, D width.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gnnseg.mapped import kept
from gnnseg.sparse.order import argsort_on_device, ascending


class Transpose:
    """A pattern's transpose by rows, and the way between; each part made when first asked for.

    ``start`` (C+1,), ``row`` (E,), ``column`` (E,): as a ``Csr`` has them; ``order`` (E,): entry e
    of the transpose is entry ``order[e]`` of the pattern; ``back`` (E,): its inverse.

    Args:
        row_E: The pattern's.
        column_E: The pattern's.
        columns: C.
        lasting: As of a ``Csr``.
        known: Parts by name, where they are known already.
    """

    def __init__(
        self,
        row_E: Tensor,
        column_E: Tensor,
        columns: int,
        lasting: bool = False,
        /,
        **known: Tensor,
    ) -> None:
        self._row, self._column, self._columns = row_E, column_E, columns
        self._lasting = lasting
        vars(self).update(known)

    @cached_property
    def start(self) -> Tensor:
        """Return where each row begins, and the last ends, (C+1,)."""
        return _starts(self._column, self._columns)

    @cached_property
    def order(self) -> Tensor:
        """Return which entry of the pattern each of the transpose is, (E,)."""
        return kept(argsort_on_device(self._column), self._lasting)

    @cached_property
    def back(self) -> Tensor:
        """Return which entry of the transpose each of the pattern is, (E,)."""
        back = torch.empty_like(self.order)
        back[self.order] = torch.arange(len(back), device=back.device)
        return kept(back, self._lasting)

    @cached_property
    def row(self) -> Tensor:
        """Return each entry's row, (E,)."""
        return kept(self._column[self.order], self._lasting)

    @cached_property
    def column(self) -> Tensor:
        """Return each entry's column, (E,)."""
        return kept(self._row[self.order], self._lasting)

    def to(self, device: torch.device | str, row: Tensor, column: Tensor) -> Transpose:
        """Return the same of a pattern that was moved, its ``row`` and ``column`` there."""
        names = ("start", "order", "back", "row", "column")
        known = {name: vars(self)[name].to(device) for name in names if name in vars(self)}
        return Transpose(row, column, self._columns, self._lasting, **known)


@dataclass(frozen=True)
class Csr:
    """A sparse (R,C) matrix by rows, columns ascending and each once.

    Entries of row r are ``start[r]:start[r+1]``. start (R+1,), column (E,), row (E,) int64; value
    (E,) or None (all ones); turned: the transpose's pattern, None: made here when it is asked for;
    lasting: what is made of it is kept in files where large arrays are (``gnnseg.mapped``), as it
    is not of a step's.
    """

    shape: tuple[int, int]
    start: Tensor
    row: Tensor
    column: Tensor
    value: Tensor | None = None
    turned: Transpose | None = None
    lasting: bool = False

    def __post_init__(self) -> None:
        if self.turned is None:  # one for all that have this pattern, whatever their values
            turned = Transpose(self.row, self.column, self.shape[1], self.lasting)
            object.__setattr__(self, "turned", turned)

    @staticmethod
    def of(
        rows: Any, columns: Any, shape: tuple[int, int], value: Any = None, *, lasting: bool = False
    ) -> Csr:
        """Return a matrix from (E,) coordinates in any order, where these are.

        Arrays that stand by row and column already are shared, not copied.

        Raises:
            ValueError: A pair that stands twice, or outside the shape.
        """
        r, c = _numbers(rows), _numbers(columns)
        if len(r) and not bool(_inside(r, shape[0]) & _inside(c, shape[1])):
            raise ValueError(f"coordinates outside the shape {shape}")
        value = None if value is None else torch.as_tensor(value).to(r.device)
        if not (r.device.type == "cpu" and ascending((c.numpy(), r.numpy()))):
            order = argsort_on_device(c)
            order = order[argsort_on_device(r[order])]
            r, c, value = r[order], c[order], None if value is None else value[order]
        if bool(((r[1:] == r[:-1]) & (c[1:] == c[:-1])).any()):
            raise ValueError("a pair stands twice")
        return Csr(shape, _starts(r, shape[0]), r, c, value, lasting=lasting)

    @staticmethod
    def by_rows(row: Tensor, column: Tensor, shape: tuple[int, int]) -> Csr:
        """Return a matrix from (E,) coordinates whose rows ascend, on their own device.

        A row's columns stand in any order, a pair at most once.
        """
        return Csr(shape, _starts(row, shape[0]), row, column)

    @property
    def entries(self) -> int:
        """Return E."""
        return len(self.column)

    @property
    def T(self) -> Csr:
        """Return the transpose, sharing memory; values are permuted."""
        there = self._turned
        value = None if self.value is None else self.value[there.order]
        shape, back = (self.shape[1], self.shape[0]), _Back(self, there)
        return Csr(shape, there.start, there.row, there.column, value, back, self.lasting)

    @property
    def t_order(self) -> Tensor:
        """Return which entry each of the transpose's is, (E,)."""
        return self._turned.order

    @property
    def _turned(self) -> Transpose:
        assert self.turned is not None
        return self.turned

    def with_value(self, value: Tensor | None) -> Csr:
        """Return the same pattern with other values; None: all ones."""
        return replace(self, value=value)

    def degrees(self) -> tuple[Tensor, Tensor]:
        """Return the number of entries of each row (R,) and each column (C,), int64."""
        return self.start.diff(), self._turned.start.diff()

    def to(self, device: torch.device | str) -> Csr:
        """Return the matrix on a device; itself, where it is there."""
        if torch.device(device) == self.column.device:
            return self
        row, column = self.row.to(device), self.column.to(device)
        value = None if self.value is None else self.value.to(device)
        turned = self._turned.to(device, row, column)
        start = self.start.to(device)
        return Csr(self.shape, start, row, column, value, turned, self.lasting)

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
        return kept(self.row * self.shape[1] + self.column, self.lasting)

    @cached_property
    def gaps(self) -> Tensor:
        """Return (E,) row * C + the row's columns that are no entries and stand before this entry.

        They ascend, so that the r-th such column of a row is found by searching.
        """
        place = torch.arange(self.entries, device=self.column.device) - self.start[self.row]
        return kept(self._key - place, self.lasting)

    def dense(self) -> Tensor:
        """Return (R,C), for oracles and small matrices."""
        value = self.value
        if value is None:
            value = torch.ones(self.entries, device=self.column.device)
        return torch.zeros(self.shape, dtype=value.dtype, device=value.device).index_put(
            (self.row, self.column), value
        )


class _Back(Transpose):
    """The transpose of a transpose: the pattern itself."""

    def __init__(self, pattern: Csr, there: Transpose) -> None:
        super().__init__(
            there.row, there.column, pattern.shape[0],
            start=pattern.start, row=pattern.row, column=pattern.column,
        )  # fmt: skip
        self._there = there

    @cached_property
    def order(self) -> Tensor:
        """Return which entry of the transpose each of the pattern is, (E,)."""
        return self._there.back

    @cached_property
    def back(self) -> Tensor:
        """Return which entry of the pattern each of the transpose is, (E,)."""
        return self._there.order

    def to(self, device: torch.device | str, row: Tensor, column: Tensor) -> Transpose:
        """Return the same of a pattern that was moved, its ``row`` and ``column`` there."""
        vars(self).update(order=self.order, back=self.back)
        return super().to(device, row, column)


def _numbers(index: Any) -> Tensor:
    """Return (E,) int64, on their own device; of an array that is read-only a copy."""
    if isinstance(index, Tensor):
        return index.long()
    return torch.from_numpy(np.require(index, np.int64, ["C", "W"]))


def _starts(row: Tensor, size: int) -> Tensor:
    """Return where each of ``size`` rows begins among (E,) ascending ones, and the last ends."""
    count = torch.bincount(row, minlength=size)
    return torch.cat([count.new_zeros(1), count.cumsum(0)])


def _inside(index: Tensor, size: int) -> Tensor:
    return (index.min() >= 0) & (index.max() < size)
