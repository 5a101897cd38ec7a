"""What the processes of one run tell each other: sums with gradients, records, who is which.

Every method but ``share`` is a collective: each process calls it, in the same order. Of a single
process they return what they were given, bit for bit.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch import distributed as dist

from gnnseg.types import InputError


class Lost(InputError):
    """Another process of the run has ended, or cannot be reached."""


@dataclass(frozen=True)
class Ranks:
    """The processes that do a run together: this one is ``number`` of ``count``, counted from 0.

    ``records``: the group by which goes what is no tensor; None: that of all.
    """

    number: int = 0
    count: int = 1
    records: Any = None

    @property
    def alone(self) -> bool:
        """Return whether there is no other process."""
        return self.count == 1

    @property
    def first(self) -> bool:
        """Return whether this is the process that writes, prints and decides."""
        return self.number == 0

    def share(self, size: int) -> slice:
        """Return which of ``size`` things are this process's: as many as anybody's, in order."""
        return slice(size * self.number // self.count, size * (self.number + 1) // self.count)

    def sum(self, x: Tensor) -> Tensor:
        """Return the sum of all processes' x, of one shape.

        Its gradient is the sum of theirs: where the loss is the sum of what each process computes,
        each then holds the derivative of that sum by its own x.
        """
        return x if self.alone else _Sum.apply(x, self)  # type: ignore[no-untyped-call]

    def total(self, x: Tensor) -> Tensor:
        """Return the sum of all processes' x, of one shape, without a gradient."""
        if self.alone:
            return x.detach()
        found = x.detach().clone(memory_format=torch.contiguous_format)
        with self._connected():
            dist.all_reduce(found)
        return found

    def rows(self, x: Tensor, part: slice, count: int) -> Tensor:
        """Return all ``count`` rows of a table of which this process has ``part``."""
        table = x.new_zeros(count, *x.shape[1:])
        table[part] = x.detach()
        return self.total(table)

    def copied(self, tensors: Iterable[Tensor]) -> None:
        """Make tensors what they are in the first process."""
        if self.alone:
            return
        with self._connected():
            for tensor in tensors:
                whole = tensor.detach().contiguous()
                dist.broadcast(whole, 0)
                tensor.detach().copy_(whole)

    def told(self, value: Any = None) -> Any:
        """Return what the first process says, which can be pickled; others' is unread."""
        if self.alone:
            return value
        said = [value if self.first else None]
        with self._connected():
            dist.broadcast_object_list(said, 0, group=self.records)
        return said[0]

    def gathered(self, value: Any) -> list[Any]:
        """Return everybody's value, which can be pickled, by number."""
        if self.alone:
            return [value]
        found = [None] * self.count
        with self._connected():
            dist.all_gather_object(found, value, group=self.records)
        return found

    def any(self, flags: Sequence[bool], device: torch.device) -> list[bool]:
        """Return which flags some process has raised."""
        if self.alone:
            return list(flags)
        raised = torch.tensor(list(flags), dtype=torch.int32, device=device)
        return [count > 0 for count in self.total(raised).tolist()]

    @contextlib.contextmanager
    def _connected(self) -> Iterator[None]:
        """Say in one sentence that the others are gone.

        Raises:
            Lost: One of them has ended, or does not answer.
        """
        try:
            yield
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            why = str(error).strip().splitlines() or [type(error).__name__]
            raise Lost(
                where=f"process {self.number} of {self.count}",
                problem=f"another process of this run has ended or cannot be reached ({why[0]})",
                advice="what it said stands above; the same command goes on from what was saved",
            ) from error


ALONE = Ranks()


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, ranks: Ranks) -> Tensor:
        ctx.ranks = ranks
        return ranks.total(x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return ctx.ranks.total(grad), None
