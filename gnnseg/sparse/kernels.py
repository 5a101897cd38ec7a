"""What computes the products of sparse matrices on a device, and which of it is taken there.

On a CPU that is known: a bag of embeddings, each row of the result the weighed sum of the rows its
entries name, takes from a quarter to all of the time of torch's CSR product there, and its bits do
not depend on the number of threads. On any other device each kernel that runs there is timed, once
for each type, width and size of a product, and the fastest taken, which the log says: there the
clock decides in which order numbers are added.

Shape legend: R rows, C columns, E entries, D width.
"""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable, Mapping
from functools import cache, partial

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.weak import WeakIdKeyDictionary

from gnnseg.sparse.csr import Csr

with warnings.catch_warnings():  # torch says once a process that CSR is in beta: here, unseen
    warnings.simplefilter("ignore")
    torch.sparse_csr_tensor(
        torch.tensor([0, 1]), torch.tensor([0]), torch.ones(1), size=(1, 1), check_invariants=False
    )

LOG = logging.getLogger("gnnseg")
GATHER_ENTRIES = 1 << 20  # entries gathered at once: bounds the memory of gathering
SHORT = ", 32-bit indices"  # ends the name of a kernel that reads them
TIMES = 3  # runs of each kernel that are timed, after one that is not
Kernel = Callable[[Csr, Tensor, Tensor], Tensor]


def bag(pattern: Csr, value: Tensor, dense: Tensor, *, short: bool = False) -> Tensor:
    """Return sum_c value_rc dense_c as a bag of embeddings: (E,),(C,D) -> (R,D)."""
    start, column = _index(pattern, short)
    return F.embedding_bag(
        column, dense, start, mode="sum", per_sample_weights=value, include_last_offset=True
    )


def csr(pattern: Csr, value: Tensor, dense: Tensor, *, short: bool = False) -> Tensor:
    """Return sum_c value_rc dense_c by torch's CSR product: (E,),(C,D) -> (R,D)."""
    product: Tensor = _matrix(pattern, value, short) @ dense
    return product


def gathered(pattern: Csr, value: Tensor, dense: Tensor) -> Tensor:
    """Return sum_c value_rc dense_c, the columns' rows gathered, weighed, added up, in parts.

    Sums of half precision are float32 until they are done.
    """
    adds = torch.promote_types(dense.dtype, torch.float32)
    out = torch.zeros(pattern.shape[0], dense.shape[1], dtype=adds, device=dense.device)
    for at in range(0, pattern.entries, GATHER_ENTRIES):
        part = slice(at, at + GATHER_ENTRIES)
        sent = F.embedding(pattern.column[part], dense) * value[part, None]
        out.index_add_(0, pattern.row[part], sent.to(adds))
    return out.to(dense.dtype)


def sampled(pattern: Csr, left: Tensor, right: Tensor, *, short: bool = False) -> Tensor:
    """Return <left_r, right_c> at the entries by torch's sampled product: (R,D),(C,D) -> (E,)."""
    zeros = torch.zeros(pattern.entries, dtype=left.dtype, device=left.device)
    found = torch.sparse.sampled_addmm(_matrix(pattern, zeros, short), left, right.T, beta=0.0)
    values: Tensor = found.values()
    return values


def gathered_pairs(pattern: Csr, left: Tensor, right: Tensor) -> Tensor:
    """Return <left_r, right_c> at the entries, both rows gathered, in parts."""
    out = torch.empty(pattern.entries, dtype=left.dtype, device=left.device)
    for at in range(0, pattern.entries, GATHER_ENTRIES):
        part = slice(at, at + GATHER_ENTRIES)
        rows, columns = pattern.row[part], pattern.column[part]
        out[part] = (F.embedding(rows, left) * F.embedding(columns, right)).sum(-1)
    return out


KERNELS: Mapping[str, Mapping[str, Kernel]] = {
    "spmm": {
        "bag": bag,
        f"bag{SHORT}": partial(bag, short=True),
        "CSR": csr,
        f"CSR{SHORT}": partial(csr, short=True),
        "gather": gathered,
    },
    "sddmm": {
        "CSR": sampled,
        f"CSR{SHORT}": partial(sampled, short=True),
        "gather": gathered_pairs,
    },
}
KNOWN = {  # the fastest first
    ("cpu", "spmm"): ("bag", "gather"),
    ("cpu", "sddmm"): ("CSR", "gather"),
}


def compute(product: str, pattern: Csr, given: Tensor, dense: Tensor) -> Tensor:
    """Return a product by the kernel that is taken for it.

    Args:
        product: 'spmm', of values ``given`` (E,) and ``dense`` (C,D), -> (R,D); 'sddmm', of
            ``given`` (R,D) and ``dense`` (C,D), -> (E,).
        pattern: Its entries, (R,C).
        given: Contiguous, of the type of ``dense``.
        dense: Contiguous.
    """
    return KERNELS[product][name_of(product, pattern, given, dense)](pattern, given, dense)


def name_of(product: str, pattern: Csr, given: Tensor, dense: Tensor) -> str:
    """Return the name of the kernel that ``compute`` takes."""
    if pattern.entries == 0 or dense.numel() == 0:
        return "gather"
    device = dense.device
    names = there(product, device.type, dense.dtype)
    if len(names) == 1:
        return names[0]
    size = product, str(device), dense.dtype, dense.shape[1], pattern.entries.bit_length()
    if size not in _FASTEST:
        if _recording(device):
            return names[0]  # a clock cannot be read while steps are recorded
        _FASTEST[size] = _fastest(product, names, pattern, given, dense)
    return _FASTEST[size]


_FASTEST: dict[tuple[str, str, torch.dtype, int, int], str] = {}


def _fastest(
    product: str, names: tuple[str, ...], pattern: Csr, given: Tensor, dense: Tensor
) -> str:
    """Time each kernel on what it is asked for, those that can do it; say what each took.

    Raises:
        RuntimeError: None can.
    """
    took, failed = dict[str, float](), dict[str, RuntimeError]()
    for name in names:
        if name.endswith(SHORT) and max(pattern.entries, *pattern.shape) >= 1 << 31:
            continue
        try:
            took[name] = _seconds(KERNELS[product][name], pattern, given, dense)
        except RuntimeError as error:  # the memory does not suffice
            failed[name] = error
    if not took:
        raise next(iter(failed.values()))
    best = min(took, key=lambda name: took[name])
    if not best.endswith(SHORT):
        _forget(pattern)
    others = [f"{name} {took[name] * 1e3:.2f}" for name in took if name != best]
    others += [f"{name} failed" for name in failed]
    type_name = str(dense.dtype).removeprefix("torch.")
    LOG.info(
        f"{product} of {pattern.entries:,} entries by {dense.shape[1]} in {type_name} on "
        f"{dense.device}: {best}, {took[best] * 1e3:.2f} ms ({', '.join(others)})"
    )
    return best


def _seconds(kernel: Kernel, pattern: Csr, given: Tensor, dense: Tensor) -> float:
    """Return the least time of a few runs; of a pattern that does not last, with its indices."""

    def wait() -> None:
        if dense.device.type == "cuda":
            torch.cuda.synchronize(dense.device)

    found = []
    for _ in range(TIMES + 1):
        if not pattern.lasting:
            _forget(pattern)
        wait()
        begun = time.perf_counter()
        kernel(pattern, given, dense)
        wait()
        found.append(time.perf_counter() - begun)
    return min(found[1:])


def _recording(device: torch.device) -> bool:
    """Return whether what is computed is recorded, not done."""
    return device.type == "cuda" and torch.cuda.is_current_stream_capturing()


@cache
def there(product: str, device: str, dtype: torch.dtype) -> tuple[str, ...]:
    """Return the names of the kernels of which the fastest is taken for a product.

    Those that the device has for the type, each asked once, for a product of 1 x 1; where it is
    known which is the fastest, that one alone.
    """
    one = torch.ones(1, 1, dtype=dtype, device=device)
    pattern = Csr.of([0], [0], (1, 1)).to(device)
    known, found = KNOWN.get((device, product)), []
    for name in known or KERNELS[product]:
        try:
            KERNELS[product][name](pattern, one[0] if product == "spmm" else one, one)
        except (RuntimeError, NotImplementedError):
            continue
        found.append(name)
        if known:
            break
    return tuple(found)


_SHORT: WeakIdKeyDictionary = WeakIdKeyDictionary()  # int64 indices: the same in 32 bits


def _index(pattern: Csr, short: bool) -> tuple[Tensor, Tensor]:
    """Return where rows start (R+1,), and the columns (E,); ``short``: in 32 bits."""
    if not short:
        return pattern.start, pattern.column
    return _shortened(pattern.start), _shortened(pattern.column)


def _shortened(index: Tensor) -> Tensor:
    found: Tensor = _SHORT[index] if index in _SHORT else index.int()
    if not _recording(index.device):  # else it is there only when the record is played
        _SHORT[index] = found
    return found


def _forget(pattern: Csr) -> None:
    """Free the 32-bit indices of a pattern."""
    for index in (pattern.start, pattern.column):
        _SHORT.pop(index, None)  # type: ignore[no-untyped-call]


def _matrix(pattern: Csr, value: Tensor, short: bool) -> Tensor:
    start, column = _index(pattern, short)
    return torch.sparse_csr_tensor(start, column, value, size=pattern.shape, check_invariants=False)
