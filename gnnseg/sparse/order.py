"""Orders of many rows by whole numbers, by sorting numbers that carry their own place.

A vectorised sort of plain integers takes a fraction of the time of one that moves an index along
(``numpy.lexsort``); a number and its place fit in 64 bits wherever their ranges multiply to less.

Shape legend: E rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

Array = np.ndarray[Any, Any]
EXACT = 2.0**53  # floats up to it hold every whole number


def ascending(keys: tuple[Array, ...]) -> bool:
    """Return whether rows stand in the order of ``lexsort`` already, which takes one look at each.

    Args:
        keys: Each (E,), the last one first in importance.
    """
    apart: Array = np.zeros(max(len(keys[0]) - 1, 0), dtype=bool)  # rows that differ from the next
    for key in reversed(keys):
        if not (apart | (key[:-1] <= key[1:])).all():  # NaN is in no order
            return False
        apart |= key[:-1] != key[1:]
        if apart.all():
            break
    return True


def lexsort(keys: tuple[Array, ...]) -> Array:
    """Return what ``numpy.lexsort`` does: the order by the last key, ties by the one before.

    Args:
        keys: Each (E,), the last one first in importance.

    Returns:
        (E,) int64, which row stands at each place; rows that are equal stay in their order.
    """
    if ascending(keys):
        return np.arange(len(keys[0]))
    first = next((n for n, key in enumerate(keys) if all(map(_whole, keys[n:]))), len(keys))
    if first == len(keys):
        return _by_all(keys)
    order = _by_all(keys[first:])
    if first and len(order):
        apart = np.zeros(len(order) + 1, dtype=bool)
        apart[[0, -1]] = True
        for key in keys[first:]:
            apart[1:-1] |= key[order[1:]] != key[order[:-1]]
        tied = order[~(apart[1:] & apart[:-1])]
        order[~(apart[1:] & apart[:-1])] = tied[_by_all(tuple(key[tied] for key in keys))]
    return order


def argsort(key: Array) -> Array:
    """Return the stable order of (E,) numbers, as (E,) int64: ``numpy.argsort(kind="stable")``."""
    if ascending((key,)):
        return np.arange(len(key))
    key = _as_whole(key)
    if not _whole(key):
        return np.argsort(key, kind="stable")
    low, high = int(key.min()), int(key.max())
    bits = (len(key) - 1).bit_length()
    if (high - low).bit_length() + bits > 63:
        return np.argsort(key, kind="stable")
    packed = key.astype(np.int64)
    packed -= low
    packed <<= bits
    packed |= np.arange(len(key))
    packed.sort()
    packed &= (1 << bits) - 1
    return packed


def argsort_on_device(key: Tensor) -> Tensor:
    """Return the stable order of (E,) whole numbers, (E,) int64, where they are."""
    if key.device.type == "cpu":
        return torch.from_numpy(argsort(key.numpy()))
    return torch.argsort(key, stable=True)


def unique(key: Array) -> Array:
    """Return each of (E,) whole numbers once, ascending: ``numpy.unique``."""
    key = key if ascending((key,)) else np.sort(key)
    once: Array = key[np.append(True, key[1:] != key[:-1])[: len(key)]]
    return once


def present(*index: Array) -> list[Array]:
    """Return which of the whole numbers from 0 stand in each of (E,) indices, bool of one length.

    ``present(a, b)`` with ``&`` and ``~`` are numpy's set operations, without sorting or hashing.
    """
    size = max((int(each.max(initial=-1)) + 1 for each in index), default=0)
    found = []
    for each in index:
        there = np.zeros(size, dtype=bool)
        there[each] = True
        found.append(there)
    return found


def grouped(key: Array) -> tuple[Array, Array, Array]:
    """Return each of (E,) whole numbers once, which of them each is, and how often each stands.

    ``numpy.unique`` with ``return_inverse`` and ``return_counts``.
    """
    sorted_ = ascending((key,))
    order = ... if sorted_ else argsort(key)
    found = key[order]
    first = np.append(True, found[1:] != found[:-1])[: len(found)]
    number = np.cumsum(first)
    number -= 1
    begin = first.nonzero()[0]
    inverse = number
    if not sorted_:
        inverse = np.empty_like(number)
        inverse[order] = number
    return found[begin], inverse, np.diff(begin, append=len(key))


def isin(key: Array, among: Array) -> Array:
    """Return which of (E,) whole numbers stand among others: ``numpy.isin``."""
    if not len(among):
        return np.zeros(len(key), dtype=bool)
    there = among if ascending((among,)) else np.sort(among)
    found: Array = there[np.searchsorted(there, key).clip(max=len(there) - 1)] == key
    return found


def _by_all(keys: tuple[Array, ...]) -> Array:
    """Return the order by keys, the last first: stable orders by one after the other."""
    order = np.arange(len(keys[0]))
    for key in keys:
        if not _constant(key):
            order = order[argsort(key[order])]
    return order


def _as_whole(key: Array) -> Array:
    """Return floats that are whole numbers, such as times in seconds, as int64; others as given."""
    if key.dtype.kind != "f" or not len(key):
        return key
    low, high = key.min(), key.max()  # NaN where one is
    if not (low >= -EXACT and high <= EXACT):
        return key
    found = key.astype(np.int64)
    return found if bool((found == key).all()) else key


def _whole(key: Array) -> bool:
    """Return whether a key's numbers are whole and their differences too small to wrap."""
    return key.dtype.kind in "ib" or (key.dtype.kind == "u" and key.dtype.itemsize < 8)


def _constant(key: Array) -> bool:
    return not len(key) or (bool(key[0] == key[-1]) and bool((key == key[0]).all()))
